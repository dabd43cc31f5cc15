// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEpochVerifier} from "src/interfaces/IEpochVerifier.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";

/// @dev The real verifier under another key id: the vectors' domain word is made from a fixed one,
/// so that it does not change with the key.
contract RenamedVerifier is IEpochVerifier {
    bytes32 public immutable verificationKeyId;
    IEpochVerifier private immutable _real;

    constructor(bytes32 keyId, IEpochVerifier real) {
        verificationKeyId = keyId;
        _real = real;
    }

    function verify(
        uint256 domainWord,
        EpochNumber epoch,
        uint256 openingDigest,
        uint256[74][] calldata steps,
        bytes calldata proof
    ) external view returns (bool) {
        return _real.verify(domainWord, epoch, openingDigest, steps, proof);
    }
}
