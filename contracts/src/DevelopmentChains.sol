// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What may exist on development chains only
abstract contract DevelopmentChains {
    uint256 private constant _ANVIL = 31337;
    uint256 private constant _GETH_DEV = 1337;

    /// @notice This chain is not a development chain.
    error NotADevelopmentChain(uint256 chainId);

    function _requireDevelopmentChain() internal view {
        if (block.chainid != _ANVIL && block.chainid != _GETH_DEV) {
            revert NotADevelopmentChain(block.chainid);
        }
    }
}
