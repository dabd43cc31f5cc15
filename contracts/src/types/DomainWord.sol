// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev What ties a statement, and every signed batch, to one domain of one contract on one chain
/// and to one verification key. The top byte is dropped so that the word is canonical.
function domainWordOf(
    uint256 chainId,
    address settlement,
    uint32 domainId,
    bytes32 verificationKeyId
) pure returns (uint256) {
    bytes memory identity = abi.encode(
        "netfold.domain.v1", chainId, settlement, domainId, verificationKeyId
    );
    return uint256(keccak256(identity)) >> 8;
}
