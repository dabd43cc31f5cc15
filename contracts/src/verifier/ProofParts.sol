// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FIELD_ORDER} from "../types/Word.sol";
import {Key} from "./Key.sol";
import {Scalar} from "./Scalar.sol";

uint256 constant POINT_BYTES = 64;
/// @dev MicroSpartan's own commitments: L_row, L_col, and the four inverses of its look-ups.
uint256 constant COMMITMENTS = 6;
/// @dev A cubic g as its coefficients c0, c2, c3: c1 follows from g(0) + g(1).
uint256 constant CUBIC_BYTES = 96;
uint256 constant OUTER_CLAIMS = 4;
uint256 constant EVALUATIONS = 15;
/// @dev Mercury's commitments: h, g, q, s, d, and three quotients.
uint256 constant OPENING_POINTS = 8;
uint256 constant OPENED_VALUES = 6;

/// @dev Where in the calldata each part of a proof begins. The parts follow one another without
/// gaps; nothing in a proof says how long it is.
struct ProofParts {
    uint256 steps;
    uint256 commitments;
    uint256 outerSumCheck;
    uint256 outerClaims;
    uint256 innerSumCheck;
    uint256 evaluations;
    uint256 opening;
    uint256 openedValues;
    uint256 end;
}

/// @dev The parts of a proof of `stepCount` steps that begins at `position` in the calldata.
function partsOf(Key memory key, uint256 stepCount, uint256 position)
    pure
    returns (ProofParts memory parts)
{
    // Sums of lengths that are far below 2^64.
    unchecked {
        uint256 entries = key.logEntries;
        parts.steps = position;
        // The first step has a W, each later one W and T.
        parts.commitments = parts.steps + POINT_BYTES * (2 * stepCount - 1);
        parts.outerSumCheck = parts.commitments + POINT_BYTES * COMMITMENTS;
        parts.outerClaims = parts.outerSumCheck + CUBIC_BYTES * key.logConstraints;
        parts.innerSumCheck = parts.outerClaims + 32 * OUTER_CLAIMS;
        parts.evaluations = parts.innerSumCheck + CUBIC_BYTES * entries;
        parts.opening = parts.evaluations + 32 * EVALUATIONS;
        parts.openedValues = parts.opening + POINT_BYTES * OPENING_POINTS;
        parts.end = parts.openedValues + 32 * OPENED_VALUES;
    }
}

/// @dev What the prover says of Az, Bz, Cz and E at the outer sum-check's point.
struct OuterClaims {
    Scalar az;
    Scalar bz;
    Scalar cz;
    Scalar e;
}

/// @dev What the prover says of all fifteen polynomials at the inner sum-check's point, in the
/// proof's order: the witness, the error, what was looked up, the matrices' values, and for rows
/// and columns each the table's inverse, the address, the look-up's inverse and the count.
struct Evaluations {
    Scalar w;
    Scalar e;
    Scalar lRow;
    Scalar lCol;
    Scalar valA;
    Scalar valB;
    Scalar valC;
    Scalar tableRow;
    Scalar row;
    Scalar lookupRow;
    Scalar tsRow;
    Scalar tableCol;
    Scalar col;
    Scalar lookupCol;
    Scalar tsCol;
}

/// @dev What the prover says of Mercury's univariate polynomials at zeta and its inverse, in the
/// proof's order.
struct OpenedValues {
    Scalar g;
    Scalar gInverse;
    Scalar h;
    Scalar hInverse;
    Scalar s;
    Scalar sInverse;
}

/// @return canonical Whether all are scalars; they mean nothing otherwise.
function outerClaimsAt(uint256 position) pure returns (bool canonical, OuterClaims memory claims) {
    uint256 length = 32 * OUTER_CLAIMS;
    assembly ("memory-safe") {
        calldatacopy(claims, position, length)
    }
    canonical = areCanonical(position, OUTER_CLAIMS);
}

/// @return canonical Whether all are scalars; they mean nothing otherwise.
function evaluationsAt(uint256 position)
    pure
    returns (bool canonical, Evaluations memory evaluations)
{
    uint256 length = 32 * EVALUATIONS;
    assembly ("memory-safe") {
        calldatacopy(evaluations, position, length)
    }
    canonical = areCanonical(position, EVALUATIONS);
}

/// @return canonical Whether all are scalars; they mean nothing otherwise.
function openedValuesAt(uint256 position)
    pure
    returns (bool canonical, OpenedValues memory values)
{
    uint256 length = 32 * OPENED_VALUES;
    assembly ("memory-safe") {
        calldatacopy(values, position, length)
    }
    canonical = areCanonical(position, OPENED_VALUES);
}

/// @dev The point at `position`; whether it is one is for the precompiles to say.
function pointAt(uint256 position) pure returns (uint256 x, uint256 y) {
    assembly ("memory-safe") {
        x := calldataload(position)
        y := calldataload(add(position, 0x20))
    }
}

/// @dev Whether the `count` words from `position` are scalars.
function areCanonical(uint256 position, uint256 count) pure returns (bool canonical) {
    assembly ("memory-safe") {
        canonical := 1
        let limit := add(position, shl(5, count))
        for {} lt(position, limit) { position := add(position, 0x20) } {
            canonical := and(canonical, lt(calldataload(position), FIELD_ORDER))
        }
    }
}
