// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Opening} from "src/verifier/Fold.sol";
import {Key} from "src/verifier/Key.sol";
import {isProof} from "src/verifier/SettlementProof.sol";

/// @dev The verifier for whatever key it is given.
contract AnyKeyVerifier {
    function verify(
        Key calldata key,
        Opening calldata opening,
        uint256[] calldata steps,
        bytes calldata proof
    ) external view returns (bool) {
        return isProof(key, opening, steps, proof);
    }
}
