// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {MAX_STEPS_PER_EPOCH} from "../types/Limits.sol";
import {StepOutputs} from "../types/StepOutput.sol";
import {Fold, Instance, Opening} from "./Fold.sol";
import {HyperKzg} from "./HyperKzg.sol";
import {Key} from "./Key.sol";
import {MicroSpartan} from "./MicroSpartan.sol";
import {OPENING_BYTES, POINT_BYTES, ProofParts, partsOf} from "./ProofParts.sol";
import {Scalar} from "./Scalar.sol";
import {Transcript, Transcripts} from "./Transcript.sol";

/// @dev Whether `proof` shows, under `key`, that the step circuit leads from `opening` through
/// `steps`: the steps fold into one instance (Fold), which is satisfied (MicroSpartan) if its
/// polynomials are what the proof says (HyperKzg). Cheapest first.
function isProof(
    Key memory key,
    Opening memory opening,
    uint256[] calldata steps,
    bytes calldata proof
) view returns (bool) {
    (bool wellFormed, uint256 count,) = StepOutputs.measure(steps);
    if (!wellFormed || count == 0 || count > MAX_STEPS_PER_EPOCH) return false;
    uint256 position;
    assembly ("memory-safe") {
        position := proof.offset
    }
    ProofParts memory parts = partsOf(key, count, position);
    if (proof.length != parts.end - position) return false;
    (bool valid, Instance memory folded) = Fold.run(key.digest, opening, steps, parts.steps);
    return valid && isSatisfied(key, folded, parts);
}

/// @dev Whether the parts of a proof past its steps show that `folded` is satisfied.
function isSatisfied(Key memory key, Instance memory folded, ProofParts memory parts)
    view
    returns (bool)
{
    // The longest absorbed at once are the key and the instance, and the openings.
    uint256 capacity = 4 * POINT_BYTES + 32 * folded.io.length + OPENING_BYTES * key.logEntries;
    Transcript memory transcript = Transcripts.create(capacity);
    (bool valid, Scalar[] memory point) = MicroSpartan.verify(key, transcript, folded, parts);
    return valid && HyperKzg.verify(key, transcript, folded, parts, point);
}
