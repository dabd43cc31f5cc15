// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FIELD_ORDER} from "../types/Word.sol";
import {Point} from "./Curve.sol";
import {Scalar} from "./Scalar.sol";

/// @dev "NoDS" and the round in the last 12 bytes of a word, with the state behind it just as they
/// are hashed; and the bytes absorbed since the last challenge, from `start` to `end` of a buffer.
struct Transcript {
    uint256 round;
    uint256 high;
    uint256 low;
    uint256 start;
    uint256 end;
}

/// @title The Fiat-Shamir transcript of nova-snark 0.76, feature `evm`: `Keccak256Transcript`
/// @dev With m = absorbed bytes ‖ "NoDS" ‖ round in 8 bytes ‖ state ‖ label, a challenge is
///
///   state' = keccak256(m ‖ 1) ‖ keccak256(m ‖ 0),   challenge = state' as one number, mod r
///
/// What is absorbed stands as it is in the proof; a point is followed by a byte that is 1 for
/// infinity. Labels are one to three bytes long, the rest of their type is zero. Positions in the
/// buffer are small numbers: nothing here can overflow.
library Transcripts {
    uint256 private constant _FIRST_ROUND = 0x4e6f4453 << 64; // "NoDS", round 0.
    /// @dev Of `Transcript`: where what is hashed begins, and how long it is.
    uint256 private constant _HASHED_OFFSET = 20;
    uint256 private constant _HASHED_BYTES = 76;
    /// @dev What a challenge writes behind what was absorbed.
    uint256 private constant _CHALLENGE_BYTES = _HASHED_BYTES + 64;
    /// @dev 2^256 mod r.
    uint256 private constant _HIGH_WEIGHT =
        0xe0a77c19a07df2f666ea36f7879462e36fc76959f60cd29ac96341c4ffffffb;

    /// @notice A transcript as `new(b"RelaxedR1CSSNARK")` leaves it.
    /// @param capacity At least what is ever absorbed between two challenges, in bytes.
    function create(uint256 capacity) internal pure returns (Transcript memory self) {
        self.round = _FIRST_ROUND;
        self.high = uint256(keccak256("NoTRRelaxedR1CSSNARK\x01"));
        self.low = uint256(keccak256("NoTRRelaxedR1CSSNARK\x00"));
        uint256 size = capacity + _CHALLENGE_BYTES;
        uint256 start;
        assembly ("memory-safe") {
            start := mload(0x40)
            mstore(0x40, add(start, and(add(size, 31), not(31))))
        }
        self.start = start;
        self.end = start;
    }

    function absorbKey(Transcript memory self, uint256 digest) internal pure {
        unchecked {
            uint256 end = self.end;
            assembly ("memory-safe") {
                mstore(end, "vk")
                mstore(add(end, 2), digest)
            }
            self.end = end + 34;
        }
    }

    function absorbLabel(Transcript memory self, bytes3 label) internal pure {
        unchecked {
            uint256 end = self.end;
            assembly ("memory-safe") {
                mstore(end, label)
                let second := iszero(iszero(byte(1, label)))
                end := add(end, add(1, add(second, iszero(iszero(byte(2, label))))))
            }
            self.end = end;
        }
    }

    function absorbPoint(Transcript memory self, Point memory point) internal pure {
        unchecked {
            uint256 end = self.end;
            assembly ("memory-safe") {
                let x := mload(point)
                let y := mload(add(point, 0x20))
                mstore(end, x)
                mstore(add(end, 0x20), y)
                mstore8(add(end, 0x40), iszero(or(x, y)))
            }
            self.end = end + 65;
        }
    }

    function absorbWord(Transcript memory self, bytes3 label, uint256 word) internal pure {
        unchecked {
            absorbLabel(self, label);
            uint256 end = self.end;
            assembly ("memory-safe") {
                mstore(end, word)
            }
            self.end = end + 32;
        }
    }

    function absorbScalars(Transcript memory self, Scalar[] memory scalars) internal pure {
        unchecked {
            uint256 end = self.end;
            uint256 length = 32 * scalars.length;
            assembly ("memory-safe") {
                mcopy(end, add(scalars, 0x20), length)
            }
            self.end = end + length;
        }
    }

    /// @notice Absorbs `count` points of the proof that stand from `position` in the calldata.
    function absorbPoints(Transcript memory self, bytes3 label, uint256 position, uint256 count)
        internal
        pure
    {
        absorbLabel(self, label);
        uint256 end = self.end;
        assembly ("memory-safe") {
            for { let limit := add(position, shl(6, count)) } lt(position, limit) {} {
                let x := calldataload(position)
                let y := calldataload(add(position, 0x20))
                mstore(end, x)
                mstore(add(end, 0x20), y)
                mstore8(add(end, 0x40), iszero(or(x, y)))
                position := add(position, 0x40)
                end := add(end, 0x41)
            }
        }
        self.end = end;
    }

    /// @notice Absorbs `count` scalars of the proof that stand from `position` in the calldata.
    function absorbWords(Transcript memory self, bytes3 label, uint256 position, uint256 count)
        internal
        pure
    {
        unchecked {
            absorbLabel(self, label);
            uint256 end = self.end;
            uint256 length = 32 * count;
            assembly ("memory-safe") {
                calldatacopy(end, position, length)
            }
            self.end = end + length;
        }
    }

    /// @param label One byte or two.
    function challenge(Transcript memory self, bytes2 label) internal pure returns (Scalar result) {
        unchecked {
            (uint256 start, uint256 end) = (self.start, self.end);
            uint256 high;
            uint256 low;
            assembly ("memory-safe") {
                mcopy(end, add(self, _HASHED_OFFSET), _HASHED_BYTES)
                end := add(end, _HASHED_BYTES)
                // The label and a zero byte.
                mstore(end, and(label, shl(240, 0xffff)))
                end := add(end, add(1, iszero(iszero(byte(1, label)))))
                let length := sub(add(end, 1), start)
                low := keccak256(start, length)
                mstore8(end, 1)
                high := keccak256(start, length)
                result := addmod(mulmod(high, _HIGH_WEIGHT, FIELD_ORDER), low, FIELD_ORDER)
            }
            self.round += 1;
            (self.high, self.low) = (high, low);
            self.end = start;
        }
    }

    /// @notice Fills `list` with challenges from index `first` to its end.
    function challenges(Transcript memory self, bytes2 label, Scalar[] memory list, uint256 first)
        internal
        pure
    {
        uint256 count = list.length;
        for (uint256 i = first; i < count; ++i) {
            Scalar next = challenge(self, label);
            assembly ("memory-safe") {
                mstore(add(list, shl(5, add(i, 1))), next)
            }
        }
    }
}
