// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What the settlement contract needs of a proof system
interface IEpochVerifier {
    /// @notice Names the verification key, and with it the circuit. Part of every domain word.
    function verificationKeyId() external view returns (bytes32);

    /// @notice Whether `proof` shows that the step circuit leads through these public states.
    /// @param publicInputs z_0 .. z_k, one after another, 41 canonical words each.
    function verify(uint256[] calldata publicInputs, bytes calldata proof)
        external
        view
        returns (bool);
}
