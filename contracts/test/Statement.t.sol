// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SettlementTest} from "./base/SettlementTest.sol";
import {Steps} from "./base/Steps.sol";
import {ISettlement} from "src/interfaces/ISettlement.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";
import {RollupId} from "src/types/RollupId.sol";
import {StepOutputs} from "src/types/StepOutput.sol";

/// @dev The verifier sees every word of every step, and what the words say has one spelling.
contract StatementTest is SettlementTest {
    // --- The statement ----------------------------------------------------------------------

    /// @dev Every word of every step reaches the verifier: change one and the proof is refused.
    function testFuzz_settle_everyWordIsPartOfTheStatement(uint256 word, uint256 flip) public {
        settleDeposits();
        for (uint16 r = 1; r <= 3; ++r) {
            emitCell(RollupId.wrap(r), USD, r == 1 ? 50 : 0, 0, 0);
            emitRollup(RollupId.wrap(r), 5, bytes32(uint256(r)));
        }
        uint256[90][] memory steps = new uint256[90][](3);
        steps[1] = buildSteps()[0];
        Steps.finish(steps, nextDigest());
        bytes memory proof = prove(steps);

        // Any word but the counts: those have tests of their own.
        uint256[] memory words = Steps.pack(steps);
        word = bound(word, 0, words.length - 1);
        vm.assume(word != 1 && word != 3 && word != words.length - 1);
        uint256 before = words[word];
        words[word] = bound(before ^ bound(flip, 1, type(uint256).max), 1, FIELD - 1);
        vm.assume(words[word] != before);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ProofRefused.selector, 2));
        settlement.settle(EpochNumber.wrap(2), words, BOOKS, proof);
        words[word] = before;
        settlement.settle(EpochNumber.wrap(2), words, BOOKS, proof);
        vm.assertEq(settlement.stateDigest(), bytes32(steps[2][0]), "the last step's digest");
    }

    function test_settle_refusesStepsSwappedLeftOutOrAdded() public {
        uint256[90][] memory steps = new uint256[90][](3);
        Steps.finish(steps, nextDigest());
        (steps[0][1], steps[1][1]) = (0, 0);
        bytes memory proof = prove(steps);
        bytes memory reason = abi.encodeWithSelector(ISettlement.ProofRefused.selector, 1);

        uint256[90][] memory swapped = new uint256[90][](3);
        (swapped[0], swapped[1], swapped[2]) = (steps[1], steps[0], steps[2]);
        uint256[90][] memory shorter = new uint256[90][](2);
        (shorter[0], shorter[1]) = (steps[0], steps[2]);
        uint256[90][] memory longer = new uint256[90][](4);
        (longer[0], longer[1], longer[2], longer[3]) = (steps[0], steps[1], steps[1], steps[2]);
        uint256[90][][3] memory wrong = [swapped, shorter, longer];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(reason);
            settlement.settle(EpochNumber.wrap(1), Steps.pack(wrong[i]), BOOKS, proof);
        }
        settlement.settle(EpochNumber.wrap(1), Steps.pack(steps), BOOKS, proof);
    }

    function testFuzz_settle_refusesAnotherProof(bytes calldata proof) public {
        uint256[90][] memory steps = buildSteps();
        vm.assume(keccak256(proof) != keccak256(prove(steps)));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ProofRefused.selector, 1));
        settlement.settle(EpochNumber.wrap(1), Steps.pack(steps), BOOKS, proof);
    }

    // --- One spelling -----------------------------------------------------------------------

    /// @dev Bits that belong to no field are refused: one emission, one spelling.
    function testFuzz_settle_refusesStrayBits(uint256 slot, uint256 bit) public {
        settleDeposits();
        bit = bound(bit, 0, 252);
        slot = bound(slot, 0, 2);
        checkStrayBit(2 + 2 * slot, 1 << bound(bit, 224, 252));
        checkStrayBit(2 + 2 * slot + 1, 1 << bound(bit, 96, 252));
        uint256 rollup = 8 + 7 * slot;
        checkStrayBit(rollup, 1 << bound(bit, 80, 252));
        for (uint256 half = 1; half <= 4; ++half) {
            checkStrayBit(rollup + half, 1 << bound(bit, 128, 252));
        }
    }

    /// @dev Three cells and three rollups with nothing wrong but this bit.
    function checkStrayBit(uint256 index, uint256 flag) private {
        for (uint16 r = 1; r <= 3; ++r) {
            emitCell(RollupId.wrap(r), USD, r == 1 ? 50 : 0, 0, 0);
            emitRollup(RollupId.wrap(r), 5, bytes32(uint256(r)));
        }
        uint256[] memory words = Steps.pack(buildSteps());
        words[index] |= flag;
        // The word's place is told in its step, which is the only one.
        checkWordsRefused(
            words,
            abi.encodeWithSelector(StepOutputs.EmittedWordMalformed.selector, index, words[index])
        );
    }

    /// @dev A slot that is counted is used: its head is not zero, whatever follows.
    function testFuzz_settle_refusesCountedSlotsWithoutHead(uint256 slot, uint256 rest) public {
        slot = bound(slot, 0, 5);
        for (uint16 r = 1; r <= 3; ++r) {
            emitCell(RollupId.wrap(r), USD, 0, 0, 0);
            emitRollup(RollupId.wrap(r), 5, bytes32(uint256(r)));
        }
        uint256[] memory words = Steps.pack(buildSteps());
        uint256 first = slot < 3 ? 2 + 2 * slot : 8 + 7 * (slot - 3);
        (words[first], words[first + 1]) = (0, rest);
        checkWordsRefused(words, malformed(0));
    }

    /// @dev Counts past the slots of a step and bits above them, with enough words behind them.
    function testFuzz_settle_refusesCountsPastTheirLimits(uint256 counts) public {
        uint256[] memory words = filledWords(2 + 2 * 255 + 7 * 255);
        words[1] = bound(counts, 17, 255) << 64;
        checkWordsRefused(words, malformed(0));
        words[1] = bound(counts, 9, 255) << 72;
        checkWordsRefused(words, malformed(0));
        words[1] = uint256(1) << bound(counts, 76, 255);
        checkWordsRefused(words, malformed(0));
    }

    /// @dev Any other number of words is refused, at the step where it shows.
    function test_settle_refusesTruncatedAndExtendedSteps() public {
        depositEther(A, 100);
        emitCell(A, ETH, 100, 100, 0);
        emitRollup(A, 1, bytes32(uint256(1)));
        uint256[90][] memory steps = new uint256[90][](2);
        (steps[0], steps[1]) = (buildSteps()[0], buildSteps()[0]);
        Steps.finish(steps, nextDigest());
        uint256[] memory words = Steps.pack(steps);
        vm.assertEq(words.length, 22, "words");
        for (uint256 length = 1; length <= 33; ++length) {
            if (length == 11 || length == 22) continue;
            uint256[] memory cut = new uint256[](length);
            for (uint256 i = 0; i < length && i < 22; ++i) {
                cut[i] = words[i];
            }
            // Two zero words are an empty step: all that can follow are such, and their halves.
            if (length > 22 && length % 2 == 0) continue;
            checkWordsRefused(cut, malformed(length < 11 ? 0 : length < 22 ? 1 : length / 2 - 9));
        }
    }

    /// @dev The calldata itself may not say that there is more than there is.
    function testFuzz_settle_refusesAListLongerThanItsCalldata(uint256 length) public {
        bytes memory input = abi.encodeCall(
            settlement.settle, (EpochNumber.wrap(1), Steps.pack(buildSteps()), BOOKS, "")
        );
        length = bound(length, 4, type(uint256).max);
        assembly ("memory-safe") {
            // Selector, epoch and two offsets; then the steps' number of words.
            mstore(add(input, 0x84), length)
        }
        (bool done,) = address(settlement).call(input);
        vm.assertFalse(done, "read past its calldata");
    }

    function filledWords(uint256 count) private pure returns (uint256[] memory words) {
        words = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            words[i] = 1;
        }
    }

    function malformed(uint256 step) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ISettlement.StepMalformed.selector, step);
    }
}
