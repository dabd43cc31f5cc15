// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev A participant of the domain, given out from 1 at registration; 0 is L1 itself.
type RollupId is uint16;

using {equals as ==, differs as !=} for RollupId global;

function equals(RollupId a, RollupId b) pure returns (bool) {
    return RollupId.unwrap(a) == RollupId.unwrap(b);
}

function differs(RollupId a, RollupId b) pure returns (bool) {
    return RollupId.unwrap(a) != RollupId.unwrap(b);
}
