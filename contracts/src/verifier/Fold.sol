// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    COUNTS_WORD,
    FIRST_CELL_WORD,
    FIRST_ROLLUP_WORD,
    STATE_DIGEST_WORD,
    STEP_OUTPUT_WORDS,
    StepOutputs
} from "../types/StepOutput.sol";
import {FIELD_ORDER, isCanonical} from "../types/Word.sol";
import {Curve, Point, Sum} from "./Curve.sol";
import {POINT_BYTES, pointAt} from "./ProofParts.sol";
import {ONE, Scalar} from "./Scalar.sol";

/// @dev What a settlement contract says itself, before the first step.
struct Opening {
    uint256 domainWord;
    uint256 epoch;
    uint256 digest;
}

/// @dev A relaxed R1CS instance: commitments to W and E, and the public vector (u, X).
struct Instance {
    Point w;
    Point e;
    Scalar[] io;
}

/// @dev The instance folded so far, with its points as sums.
struct Running {
    Sum w;
    Sum e;
    Scalar[] io;
}

/// @title Nova's folding of the steps into one instance (eprint 2021/370, section 4)
/// @dev The steps' instances are plain R1CS, so of E only the cross terms T are left:
///
///   t_1   = keccak256(key ‖ domain ‖ epoch ‖ opening digest ‖ outputs_1 ‖ W_1)
///   U_1   = { W: W_1, E: infinity, u: 1, X: X_1 }
///   t_j   = keccak256(t_{j-1} ‖ outputs_j ‖ W_j ‖ T_j),   rho_j = t_j mod 2^128
///   U_j   = { W + rho_j W_j,  E + rho_j T_j,  u + rho_j,  X + rho_j X_j }
///   X_j   = [domain, epoch, digest before step j, outputs_j]
///
/// Every challenge follows from everything that both instances are made of: what is hashed of the
/// outputs is what the contract is given, which says all of them (`StepOutput.sol`). The digest before
/// a step is the first output of the one before, so that the steps' chain cannot be broken. Nothing
/// is blinded: the proof is sound, not zero-knowledge.
///
/// Outputs that are not given are zero, and are not added: X + rho*0 = X, and in X_1 they are the
/// zeros that a new array has. So U is that of the full outputs.
library Fold {
    using Curve for Sum;
    using StepOutputs for uint256[];

    /// @dev Positions in (u, X).
    uint256 private constant _U = 0;
    uint256 private constant _DOMAIN = 1;
    uint256 private constant _EPOCH = 2;
    uint256 private constant _DIGEST_BEFORE = 3;
    uint256 private constant _FIRST_OUTPUT = 4;
    uint256 private constant _IO_WORDS = _FIRST_OUTPUT + STEP_OUTPUT_WORDS;

    /// @dev Positions in what is hashed: the key stands at 0 for the first step, the hash before at
    /// `_HASH_BEFORE` for the others. The outputs are as many as are given; the points follow them.
    uint256 private constant _HASH_BEFORE = 3;
    uint256 private constant _OUTPUTS = 4;
    uint256 private constant _HASHED_WORDS = _OUTPUTS + STEP_OUTPUT_WORDS + 4;

    uint256 private constant _CHALLENGE_MASK = 2 ** 128 - 1;

    /// @param steps Well-formed, and at least one.
    /// @param points Where the steps' points begin in the calldata: W_1, then W_j and T_j by turns.
    /// @return valid Whether all words are scalars and all points that were added are on the curve.
    /// W_1 of a single step is added by nobody here: the opening does.
    function run(
        uint256 keyDigest,
        Opening memory opening,
        uint256[] calldata steps,
        uint256 points
    ) internal view returns (bool valid, Instance memory folded) {
        if (!isCanonical(opening.domainWord) || !isCanonical(opening.digest)) {
            return (false, folded);
        }
        (uint256[] calldata step, uint256[] calldata rest) = steps.split();
        uint256[_HASHED_WORDS] memory hashed;
        (hashed[0], hashed[1]) = (keyDigest, opening.domainWord);
        (hashed[2], hashed[3]) = (opening.epoch, opening.digest);
        hashed[_HASH_BEFORE] = _hash(hashed, 0, step, points, 1);

        Running memory u;
        u.io = new Scalar[](_IO_WORDS);
        u.io[_U] = ONE;
        u.io[_DIGEST_BEFORE] = Scalar.wrap(opening.digest);
        if (!_addOutputs(u.io, step, ONE)) return (false, folded);
        (u.w.x, u.w.y) = pointAt(points);
        points += POINT_BYTES;

        while (rest.length != 0) {
            Scalar digestBefore = Scalar.wrap(step[STATE_DIGEST_WORD]);
            (step, rest) = rest.split();
            if (!_addStep(u, hashed, digestBefore, step, points)) return (false, folded);
            points += 2 * POINT_BYTES;
        }
        // Equal in every step, and so u times each.
        u.io[_DOMAIN] = u.io[_U] * Scalar.wrap(opening.domainWord);
        u.io[_EPOCH] = u.io[_U] * Scalar.wrap(opening.epoch);
        return (true, Instance(Point(u.w.x, u.w.y), Point(u.e.x, u.e.y), u.io));
    }

    /// @dev U_j from U_{j-1}: adds rho_j times the instance of a step, whose points are W_j and T_j.
    function _addStep(
        Running memory u,
        uint256[_HASHED_WORDS] memory hashed,
        Scalar digestBefore,
        uint256[] calldata step,
        uint256 points
    ) private view returns (bool valid) {
        uint256 hash = _hash(hashed, _HASH_BEFORE, step, points, 2);
        hashed[_HASH_BEFORE] = hash;
        Scalar rho = Scalar.wrap(hash & _CHALLENGE_MASK);
        u.io[_U] = u.io[_U] + rho;
        u.io[_DIGEST_BEFORE] = u.io[_DIGEST_BEFORE] + rho * digestBefore;
        return _addOutputs(u.io, step, rho) && _addPoint(u.w, points, rho)
            && _addPoint(u.e, points + POINT_BYTES, rho);
    }

    /// @dev The hash of `hashed` from `start` to its outputs, which are set to the step's, and of the
    /// next `count` points.
    function _hash(
        uint256[_HASHED_WORDS] memory hashed,
        uint256 start,
        uint256[] calldata step,
        uint256 points,
        uint256 count
    ) private pure returns (uint256 hash) {
        uint256 pointBytes = POINT_BYTES * count;
        assembly ("memory-safe") {
            let place := add(hashed, shl(5, _OUTPUTS))
            let stepBytes := shl(5, step.length)
            calldatacopy(place, step.offset, stepBytes)
            place := add(place, stepBytes)
            calldatacopy(place, points, pointBytes)
            let from := add(hashed, shl(5, start))
            hash := keccak256(from, sub(add(place, pointBytes), from))
        }
    }

    function _addPoint(Sum memory sum, uint256 position, Scalar rho) private view returns (bool) {
        (uint256 x, uint256 y) = pointAt(position);
        return sum.addMultiple(x, y, rho);
    }

    /// @dev Adds rho times the step's outputs to X.
    /// @return canonical Whether all of them are scalars.
    function _addOutputs(Scalar[] memory io, uint256[] calldata step, Scalar rho)
        private
        pure
        returns (bool canonical)
    {
        uint256 digest = step[STATE_DIGEST_WORD];
        uint256 place = _FIRST_OUTPUT + STATE_DIGEST_WORD;
        io[place] = io[place] + rho * Scalar.wrap(digest);
        place = _FIRST_OUTPUT + COUNTS_WORD; // Where pending alone stands in X.
        io[place] = io[place] + rho * Scalar.wrap(step.pending());
        bool cells = _addWords(io, _FIRST_OUTPUT + FIRST_CELL_WORD, step.cellWords(), rho);
        bool rollups = _addWords(io, _FIRST_OUTPUT + FIRST_ROLLUP_WORD, step.rollupWords(), rho);
        return isCanonical(digest) && cells && rollups;
    }

    /// @dev Adds rho times each word to those of `io` from `first` on, which has room for them.
    /// @return canonical Whether all of them are scalars.
    function _addWords(Scalar[] memory io, uint256 first, uint256[] calldata words, Scalar rho)
        private
        pure
        returns (bool canonical)
    {
        assembly ("memory-safe") {
            canonical := 1
            let place := add(add(io, 0x20), shl(5, first))
            let word := words.offset
            let limit := add(word, shl(5, words.length))
            for {} lt(word, limit) { word := add(word, 0x20) } {
                let value := calldataload(word)
                canonical := and(canonical, lt(value, FIELD_ORDER))
                value := mulmod(rho, value, FIELD_ORDER)
                mstore(place, addmod(mload(place), value, FIELD_ORDER))
                place := add(place, 0x20)
            }
        }
    }
}
