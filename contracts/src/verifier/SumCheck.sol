// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FIELD_ORDER} from "../types/Word.sol";
import {CUBIC_BYTES} from "./ProofParts.sol";
import {Scalar} from "./Scalar.sol";
import {Transcript, Transcripts} from "./Transcript.sol";

/// @title The sum-check protocol for cubic polynomials, as in Spartan (eprint 2019/550)
/// @dev In round i the prover sends g_i, and the claim of the round before is g_i(0) + g_i(1); that
/// holds by construction, since the coefficient c1 is not sent but computed from it:
///
///   c1 = claim - 2 c0 - c2 - c3,   next claim = g_i(x_i),   x_i the round's challenge
///
/// Three words a round, always: a polynomial of higher degree cannot even be written down.
library SumCheck {
    using Transcripts for Transcript;

    /// @notice Reduces `claim` to one at a point, whose coordinates go into `point` from `first`.
    /// @return canonical Whether all words are scalars; the rest means nothing otherwise.
    function reduce(
        Transcript memory transcript,
        uint256 position,
        Scalar claim,
        Scalar[] memory point,
        uint256 first
    ) internal pure returns (bool canonical, Scalar) {
        canonical = true;
        uint256 rounds = point.length;
        for (uint256 i = first; i < rounds; ++i) {
            transcript.absorbWords("p", position, 3);
            Scalar x = transcript.challenge("c");
            assembly ("memory-safe") {
                mstore(add(point, shl(5, add(i, 1))), x)
                let c0 := calldataload(position)
                let c2 := calldataload(add(position, 0x20))
                let c3 := calldataload(add(position, 0x40))
                canonical := and(canonical, lt(c0, FIELD_ORDER))
                canonical := and(canonical, and(lt(c2, FIELD_ORDER), lt(c3, FIELD_ORDER)))
                // What is taken away is less than 4r, and 4r is less than 2^256.
                let c1 := sub(shl(2, FIELD_ORDER), add(add(c0, c0), add(c2, c3)))
                c1 := addmod(claim, c1, FIELD_ORDER)
                claim := addmod(c2, mulmod(x, c3, FIELD_ORDER), FIELD_ORDER)
                claim := addmod(c1, mulmod(x, claim, FIELD_ORDER), FIELD_ORDER)
                claim := addmod(c0, mulmod(x, claim, FIELD_ORDER), FIELD_ORDER)
                position := add(position, CUBIC_BYTES)
            }
        }
        return (canonical, claim);
    }
}
