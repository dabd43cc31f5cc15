// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FIELD_ORDER} from "../types/Word.sol";
import {ONE, Scalar, ZERO} from "./Scalar.sol";

/// @title Multilinear polynomials that a verifier evaluates itself
/// @dev Points are read from index `from` to `to`; the first variable is an index's highest bit.
library Multilinear {
    /// @notice eq(a, b) = prod a_i b_i + (1 - a_i)(1 - b_i), for points of equal length.
    function eq(Scalar[] memory a, Scalar[] memory b, uint256 from, uint256 to)
        internal
        pure
        returns (Scalar product)
    {
        assembly ("memory-safe") {
            product := 1
            let limit := add(a, shl(5, add(to, 1)))
            let distance := sub(b, a)
            let place := add(a, shl(5, add(from, 1)))
            for {} lt(place, limit) { place := add(place, 32) } {
                let x := mload(place)
                let y := mload(add(place, distance))
                // 1 - x - y + 2xy, kept above zero by adding 2r.
                let xy := mulmod(x, y, FIELD_ORDER)
                let rest := sub(add(shl(1, FIELD_ORDER), 1), add(x, y))
                product := mulmod(product, add(add(xy, xy), rest), FIELD_ORDER)
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
        product = ONE;
        for (uint256 i = from; i < to; ++i) {
            product = product * (ONE - a[i]);
        }
    }

    /// @notice The polynomial that is i at index i.
    function identity(Scalar[] memory a) internal pure returns (Scalar sum) {
        for (uint256 i = 0; i < a.length; ++i) {
            sum = sum + sum + a[i];
        }
    }

    /// @notice The polynomial that is `values[i]` at index i and 0 past them.
    /// @dev Binds the last variable first, halving the table each time: of a pair of values (v, w)
    /// v + x (w - v) is left. Variables before those that the table needs are padding.
    function evaluate(Scalar[] memory values, Scalar[] memory a, uint256 from)
        internal
        pure
        returns (Scalar)
    {
        uint256 size = values.length;
        Scalar[] memory table = new Scalar[](size + 1);
        for (uint256 i = 0; i < size; ++i) {
            table[i] = values[i];
        }
        uint256 variable = a.length;
        while (size > 1) {
            Scalar x = a[--variable];
            table[size] = ZERO; // What an odd value out is paired with.
            size = (size + 1) / 2;
            for (uint256 i = 0; i < size; ++i) {
                table[i] = table[2 * i] + x * (table[2 * i + 1] - table[2 * i]);
            }
        }
        return table[0] * zeros(a, from, variable);
    }
}
