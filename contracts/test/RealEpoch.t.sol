// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Case} from "./base/ProofTest.sol";
import {RealEpoch} from "./base/RealEpoch.sol";
import {Settlement} from "src/Settlement.sol";
import {ISettlement} from "src/interfaces/ISettlement.sol";
import {AssetId} from "src/types/AssetId.sol";
import {RollupId} from "src/types/RollupId.sol";

/// @dev A real proof settles through the real verifier, and books what its steps say.
contract RealEpochTest is RealEpoch {
    function test_settle_realProofs() public {
        uint256 count = caseCount();
        for (uint256 i = 0; i < count; ++i) {
            uint256 before = vm.snapshotState();
            Case memory c = caseAt(i);
            Settlement settlement = deployFor(c);
            settlement.settle(c.epoch, c.steps, BOOKS, c.proof);
            uint256[][] memory steps = split(c.steps);
            uint256 last = steps.length - 1;
            vm.assertEq(settlement.stateDigest(), bytes32(steps[last][0]), "closing digest");
            for (uint256 j = 0; j <= last; ++j) {
                checkCells(settlement, steps[j]);
            }
            vm.revertToState(before);
        }
    }

    /// @dev What the contract itself passes on counts, not what was proven for another one.
    function test_settle_refusesARealProofInAnotherDomain() public {
        Case memory c = smallCase();
        Settlement settlement = deployFor(c);
        bytes memory reason = abi.encodeWithSelector(ISettlement.ProofRefused.selector, 1);
        Settlement twin =
            newSettlement(address(this), 1, settlement.verifier(), bytes32(c.openingDigest));
        vm.expectRevert(reason);
        twin.settle(c.epoch, c.steps, BOOKS, c.proof);
        c.steps[2] += 1 << 32;
        vm.expectRevert(reason);
        settlement.settle(c.epoch, c.steps, BOOKS, c.proof);
        c.steps[2] -= 1 << 32;
        settlement.settle(c.epoch, c.steps, BOOKS, c.proof);
    }

    function checkCells(Settlement settlement, uint256[] memory step) private view {
        for (uint256 i = 2; i < 2 + 2 * cellCountOf(step[1]); i += 2) {
            RollupId rollup = RollupId.wrap(uint16(step[i]));
            AssetId asset = AssetId.wrap(uint16(step[i] >> 16));
            (uint96 balance,,,) = settlement.cell(rollup, asset);
            vm.assertEq(balance, uint96(step[i] >> 32), "balance");
            vm.assertEq(settlement.pot(rollup, asset), step[i + 1], "pot");
        }
    }
}
