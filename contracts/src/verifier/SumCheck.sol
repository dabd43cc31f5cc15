// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {CUBIC_BYTES, scalarsAt} from "./ProofParts.sol";
import {Scalar} from "./Scalar.sol";
import {Transcript, Transcripts} from "./Transcript.sol";

/// @title The sum-check protocol for cubic polynomials (Spartan, eprint 2019/550, section 3)
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
        for (uint256 i = first; i < point.length; ++i) {
            Scalar c0;
            Scalar c2;
            Scalar c3;
            (canonical, c0, c2, c3) = scalarsAt(position);
            if (!canonical) return (false, claim);
            transcript.absorbWords("p", position, 3);
            Scalar x = transcript.challenge("c");
            Scalar c1 = claim - (c0 + c0) - c2 - c3;
            claim = c0 + x * (c1 + x * (c2 + x * c3));
            point[i] = x;
            position += CUBIC_BYTES;
        }
        return (true, claim);
    }
}
