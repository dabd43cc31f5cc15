// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SettlementTest} from "./base/SettlementTest.sol";
import {Steps} from "./base/Steps.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ISettlement} from "src/interfaces/ISettlement.sol";
import {AssetId} from "src/types/AssetId.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";
import {RollupId} from "src/types/RollupId.sol";
import {StepOutputs} from "src/types/StepOutput.sol";

/// @dev An epoch settles exactly if it is the next one, proven, completely emitted, and agrees with
/// what L1 knows itself: ids, keys, deposits, heights, and conservation of every asset.
contract SettleTest is SettlementTest {
    function test_settle_takesOverTheClosingState() public {
        settleDeposits();
        emitCell(A, ETH, 70, 0, 10);
        emitCell(B, ETH, 20, 0, 0);
        emitRollup(A, 3, bytes32(uint256(2 ** 128 + 5)));
        emitRollup(B, 0, 0);
        uint256[90][] memory steps = buildSteps();
        bytes memory proof = prove(steps);
        bytes32 digest = bytes32(steps[0][0]);
        EpochNumber two = EpochNumber.wrap(2);
        vm.expectEmit(address(settlement));
        emit ISettlement.EpochSettled(two, digest, 1, BOOKS);
        vm.expectEmit(address(settlement));
        emit ISettlement.CellSettled(two, A, ETH, 70, 0, 10);
        vm.expectEmit(address(settlement));
        emit ISettlement.CellSettled(two, B, ETH, 20, 0, 0);
        vm.expectEmit(address(settlement));
        emit ISettlement.RollupSettled(two, A, 3, l2RootAt(A, 3), bytes32(uint256(2 ** 128 + 5)));
        vm.expectEmit(address(settlement));
        emit ISettlement.RollupSettled(two, B, 0, l2RootAt(B, 0), 0);
        settlement.settle(two, Steps.pack(steps), BOOKS, proof);

        vm.assertEq(EpochNumber.unwrap(settlement.epoch()), 2, "epoch");
        vm.assertEq(settlement.stateDigest(), digest, "digest");
        checkCell(A, ETH, 70, 100, 100, 2);
        checkCell(B, ETH, 20, 0, 0, 2);
        checkCell(A, USD, 50, 50, 50, 1); // Not emitted: as it was.
        vm.assertEq(settlement.pot(A, ETH), 10, "pot");
        vm.assertEq(settlement.pot(B, ETH), 0, "pot");
        vm.assertEq(settlement.custody(ETH), 100, "custody: nothing is paid in settle");
        vm.assertEq(settlement.exitRoot(two, A), bytes32(uint256(2 ** 128 + 5)), "exit root");
        vm.assertEq(settlement.exitRoot(EpochNumber.wrap(1), A), bytes32(uint256(1)), "older one");
        vm.assertEq(settlement.exitRoot(two, C), 0, "not active");
        (,, uint64 height) = settlement.rollup(A);
        vm.assertEq(height, 3, "height");
    }

    /// @dev What is said of the books is passed on as it is, whatever it is, and changes nothing else:
    /// the same proof settles with any of it.
    function testFuzz_settle_passesTheBooksOn(bytes32 books) public {
        depositEther(A, 100);
        emitCell(A, ETH, 100, 100, 0);
        uint256[90][] memory steps = buildSteps();
        bytes memory proof = prove(steps);
        bytes32 digest = bytes32(steps[0][0]);
        EpochNumber one = EpochNumber.wrap(1);
        vm.expectEmit(address(settlement));
        emit ISettlement.EpochSettled(one, digest, 1, books);
        settlement.settle(one, Steps.pack(steps), books, proof);
        vm.assertEq(settlement.stateDigest(), digest, "digest");
        checkCell(A, ETH, 100, 100, 100, 1);
    }

    /// @dev Emissions count wherever in the epoch they stand.
    function testFuzz_settle_findsEmissionsInAnyStep(uint256 which) public {
        depositEther(A, 100);
        uint256[90][] memory steps = new uint256[90][](12);
        Steps.finish(steps, nextDigest());
        emitCell(A, ETH, 100, 100, 0);
        steps[bound(which, 0, 11)][2] = Steps.packCell(cells[0]);
        settlement.settle(EpochNumber.wrap(1), Steps.pack(steps), BOOKS, prove(steps));
        checkCell(A, ETH, 100, 100, 100, 1);
    }

    function test_settle_findsEmissionsInTheFirstAndLastStep() public {
        depositEther(A, 100);
        uint256[90][] memory steps = new uint256[90][](128);
        Steps.finish(steps, nextDigest());
        emitCell(A, ETH, 60, 100, 0);
        emitCell(B, ETH, 40, 0, 0);
        steps[0][2] = Steps.packCell(cells[0]);
        steps[127][2] = Steps.packCell(cells[1]);
        settlement.settle(EpochNumber.wrap(1), Steps.pack(steps), BOOKS, prove(steps));
        checkCell(A, ETH, 60, 100, 100, 1);
        checkCell(B, ETH, 40, 0, 0, 1);
    }

    function test_settle_anEpochWithoutEmissions() public {
        settleEpoch();
        vm.assertEq(EpochNumber.unwrap(settlement.epoch()), 1, "epoch");
    }

    /// @dev Any consistent history over all cells settles, and what it says is what L1 then holds.
    function testFuzz_settle_movesValueBetweenCells(uint96[3] memory shares, uint96 total) public {
        total = uint96(bound(total, 1, ATOMS_LIMIT));
        depositToken(A, total);
        uint96 toB = uint96(bound(shares[0], 0, total));
        uint96 toC = uint96(bound(shares[1], 0, total - toB));
        uint96 exited = uint96(bound(shares[2], 0, total - toB - toC));
        emitCell(A, USD, total - toB - toC - exited, total, exited);
        emitCell(C, USD, toC, 0, 0);
        emitCell(B, USD, toB, 0, 0);
        settleEpoch();
        checkCell(A, USD, total - toB - toC - exited, total, total, 1);
        checkCell(B, USD, toB, 0, 0, 1);
        checkCell(C, USD, toC, 0, 0, 1);
        vm.assertEq(settlement.pot(A, USD), exited, "pot");
    }

    function test_settle_depositsMaySettleInParts() public {
        depositToken(A, 10);
        emitCell(A, USD, 4, 4, 0);
        settleEpoch();
        checkCell(A, USD, 4, 10, 4, 1);
        emitCell(A, USD, 10, 6, 0);
        settleEpoch();
        checkCell(A, USD, 10, 10, 10, 2);
    }

    // --- Order and shape --------------------------------------------------------------------

    function testFuzz_settle_refusesAnyOtherEpoch(uint64 number) public {
        settleDeposits();
        vm.assume(number != 2);
        uint256[90][] memory steps = buildSteps();
        vm.expectRevert(abi.encodeWithSelector(ISettlement.EpochOutOfOrder.selector, 2, number));
        settlement.settle(EpochNumber.wrap(number), Steps.pack(steps), BOOKS, "");
    }

    function test_settle_refusesTheSameEpochAgain() public {
        depositEther(A, 100);
        emitCell(A, ETH, 100, 100, 0);
        uint256[90][] memory steps = buildSteps();
        bytes memory proof = prove(steps);
        settlement.settle(EpochNumber.wrap(1), Steps.pack(steps), BOOKS, proof);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.EpochOutOfOrder.selector, 2, 1));
        settlement.settle(EpochNumber.wrap(1), Steps.pack(steps), BOOKS, proof);
        // Nor under the next number: its statement starts elsewhere.
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ProofRefused.selector, 2));
        settlement.settle(EpochNumber.wrap(2), Steps.pack(steps), BOOKS, proof);
    }

    function test_settle_refusesNoSteps() public {
        vm.expectRevert(abi.encodeWithSelector(ISettlement.StepCountOutOfRange.selector, 0, 128));
        settlement.settle(EpochNumber.wrap(1), new uint256[](0), BOOKS, "");
    }

    function test_settle_takes128StepsAndNoMore() public {
        uint256[90][] memory steps = new uint256[90][](129);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.StepCountOutOfRange.selector, 129, 128));
        settlement.settle(EpochNumber.wrap(1), Steps.pack(steps), BOOKS, "");

        steps = new uint256[90][](128);
        Steps.finish(steps, nextDigest());
        settlement.settle(EpochNumber.wrap(1), Steps.pack(steps), BOOKS, prove(steps));
        vm.assertEq(EpochNumber.unwrap(settlement.epoch()), 1, "epoch");
    }

    function testFuzz_settle_refusesPendingEmissions(uint64 pending) public {
        vm.assume(pending != 0);
        uint256[90][] memory steps = buildSteps();
        steps[0][1] = pending;
        checkRefused(steps, abi.encodeWithSelector(ISettlement.EmissionPending.selector, pending));
    }

    function test_settle_pendingCountsOnlyInTheLastStep() public {
        uint256[90][] memory steps = new uint256[90][](2);
        Steps.finish(steps, nextDigest());
        (steps[0][1], steps[1][1]) = (0, 1);
        checkRefused(steps, abi.encodeWithSelector(ISettlement.EmissionPending.selector, 1));
        (steps[0][1], steps[1][1]) = (type(uint64).max, 0);
        settlement.settle(EpochNumber.wrap(1), Steps.pack(steps), BOOKS, prove(steps));
    }

    function test_settle_refusedWhilePaused() public {
        uint256[90][] memory steps = buildSteps();
        vm.prank(GUARDIAN);
        settlement.pause();
        checkRefused(steps, refusal(Pausable.EnforcedPause.selector));
        vm.prank(OWNER);
        settlement.unpause();
        settleEpoch();
    }

    // --- Emitted ids --------------------------------------------------------------------------

    function test_settle_refusesUnknownIds() public {
        emitCell(RollupId.wrap(4), ETH, 0, 0, 0);
        checkRefused(unknownRollup(4));
        emitCell(RollupId.wrap(65535), ETH, 0, 0, 0);
        checkRefused(unknownRollup(65535));
        emitCell(A, AssetId.wrap(3), 0, 0, 0);
        checkRefused(unknownAsset(3));
        emitCell(A, AssetId.wrap(0), 0, 0, 0);
        checkRefused(unknownAsset(0));
        emitCell(RollupId.wrap(0), ETH, 0, 0, 0); // Not an empty slot: the asset is there.
        checkRefused(unknownRollup(0));
        emitRollup(RollupId.wrap(4), 1, 0);
        checkRefused(unknownRollup(4));
        rollups.push();
        rollups[0].nextHeight = 1; // Not an empty slot either.
        checkRefused(unknownRollup(0));
    }

    /// @dev Any 32 bytes are an L2 root, and the event says exactly them: they are in no storage.
    function testFuzz_settle_emitsTheL2Root(bytes32 root) public {
        emitRollup(A, 1, 0);
        rollups[0].l2Root = root;
        uint256[90][] memory steps = buildSteps();
        bytes memory proof = prove(steps);
        EpochNumber one = EpochNumber.wrap(1);
        vm.expectEmit(address(settlement));
        emit ISettlement.RollupSettled(one, A, 1, root, 0);
        settlement.settle(one, Steps.pack(steps), BOOKS, proof);
    }

    function test_settle_refusesACellTwiceInAStep() public {
        settleDeposits();
        emitCell(A, ETH, 100, 0, 0);
        emitCell(A, USD, 50, 0, 0);
        emitCell(A, ETH, 100, 0, 0);
        checkRefused(abi.encodeWithSelector(ISettlement.CellEmittedTwice.selector, A, ETH));
    }

    /// @dev Nothing but the same words twice: they must not cancel each other out.
    function test_settle_refusesNothingButTheSameEmissionTwice() public {
        settleDeposits();
        emitCell(A, ETH, 100, 0, 0);
        emitCell(A, ETH, 100, 0, 0);
        checkRefused(abi.encodeWithSelector(ISettlement.CellEmittedTwice.selector, A, ETH));
        emitRollup(A, 1, bytes32(uint256(1)));
        emitRollup(A, 1, bytes32(uint256(1)));
        checkRefused(abi.encodeWithSelector(ISettlement.RollupEmittedTwice.selector, A));
    }

    function test_settle_refusesACellTwiceAcrossSteps() public {
        settleDeposits();
        emitCell(A, ETH, 100, 0, 0);
        uint256[90][] memory one = buildSteps();
        uint256[90][] memory steps = new uint256[90][](2);
        (steps[0], steps[1]) = (one[0], one[0]);
        Steps.finish(steps, nextDigest());
        checkRefused(steps, abi.encodeWithSelector(ISettlement.CellEmittedTwice.selector, A, ETH));
    }

    function test_settle_refusesARollupTwice() public {
        emitRollup(B, 1, 0);
        emitRollup(B, 2, 0);
        checkRefused(abi.encodeWithSelector(ISettlement.RollupEmittedTwice.selector, B));
        emitRollup(B, 1, 0);
        uint256[90][] memory one = buildSteps();
        uint256[90][] memory steps = new uint256[90][](2);
        (steps[0], steps[1]) = (one[0], one[0]);
        Steps.finish(steps, nextDigest());
        checkRefused(steps, abi.encodeWithSelector(ISettlement.RollupEmittedTwice.selector, B));
    }

    // --- What L1 knows itself ---------------------------------------------------------------

    function test_settle_refusesDepositsThatNeverCame() public {
        depositEther(A, 100);
        emitCell(A, ETH, 101, 101, 0);
        checkRefused(overclaimed(A, ETH, 100, 101));
        emitCell(B, ETH, 1, 1, 0); // Another cell's deposit.
        checkRefused(overclaimed(B, ETH, 0, 1));
        emitCell(A, USD, 1, 1, 0);
        checkRefused(overclaimed(A, USD, 0, 1));
    }

    function test_settle_refusesADepositSettledTwice() public {
        settleDeposits();
        emitCell(A, ETH, 200, 100, 0);
        checkRefused(overclaimed(A, ETH, 0, 100));
        emitCell(A, ETH, 101, 1, 0);
        checkRefused(overclaimed(A, ETH, 0, 1));
    }

    function test_settle_refusesOneAtomTooMuchOrTooLittle() public {
        settleDeposits();
        emitCell(A, ETH, 101, 0, 0);
        checkRefused(notConserved(ETH, 100, 101));
        emitCell(A, ETH, 99, 0, 0);
        checkRefused(notConserved(ETH, 100, 99));
        emitCell(A, ETH, 100, 0, 1);
        checkRefused(notConserved(ETH, 100, 101));
        emitCell(A, ETH, 50, 0, 0);
        emitCell(B, ETH, 51, 0, 0);
        checkRefused(notConserved(ETH, 100, 101));
        depositEther(A, 1);
        emitCell(A, ETH, 100, 1, 0);
        checkRefused(notConserved(ETH, 101, 100));
    }

    function test_settle_conservesEachAssetForItself() public {
        settleDeposits();
        emitCell(A, ETH, 101, 0, 0);
        emitCell(A, USD, 49, 0, 0);
        checkRefused(notConserved(ETH, 100, 101));
        emitCell(A, USD, 49, 0, 0);
        checkRefused(notConserved(USD, 50, 49));
    }

    function testFuzz_settle_conservation(uint96 a, uint96 b, uint96 exitA, uint96 exitB) public {
        settleDeposits();
        emitCell(A, USD, a, 0, exitA);
        emitCell(B, USD, b, 0, exitB);
        uint256 closing = uint256(a) + b + exitA + exitB;
        if (closing == 50) settleEpoch();
        else checkRefused(notConserved(USD, 50, closing));
    }

    /// @dev Four numbers of 2^96 - 1 do not wrap around to a right sum.
    function test_settle_conservationDoesNotWrap() public {
        emitCell(A, USD, uint96(ATOMS_LIMIT), 0, 0);
        emitCell(B, USD, uint96(ATOMS_LIMIT), 0, 0);
        emitCell(C, USD, 2, 0, uint96(ATOMS_LIMIT));
        checkRefused(notConserved(USD, 0, 3 * ATOMS_LIMIT + 2));
    }

    /// @dev A pot cannot overflow in a conserved epoch; in another one the addition stops it first.
    function test_settle_potOverflowReverts() public {
        depositToken(A, 1);
        emitCell(A, USD, 0, 1, 1);
        settleEpoch();
        emitCell(A, USD, 0, 0, uint96(ATOMS_LIMIT));
        checkRefused(abi.encodeWithSignature("Panic(uint256)", 0x11));
    }

    function test_settle_refusesAnotherKey() public {
        emitRollup(A, 1, 0);
        rollups[0].keyX += 1;
        uint256 y = rollups[0].keyY;
        checkRefused(keyDiffers(A, rollups[0].keyX, y));
        emitRollup(A, 1, 0);
        rollups[0].keyY = 0;
        checkRefused(keyDiffers(A, rollups[0].keyX, 0));
        emitRollup(A, 1, 0);
        (rollups[0].keyX, rollups[0].keyY) = (0, 0); // Not registered in the proven state.
        checkRefused(keyDiffers(A, 0, 0));
        emitRollup(B, 1, 0);
        rollups[0].rollup = A; // Another rollup's key.
        checkRefused(keyDiffers(A, rollups[0].keyX, rollups[0].keyY));
    }

    function testFuzz_settle_refusesALowerHeight(uint64 height, uint64 lower) public {
        height = uint64(bound(height, 1, type(uint64).max));
        lower = uint64(bound(lower, 0, height - 1));
        emitRollup(A, height, bytes32(uint256(3)));
        settleEpoch();
        emitRollup(A, lower, bytes32(uint256(4)));
        checkRefused(abi.encodeWithSelector(ISettlement.HeightDecreased.selector, A, height, lower));
        emitRollup(A, height, bytes32(uint256(3)));
        settleEpoch();
        (,, uint64 kept) = settlement.rollup(A);
        vm.assertEq(kept, height, "height");
    }

    /// @dev What is wrong with one rollup's emission leaves no trace in the others' cells.
    function test_settle_aRefusedEpochChangesNothing() public {
        settleDeposits();
        emitCell(A, ETH, 60, 0, 0);
        emitCell(B, ETH, 40, 0, 0);
        emitRollup(A, 0, 0);
        checkRefused(abi.encodeWithSelector(ISettlement.HeightDecreased.selector, A, 1, 0));
        checkCell(A, ETH, 100, 100, 100, 1);
        checkCell(B, ETH, 0, 0, 0, 0);
        vm.assertEq(EpochNumber.unwrap(settlement.epoch()), 1, "epoch");
        vm.assertEq(settlement.exitRoot(EpochNumber.wrap(2), A), 0, "exit root");
    }

    // --- Helpers ----------------------------------------------------------------------------

    function overclaimed(RollupId r, AssetId a, uint256 unsettled, uint96 claimed)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(
            ISettlement.DepositsOverclaimed.selector, r, a, unsettled, claimed
        );
    }

    function notConserved(AssetId a, uint256 opening, uint256 closing)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(ISettlement.AssetNotConserved.selector, a, opening, closing);
    }

    function keyDiffers(RollupId r, uint256 x, uint256 y) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ISettlement.SettlementKeyDiffers.selector, r, x, y);
    }
}
