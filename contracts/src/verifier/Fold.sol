// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    FIRST_CELL_WORD,
    STATE_DIGEST_WORD,
    STEP_OUTPUT_WORDS,
    StepOutputs
} from "../types/StepOutput.sol";
import {FIELD_ORDER, isCanonical} from "../types/Word.sol";
import {Curve, Point, Sum} from "./Curve.sol";
import {POINT_BYTES} from "./ProofParts.sol";
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

/// @title Nova's folding of the steps into one instance (eprint 2021/370, section 4)
/// @dev The steps' instances are plain R1CS, so of E only the cross terms T are left:
///
///   t_1   = keccak256(key ‖ domain ‖ epoch ‖ opening digest ‖ outputs_1 ‖ W_1)
///   U_1   = { W: W_1, E: infinity, u: 1, X: X_1 }
///   t_j   = keccak256(t_{j-1} ‖ outputs_j ‖ W_j ‖ T_j),   rho_j = t_j mod 2^128
///   U_j   = { W + rho_j W_j,  E + rho_j T_j,  u + rho_j,  X + rho_j X_j }
///   X_j   = [domain, epoch, digest before step j, outputs_j]
///
/// Every challenge follows from everything that both instances are made of. The digest before a
/// step is the first output of the one before, so that the steps' chain cannot be broken. Nothing is
/// blinded: the proof is sound, not zero-knowledge.
library Fold {
    using Curve for Sum;
    using StepOutputs for uint256[STEP_OUTPUT_WORDS];

    /// @dev Positions in (u, X).
    uint256 private constant _U = 0;
    uint256 private constant _DOMAIN = 1;
    uint256 private constant _EPOCH = 2;
    uint256 private constant _DIGEST_BEFORE = 3;
    uint256 private constant _FIRST_OUTPUT = 4;
    uint256 private constant _IO_WORDS = _FIRST_OUTPUT + STEP_OUTPUT_WORDS;

    /// @dev Positions in what is hashed: the key stands at 0 for the first step, the hash before at
    /// `_HASH_BEFORE` for the others.
    uint256 private constant _HASH_BEFORE = 3;
    uint256 private constant _OUTPUTS = 4;
    uint256 private constant _W = _OUTPUTS + STEP_OUTPUT_WORDS;
    uint256 private constant _T = _W + 2;
    uint256 private constant _HASHED_WORDS = _T + 2;

    uint256 private constant _CHALLENGE_MASK = 2 ** 128 - 1;

    /// @param points Where the steps' points begin in the calldata: W_1, then W_j and T_j by turns.
    /// @return valid Whether all words are scalars and all points that were added are on the curve.
    /// W_1 of a single step is added by nobody here: the opening does.
    function run(
        uint256 keyDigest,
        Opening memory opening,
        uint256[STEP_OUTPUT_WORDS][] calldata steps,
        uint256 points
    ) internal view returns (bool valid, Instance memory folded) {
        if (!isCanonical(opening.domainWord) || !isCanonical(opening.digest)) {
            return (false, folded);
        }
        uint256[_HASHED_WORDS] memory hashed;
        (hashed[0], hashed[1]) = (keyDigest, opening.domainWord);
        (hashed[2], hashed[3]) = (opening.epoch, opening.digest);
        _read(hashed, steps[0], points, 1);
        points += POINT_BYTES;
        uint256 hash = _hash(hashed, 0, _T);

        Scalar[] memory io = new Scalar[](_IO_WORDS);
        io[_U] = ONE;
        io[_DIGEST_BEFORE] = Scalar.wrap(opening.digest);
        if (!_addOutputs(io, hashed, ONE, STEP_OUTPUT_WORDS)) return (false, folded);
        Sum memory w;
        Sum memory e;
        (w.x, w.y) = (hashed[_W], hashed[_W + 1]);

        for (uint256 j = 1; j < steps.length; ++j) {
            Scalar digestBefore = Scalar.wrap(hashed[_OUTPUTS + STATE_DIGEST_WORD]);
            hashed[_HASH_BEFORE] = hash;
            _read(hashed, steps[j], points, 2);
            points += 2 * POINT_BYTES;
            hash = _hash(hashed, _HASH_BEFORE, _HASHED_WORDS);
            Scalar rho = Scalar.wrap(hash & _CHALLENGE_MASK);

            uint256 outputs = steps[j].emitsNothing() ? FIRST_CELL_WORD : STEP_OUTPUT_WORDS;
            io[_U] = io[_U] + rho;
            io[_DIGEST_BEFORE] = io[_DIGEST_BEFORE] + rho * digestBefore;
            if (
                !_addOutputs(io, hashed, rho, outputs)
                    || !w.addMultiple(hashed[_W], hashed[_W + 1], rho)
                    || !e.addMultiple(hashed[_T], hashed[_T + 1], rho)
            ) return (false, folded);
        }
        // Equal in every step, and so u times each.
        io[_DOMAIN] = io[_U] * Scalar.wrap(opening.domainWord);
        io[_EPOCH] = io[_U] * Scalar.wrap(opening.epoch);
        return (true, Instance(Point(w.x, w.y), Point(e.x, e.y), io));
    }

    /// @dev Puts a step's outputs and its next `count` points where they are hashed.
    function _read(
        uint256[_HASHED_WORDS] memory hashed,
        uint256[STEP_OUTPUT_WORDS] calldata outputs,
        uint256 points,
        uint256 count
    ) private pure {
        uint256 outputBytes = 32 * STEP_OUTPUT_WORDS;
        uint256 pointBytes = POINT_BYTES * count;
        assembly ("memory-safe") {
            let place := add(hashed, shl(5, _OUTPUTS))
            calldatacopy(place, outputs, outputBytes)
            calldatacopy(add(place, outputBytes), points, pointBytes)
        }
    }

    function _hash(uint256[_HASHED_WORDS] memory hashed, uint256 from, uint256 to)
        private
        pure
        returns (uint256 hash)
    {
        assembly ("memory-safe") {
            hash := keccak256(add(hashed, shl(5, from)), shl(5, sub(to, from)))
        }
    }

    /// @dev Adds rho times the first `count` outputs, an even number, to X.
    /// @return canonical Whether all of them are scalars.
    function _addOutputs(
        Scalar[] memory io,
        uint256[_HASHED_WORDS] memory hashed,
        Scalar rho,
        uint256 count
    ) private pure returns (bool canonical) {
        assembly ("memory-safe") {
            canonical := 1
            let output := add(hashed, shl(5, _OUTPUTS))
            let limit := add(output, shl(5, count))
            let distance := sub(add(add(io, 0x20), shl(5, _FIRST_OUTPUT)), output)
            for {} lt(output, limit) { output := add(output, 0x40) } {
                let first := mload(output)
                let second := mload(add(output, 0x20))
                if or(first, second) {
                    canonical := and(canonical, lt(first, FIELD_ORDER))
                    canonical := and(canonical, lt(second, FIELD_ORDER))
                    let place := add(output, distance)
                    first := mulmod(rho, first, FIELD_ORDER)
                    mstore(place, addmod(mload(place), first, FIELD_ORDER))
                    place := add(place, 0x20)
                    second := mulmod(rho, second, FIELD_ORDER)
                    mstore(place, addmod(mload(place), second, FIELD_ORDER))
                }
            }
        }
    }
}
