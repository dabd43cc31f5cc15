// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev The number of an epoch; the first is 1, 0 means none yet.
type EpochNumber is uint64;

using {equals as ==, differs as !=, next} for EpochNumber global;

function equals(EpochNumber a, EpochNumber b) pure returns (bool) {
    return EpochNumber.unwrap(a) == EpochNumber.unwrap(b);
}

function differs(EpochNumber a, EpochNumber b) pure returns (bool) {
    return EpochNumber.unwrap(a) != EpochNumber.unwrap(b);
}

function next(EpochNumber a) pure returns (EpochNumber) {
    return EpochNumber.wrap(EpochNumber.unwrap(a) + 1);
}
