// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SettlementTest} from "./base/SettlementTest.sol";
import {Steps} from "./base/Steps.sol";
import {ISettlement} from "src/interfaces/ISettlement.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";
import {RollupId} from "src/types/RollupId.sol";
import {StepOutputs} from "src/types/StepOutput.sol";

/// @dev The verifier sees every word of every step; a word that says nothing must be zero.
contract StatementTest is SettlementTest {
    // --- The statement ----------------------------------------------------------------------

    /// @dev Every word of every step reaches the verifier: change one and the proof is refused.
    function testFuzz_settle_everyWordIsPartOfTheStatement(uint256 step, uint256 word, uint256 flip)
        public
    {
        settleDeposits();
        for (uint16 r = 1; r <= 3; ++r) {
            emitCell(RollupId.wrap(r), USD, r == 1 ? 50 : 0, 0, 0);
            emitRollup(RollupId.wrap(r), 5, bytes32(uint256(r)));
        }
        uint256[74][] memory steps = new uint256[74][](3);
        uint256[74][] memory built = buildSteps();
        steps[1] = built[0];
        Steps.finish(steps, nextDigest());
        bytes memory proof = prove(steps);

        step = bound(step, 0, 2);
        word = bound(word, 0, 73);
        uint256 before = steps[step][word];
        steps[step][word] = bound(before ^ bound(flip, 1, type(uint256).max), 0, FIELD - 1);
        vm.assume(steps[step][word] != before);
        bool pending = step == 2 && word == 1;
        vm.expectRevert(
            pending
                ? abi.encodeWithSelector(ISettlement.EmissionPending.selector, steps[2][1])
                : abi.encodeWithSelector(ISettlement.ProofRefused.selector, 2)
        );
        settlement.settle(EpochNumber.wrap(2), steps, proof);
        steps[step][word] = before;
        settlement.settle(EpochNumber.wrap(2), steps, proof);
        vm.assertEq(settlement.stateDigest(), bytes32(steps[2][0]), "the last step's digest");
    }

    function test_settle_refusesStepsSwappedLeftOutOrAdded() public {
        uint256[74][] memory steps = new uint256[74][](3);
        Steps.finish(steps, nextDigest());
        (steps[0][1], steps[1][1]) = (0, 0);
        bytes memory proof = prove(steps);
        bytes memory reason = abi.encodeWithSelector(ISettlement.ProofRefused.selector, 1);

        uint256[74][] memory swapped = new uint256[74][](3);
        (swapped[0], swapped[1], swapped[2]) = (steps[1], steps[0], steps[2]);
        uint256[74][] memory shorter = new uint256[74][](2);
        (shorter[0], shorter[1]) = (steps[0], steps[2]);
        uint256[74][] memory longer = new uint256[74][](4);
        (longer[0], longer[1], longer[2], longer[3]) = (steps[0], steps[1], steps[1], steps[2]);
        uint256[74][][3] memory wrong = [swapped, shorter, longer];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(reason);
            settlement.settle(EpochNumber.wrap(1), wrong[i], proof);
        }
        settlement.settle(EpochNumber.wrap(1), steps, proof);
    }

    function testFuzz_settle_refusesAnotherProof(bytes calldata proof) public {
        uint256[74][] memory steps = buildSteps();
        vm.assume(keccak256(proof) != keccak256(prove(steps)));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ProofRefused.selector, 1));
        settlement.settle(EpochNumber.wrap(1), steps, proof);
    }

    // --- Emitted words ----------------------------------------------------------------------

    /// @dev Bits that belong to no field are refused: one emission, one spelling.
    function testFuzz_settle_refusesStrayBits(uint256 slot, uint256 bit) public {
        settleDeposits();
        bit = bound(bit, 0, 252);
        uint256 cell = 2 + 2 * bound(slot, 0, 15);
        uint256 rollup = 34 + 5 * bound(slot, 0, 7);
        checkStrayBit(cell, 1 << bound(bit, 224, 252));
        checkStrayBit(cell + 1, 1 << bound(bit, 96, 252));
        checkStrayBit(rollup, 1 << bound(bit, 80, 252));
        checkStrayBit(rollup + 1, 1 << bound(bit, 128, 252));
        checkStrayBit(rollup + 2, 1 << bound(bit, 128, 252));
    }

    function checkStrayBit(uint256 index, uint256 flag) private {
        uint256[74][] memory steps = buildSteps();
        // Fill the slot with something right, so that only the bit is wrong.
        uint256 first = index < 34 ? index - index % 2 : index - (index - 34) % 5;
        steps[0][first] = index < 34 ? uint256(1) | 1 << 16 | 100 << 32 : uint256(1) | 1 << 16;
        steps[0][index] |= flag;
        checkRefused(
            steps,
            abi.encodeWithSelector(
                StepOutputs.EmittedWordMalformed.selector, index, steps[0][index]
            )
        );
    }

    /// @dev A slot whose head is zero is empty and hides nothing.
    function testFuzz_settle_refusesWordsInEmptySlots(uint256 index, uint256 word) public {
        index = bound(index, 2, 73);
        if (index < 34 && index % 2 == 0) ++index;
        if (index >= 34 && (index - 34) % 5 == 0) ++index;
        word = bound(word, 1, 2 ** 96 - 1);
        uint256[74][] memory steps = buildSteps();
        steps[0][index] = word;
        checkRefused(
            steps, abi.encodeWithSelector(StepOutputs.EmittedWordMalformed.selector, index, word)
        );
    }

    function test_settle_emptySlotsMayStandBetweenUsedOnes() public {
        depositEther(A, 100);
        emitCell(A, ETH, 100, 100, 0);
        emitRollup(B, 1, bytes32(uint256(9)));
        uint256[74][] memory steps = buildSteps();
        (steps[0][32], steps[0][2]) = (steps[0][2], 0);
        for (uint256 i = 0; i < 5; ++i) {
            (steps[0][69 + i], steps[0][34 + i]) = (steps[0][34 + i], 0);
        }
        settlement.settle(EpochNumber.wrap(1), steps, prove(steps));
        checkCell(A, ETH, 100, 100, 100, 1);
        vm.assertEq(settlement.exitRoot(EpochNumber.wrap(1), B), bytes32(uint256(9)), "root");
    }
}
