// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Steps} from "./base/Steps.sol";
import {TestBase} from "./base/TestBase.sol";
import {AssetId} from "src/types/AssetId.sol";
import {RollupId} from "src/types/RollupId.sol";
import {EmittedCell, EmittedRollup, StepOutputs} from "src/types/StepOutput.sol";

/// @dev What is written into a slot is what is read from it, for every value of every field, in
/// every slot; an empty slot reads as empty.
contract StepOutputTest is TestBase {
    using StepOutputs for uint256[74];

    function testFuzz_cell_readsBackAsWritten(EmittedCell memory cell, uint256 slot) public view {
        slot = bound(slot, 0, 15);
        uint256[74] memory step;
        step[2 + 2 * slot] = Steps.packCell(cell);
        step[3 + 2 * slot] = cell.exited;
        vm.assume(step[2 + 2 * slot] != 0);
        for (uint256 i = 0; i < 16; ++i) {
            (bool used, EmittedCell memory read) = this.cellAt(step, i);
            vm.assertEq(used, i == slot, "used");
            if (used) vm.assertEq(digest(read), digest(cell), "cell");
        }
    }

    function testFuzz_rollup_readsBackAsWritten(EmittedRollup memory rollup, uint256 slot)
        public
        view
    {
        slot = bound(slot, 0, 7);
        uint256 first = 34 + 5 * slot;
        uint256[74] memory step;
        step[first] = Steps.packHead(rollup);
        step[first + 1] = uint256(rollup.exitRoot) >> 128;
        step[first + 2] = uint256(rollup.exitRoot) & type(uint128).max;
        step[first + 3] = rollup.keyX;
        step[first + 4] = rollup.keyY;
        vm.assume(step[first] != 0);
        for (uint256 i = 0; i < 8; ++i) {
            (bool used, EmittedRollup memory read) = this.rollupAt(step, i);
            vm.assertEq(used, i == slot, "used");
            if (used) {
                vm.assertEq(keccak256(abi.encode(read)), keccak256(abi.encode(rollup)), "rollup");
            }
        }
    }

    /// @dev No two words read alike: what is accepted is the one spelling of what is read.
    function testFuzz_cell_oneSpelling(uint256 position, uint256 exited) public view {
        uint256[74] memory step;
        (step[2], step[3]) = (position, exited);
        try this.cellAt(step, 0) returns (bool used, EmittedCell memory read) {
            vm.assertEq(Steps.packCell(read), position, "position");
            vm.assertEq(read.exited, exited, "exited");
            vm.assertEq(used, position != 0, "used");
        } catch {
            vm.assertTrue(
                position >= 2 ** 224 || exited >= 2 ** 96 || (position == 0 && exited != 0),
                "refused"
            );
        }
    }

    function test_cell_oneSpellingAtTheEdges() public view {
        testFuzz_cell_oneSpelling(2 ** 224 - 1, 2 ** 96 - 1);
        testFuzz_cell_oneSpelling(2 ** 224, 0);
        testFuzz_cell_oneSpelling(1, 2 ** 96);
        testFuzz_cell_oneSpelling(0, 0);
        testFuzz_cell_oneSpelling(0, 1);
        testFuzz_cell_oneSpelling(2 ** 32, 0);
    }

    function digest(EmittedCell memory cell) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                RollupId.unwrap(cell.rollup),
                AssetId.unwrap(cell.asset),
                cell.balance,
                cell.deposited,
                cell.exited
            )
        );
    }

    function cellAt(uint256[74] calldata step, uint256 slot)
        external
        pure
        returns (bool, EmittedCell memory)
    {
        EmittedCell memory none;
        return step.hasCell(slot) ? (true, step.cellAt(slot)) : (false, none);
    }

    function rollupAt(uint256[74] calldata step, uint256 slot)
        external
        pure
        returns (bool, EmittedRollup memory)
    {
        EmittedRollup memory none;
        return step.hasRollup(slot) ? (true, step.rollupAt(slot)) : (false, none);
    }
}
