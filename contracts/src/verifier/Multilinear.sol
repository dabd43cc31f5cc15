// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FIELD_ORDER} from "../types/Word.sol";
import {Scalar} from "./Scalar.sol";

/// @title Multilinear polynomials that a verifier evaluates itself
/// @dev Points are read from index `from` to `to`; the first variable is an index's highest bit.
/// Differences are kept above zero by adding r once or twice: 5r is still below 2^256.
library Multilinear {
    /// @notice eq(a, b) = prod a_i b_i + (1 - a_i)(1 - b_i), for points of equal length.
    function eq(Scalar[] memory a, Scalar[] memory b, uint256 from, uint256 to)
        internal
        pure
        returns (Scalar product)
    {
        assembly ("memory-safe") {
            product := 1
            let place := add(a, shl(5, add(from, 1)))
            let limit := add(a, shl(5, add(to, 1)))
            let distance := sub(b, a)
            let above := add(shl(1, FIELD_ORDER), 1)
            for {} lt(place, limit) { place := add(place, 0x20) } {
                let x := mload(place)
                let y := mload(add(place, distance))
                let xy := mulmod(x, y, FIELD_ORDER)
                let term := add(add(xy, xy), sub(above, add(x, y))) // 1 - x - y + 2xy
                product := mulmod(product, term, FIELD_ORDER)
            }
        }
    }

    /// @notice prod (1 - a_i): how much of a polynomial over the last variables is left when those
    /// before them are padding.
    function zeros(Scalar[] memory a, uint256 from, uint256 to)
        internal
        pure
        returns (Scalar product)
    {
        assembly ("memory-safe") {
            product := 1
            let place := add(a, shl(5, add(from, 1)))
            let limit := add(a, shl(5, add(to, 1)))
            let above := add(FIELD_ORDER, 1)
            for {} lt(place, limit) { place := add(place, 0x20) } {
                product := mulmod(product, sub(above, mload(place)), FIELD_ORDER)
            }
        }
    }

    /// @notice The polynomial that is i at index i.
    function identity(Scalar[] memory a) internal pure returns (Scalar sum) {
        assembly ("memory-safe") {
            let place := add(a, 0x20)
            let limit := add(place, shl(5, mload(a)))
            for {} lt(place, limit) { place := add(place, 0x20) } {
                sum := addmod(add(sum, sum), mload(place), FIELD_ORDER)
            }
        }
    }

    /// @notice The polynomial that is `values[i]` at index i and 0 past them.
    /// @dev Binds the last variable first, halving the table each time: of a pair (v, w) stays
    /// v + x (w - v), and of a last value without a partner v - x v. The first round reads `values`
    /// and writes a table of its own. Variables before those that the table needs are padding.
    function evaluate(Scalar[] memory values, Scalar[] memory a, uint256 from)
        internal
        pure
        returns (Scalar)
    {
        uint256 size = values.length;
        Scalar[] memory table = new Scalar[](size / 2 + 2);
        Scalar[] memory source = values;
        uint256 variable = a.length;
        while (size > 1) {
            Scalar x = a[--variable];
            assembly ("memory-safe") {
                let v := add(source, 0x20)
                let limit := add(v, shl(5, and(size, not(1))))
                let place := add(table, 0x20)
                for {} lt(v, limit) { v := add(v, 0x40) } {
                    let low := mload(v)
                    let difference := sub(add(mload(add(v, 0x20)), FIELD_ORDER), low)
                    mstore(place, addmod(low, mulmod(x, difference, FIELD_ORDER), FIELD_ORDER))
                    place := add(place, 0x20)
                }
                if and(size, 1) {
                    mstore(place, mulmod(mload(v), sub(add(FIELD_ORDER, 1), x), FIELD_ORDER))
                }
                size := shr(1, add(size, 1))
            }
            source = table;
        }
        return source[0] * zeros(a, from, variable);
    }
}
