// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Instance} from "./Fold.sol";
import {Key} from "./Key.sol";
import {Multilinear} from "./Multilinear.sol";
import {
    Evaluations,
    OUTER_CLAIMS,
    OuterClaims,
    POINT_BYTES,
    ProofParts,
    evaluationsAt,
    outerClaimsAt
} from "./ProofParts.sol";
import {ONE, Scalar, ZERO} from "./Scalar.sol";
import {SumCheck} from "./SumCheck.sol";
import {Transcript, Transcripts} from "./Transcript.sol";

/// @title MicroSpartan: that a relaxed R1CS instance is satisfied, up to polynomial openings
/// @dev Spartan (eprint 2019/550) with its matrices committed to in the key (MicroNova, eprint
/// 2024/2099), as nova-snark 0.76's `spartan::ppsnark` verifies it, in its order and with its names.
/// All polynomials are multilinear in log N variables; those of m constraints or v variables are
/// padded in front.
///
/// 1. Outer sum-check (Spartan, section 4), over x in log m variables:
///
///      0 = sum_x eq(tau, x) (Az(x) Bz(x) - u Cz(x) - E(x))
///
/// 2. Inner sum-check, over y in log N variables, of nine claims weighed by powers of s. L_row are
///    values looked up in the table eq(r_outer, .), L_col in z. With fingerprints
///    address + gamma value + r, a table's are t and the look-ups' are w:
///
///      0, 1   sum of ts/t = sum of 1/w, for rows and for columns; ts counts an entry's look-ups
///      2, 4   the polynomials of ts/t are just that, for rows and for columns
///      3, 5   those of 1/w are just that
///      6      (Az + c Bz + c^2 Cz)(r_outer) = sum_y L_row L_col (val_A + c val_B + c^2 val_C)
///      7      E(r_outer) = sum_y eq(r_outer, y) E(y)
///      8      W is zero past its v entries
///
/// 3. The polynomials' values at the inner sum-check's point are taken from the proof; that they are
///    right is for Mercury to say.
library MicroSpartan {
    using SumCheck for Transcript;
    using Transcripts for Transcript;

    /// @dev The verifier's random choices, as nova names them.
    struct Challenges {
        Scalar[] outer;
        Scalar[] rho;
        Scalar[] inner;
        Scalar c;
        Scalar gamma;
        Scalar r;
        Scalar s;
    }

    /// @dev What the verifier evaluates itself at the inner point: eq(rho, .), eq(r_outer, .), the
    /// same without its first v entries, the identity, and z = (W, u, X).
    struct Own {
        Scalar eqRho;
        Scalar eqOuter;
        Scalar eqOuterMasked;
        Scalar identity;
        Scalar z;
    }

    /// @return valid Whether the proof stands if the evaluations do.
    /// @return point Where the evaluations are claimed.
    function verify(
        Key memory key,
        Transcript memory transcript,
        Instance memory instance,
        ProofParts memory parts
    ) internal pure returns (bool valid, Scalar[] memory point) {
        Challenges memory random;
        random.outer = new Scalar[](key.logEntries);
        random.rho = new Scalar[](key.logEntries);
        random.inner = new Scalar[](key.logEntries);
        point = random.inner;

        transcript.absorbKey(key.digest);
        transcript.absorbLabel("U");
        transcript.absorbPoint(instance.w);
        transcript.absorbPoint(instance.e);
        transcript.absorbScalars(instance.io);

        OuterClaims memory outer;
        (valid, outer) = _reduceOuter(key, transcript, instance.io[0], parts, random);
        if (!valid) return (false, point);
        Scalar factor = _pad(key, transcript, random);
        _draw(transcript, parts.commitments, random);
        Scalar claim = _innerClaim(outer, factor, random);
        (valid, claim) = transcript.reduce(parts.innerSumCheck, claim, random.inner, 0);
        if (!valid) return (false, point);
        Evaluations memory evaluations;
        (valid, evaluations) = evaluationsAt(parts.evaluations);
        if (!valid) return (false, point);
        Own memory own = _evaluateOwn(key, instance.io, evaluations.w, random);
        valid = _expected(evaluations, own, random) == claim;
    }

    /// @dev Step 1: from 0 down to eq(tau, r) (Az Bz - u Cz - E) at the sum-check's point r, which
    /// fills the last log m places of `random.outer`.
    function _reduceOuter(
        Key memory key,
        Transcript memory transcript,
        Scalar u,
        ProofParts memory parts,
        Challenges memory random
    ) private pure returns (bool valid, OuterClaims memory outer) {
        uint256 first = key.logEntries - key.logConstraints;
        Scalar[] memory tau = new Scalar[](key.logEntries);
        transcript.challenges("t", tau, first);
        Scalar claim;
        (valid, claim) = transcript.reduce(parts.outerSumCheck, ZERO, random.outer, first);
        if (!valid) return (false, outer);
        (valid, outer) = outerClaimsAt(parts.outerClaims);
        if (!valid) return (false, outer);
        Scalar expected = Multilinear.eq(tau, random.outer, first, key.logEntries)
            * (outer.az * outer.bz - u * outer.cz - outer.e);
        valid = expected == claim;
        transcript.absorbWords("e", parts.outerClaims, OUTER_CLAIMS);
    }

    /// @dev Fills the places before the outer point.
    /// @return factor What a polynomial over log m variables loses by padding it to log N.
    function _pad(Key memory key, Transcript memory transcript, Challenges memory random)
        private
        pure
        returns (Scalar factor)
    {
        uint256 padding = key.logEntries - key.logConstraints;
        for (uint256 i = 0; i < padding; ++i) {
            random.outer[i] = transcript.challenge("p");
        }
        return Multilinear.zeros(random.outer, 0, padding);
    }

    /// @dev The challenges of step 2, each drawn after what it must be independent of.
    function _draw(Transcript memory transcript, uint256 commitments, Challenges memory random)
        private
        pure
    {
        transcript.absorbPoints("e", commitments, 2); // L_row, L_col.
        random.c = transcript.challenge("c");
        random.gamma = transcript.challenge("g");
        random.r = transcript.challenge("r");
        transcript.absorbPoints("l", commitments + 2 * POINT_BYTES, 4); // The inverses.
        transcript.challenges("r", random.rho, 0);
        random.s = transcript.challenge("r");
    }

    /// @dev s^6 (claim 6 + s claim 7): the other seven are zero.
    function _innerClaim(OuterClaims memory outer, Scalar factor, Challenges memory random)
        private
        pure
        returns (Scalar)
    {
        Scalar abc = outer.az + random.c * (outer.bz + random.c * outer.cz);
        Scalar s2 = random.s * random.s;
        Scalar s6 = s2 * s2 * s2;
        return s6 * factor * (abc + random.s * outer.e);
    }

    function _evaluateOwn(Key memory key, Scalar[] memory io, Scalar w, Challenges memory random)
        private
        pure
        returns (Own memory own)
    {
        (Scalar[] memory outer, Scalar[] memory inner) = (random.outer, random.inner);
        uint256 entries = key.logEntries;
        uint256 split = entries - key.logVariables;
        Scalar high = Multilinear.eq(outer, inner, 0, split);
        Scalar low = Multilinear.eq(outer, inner, split, entries);
        Scalar mask = Multilinear.zeros(outer, 0, split) * Multilinear.zeros(inner, 0, split);
        own.eqRho = Multilinear.eq(random.rho, inner, 0, entries);
        own.eqOuter = high * low;
        own.eqOuterMasked = (high - mask) * low;
        own.identity = Multilinear.identity(inner);
        own.z = _evaluateZ(io, w, inner, split);
    }

    /// @dev z is W where the variable before the last log v is 0, and (u, X) where it is 1; before
    /// that it is padded.
    function _evaluateZ(Scalar[] memory io, Scalar w, Scalar[] memory inner, uint256 split)
        private
        pure
        returns (Scalar)
    {
        Scalar weight = Multilinear.zeros(inner, 0, split - 1) * inner[split - 1];
        return w + weight * Multilinear.evaluate(io, inner, split);
    }

    /// @dev The nine claims' polynomials at the inner point, from the last to the first.
    function _expected(Evaluations memory p, Own memory own, Challenges memory random)
        private
        pure
        returns (Scalar sum)
    {
        Scalar s = random.s;
        Scalar abc = p.valA + random.c * (p.valB + random.c * p.valC);
        sum = own.eqOuterMasked * p.w;
        sum = sum * s + own.eqOuter * p.e;
        sum = sum * s + p.lRow * p.lCol * abc;
        Scalar fingerprint = _fingerprint(p.col, p.lCol, random);
        sum = sum * s + own.eqRho * (p.lookupCol * fingerprint - ONE);
        fingerprint = _fingerprint(own.identity, own.z, random);
        sum = sum * s + own.eqRho * (p.tableCol * fingerprint - p.tsCol);
        fingerprint = _fingerprint(p.row, p.lRow, random);
        sum = sum * s + own.eqRho * (p.lookupRow * fingerprint - ONE);
        fingerprint = _fingerprint(own.identity, own.eqOuter, random);
        sum = sum * s + own.eqRho * (p.tableRow * fingerprint - p.tsRow);
        sum = sum * s + p.tableCol - p.lookupCol;
        sum = sum * s + p.tableRow - p.lookupRow;
    }

    function _fingerprint(Scalar address_, Scalar value, Challenges memory random)
        private
        pure
        returns (Scalar)
    {
        return address_ + random.gamma * value + random.r;
    }
}
