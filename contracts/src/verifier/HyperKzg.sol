// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FIELD_ORDER} from "../types/Word.sol";
import {Curve, Sum} from "./Curve.sol";
import {Instance} from "./Fold.sol";
import {Key} from "./Key.sol";
import {
    EVALUATIONS,
    OPENING_BYTES,
    OPENING_POINTS,
    POINT_BYTES,
    ProofParts,
    pointAt
} from "./ProofParts.sol";
import {ONE, Scalar, ZERO} from "./Scalar.sol";
import {Transcript, Transcripts} from "./Transcript.sol";

/// @title HyperKZG: that the committed polynomials are at the point what the proof says
/// @dev Gemini's reduction of a multilinear opening to univariate ones (eprint 2022/420, section
/// 2.4.2) and a batched KZG opening of these at three points, as nova-snark 0.76's
/// `provider::hyperkzg` verifies it. With n = log N and the point (x_1 .. x_n):
///
/// 1. All commitments as one: P_0 = sum c^i C_i is to be y = sum c^i y_i.
/// 2. Each folding P_{i+1} binds the last variable x of P_i, as univariate polynomials
///    P_{i+1}(u^2) = (1 - x) even(P_i) + x odd(P_i), and P_n is y; with values at u and -u:
///
///      2u P_{i+1}(u^2) = u (1 - x) (P_i(u) + P_i(-u)) + x (P_i(u) - P_i(-u))
///
/// 3. KZG with all n polynomials in one, B = sum q^i P_i, at u_0 = u, u_1 = -u, u_2 = u^2, weighed
///    by powers of d, where W_t commits to (B - B(u_t)) / (X - u_t):
///
///      e(sum_t d^t ([B] - B(u_t) G + u_t W_t), H) = e(sum_t d^t W_t, tau H)
library HyperKzg {
    using Curve for Sum;
    using Transcripts for Transcript;

    uint256 private constant _G_X = 1;
    uint256 private constant _G_Y = 2;

    struct Challenges {
        Scalar c;
        Scalar u;
        Scalar q;
        Scalar d;
    }

    function verify(
        Key memory key,
        Transcript memory transcript,
        Instance memory instance,
        ProofParts memory parts,
        Scalar[] memory point
    ) internal view returns (bool) {
        Challenges memory random;
        transcript.absorbWords("e", parts.evaluations, EVALUATIONS);
        random.c = transcript.challenge("c");
        transcript.absorbPoints("c", parts.foldings, point.length - 1);
        random.u = transcript.challenge("c");
        if (!_foldingsAgree(parts, point, random)) return false;

        transcript.absorbWords("v", parts.openings, OPENING_POINTS * point.length);
        random.q = transcript.challenge("r");
        transcript.absorbPoints("W", parts.quotients, OPENING_POINTS);
        random.d = transcript.challenge("d");

        (bool done, Sum memory left) = _batched(key, instance, parts, random);
        if (!done) return false;
        Sum memory right;
        (done, right) = _addQuotients(left, parts.quotients, random);
        if (!done) return false;
        done = left.addMultiple(_G_X, _G_Y, ZERO - _openedValue(parts, random));
        return done && left.pairingsEqual(key.h, right, key.tauH);
    }

    /// @dev Steps 1 and 2, for the values: from the last polynomial, whose folding is y, to the
    /// first. The first coordinate of the point belongs to the last.
    /// @return agree Whether they do, and all of them are scalars.
    function _foldingsAgree(
        ProofParts memory parts,
        Scalar[] memory point,
        Challenges memory random
    ) private pure returns (bool agree) {
        (uint256 first, uint256 position, Scalar u) = (parts.openings, parts.end, random.u);
        Scalar folding = _batchedValue(parts.evaluations, random.c);
        assembly ("memory-safe") {
            agree := 1
            let coordinate := add(point, 0x20)
            let twoU := addmod(u, u, FIELD_ORDER)
            for {} gt(position, first) { coordinate := add(coordinate, 0x20) } {
                position := sub(position, OPENING_BYTES)
                let x := mload(coordinate)
                let atPlus := calldataload(position)
                let atMinus := calldataload(add(position, 0x20))
                let atSquare := calldataload(add(position, 0x40))
                agree := and(agree, and(lt(atPlus, FIELD_ORDER), lt(atMinus, FIELD_ORDER)))
                agree := and(agree, lt(atSquare, FIELD_ORDER))

                let even := mulmod(u, sub(add(FIELD_ORDER, 1), x), FIELD_ORDER)
                even := mulmod(even, add(atPlus, atMinus), FIELD_ORDER)
                let odd := mulmod(x, sub(add(atPlus, FIELD_ORDER), atMinus), FIELD_ORDER)
                let expected := addmod(even, odd, FIELD_ORDER)
                agree := and(agree, eq(mulmod(twoU, folding, FIELD_ORDER), expected))
                folding := atSquare
            }
        }
    }

    /// @dev y = sum c^i y_i.
    function _batchedValue(uint256 evaluations, Scalar c) private pure returns (Scalar y) {
        uint256 length = 32 * EVALUATIONS;
        assembly ("memory-safe") {
            let position := add(evaluations, length)
            for {} gt(position, evaluations) {} {
                position := sub(position, 0x20)
                y := addmod(mulmod(y, c, FIELD_ORDER), calldataload(position), FIELD_ORDER)
            }
        }
    }

    /// @dev sum_t d^t B(u_t) = sum_i q^i (P_i(u) + d P_i(-u) + d^2 P_i(u^2)).
    function _openedValue(ProofParts memory parts, Challenges memory random)
        private
        pure
        returns (Scalar value)
    {
        (uint256 first, uint256 position) = (parts.openings, parts.end);
        (Scalar q, Scalar d) = (random.q, random.d);
        assembly ("memory-safe") {
            for {} gt(position, first) {} {
                position := sub(position, OPENING_BYTES)
                let term := mulmod(d, calldataload(add(position, 0x40)), FIELD_ORDER)
                term := mulmod(d, add(term, calldataload(add(position, 0x20))), FIELD_ORDER)
                term := addmod(term, calldataload(position), FIELD_ORDER)
                value := addmod(mulmod(value, q, FIELD_ORDER), term, FIELD_ORDER)
            }
        }
    }

    /// @dev (1 + d + d^2) [B], where [B] = sum_i q^i [P_i] and [P_0] = sum_i c^i C_i.
    function _batched(
        Key memory key,
        Instance memory instance,
        ProofParts memory parts,
        Challenges memory random
    ) private view returns (bool done, Sum memory sum) {
        uint256[2 * EVALUATIONS] memory commitments = _commitments(key, instance, parts);
        uint256 points;
        assembly ("memory-safe") {
            points := commitments
        }
        (done, sum) = Curve.weighedSum(points, EVALUATIONS, random.c);
        if (!done) return (false, sum);

        uint256 length = parts.quotients - parts.foldings;
        bytes memory foldings = new bytes(POINT_BYTES + length);
        uint256 position = parts.foldings;
        assembly ("memory-safe") {
            points := add(foldings, 0x20)
            mcopy(points, sum, POINT_BYTES)
            calldatacopy(add(points, POINT_BYTES), position, length)
        }
        (done, sum) = Curve.weighedSum(points, foldings.length / POINT_BYTES, random.q);
        done = done && sum.multiply(ONE + random.d * (ONE + random.d));
    }

    /// @dev The commitments to the fifteen polynomials, in the evaluations' order.
    function _commitments(Key memory key, Instance memory instance, ProofParts memory parts)
        private
        pure
        returns (uint256[2 * EVALUATIONS] memory list)
    {
        uint256 own = parts.commitments;
        (list[0], list[1]) = (instance.w.x, instance.w.y);
        (list[2], list[3]) = (instance.e.x, instance.e.y);
        (list[4], list[5]) = pointAt(own); // L_row.
        (list[6], list[7]) = pointAt(own + POINT_BYTES); // L_col.
        (list[8], list[9]) = (key.valA.x, key.valA.y);
        (list[10], list[11]) = (key.valB.x, key.valB.y);
        (list[12], list[13]) = (key.valC.x, key.valC.y);
        (list[14], list[15]) = pointAt(own + 2 * POINT_BYTES); // Rows: ts/t.
        (list[16], list[17]) = (key.row.x, key.row.y);
        (list[18], list[19]) = pointAt(own + 3 * POINT_BYTES); // Rows: 1/w.
        (list[20], list[21]) = (key.tsRow.x, key.tsRow.y);
        (list[22], list[23]) = pointAt(own + 4 * POINT_BYTES); // Columns: ts/t.
        (list[24], list[25]) = (key.col.x, key.col.y);
        (list[26], list[27]) = pointAt(own + 5 * POINT_BYTES); // Columns: 1/w.
        (list[28], list[29]) = (key.tsCol.x, key.tsCol.y);
    }

    /// @dev With A_1 = d W_1 and A_2 = d^2 W_2, adds sum_t d^t u_t W_t = u (W_0 - A_1 + u A_2) to
    /// `left`.
    /// @return done Whether all three are points.
    /// @return right W_0 + A_1 + A_2.
    function _addQuotients(Sum memory left, uint256 quotients, Challenges memory random)
        private
        view
        returns (bool done, Sum memory right)
    {
        Sum memory first;
        Sum memory second;
        Sum memory weighed;
        (right.x, right.y) = pointAt(quotients);
        (first.x, first.y) = pointAt(quotients + POINT_BYTES);
        (second.x, second.y) = pointAt(quotients + 2 * POINT_BYTES);
        done = first.multiply(random.d) && second.multiply(random.d * random.d);
        if (!done) return (false, right);
        (weighed.x, weighed.y) = (second.x, second.y);
        done = weighed.multiply(random.u) && weighed.add(right.x, right.y)
            && weighed.subtract(first) && weighed.multiply(random.u)
            && left.add(weighed.x, weighed.y) && right.add(first.x, first.y)
            && right.add(second.x, second.y);
    }
}
