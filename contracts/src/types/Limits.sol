// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev The shape of the step circuit. A rollup or asset past it could never be settled, so it is
/// refused at registration.
uint256 constant MAX_ROLLUPS = 16;
uint256 constant MAX_ASSETS = 4;
uint256 constant MAX_STEPS_PER_EPOCH = 128;
uint256 constant EXIT_TREE_DEPTH = 32;

/// @dev Bounds of the time after which anybody may settle. Shorter than an hour, a node that is slow
/// for a moment would lose its domain; longer than a month, waiting would be no way out.
uint256 constant MIN_SETTLER_GRACE = 1 hours;
uint256 constant MAX_SETTLER_GRACE = 30 days;

/// @dev The bound of every amount: what `uint96`, the circuit's range check and the ledger's
/// decimals all hold exactly.
uint256 constant ATOMS_MAX = type(uint96).max;

/// @dev An asset's ledger unit holds the ledger's decimals (28 places) and its token's amount fits
/// in 256 bits: 2^96 * 10^36 < 2^216.
uint8 constant MAX_TOKEN_DECIMALS = 36;
uint8 constant MAX_LEDGER_DECIMALS = 28;
