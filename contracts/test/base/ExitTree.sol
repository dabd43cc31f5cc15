// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev A rollup's append-only exit tree of depth 32 with empty leaves of zero, built level by
/// level; no code shared with the contract, which only climbs paths.
library ExitTree {
    function root(bytes32[] memory leaves, uint256 count) internal pure returns (bytes32) {
        (bytes32 top,) = _climb(leaves, count, 0);
        return top;
    }

    /// @return The 32 siblings of leaf `index` in the tree of the first `count` leaves, upwards.
    function path(bytes32[] memory leaves, uint256 count, uint256 index)
        internal
        pure
        returns (bytes32[] memory)
    {
        (, bytes32[] memory siblings) = _climb(leaves, count, index);
        return siblings;
    }

    function _climb(bytes32[] memory leaves, uint256 count, uint256 index)
        private
        pure
        returns (bytes32 top, bytes32[] memory siblings)
    {
        siblings = new bytes32[](32);
        bytes32[] memory level = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            level[i] = leaves[i];
        }
        bytes32 empty = 0;
        for (uint256 height = 0; height < 32; ++height) {
            uint256 sibling = index ^ 1;
            siblings[height] = sibling < level.length ? level[sibling] : empty;
            bytes32[] memory upper = new bytes32[]((level.length + 1) / 2);
            for (uint256 i = 0; i < upper.length; ++i) {
                bytes32 right = 2 * i + 1 < level.length ? level[2 * i + 1] : empty;
                upper[i] = node(level[2 * i], right);
            }
            level = upper;
            empty = node(empty, empty);
            index >>= 1;
        }
        top = level.length == 0 ? empty : level[0];
    }

    function node(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }
}
