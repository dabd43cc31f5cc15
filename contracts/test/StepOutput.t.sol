// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Steps} from "./base/Steps.sol";
import {TestBase} from "./base/TestBase.sol";
import {AssetId} from "src/types/AssetId.sol";
import {RollupId} from "src/types/RollupId.sol";
import {EmittedCell, EmittedRollup, StepOutputs} from "src/types/StepOutput.sol";

/// @dev What is written into a slot is what is read from it, for every value of every field, in
/// every slot; and steps are told apart exactly where they were put together.
contract StepOutputTest is TestBase {
    using StepOutputs for uint256[];

    function testFuzz_cell_readsBackAsWritten(EmittedCell memory cell, uint256 slot) public view {
        slot = bound(slot, 0, 15);
        uint256[90][] memory steps = filled(slot + 1, 8);
        steps[0][2 + 2 * slot] = Steps.packCell(cell);
        steps[0][3 + 2 * slot] = cell.exited;
        vm.assume(steps[0][2 + 2 * slot] != 0);
        vm.assertEq(digest(this.cellAt(Steps.pack(steps), slot)), digest(cell), "cell");
    }

    function testFuzz_rollup_readsBackAsWritten(
        EmittedRollup memory rollup,
        uint256 cells,
        uint256 slot
    ) public view {
        slot = bound(slot, 0, 7);
        uint256 first = 34 + 7 * slot;
        uint256[90][] memory steps = filled(bound(cells, 0, 16), slot + 1);
        steps[0][first] = Steps.packHead(rollup);
        steps[0][first + 1] = uint256(rollup.l2Root) >> 128;
        steps[0][first + 2] = uint256(rollup.l2Root) & type(uint128).max;
        steps[0][first + 3] = uint256(rollup.exitRoot) >> 128;
        steps[0][first + 4] = uint256(rollup.exitRoot) & type(uint128).max;
        steps[0][first + 5] = rollup.keyX;
        steps[0][first + 6] = rollup.keyY;
        vm.assume(steps[0][first] != 0);
        EmittedRollup memory read = this.rollupAt(Steps.pack(steps), slot);
        vm.assertEq(keccak256(abi.encode(read)), keccak256(abi.encode(rollup)), "rollup");
    }

    /// @dev No two words read alike: what is accepted is the one spelling of what is read.
    function testFuzz_cell_oneSpelling(uint256 position, uint256 exited) public view {
        uint256[] memory step = new uint256[](4);
        (step[1], step[2], step[3]) = (1 << 64, position, exited);
        try this.cellAt(step, 0) returns (EmittedCell memory read) {
            vm.assertEq(Steps.packCell(read), position, "position");
            vm.assertEq(read.exited, exited, "exited");
        } catch {
            vm.assertTrue(position >= 2 ** 224 || exited >= 2 ** 96, "refused");
        }
        (bool wellFormed,,) = this.measure(step);
        vm.assertEq(wellFormed, position != 0, "used");
    }

    function test_cell_oneSpellingAtTheEdges() public view {
        testFuzz_cell_oneSpelling(2 ** 224 - 1, 2 ** 96 - 1);
        testFuzz_cell_oneSpelling(2 ** 224, 0);
        testFuzz_cell_oneSpelling(1, 2 ** 96);
        testFuzz_cell_oneSpelling(0, 0);
        testFuzz_cell_oneSpelling(0, 1);
        testFuzz_cell_oneSpelling(2 ** 32, 0);
    }

    /// @dev Steps with any slots used are found again, each with its own words.
    function testFuzz_measure_findsEveryStep(uint8[5] memory cells, uint8[5] memory rollups)
        public
        view
    {
        uint256[90][] memory steps = new uint256[90][](5);
        for (uint256 j = 0; j < 5; ++j) {
            steps[j] = filled(cells[j] % 17, rollups[j] % 9)[0];
            (steps[j][0], steps[j][1]) = (100 + j, 5 - j);
        }
        uint256[] memory words = Steps.pack(steps);
        (bool wellFormed, uint256 count, uint256 last) = this.measure(words);
        vm.assertTrue(wellFormed, "steps");
        vm.assertEq(count, 5, "count");
        vm.assertEq(last, 104, "last");
        for (uint256 j = 0; j < 5; ++j) {
            (uint256 digest_, uint256 pending, uint256 cellCount, uint256 rollupCount) =
                this.stepAt(words, j);
            vm.assertEq(digest_, 100 + j, "digest");
            vm.assertEq(pending, 5 - j, "pending");
            vm.assertEq(cellCount, cells[j] % 17, "cells");
            vm.assertEq(rollupCount, rollups[j] % 9, "rollups");
        }
    }

    /// @dev One step with that many slots used.
    function filled(uint256 cells, uint256 rollups)
        private
        pure
        returns (uint256[90][] memory steps)
    {
        steps = new uint256[90][](1);
        for (uint256 i = 0; i < cells; ++i) {
            steps[0][2 + 2 * i] = 1;
        }
        for (uint256 i = 0; i < rollups; ++i) {
            steps[0][34 + 7 * i] = 1;
        }
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

    function cellAt(uint256[] calldata step, uint256 slot)
        external
        pure
        returns (EmittedCell memory)
    {
        return step.cellAt(slot);
    }

    function rollupAt(uint256[] calldata step, uint256 slot)
        external
        pure
        returns (EmittedRollup memory)
    {
        return step.rollupAt(slot);
    }

    function measure(uint256[] calldata steps) external pure returns (bool, uint256, uint256) {
        (bool wellFormed, uint256 count, uint256[] calldata last) = steps.measure();
        return (wellFormed, count, wellFormed ? last[0] : 0);
    }

    function stepAt(uint256[] calldata steps, uint256 index)
        external
        pure
        returns (uint256, uint256, uint256, uint256)
    {
        (uint256[] calldata step, uint256[] calldata rest) = steps.split();
        for (uint256 j = 0; j < index; ++j) {
            (step, rest) = rest.split();
        }
        return (step[0], step.pending(), step.cellCount(), step.rollupCount());
    }
}
