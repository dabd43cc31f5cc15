// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Scalar} from "./Scalar.sol";

/// @dev The order p of the field that BN254's coordinates are in.
uint256 constant BASE_FIELD_ORDER =
    21888242871839275222246405745257275088696311157297823662689037894645226208583;

/// @dev A point of BN254's G1 as the precompiles know it (EIP-196): (0, 0) is infinity.
struct Point {
    uint256 x;
    uint256 y;
}

/// @dev A point of G2 in the order of the pairing precompile (EIP-197): imaginary parts first.
struct PointG2 {
    uint256 xIm;
    uint256 xRe;
    uint256 yIm;
    uint256 yRe;
}

/// @dev A sum of points while it is computed, and the scratch of the precompiles behind it, in the
/// one order that serves both: `x y scalar` and `x y termX termY` for what is done to the sum,
/// `termX termY scalar` for a term.
struct Sum {
    uint256 x;
    uint256 y;
    uint256 termX;
    uint256 termY;
    uint256 scalar;
}

/// @title Arithmetic on BN254 through the precompiles
/// @dev Each function is false if a precompile refuses: a coordinate of p or above, or a point off
/// the curve. The curve's order is prime, so there is no subgroup to check. A refusing precompile
/// eats all gas it was given: it is given a few times its price (EIP-1108: 150, 6,000 and 113,000),
/// so that a later repricing does not stop settlement, and never everything. What it returns is
/// measured too: a chain without the precompile would answer "done" and leave the memory as it was.
library Curve {
    uint256 private constant _ADD_GAS = 1_000;
    uint256 private constant _MULTIPLY_GAS = 30_000;
    uint256 private constant _PAIRING_GAS = 500_000;

    /// @notice `self += scalar * (x, y)`. Checks both `self` and the point.
    function addMultiple(Sum memory self, uint256 x, uint256 y, Scalar scalar)
        internal
        view
        returns (bool done)
    {
        self.termX = x;
        self.termY = y;
        self.scalar = Scalar.unwrap(scalar);
        assembly ("memory-safe") {
            let term := add(self, 0x40)
            done := staticcall(_MULTIPLY_GAS, 7, term, 0x60, term, 0x40)
            done := and(done, eq(returndatasize(), 0x40))
            if done {
                done := staticcall(_ADD_GAS, 6, self, 0x80, self, 0x40)
                done := and(done, eq(returndatasize(), 0x40))
            }
        }
    }

    /// @notice `self *= scalar`. Checks `self`.
    function multiply(Sum memory self, Scalar scalar) internal view returns (bool done) {
        self.termX = Scalar.unwrap(scalar);
        assembly ("memory-safe") {
            done := staticcall(_MULTIPLY_GAS, 7, self, 0x60, self, 0x40)
            done := and(done, eq(returndatasize(), 0x40))
        }
    }

    /// @notice P_0 + scalar P_1 + scalar^2 P_2 + ... of the `count` points that stand from `points` in
    /// the memory, at least one, by Horner's rule. Checks all of them if there are two.
    function weighedSum(uint256 points, uint256 count, Scalar scalar)
        internal
        view
        returns (bool done, Sum memory sum)
    {
        assembly ("memory-safe") {
            done := 1
            let second := add(sum, 0x40)
            let point := add(points, shl(6, sub(count, 1)))
            mcopy(sum, point, 0x40)
            for {} and(done, gt(point, points)) {} {
                point := sub(point, 0x40)
                mstore(second, scalar)
                done := staticcall(_MULTIPLY_GAS, 7, sum, 0x60, sum, 0x40)
                done := and(done, eq(returndatasize(), 0x40))
                mcopy(second, point, 0x40)
                done := and(done, staticcall(_ADD_GAS, 6, sum, 0x80, sum, 0x40))
                done := and(done, eq(returndatasize(), 0x40))
            }
        }
    }

    /// @notice `self += (x, y)`. Checks both.
    function add(Sum memory self, uint256 x, uint256 y) internal view returns (bool done) {
        self.termX = x;
        self.termY = y;
        assembly ("memory-safe") {
            done := staticcall(_ADD_GAS, 6, self, 0x80, self, 0x40)
            done := and(done, eq(returndatasize(), 0x40))
        }
    }

    /// @notice `self -= other`, where `other` came from a precompile.
    function subtract(Sum memory self, Sum memory other) internal view returns (bool) {
        return add(self, other.x, _negated(other.y));
    }

    /// @notice Whether e(left, h) = e(right, tauH), where both sums came from precompiles: the
    /// pairing precompile can then fail for want of gas alone.
    function pairingsEqual(Sum memory left, PointG2 memory h, Sum memory right, PointG2 memory tauH)
        internal
        view
        returns (bool equal)
    {
        uint256[12] memory pairs = [
            left.x,
            left.y,
            h.xIm,
            h.xRe,
            h.yIm,
            h.yRe,
            right.x,
            _negated(right.y),
            tauH.xIm,
            tauH.xRe,
            tauH.yIm,
            tauH.yRe
        ];
        assembly ("memory-safe") {
            mstore(0, 0)
            let done := staticcall(_PAIRING_GAS, 8, pairs, 0x180, 0, 0x20)
            equal := and(and(done, eq(returndatasize(), 0x20)), eq(mload(0), 1))
        }
    }

    /// @dev Of infinity too, whose y is 0.
    function _negated(uint256 y) private pure returns (uint256) {
        return y == 0 ? 0 : BASE_FIELD_ORDER - y;
    }
}
