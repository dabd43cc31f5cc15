// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {StatementVerifier} from "./base/StatementVerifier.sol";
import {TestBase} from "./base/TestBase.sol";
import {PlainToken} from "./base/Tokens.sol";
import {Settlement} from "src/Settlement.sol";
import {AssetId} from "src/types/AssetId.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";
import {RollupId} from "src/types/RollupId.sol";

/// @dev Random histories that Rust's model has played: after every epoch the contract holds, in every
/// cell, pot, height, root and sum, exactly what the model says.
contract HistoriesTest is TestBase {
    AssetId private constant ETHER = AssetId.wrap(1);
    AssetId private constant TOKEN = AssetId.wrap(2);

    string private json = vm.readFile("../property-tests/vectors/histories.json");

    /// @dev What an asset's cells and pots hold together.
    mapping(AssetId => uint256) private held;

    function test_histories_theContractIsTheModel() public {
        uint256 count = 0;
        for (; vm.keyExistsJson(json, item(".histories", count)); ++count) {
            play(item(".histories", count));
        }
        vm.assertGe(count, 10, "histories");
    }

    function play(string memory history) private {
        (Settlement settlement, PlainToken token) = deploy();
        uint256 rollups = 0;
        for (; vm.keyExistsJson(json, item(".keys", rollups)); ++rollups) {
            uint256[] memory key = vm.parseJsonUintArray(json, item(".keys", rollups));
            settlement.registerRollup(key[0], key[1]);
        }
        uint64 count = 0;
        for (; vm.keyExistsJson(json, item(history, count)); ++count) {
            string memory epoch = item(history, count);
            depositAll(settlement, token, numbers(epoch, ".deposits"));
            settleNext(settlement, EpochNumber.wrap(count + 1), numbers(epoch, ".steps"));
            checkState(settlement, EpochNumber.wrap(count + 1), epoch);
            checkCells(settlement, numbers(epoch, ".cells"));
            vm.assertEq(address(settlement).balance, held[ETHER], "ether");
            vm.assertEq(token.balanceOf(address(settlement)), held[TOKEN], "token");
        }
        vm.assertGe(count, 1, "epochs");
    }

    function deploy() private returns (Settlement settlement, PlainToken token) {
        bytes32 genesis = vm.parseJsonBytes32(json, ".genesis_digest");
        settlement = newSettlement(address(this), 1, new StatementVerifier("histories"), genesis);
        settlement.registerAsset(address(0), 18, 18);
        token = new PlainToken(6);
        settlement.registerAsset(address(token), 6, 6);
        token.approve(address(settlement), type(uint256).max);
    }

    function depositAll(Settlement settlement, PlainToken token, uint256[] memory list) private {
        for (uint256 i = 0; i < list.length; i += 3) {
            AssetId asset = AssetId.wrap(uint16(list[i + 1]));
            uint256 atoms = list[i + 2];
            bool inEther = AssetId.unwrap(asset) == AssetId.unwrap(ETHER);
            if (inEther) vm.deal(address(this), atoms);
            else token.mint(address(this), atoms);
            settlement.deposit{value: inEther ? atoms : 0}(
                RollupId.wrap(uint16(list[i])), asset, atoms
            );
        }
    }

    function settleNext(Settlement settlement, EpochNumber epoch, uint256[] memory steps) private {
        StatementVerifier verifier = StatementVerifier(address(settlement.verifier()));
        bytes memory proof = verifier.prove(
            settlement.domainWord(), epoch, uint256(settlement.stateDigest()), steps
        );
        settlement.settle(epoch, steps, BOOKS, proof);
    }

    function checkState(Settlement settlement, EpochNumber number, string memory epoch)
        private
        view
    {
        bytes32 digest = vm.parseJsonBytes32(json, string.concat(epoch, ".closing_digest"));
        vm.assertEq(settlement.stateDigest(), digest, "digest");
        uint256[] memory heights = numbers(epoch, ".next_heights");
        bytes32[] memory roots = vm.parseJsonBytes32Array(json, string.concat(epoch, ".exit_roots"));
        for (uint16 i = 0; i < heights.length; ++i) {
            RollupId rollup = RollupId.wrap(i + 1);
            (,, uint64 nextHeight) = settlement.rollup(rollup);
            vm.assertEq(nextHeight, heights[i], "height");
            vm.assertEq(settlement.exitRoot(number, rollup), roots[i], "exit root");
        }
    }

    function checkCells(Settlement settlement, uint256[] memory list) private {
        (held[ETHER], held[TOKEN]) = (0, 0);
        for (uint256 i = 0; i < list.length; i += 5) {
            RollupId rollup = RollupId.wrap(uint16(list[i]));
            AssetId asset = AssetId.wrap(uint16(list[i + 1]));
            (uint96 balance, uint128 total, uint128 settled,) = settlement.cell(rollup, asset);
            vm.assertEq(balance, list[i + 2], "balance");
            vm.assertEq(total, list[i + 3], "deposits");
            vm.assertEq(settled, list[i + 3], "settled deposits");
            vm.assertEq(settlement.pot(rollup, asset), list[i + 4], "pot");
            held[asset] += list[i + 2] + list[i + 4];
        }
    }

    function numbers(string memory epoch, string memory name)
        private
        view
        returns (uint256[] memory)
    {
        return vm.parseJsonUintArray(json, string.concat(epoch, name));
    }

    function item(string memory list, uint256 index) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(index), "]");
    }
}
