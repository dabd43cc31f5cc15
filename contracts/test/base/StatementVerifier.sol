// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEpochVerifier} from "src/interfaces/IEpochVerifier.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";

/// @dev A proof system in the small: the only proof of a statement is its own hash. So a settlement
/// goes through exactly if the contract passed on exactly the statement that was proven.
contract StatementVerifier is IEpochVerifier {
    bytes32 public immutable verificationKeyId;

    constructor(bytes32 keyId) {
        verificationKeyId = keyId;
    }

    function verify(
        uint256 domainWord,
        EpochNumber epoch,
        uint256 openingDigest,
        uint256[] calldata steps,
        bytes calldata proof
    ) external pure returns (bool) {
        bytes memory expected = prove(domainWord, epoch, openingDigest, steps);
        return keccak256(proof) == keccak256(expected);
    }

    function prove(
        uint256 domainWord,
        EpochNumber epoch,
        uint256 openingDigest,
        uint256[] calldata steps
    ) public pure returns (bytes memory) {
        return abi.encode(keccak256(abi.encode(domainWord, epoch, openingDigest, steps)));
    }
}
