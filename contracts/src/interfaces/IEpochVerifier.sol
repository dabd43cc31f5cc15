// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {EpochNumber} from "../types/EpochNumber.sol";

/// @title What the settlement contract needs of a proof system
interface IEpochVerifier {
    /// @notice Names the verification key, and with it the circuit. Part of every domain word.
    function verificationKeyId() external view returns (bytes32);

    /// @notice Whether `proof` shows that the step circuit leads from a domain's opening state
    /// through these outputs, one step after another.
    /// @dev Step j's public state before is [domain word, epoch, digest before], after it is the
    /// same with its outputs; the digest before is `openingDigest` for the first step and the first
    /// output of the one before for the others. False for anything that does not hold, words that
    /// are not below the field's order or not steps included; a call with too little gas may say
    /// false as well.
    /// @param steps The steps' outputs, in the one spelling of `StepOutput.sol`.
    function verify(
        uint256 domainWord,
        EpochNumber epoch,
        uint256 openingDigest,
        uint256[] calldata steps,
        bytes calldata proof
    ) external view returns (bool);
}
