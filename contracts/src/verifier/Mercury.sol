// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FIELD_ORDER} from "../types/Word.sol";
import {Curve, Point, Sum} from "./Curve.sol";
import {Instance} from "./Fold.sol";
import {Key} from "./Key.sol";
import {
    EVALUATIONS,
    OpenedValues,
    POINT_BYTES,
    ProofParts,
    openedValuesAt,
    pointAt
} from "./ProofParts.sol";
import {ONE, Scalar, ZERO, inverse} from "./Scalar.sol";
import {Transcript, Transcripts} from "./Transcript.sol";

/// @title Mercury: that the committed polynomials are at the point what the proof says
/// @dev Mercury (eprint 2025/385, section 6) with the batched KZG opening of eprint 2020/081, section
/// 4.1, as nova-snark 0.76's `provider::mercury` verifies it. With N = b^2 and the point split into
/// its first half, of rows, and its second, of columns:
///
/// 1. All commitments as one: f = sum c^i C_i is to be y = sum c^i y_i at the point. As a univariate
///    polynomial, f's coefficients are a matrix of b rows.
/// 2. h has the rows' values: h_j = sum_i f_ji eq(columns, i). At a random alpha, f is divided:
///
///      f(X) = (X^b - alpha) q(X) + g(X)
///
///    so that g = sum_j alpha^j row_j, if deg g < b, which d(X) = X^(b-1) g(1/X) shows.
/// 3. Two inner products, weighed by gamma: of g with eq(columns, .), which is h(alpha), and of h with
///    eq(rows, .), which is y. With P(X) = sum_i eq(., i) X^i, they are the constant terms of
///
///      g(X) P_col(1/X) + g(1/X) P_col(X) + gamma (h(X) P_row(1/X) + h(1/X) P_row(X))
///        = 2 (h(alpha) + gamma y) + X s(X) + s(1/X) / X
///
///    which defines h(alpha) from the other values at a random zeta, as 2 defines d(zeta).
/// 4. What these values say is opened: f - (zeta^b - alpha) q is g(zeta) at zeta, by a quotient F; and
///    g, h, s, d at once are what they should be at zeta, 1/zeta and alpha, weighed by beta, by W and,
///    at a random z, W'. With t_i the product of the differences between z and those points where the
///    i-th is not opened, t of all, and i* the interpolation of the i-th's values, weighed by delta:
///
///      L = f - (zeta^b - alpha) q - g(zeta) G + zeta F
///        + delta (sum_i beta^i t_i ([i] - i*(z) G) - t W + z W')
///      e(L, H) = e(F + delta W', tau H)
library Mercury {
    using Curve for Sum;
    using Transcripts for Transcript;

    uint256 private constant _G_X = 1;
    uint256 private constant _G_Y = 2;
    Scalar private constant _HALF = Scalar.wrap((FIELD_ORDER + 1) / 2);

    struct Challenges {
        Scalar alpha;
        Scalar gamma;
        Scalar zeta;
        Scalar beta;
        Scalar z;
        Scalar delta;
    }

    /// @dev The commitments of the proof, in its order.
    struct Commitments {
        Point h;
        Point g;
        Point q;
        Point s;
        Point d;
        Point quotientF;
        Point w;
        Point wPrime;
    }

    /// @dev What follows from the challenges and the point: y, 1/zeta, zeta^b, the inverses of the
    /// differences between zeta, 1/zeta and alpha, and P_col and P_row at zeta and 1/zeta.
    struct Own {
        Scalar y;
        Scalar zetaInverse;
        Scalar zetaToB;
        Scalar overZetas;
        Scalar overAlphaLessZeta;
        Scalar overAlphaLessInverse;
        Scalar columns;
        Scalar columnsInverse;
        Scalar rows;
        Scalar rowsInverse;
    }

    /// @dev What each point of L is multiplied by.
    struct Weights {
        Scalar q;
        Scalar g;
        Scalar h;
        Scalar s;
        Scalar d;
        Scalar w;
        Scalar generator;
    }

    function verify(
        Key memory key,
        Transcript memory transcript,
        Instance memory instance,
        ProofParts memory parts,
        Scalar[] memory point
    ) internal view returns (bool) {
        transcript.absorbWords("e", parts.evaluations, EVALUATIONS);
        Scalar c = transcript.challenge("c");
        (bool done, Sum memory left) = _batched(key, instance, parts, c);
        if (!done) return false;
        Sum memory right;
        (done, right) = _reduce(transcript, left, point, _batchedValue(parts.evaluations, c), parts);
        return done && left.pairingsEqual(key.h, right, key.tauH);
    }

    /// @dev From f, in `left`, at the point to both sides of the last equation.
    /// @return done Whether everything in the proof is a scalar or a point.
    function _reduce(
        Transcript memory transcript,
        Sum memory left,
        Scalar[] memory point,
        Scalar y,
        ProofParts memory parts
    ) private view returns (bool done, Sum memory right) {
        OpenedValues memory values;
        (done, values) = openedValuesAt(parts.openedValues);
        if (!done) return (false, right);
        Challenges memory random = _draw(transcript, left, point, y, parts.opening, values);
        Own memory own;
        (done, own) = _evaluateOwn(point, random);
        if (!done) return (false, right);
        own.y = y;
        return _sum(left, _commitmentsAt(parts.opening), values, random, own);
    }

    /// @dev Each challenge is drawn after what it must be independent of.
    function _draw(
        Transcript memory transcript,
        Sum memory f,
        Scalar[] memory point,
        Scalar y,
        uint256 position,
        OpenedValues memory values
    ) private pure returns (Challenges memory random) {
        transcript.absorbLabel("f");
        transcript.absorbPoint(Point(f.x, f.y));
        transcript.absorbLabel("u");
        transcript.absorbScalars(point);
        transcript.absorbWord("e", Scalar.unwrap(y));
        transcript.absorbPoints("h", position, 1);
        random.alpha = transcript.challenge("a");
        transcript.absorbPoints("q", position + 2 * POINT_BYTES, 1);
        transcript.absorbPoints("g", position + POINT_BYTES, 1);
        random.gamma = transcript.challenge("gm");
        transcript.absorbPoints("s", position + 3 * POINT_BYTES, 1);
        transcript.absorbPoints("d", position + 4 * POINT_BYTES, 1);
        random.zeta = transcript.challenge("zt");
        transcript.absorbWord("gz", Scalar.unwrap(values.g));
        transcript.absorbWord("gzi", Scalar.unwrap(values.gInverse));
        transcript.absorbWord("hz", Scalar.unwrap(values.h));
        transcript.absorbWord("hzi", Scalar.unwrap(values.hInverse));
        transcript.absorbWord("sz", Scalar.unwrap(values.s));
        transcript.absorbWord("szi", Scalar.unwrap(values.sInverse));
        transcript.absorbPoints("t", position + 5 * POINT_BYTES, 1);
        random.beta = transcript.challenge("b");
        transcript.absorbPoints("w", position + 6 * POINT_BYTES, 1);
        random.z = transcript.challenge("z");
        transcript.absorbPoints("wp", position + 7 * POINT_BYTES, 1);
        random.delta = transcript.challenge("pd");
    }

    /// @return done False if two of the points of opening fall together, where nothing is defined: one
    /// chance in 2^250 for a prover of good faith.
    function _evaluateOwn(Scalar[] memory point, Challenges memory random)
        private
        view
        returns (bool done, Own memory own)
    {
        (Scalar zeta, Scalar alpha) = (random.zeta, random.alpha);
        // 1/zeta - zeta and alpha - 1/zeta, times zeta.
        Scalar zetas = ONE - zeta * zeta;
        Scalar alphaLessInverse = alpha * zeta - ONE;
        Scalar alphaLessZeta = alpha - zeta;
        // One inversion for all four: the inverse of a product, times all others.
        Scalar ab = zeta * zetas;
        Scalar cd = alphaLessInverse * alphaLessZeta;
        Scalar all;
        (done, all) = inverse(ab * cd);
        if (!done) return (false, own);
        (ab, cd) = (all * cd, all * ab); // Their inverses.
        own.zetaInverse = ab * zetas;
        own.overZetas = ab * zeta * zeta;
        own.overAlphaLessInverse = cd * alphaLessZeta * zeta;
        own.overAlphaLessZeta = cd * alphaLessInverse;

        uint256 half = point.length / 2;
        (own.columns, own.zetaToB) = _evaluateEq(point, half, point.length, zeta);
        (own.columnsInverse,) = _evaluateEq(point, half, point.length, own.zetaInverse);
        (own.rows,) = _evaluateEq(point, 0, half, zeta);
        (own.rowsInverse,) = _evaluateEq(point, 0, half, own.zetaInverse);
    }

    /// @dev sum_i eq(u, i) x^i = prod (1 - u_j + u_j x^(2^j)), for the coordinates of `point` from
    /// index `from` to `to`, of which the last is j = 0.
    /// @return value The sum.
    /// @return power x^(2^(to - from)).
    function _evaluateEq(Scalar[] memory point, uint256 from, uint256 to, Scalar x)
        private
        pure
        returns (Scalar value, Scalar power)
    {
        assembly ("memory-safe") {
            value := 1
            power := x
            let first := add(point, shl(5, add(from, 1)))
            let place := add(point, shl(5, add(to, 1)))
            for {} gt(place, first) {} {
                place := sub(place, 0x20)
                let coordinate := mload(place)
                let term :=
                    add(
                        sub(add(FIELD_ORDER, 1), coordinate),
                        mulmod(coordinate, power, FIELD_ORDER)
                    )
                value := mulmod(value, term, FIELD_ORDER)
                power := mulmod(power, power, FIELD_ORDER)
            }
        }
    }

    /// @dev Adds to `left`, which is f, what else is in L.
    /// @return done Whether all points of the proof are points.
    /// @return right F + delta W'.
    function _sum(
        Sum memory left,
        Commitments memory commitments,
        OpenedValues memory values,
        Challenges memory random,
        Own memory own
    ) private view returns (bool done, Sum memory right) {
        Weights memory weights = _weigh(values, random, own);
        done = _add(left, commitments.q, weights.q)
            && _add(left, commitments.quotientF, random.zeta)
            && _add(left, commitments.g, weights.g) && _add(left, commitments.h, weights.h)
            && _add(left, commitments.s, weights.s) && _add(left, commitments.d, weights.d)
            && _add(left, commitments.w, weights.w)
            && _add(left, commitments.wPrime, random.delta * random.z)
            && left.addMultiple(_G_X, _G_Y, weights.generator);
        if (!done) return (false, right);
        (right.x, right.y) = (commitments.quotientF.x, commitments.quotientF.y);
        done = _add(right, commitments.wPrime, random.delta);
    }

    function _weigh(OpenedValues memory values, Challenges memory random, Own memory own)
        private
        pure
        returns (Weights memory weights)
    {
        (Scalar beta, Scalar lessInverse) = (random.beta, random.z - own.zetaInverse);
        weights.q = random.alpha - own.zetaToB;
        weights.g = random.delta * (random.z - random.alpha);
        weights.h = random.delta * beta;
        weights.s = beta * beta * weights.g;
        weights.d = beta * weights.s * lessInverse;
        weights.w = weights.g * lessInverse * (random.zeta - random.z);
        Scalar d = own.zetaToB * own.zetaInverse * values.gInverse;
        weights.generator = ZERO - values.g - weights.g
            * _line(values.g, values.gInverse, random, own) - weights.h
            * _parabola(values, random, own) - weights.s
            * _line(values.s, values.sInverse, random, own) - weights.d * d;
    }

    function _add(Sum memory sum, Point memory point, Scalar scalar) private view returns (bool) {
        return sum.addMultiple(point.x, point.y, scalar);
    }

    /// @dev At z, the line through the values at zeta and 1/zeta.
    function _line(Scalar atZeta, Scalar atInverse, Challenges memory random, Own memory own)
        private
        pure
        returns (Scalar)
    {
        return atZeta + (random.z - random.zeta) * (atInverse - atZeta) * own.overZetas;
    }

    /// @dev At z, the parabola through h's values at zeta, 1/zeta and alpha, by divided differences.
    function _parabola(OpenedValues memory values, Challenges memory random, Own memory own)
        private
        pure
        returns (Scalar)
    {
        Scalar first = (values.hInverse - values.h) * own.overZetas;
        Scalar second = (_atAlpha(values, random, own) - values.hInverse) * own.overAlphaLessInverse;
        Scalar both = (second - first) * own.overAlphaLessZeta;
        return values.h + (random.z - random.zeta) * (first + (random.z - own.zetaInverse) * both);
    }

    /// @dev h(alpha), from the identity of the inner products.
    function _atAlpha(OpenedValues memory values, Challenges memory random, Own memory own)
        private
        pure
        returns (Scalar)
    {
        Scalar products = values.g * own.columnsInverse + values.gInverse * own.columns
            + random.gamma
            * (values.h * own.rowsInverse + values.hInverse * own.rows - own.y - own.y);
        return _HALF * (products - random.zeta * values.s - own.zetaInverse * values.sInverse);
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

    /// @dev f = sum_i c^i C_i.
    function _batched(Key memory key, Instance memory instance, ProofParts memory parts, Scalar c)
        private
        view
        returns (bool done, Sum memory sum)
    {
        uint256[2 * EVALUATIONS] memory polynomials = _polynomials(key, instance, parts);
        uint256 points;
        assembly ("memory-safe") {
            points := polynomials
        }
        return Curve.weighedSum(points, EVALUATIONS, c);
    }

    /// @dev The commitments to the fifteen polynomials, in the evaluations' order.
    function _polynomials(Key memory key, Instance memory instance, ProofParts memory parts)
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

    function _commitmentsAt(uint256 position) private pure returns (Commitments memory list) {
        list.h = _pointAt(position);
        list.g = _pointAt(position + POINT_BYTES);
        list.q = _pointAt(position + 2 * POINT_BYTES);
        list.s = _pointAt(position + 3 * POINT_BYTES);
        list.d = _pointAt(position + 4 * POINT_BYTES);
        list.quotientF = _pointAt(position + 5 * POINT_BYTES);
        list.w = _pointAt(position + 6 * POINT_BYTES);
        list.wPrime = _pointAt(position + 7 * POINT_BYTES);
    }

    function _pointAt(uint256 position) private pure returns (Point memory point) {
        (point.x, point.y) = pointAt(position);
    }
}
