// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AssetId} from "./AssetId.sol";
import {RollupId} from "./RollupId.sol";

/// @dev The public outputs of a step, as the circuit shows them: state digest, pending, 16 slots of
/// cells and 8 of rollups. Domain word, epoch and the digest before it are public too, but those the
/// contract supplies itself.
uint256 constant STEP_OUTPUT_WORDS = 90;

/// @dev What L1 is given of them: only what a step uses, one step after the other.
///
///   0      state digest
///   1      pending + cells*2^64 + rollups*2^72, where pending counts what is still to be emitted
///   2 ..   the cells:    rollup + asset*2^16 + balance*2^32 + deposited*2^128 | exited
///   ..     the rollups:  rollup + nextHeight*2^16 | L2 root high | low | exit root high | low
///                        | key x | key y
///
/// Slots are used from the first on, and a used one's first word is never zero; what is left out is
/// zero. So one list of outputs has exactly one spelling, and one spelling says one list of outputs.
uint256 constant STATE_DIGEST_WORD = 0;
uint256 constant COUNTS_WORD = 1;
uint256 constant FIRST_CELL_WORD = 2;
uint256 constant CELL_SLOTS = 16;
uint256 constant ROLLUP_SLOTS = 8;
uint256 constant WORDS_PER_CELL = 2;
uint256 constant WORDS_PER_ROLLUP = 7;
/// @dev Among all outputs; in what L1 is given the rollups follow the last cell.
uint256 constant FIRST_ROLLUP_WORD = FIRST_CELL_WORD + CELL_SLOTS * WORDS_PER_CELL;

/// @dev The closing position of a cell that the epoch touched.
struct EmittedCell {
    RollupId rollup;
    AssetId asset;
    uint96 balance;
    uint96 deposited;
    uint96 exited;
}

/// @dev The closing state of a rollup that was active in the epoch.
struct EmittedRollup {
    RollupId rollup;
    uint64 nextHeight;
    bytes32 l2Root;
    bytes32 exitRoot;
    uint256 keyX;
    uint256 keyY;
}

/// @title Reading of steps and their emitted words
/// @notice Every bit of a word is either read or must be zero, so that one emission has exactly one
/// spelling.
library StepOutputs {
    /// @notice A word has bits set where its slot has no field.
    error EmittedWordMalformed(uint256 wordIndex, uint256 word);

    /// @notice How many steps the words are, and the last of them.
    /// @return wellFormed Whether they are steps from the first word to the last; `count` is otherwise
    /// the position of the first step that is none.
    function measure(uint256[] calldata steps)
        internal
        pure
        returns (bool wellFormed, uint256 count, uint256[] calldata last)
    {
        last = steps;
        uint256[] calldata rest = steps;
        while (rest.length != 0) {
            (last, rest) = split(rest);
            if (!_isFilled(last)) return (false, count, last);
            ++count;
        }
        return (true, count, last);
    }

    /// @notice The first step and what follows it.
    /// @return step Empty, as is the rest, if the words do not begin with a whole step.
    function split(uint256[] calldata steps)
        internal
        pure
        returns (uint256[] calldata step, uint256[] calldata rest)
    {
        uint256 length = FIRST_CELL_WORD;
        if (steps.length >= length) {
            (uint256 cells, uint256 rollups) = (cellCount(steps), rollupCount(steps));
            if (cells <= CELL_SLOTS && rollups <= ROLLUP_SLOTS) {
                length += cells * WORDS_PER_CELL + rollups * WORDS_PER_ROLLUP;
                if (length <= steps.length) return (steps[:length], steps[length:]);
            }
        }
        return (steps[:0], steps[:0]);
    }

    function pending(uint256[] calldata step) internal pure returns (uint256) {
        return uint64(step[COUNTS_WORD]);
    }

    function cellCount(uint256[] calldata step) internal pure returns (uint256) {
        return uint8(step[COUNTS_WORD] >> 64);
    }

    /// @dev With all bits above it, which `split` so holds to be zero.
    function rollupCount(uint256[] calldata step) internal pure returns (uint256) {
        return step[COUNTS_WORD] >> 72;
    }

    /// @notice The words of the step's cells.
    function cellWords(uint256[] calldata step) internal pure returns (uint256[] calldata) {
        return step[FIRST_CELL_WORD:_firstRollupWord(step)];
    }

    /// @notice The words of the step's rollups.
    function rollupWords(uint256[] calldata step) internal pure returns (uint256[] calldata) {
        return step[_firstRollupWord(step):];
    }

    function cellAt(uint256[] calldata step, uint256 slot)
        internal
        pure
        returns (EmittedCell memory)
    {
        uint256 first = FIRST_CELL_WORD + slot * WORDS_PER_CELL;
        uint256 position = _field(step, first, 224);
        uint256 exited = _field(step, first + 1, 96);
        // Each cast keeps exactly its field's bits.
        return EmittedCell({
            rollup: RollupId.wrap(uint16(position)),
            asset: AssetId.wrap(uint16(position >> 16)),
            balance: uint96(position >> 32),
            deposited: uint96(position >> 128),
            exited: uint96(exited)
        });
    }

    function rollupAt(uint256[] calldata step, uint256 slot)
        internal
        pure
        returns (EmittedRollup memory)
    {
        uint256 first = _firstRollupWord(step) + slot * WORDS_PER_ROLLUP;
        uint256 head = _field(step, first, 80);
        return EmittedRollup({
            rollup: RollupId.wrap(uint16(head)),
            nextHeight: uint64(head >> 16),
            l2Root: _root(step, first + 1),
            exitRoot: _root(step, first + 3),
            keyX: step[first + 5],
            keyY: step[first + 6]
        });
    }

    /// @dev Whether it is a step whose slots all have a first word.
    function _isFilled(uint256[] calldata step) private pure returns (bool) {
        if (step.length == 0) return false;
        uint256 firstRollup = _firstRollupWord(step);
        for (uint256 i = FIRST_CELL_WORD; i < firstRollup; i += WORDS_PER_CELL) {
            if (step[i] == 0) return false;
        }
        for (uint256 i = firstRollup; i < step.length; i += WORDS_PER_ROLLUP) {
            if (step[i] == 0) return false;
        }
        return true;
    }

    function _firstRollupWord(uint256[] calldata step) private pure returns (uint256) {
        return FIRST_CELL_WORD + cellCount(step) * WORDS_PER_CELL;
    }

    /// @dev A root from its halves.
    function _root(uint256[] calldata step, uint256 index) private pure returns (bytes32) {
        return bytes32(_field(step, index, 128) << 128 | _field(step, index + 1, 128));
    }

    function _field(uint256[] calldata step, uint256 index, uint256 bits)
        private
        pure
        returns (uint256 word)
    {
        word = step[index];
        if (word >> bits != 0) revert EmittedWordMalformed(index, word);
    }
}
