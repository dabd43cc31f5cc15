// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DevelopmentChains} from "../DevelopmentChains.sol";
import {IEpochVerifier} from "../interfaces/IEpochVerifier.sol";
import {EpochNumber} from "../types/EpochNumber.sol";
import {Opening} from "./Fold.sol";
import {pinnedKey} from "./Key.sol";
import {isProof} from "./SettlementProof.sol";
import {INSECURE_SETUP, VERIFICATION_KEY_ID} from "./VerificationKey.sol";

/// @title The verifier of settlement proofs, for one verification key
/// @notice Stateless, without owner; another circuit is another contract. A key whose setup was made
/// for development, so that whoever made it can forge proofs, is refused off development chains, at
/// deployment and at every call.
contract EpochVerifier is IEpochVerifier, DevelopmentChains {
    /// @notice Whoever deployed this was told that proofs can be forged.
    event InsecureDevelopmentSetup(uint256 chainId, bytes32 verificationKeyId);

    constructor() {
        if (!INSECURE_SETUP) return;
        _requireDevelopmentChain();
        emit InsecureDevelopmentSetup(block.chainid, VERIFICATION_KEY_ID);
    }

    /// @inheritdoc IEpochVerifier
    function verificationKeyId() external pure returns (bytes32) {
        return VERIFICATION_KEY_ID;
    }

    /// @inheritdoc IEpochVerifier
    function verify(
        uint256 domainWord,
        EpochNumber epoch,
        uint256 openingDigest,
        uint256[] calldata steps,
        bytes calldata proof
    ) external view returns (bool) {
        if (INSECURE_SETUP) _requireDevelopmentChain();
        Opening memory opening = Opening(domainWord, EpochNumber.unwrap(epoch), openingDigest);
        return isProof(pinnedKey(), opening, steps, proof);
    }
}
