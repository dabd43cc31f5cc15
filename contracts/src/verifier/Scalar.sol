// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FIELD_ORDER} from "../types/Word.sol";

/// @dev An element of BN254's scalar field. Invariant: below `FIELD_ORDER`; a word from outside
/// becomes one only after `isCanonical`.
type Scalar is uint256;

using {plus as +, minus as -, times as *, equals as ==, differs as !=} for Scalar global;

Scalar constant ZERO = Scalar.wrap(0);
Scalar constant ONE = Scalar.wrap(1);

function plus(Scalar a, Scalar b) pure returns (Scalar c) {
    assembly ("memory-safe") {
        c := addmod(a, b, FIELD_ORDER)
    }
}

function minus(Scalar a, Scalar b) pure returns (Scalar c) {
    assembly ("memory-safe") {
        c := addmod(a, sub(FIELD_ORDER, b), FIELD_ORDER)
    }
}

function times(Scalar a, Scalar b) pure returns (Scalar c) {
    assembly ("memory-safe") {
        c := mulmod(a, b, FIELD_ORDER)
    }
}

function equals(Scalar a, Scalar b) pure returns (bool) {
    return Scalar.unwrap(a) == Scalar.unwrap(b);
}

function differs(Scalar a, Scalar b) pure returns (bool) {
    return Scalar.unwrap(a) != Scalar.unwrap(b);
}

/// @dev 1/a = a^(r-2), by the precompile of EIP-198, which is given a few times its price.
/// @return done False for zero, which has no inverse.
function inverse(Scalar a) view returns (bool done, Scalar b) {
    assembly ("memory-safe") {
        let input := mload(0x40)
        mstore(input, 0x20)
        mstore(add(input, 0x20), 0x20)
        mstore(add(input, 0x40), 0x20)
        mstore(add(input, 0x60), a)
        mstore(add(input, 0x80), sub(FIELD_ORDER, 2))
        mstore(add(input, 0xa0), FIELD_ORDER)
        done := staticcall(20000, 5, input, 0xc0, 0, 0x20)
        done := and(done, eq(returndatasize(), 0x20))
        b := mload(0)
        done := and(done, eq(mulmod(a, b, FIELD_ORDER), 1))
    }
}
