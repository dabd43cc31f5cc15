// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEpochVerifier} from "../interfaces/IEpochVerifier.sol";

/// @title A verifier that checks nothing, for development chains only
/// @notice It accepts every proof. So that it can never stand behind anybody's money it refuses, at
/// deployment and at every call, any chain but the two development chain ids.
contract DevelopmentVerifier is IEpochVerifier {
    uint256 private constant _ANVIL = 31337;
    uint256 private constant _GETH_DEV = 1337;

    /// @notice Whoever deployed this was told that it checks nothing.
    event ChecksNothing(uint256 chainId);

    /// @notice This chain is not a development chain.
    error NotADevelopmentChain(uint256 chainId);

    modifier onlyDevelopmentChain() {
        if (block.chainid != _ANVIL && block.chainid != _GETH_DEV) {
            revert NotADevelopmentChain(block.chainid);
        }
        _;
    }

    constructor() onlyDevelopmentChain {
        emit ChecksNothing(block.chainid);
    }

    /// @inheritdoc IEpochVerifier
    function verificationKeyId() external pure returns (bytes32) {
        return keccak256("netfold development verifier: checks nothing");
    }

    /// @inheritdoc IEpochVerifier
    function verify(uint256[] calldata, bytes calldata)
        external
        view
        onlyDevelopmentChain
        returns (bool)
    {
        return true;
    }
}
