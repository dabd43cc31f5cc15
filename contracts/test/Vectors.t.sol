// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ExitTree} from "./base/ExitTree.sol";
import {StatementVerifier} from "./base/StatementVerifier.sol";
import {Steps} from "./base/Steps.sol";
import {TestBase} from "./base/TestBase.sol";
import {PlainToken} from "./base/Tokens.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Settlement} from "src/Settlement.sol";
import {AssetId} from "src/types/AssetId.sol";
import {Claim} from "src/types/Claim.sol";
import {domainWordOf} from "src/types/DomainWord.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";
import {RollupId} from "src/types/RollupId.sol";
import {SettlementKey} from "src/types/SettlementKey.sol";
import {EmittedCell, EmittedRollup, StepOutputs} from "src/types/StepOutput.sol";

/// @dev The golden vectors that Rust computes and reads too: an epoch's words, leaves and paths as
/// one side writes them are what the other reads, down to its claims being paid. Numbers are
/// decimal strings, hashes and words 0x-hex; a list is read until its next index is not there.
contract VectorsTest is TestBase {
    using StepOutputs for uint256[];

    string private json = vm.readFile("../property-tests/vectors/golden.json");

    function test_vectors_domainWord() public view {
        uint256 word = domainWordOf(
            number(".domain.chain_id"),
            vm.parseJsonAddress(json, ".domain.settlement"),
            uint32(number(".domain.domain_id")),
            hash(".domain.verification_key_id")
        );
        vm.assertEq(word, number(".domain.word"), "word");
    }

    function test_vectors_settlementKeysAreValid() public view {
        uint256 count = 0;
        for (; has(item(".epoch.rollups", count)); ++count) {
            vm.assertTrue(keyOf(item(".epoch.rollups", count)).isValid(), "valid");
        }
        vm.assertGe(count, 1, "keys");
    }

    // --- Exit tree --------------------------------------------------------------------------

    function test_vectors_emptyExitRoot() public view {
        bytes32 empty = ExitTree.root(new bytes32[](0), 0);
        vm.assertEq(empty, hash(".empty_exit_root"), "empty root");
    }

    function test_vectors_leavesPathsAndRoot() public view {
        uint256 count = claimCount();
        vm.assertGe(count, 1, "claims");
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = this.leafOf(claimAt(i));
            vm.assertEq(leaves[i], hash(string.concat(item(".claims", i), ".leaf")), "leaf");
            vm.assertTrue(MerkleProof.verify(pathAt(i), hash(".exit_root"), leaves[i]), "path");
        }
        vm.assertEq(ExitTree.root(leaves, count), hash(".exit_root"), "root");
        for (uint256 i = 0; i < count; ++i) {
            bytes32[] memory path = ExitTree.path(leaves, count, i);
            bytes32 expected = keccak256(abi.encode(pathAt(i)));
            vm.assertEq(keccak256(abi.encode(path)), expected, "siblings");
        }
    }

    function leafOf(Claim calldata c) external pure returns (bytes32) {
        return c.leaf();
    }

    // --- Emission ---------------------------------------------------------------------------

    /// @dev The words that L1 gets are the outputs in full without what is unused.
    function test_vectors_packedSteps() public view {
        vm.assertEq(
            keccak256(abi.encode(steps())), keccak256(abi.encode(Steps.pack(outputs()))), "words"
        );
    }

    /// @dev The words of all steps, read slot by slot, give the listed cells and rollups in order.
    function test_vectors_emittedWords() public view {
        (uint256 cells, uint256 rollups) = this.checkSteps(steps());
        vm.assertGe(cells, 1, "cells");
        vm.assertGe(rollups, 1, "rollups");
        vm.assertFalse(has(item(".epoch.cells", cells)), "a cell is missing");
        vm.assertFalse(has(item(".epoch.rollups", rollups)), "a rollup is missing");
    }

    function checkSteps(uint256[] calldata words)
        external
        view
        returns (uint256 cells, uint256 rollups)
    {
        (bool wellFormed,, uint256[] calldata last) = words.measure();
        vm.assertTrue(wellFormed, "steps");
        vm.assertEq(last[0], number(".epoch.closing_digest"), "digest");
        vm.assertEq(last.pending(), 0, "pending");
        uint256[] calldata rest = words;
        while (rest.length != 0) {
            uint256[] calldata step;
            (step, rest) = rest.split();
            for (uint256 slot = 0; slot < step.cellCount(); ++slot) {
                checkCell(step.cellAt(slot), item(".epoch.cells", cells++));
            }
            for (uint256 slot = 0; slot < step.rollupCount(); ++slot) {
                checkRollup(step.rollupAt(slot), item(".epoch.rollups", rollups++));
            }
        }
    }

    function checkCell(EmittedCell memory c, string memory listed) private view {
        vm.assertEq(RollupId.unwrap(c.rollup), field(listed, ".rollup"), "rollup");
        vm.assertEq(AssetId.unwrap(c.asset), field(listed, ".asset"), "asset");
        vm.assertEq(c.balance, field(listed, ".balance"), "balance");
        vm.assertEq(c.deposited, field(listed, ".deposited"), "deposited");
        vm.assertEq(c.exited, field(listed, ".exited"), "exited");
    }

    function checkRollup(EmittedRollup memory r, string memory listed) private view {
        SettlementKey memory key = keyOf(listed);
        vm.assertEq(RollupId.unwrap(r.rollup), field(listed, ".rollup"), "rollup");
        vm.assertEq(r.nextHeight, field(listed, ".next_height"), "height");
        vm.assertEq(r.l2Root, hash(string.concat(listed, ".l2_root")), "L2 root");
        vm.assertEq(r.exitRoot, hash(string.concat(listed, ".exit_root")), "exit root");
        vm.assertEq(r.keyX, key.x, "key x");
        vm.assertEq(r.keyY, key.y, "key y");
    }

    // --- End to end -------------------------------------------------------------------------

    /// @dev A contract at the vectors' own address, with the vectors' rollups and deposits, settles
    /// the vectors' epoch under their domain word and pays their claims.
    function test_vectors_theEpochSettlesAndItsClaimsArePaid() public {
        Settlement settlement = deployAtVectorAddress();
        vm.assertEq(settlement.domainWord(), number(".domain.word"), "domain word");
        vm.assertEq(settlement.stateDigest(), hash(".epoch.opening_digest"), "opening");
        for (uint256 i = 0; has(item(".epoch.rollups", i)); ++i) {
            SettlementKey memory key = keyOf(item(".epoch.rollups", i));
            settlement.registerRollup(key.x, key.y);
        }
        settlement.registerAsset(address(0), 18, 18);
        PlainToken token = new PlainToken(6);
        settlement.registerAsset(address(token), 6, 6);
        token.approve(address(settlement), type(uint256).max);
        for (uint256 i = 0; has(item(".epoch.cells", i)); ++i) {
            depositFor(settlement, token, item(".epoch.cells", i));
        }

        EpochNumber first = EpochNumber.wrap(1);
        bytes memory proof = StatementVerifier(address(settlement.verifier()))
            .prove(number(".domain.word"), first, number(".epoch.opening_digest"), steps());
        settlement.settle(first, steps(), BOOKS, proof);
        vm.assertEq(settlement.stateDigest(), hash(".epoch.closing_digest"), "closing");

        for (uint256 i = 0; i < claimCount(); ++i) {
            Claim memory c = claimAt(i);
            settlement.claim(c, pathAt(i));
            uint256 got =
                AssetId.unwrap(c.asset) == 1 ? c.recipient.balance : token.balanceOf(c.recipient);
            vm.assertEq(got, c.atoms, "paid");
            vm.assertEq(settlement.credit(c.asset, c.recipient), 0, "credit");
        }
    }

    /// @dev Runs the constructor in place, so that the contract has the vectors' address.
    function deployAtVectorAddress() private returns (Settlement) {
        StatementVerifier verifier = new StatementVerifier(hash(".domain.verification_key_id"));
        address place = vm.parseJsonAddress(json, ".domain.settlement");
        bytes memory arguments = abi.encode(
            address(this),
            number(".domain.domain_id"),
            verifier,
            hash(".genesis_digest"),
            address(this),
            GRACE
        );
        vm.etch(place, bytes.concat(creationCode("Settlement"), arguments));
        (bool done, bytes memory code) = place.call("");
        vm.assertTrue(done, "constructed");
        vm.etch(place, code);
        vm.chainId(number(".domain.chain_id"));
        return Settlement(place);
    }

    function depositFor(Settlement settlement, PlainToken token, string memory listed) private {
        uint256 atoms = field(listed, ".deposited");
        if (atoms == 0) return;
        AssetId asset = AssetId.wrap(uint16(field(listed, ".asset")));
        bool inEther = AssetId.unwrap(asset) == 1;
        if (inEther) vm.deal(address(this), atoms);
        else token.mint(address(this), atoms);
        RollupId rollup = RollupId.wrap(uint16(field(listed, ".rollup")));
        settlement.deposit{value: inEther ? atoms : 0}(rollup, asset, atoms);
    }

    // --- Reading ----------------------------------------------------------------------------

    /// @dev What L1 gets.
    function steps() private view returns (uint256[] memory) {
        return vm.parseJsonUintArray(json, ".epoch.steps");
    }

    /// @dev The same in full.
    function outputs() private view returns (uint256[90][] memory list) {
        uint256 count = 0;
        while (has(item(".epoch.outputs", count))) ++count;
        list = new uint256[90][](count);
        for (uint256 j = 0; j < count; ++j) {
            uint256[] memory words = vm.parseJsonUintArray(json, item(".epoch.outputs", j));
            vm.assertEq(words.length, 90, "words of a step");
            for (uint256 i = 0; i < 90; ++i) {
                list[j][i] = words[i];
            }
        }
    }

    function claimCount() private view returns (uint256 count) {
        while (has(item(".claims", count))) ++count;
    }

    function claimAt(uint256 i) private view returns (Claim memory) {
        string memory c = item(".claims", i);
        vm.assertEq(field(c, ".index"), i, "index");
        return Claim(
            EpochNumber.wrap(uint64(number(".epoch.epoch"))),
            RollupId.wrap(uint16(field(c, ".rollup"))),
            uint32(i),
            AssetId.wrap(uint16(field(c, ".asset"))),
            vm.parseJsonAddress(json, string.concat(c, ".recipient")),
            uint96(field(c, ".atoms"))
        );
    }

    function pathAt(uint256 i) private view returns (bytes32[] memory) {
        return vm.parseJsonBytes32Array(json, string.concat(item(".claims", i), ".path"));
    }

    function keyOf(string memory listed) private view returns (SettlementKey memory) {
        return SettlementKey(field(listed, ".key[0]"), field(listed, ".key[1]"));
    }

    function item(string memory list, uint256 index) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(index), "]");
    }

    function has(string memory key) private view returns (bool) {
        return vm.keyExistsJson(json, key);
    }

    function field(string memory listed, string memory name) private view returns (uint256) {
        return number(string.concat(listed, name));
    }

    function number(string memory key) private view returns (uint256) {
        return vm.parseJsonUint(json, key);
    }

    function hash(string memory key) private view returns (bytes32) {
        return vm.parseJsonBytes32(json, key);
    }
}
