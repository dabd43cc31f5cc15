// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AssetId} from "src/types/AssetId.sol";
import {RollupId} from "src/types/RollupId.sol";
import {EmittedCell, EmittedRollup} from "src/types/StepOutput.sol";
import {FIELD_ORDER} from "src/types/Word.sol";

/// @dev Writes step outputs from the working agreement's layout in plain numbers, on purpose not
/// from the contract's constants.
library Steps {
    function packCell(EmittedCell memory c) internal pure returns (uint256) {
        return uint256(RollupId.unwrap(c.rollup)) | uint256(AssetId.unwrap(c.asset)) << 16
            | uint256(c.balance) << 32 | uint256(c.deposited) << 128;
    }

    function packHead(EmittedRollup memory r) internal pure returns (uint256) {
        return uint256(RollupId.unwrap(r.rollup)) | uint256(r.nextHeight) << 16;
    }

    /// @dev What L1 gets of the outputs: of each step its digest, its counts and the slots up to the
    /// last that is not all zero.
    function pack(uint256[90][] memory steps) internal pure returns (uint256[] memory words) {
        words = new uint256[](steps.length * 90);
        uint256 length = 0;
        for (uint256 j = 0; j < steps.length; ++j) {
            uint256 cells = used(steps[j], 2, 2, 16);
            uint256 rollups = used(steps[j], 34, 7, 8);
            words[length++] = steps[j][0];
            words[length++] = steps[j][1] | cells << 64 | rollups << 72;
            for (uint256 i = 2; i < 2 + 2 * cells; ++i) {
                words[length++] = steps[j][i];
            }
            for (uint256 i = 34; i < 34 + 7 * rollups; ++i) {
                words[length++] = steps[j][i];
            }
        }
        assembly ("memory-safe") {
            mstore(words, length)
        }
    }

    /// @dev How many of the slots, of `each` words from `first` on, lead up to the last used one.
    function used(uint256[90] memory step, uint256 first, uint256 each, uint256 slots)
        private
        pure
        returns (uint256 count)
    {
        for (uint256 i = 0; i < slots * each; ++i) {
            if (step[first + i] != 0) count = i / each + 1;
        }
    }

    /// @dev As many steps as the emissions need, at least one; the last has `digest`.
    function build(bytes32 digest, EmittedCell[] memory cells, EmittedRollup[] memory rollups)
        internal
        pure
        returns (uint256[90][] memory steps)
    {
        uint256 count = (cells.length + 15) / 16;
        uint256 forRollups = (rollups.length + 7) / 8;
        if (forRollups > count) count = forRollups;
        if (count == 0) count = 1;
        steps = new uint256[90][](count);
        for (uint256 i = 0; i < cells.length; ++i) {
            uint256 word = 2 + (i % 16) * 2;
            steps[i / 16][word] = packCell(cells[i]);
            steps[i / 16][word + 1] = cells[i].exited;
        }
        for (uint256 i = 0; i < rollups.length; ++i) {
            uint256 word = 34 + (i % 8) * 7;
            steps[i / 8][word] = packHead(rollups[i]);
            steps[i / 8][word + 1] = uint256(rollups[i].l2Root) >> 128;
            steps[i / 8][word + 2] = uint128(uint256(rollups[i].l2Root));
            steps[i / 8][word + 3] = uint256(rollups[i].exitRoot) >> 128;
            steps[i / 8][word + 4] = uint128(uint256(rollups[i].exitRoot));
            steps[i / 8][word + 5] = rollups[i].keyX;
            steps[i / 8][word + 6] = rollups[i].keyY;
        }
        finish(steps, digest);
    }

    /// @dev Digests as words that only have to be canonical and different here, and pending counts
    /// that end in zero.
    function finish(uint256[90][] memory steps, bytes32 digest) internal pure {
        for (uint256 j = 0; j < steps.length; ++j) {
            steps[j][0] = uint256(keccak256(abi.encode(digest, j))) % FIELD_ORDER;
            steps[j][1] = steps.length - 1 - j;
        }
        steps[steps.length - 1][0] = uint256(digest);
    }
}
