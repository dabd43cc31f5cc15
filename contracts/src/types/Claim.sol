// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AssetId} from "./AssetId.sol";
import {EpochNumber} from "./EpochNumber.sol";
import {RollupId} from "./RollupId.sol";

/// @dev One exit, claimed against the exit root that `rollup` had when `epoch` settled. `index` is
/// the 0-based number of the exit in the rollup's history and its identity: it is paid once.
struct Claim {
    EpochNumber epoch;
    RollupId rollup;
    uint32 index;
    AssetId asset;
    address recipient;
    uint96 atoms;
}

using {leaf} for Claim global;

/// @dev The exit's leaf. Hashed twice, so that no inner node of the tree can pass for a leaf.
function leaf(Claim calldata c) pure returns (bytes32) {
    bytes memory fields = abi.encode(c.rollup, c.index, c.asset, c.recipient, c.atoms);
    return keccak256(bytes.concat(keccak256(fields)));
}
