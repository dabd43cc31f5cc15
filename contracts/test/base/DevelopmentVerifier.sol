// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DevelopmentChains} from "src/DevelopmentChains.sol";
import {IEpochVerifier} from "src/interfaces/IEpochVerifier.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";

/// @dev Accepts every proof: for tests of what a contract checks itself, whatever is proven.
contract DevelopmentVerifier is IEpochVerifier, DevelopmentChains {
    constructor() {
        _requireDevelopmentChain();
    }

    function verificationKeyId() external pure returns (bytes32) {
        return keccak256("netfold development verifier: checks nothing");
    }

    function verify(uint256, EpochNumber, uint256, uint256[] calldata, bytes calldata)
        external
        view
        returns (bool)
    {
        _requireDevelopmentChain();
        return true;
    }
}
