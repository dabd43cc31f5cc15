//! MicroSpartan's proof in the form that L1 reads: no lengths, and the evaluations in the order in
//! which they are absorbed.
//!
//! **Invariant:** packing is a bijection between Nova's encoding of a proof with the key's lengths
//! and byte strings of one length.

use bincode::serde::{decode_from_slice, encode_to_vec};
use nova_snark::traits::Engine;

use super::{key::Rounds, transcript::POINT_BYTES};
use crate::{
    error::FileFault,
    scheme::{Primary, SettlementArgument, encoding},
};

/// More bytes than any such proof has.
const LIMIT: usize = 1 << 16;

const WORD: usize = 32;
/// Commitments before the first sum-check.
const COMMITMENTS: usize = 6;
/// Coefficients that a round of a sum-check sends: all of a cubic but the linear one.
const COEFFICIENTS: usize = 3;
/// Evaluations after the first sum-check.
const OUTER_EVALUATIONS: usize = 4;
/// Evaluations after the second sum-check.
const INNER_EVALUATIONS: usize = 15;
/// Where Nova's encoding has the evaluation of W, which is absorbed first.
const WITNESS_EVALUATION: usize = 6;
/// Commitments of Mercury.
const OPENING_POINTS: usize = 8;
/// Evaluations of Mercury's polynomials.
const OPENED_VALUES: usize = 6;

/// A commitment on BN254.
pub(crate) type Commitment = nova_snark::provider::hyperkzg::Commitment<Primary>;

const _: () = assert!(size_of::<<Primary as Engine>::Scalar>() == WORD);

/// The parts of an encoded proof, in order.
enum Part {
    /// Bytes as they are.
    Plain(usize),
    /// A length, which is not packed.
    Length(usize),
    /// The evaluations, which are packed in another order.
    Evaluations,
}

/// Bytes of a packed proof.
pub(crate) fn packed_bytes(rounds: Rounds) -> usize {
    let part = |part: Part| match part {
        Part::Plain(bytes) => bytes,
        Part::Length(_) => 0,
        Part::Evaluations => INNER_EVALUATIONS.saturating_mul(WORD),
    };
    parts(rounds).into_iter().map(part).fold(0, usize::saturating_add)
}

/// Packs a proof.
pub(crate) fn pack(proof: &SettlementArgument, rounds: Rounds) -> Result<Vec<u8>, FileFault> {
    let malformed = FileFault::Field { field: "settlement proof" };
    let encoded = encode_to_vec(proof, encoding::<LIMIT>()).map_err(|_| malformed)?;
    let mut rest = encoded.as_slice();
    let mut packed = Vec::with_capacity(encoded.len());
    for part in parts(rounds) {
        match part {
            Part::Plain(bytes) => packed.extend(take(&mut rest, bytes)?),
            Part::Length(length) => {
                if take(&mut rest, size_of::<u64>())? != length_bytes(length) {
                    return Err(malformed);
                }
            }
            Part::Evaluations => {
                let before = take(&mut rest, WITNESS_EVALUATION.saturating_mul(WORD))?;
                packed.extend(take(&mut rest, WORD)?);
                packed.extend(before);
                packed.extend(take(&mut rest, evaluations_after())?);
            }
        }
    }
    if rest.is_empty() { Ok(packed) } else { Err(malformed) }
}

/// Reads a packed proof.
pub(crate) fn unpack(packed: &[u8], rounds: Rounds) -> Result<SettlementArgument, FileFault> {
    let malformed = FileFault::Field { field: "settlement proof" };
    let mut rest = packed;
    let mut encoded = Vec::with_capacity(packed.len());
    for part in parts(rounds) {
        match part {
            Part::Plain(bytes) => encoded.extend(take(&mut rest, bytes)?),
            Part::Length(length) => encoded.extend(length_bytes(length)),
            Part::Evaluations => {
                let witness = take(&mut rest, WORD)?;
                encoded.extend(take(&mut rest, WITNESS_EVALUATION.saturating_mul(WORD))?);
                encoded.extend(witness);
                encoded.extend(take(&mut rest, evaluations_after())?);
            }
        }
    }
    if !rest.is_empty() {
        return Err(FileFault::Length);
    }
    match decode_from_slice(&encoded, encoding::<LIMIT>()) {
        Ok((proof, read)) if read == encoded.len() => Ok(proof),
        _ => Err(malformed),
    }
}

/// A commitment as the transcript has it.
pub(crate) fn point_bytes(commitment: &Commitment) -> Result<[u8; POINT_BYTES], FileFault> {
    let malformed = FileFault::Field { field: "commitment" };
    let bytes = encode_to_vec(commitment, encoding::<POINT_BYTES>()).map_err(|_| malformed)?;
    bytes.try_into().map_err(|_| malformed)
}

/// The commitment of these bytes; a point of the curve, in its one form.
pub(crate) fn point(bytes: &[u8; POINT_BYTES]) -> Result<Commitment, FileFault> {
    let malformed = FileFault::Field { field: "commitment" };
    let (commitment, _) =
        decode_from_slice(bytes, encoding::<POINT_BYTES>()).map_err(|_| malformed)?;
    if point_bytes(&commitment)? == *bytes { Ok(commitment) } else { Err(malformed) }
}

fn parts(rounds: Rounds) -> Vec<Part> {
    let Rounds { outer, inner, .. } = rounds;
    let points = |count: usize| Part::Plain(count.saturating_mul(POINT_BYTES));
    let words = |count: usize| Part::Plain(count.saturating_mul(WORD));
    let mut parts = vec![points(COMMITMENTS), Part::Length(outer)];
    let round = || [Part::Length(COEFFICIENTS), words(COEFFICIENTS)];
    parts.extend((0..outer).flat_map(|_| round()));
    parts.extend([words(OUTER_EVALUATIONS), Part::Length(inner)]);
    parts.extend((0..inner).flat_map(|_| round()));
    parts.extend([Part::Evaluations, points(OPENING_POINTS), words(OPENED_VALUES)]);
    parts
}

fn evaluations_after() -> usize {
    INNER_EVALUATIONS.saturating_sub(WITNESS_EVALUATION).saturating_sub(1).saturating_mul(WORD)
}

fn length_bytes(length: usize) -> [u8; 8] {
    u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes()
}

fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> Result<&'a [u8], FileFault> {
    let (taken, after) = rest.split_at_checked(bytes).ok_or(FileFault::Length)?;
    *rest = after;
    Ok(taken)
}
