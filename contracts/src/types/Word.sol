// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev The order r of BN254's scalar field. A word of the statement is canonical if below it: a
/// word plus r would be the same field element, a second spelling of the same statement.
uint256 constant FIELD_ORDER =
    21888242871839275222246405745257275088548364400416034343698204186575808495617;

function isCanonical(uint256 word) pure returns (bool) {
    return word < FIELD_ORDER;
}
