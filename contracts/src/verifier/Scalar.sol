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
