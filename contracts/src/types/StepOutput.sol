// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AssetId} from "./AssetId.sol";
import {RollupId} from "./RollupId.sol";

/// @dev What L1 is given of a step: its public outputs. Domain word, epoch and the digest before it
/// are public too, but those the contract supplies itself.
///
///   0            state digest
///   1            pending: cells and rollups still to be emitted
///   2 .. 33      16 cells:  rollup + asset*2^16 + balance*2^32 + deposited*2^128 | exited
///   34 .. 73     8 rollups: rollup + nextHeight*2^16 | exit root high | low | key x | key y
///
/// A slot of zero words is empty.
uint256 constant STEP_OUTPUT_WORDS = 74;

uint256 constant CELL_SLOTS = 16;
uint256 constant ROLLUP_SLOTS = 8;

uint256 constant STATE_DIGEST_WORD = 0;
uint256 constant PENDING_WORD = 1;
uint256 constant FIRST_CELL_WORD = 2;
uint256 constant FIRST_ROLLUP_WORD = 34;
uint256 constant WORDS_PER_CELL = 2;
uint256 constant WORDS_PER_ROLLUP = 5;

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
    bytes32 exitRoot;
    uint256 keyX;
    uint256 keyY;
}

/// @title Reading of emitted words
/// @notice Every bit of a word is either read or must be zero, so that one emission has exactly one
/// spelling.
library StepOutputs {
    /// @notice A word has bits set where its slot has no field, or an empty slot is not all zero.
    error EmittedWordMalformed(uint256 wordIndex, uint256 word);

    /// @notice Whether every slot is all zero, as in most steps of a long epoch.
    function emitsNothing(uint256[STEP_OUTPUT_WORDS] calldata step) internal pure returns (bool) {
        uint256 any = 0;
        assembly ("memory-safe") {
            let word := add(step, shl(5, FIRST_CELL_WORD))
            let end := add(step, shl(5, STEP_OUTPUT_WORDS))
            // Eight at once: the slots are 72 words.
            for {} lt(word, end) { word := add(word, 0x100) } {
                let a := or(calldataload(word), calldataload(add(word, 0x20)))
                let b := or(calldataload(add(word, 0x40)), calldataload(add(word, 0x60)))
                let c := or(calldataload(add(word, 0x80)), calldataload(add(word, 0xa0)))
                let d := or(calldataload(add(word, 0xc0)), calldataload(add(word, 0xe0)))
                any := or(any, or(or(a, b), or(c, d)))
            }
        }
        return any == 0;
    }

    /// @notice Whether the slot holds a cell. Comes before `cellAt`, which means nothing otherwise.
    function hasCell(uint256[STEP_OUTPUT_WORDS] calldata step, uint256 slot)
        internal
        pure
        returns (bool)
    {
        return _isUsed(step, FIRST_CELL_WORD + slot * WORDS_PER_CELL, WORDS_PER_CELL);
    }

    function cellAt(uint256[STEP_OUTPUT_WORDS] calldata step, uint256 slot)
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

    /// @notice Whether the slot holds a rollup. Comes before `rollupAt`, as with cells.
    function hasRollup(uint256[STEP_OUTPUT_WORDS] calldata step, uint256 slot)
        internal
        pure
        returns (bool)
    {
        return _isUsed(step, FIRST_ROLLUP_WORD + slot * WORDS_PER_ROLLUP, WORDS_PER_ROLLUP);
    }

    function rollupAt(uint256[STEP_OUTPUT_WORDS] calldata step, uint256 slot)
        internal
        pure
        returns (EmittedRollup memory)
    {
        uint256 first = FIRST_ROLLUP_WORD + slot * WORDS_PER_ROLLUP;
        uint256 head = _field(step, first, 80);
        uint256 high = _field(step, first + 1, 128);
        uint256 low = _field(step, first + 2, 128);
        return EmittedRollup({
            rollup: RollupId.wrap(uint16(head)),
            nextHeight: uint64(head >> 16),
            exitRoot: bytes32(high << 128 | low),
            keyX: step[first + 3],
            keyY: step[first + 4]
        });
    }

    /// @dev A slot is used if its first word is not zero, and must be all zero otherwise.
    function _isUsed(uint256[STEP_OUTPUT_WORDS] calldata step, uint256 first, uint256 count)
        private
        pure
        returns (bool)
    {
        if (step[first] != 0) return true;
        for (uint256 i = first + 1; i < first + count; ++i) {
            if (step[i] != 0) revert EmittedWordMalformed(i, step[i]);
        }
        return false;
    }

    function _field(uint256[STEP_OUTPUT_WORDS] calldata step, uint256 index, uint256 bits)
        private
        pure
        returns (uint256 word)
    {
        word = step[index];
        if (word >> bits != 0) revert EmittedWordMalformed(index, word);
    }
}
