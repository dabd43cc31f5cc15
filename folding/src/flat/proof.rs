//! The settlement proof as bytes, and its verification outside L1.

use domain::{EpochStatement, StepOutput, Word, limits::MAX_STEPS_PER_EPOCH};
use nova_snark::{r1cs::RelaxedR1CSInstance, traits::snark::RelaxedR1CSSNARKTrait};

use super::{
    SettlementVerifyingKey,
    packed::{Commitment, point, unpack},
    transcript::{POINT_BYTES, Transcript},
};
use crate::{
    Error,
    error::FileFault,
    field::{Scalar, scalar},
    file::sha256,
    scheme::Primary,
};

/// The proof that L1 checks: the commitments of each step, then one proof of the folded instance.
///
/// Its statement is no part of it, since L1 supplies it: see [`EpochStatement`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SettlementProof(Vec<u8>);

impl SettlementProof {
    /// The proof of these bytes; nothing is known of it yet.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes that L1 gets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The SHA-256 of the bytes.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        sha256(&self.0)
    }

    /// Verifies it as the contract does. What L1 compares with its own storage besides is not looked
    /// at here.
    ///
    /// # Errors
    /// [`Error::Statement`] for a statement that contradicts itself, [`Error::ProofMalformed`] or
    /// [`Error::ProofInvalid`].
    pub fn verify(
        &self,
        key: &SettlementVerifyingKey,
        statement: &EpochStatement,
    ) -> Result<(), Error> {
        statement.closings()?;
        let length = Error::ProofMalformed(FileFault::Length);
        let steps = statement.outputs.len();
        let Some((messages, packed)) = self.0.split_at_checked(message_bytes(steps)) else {
            return Err(length);
        };
        if self.0.len() != key.proof_bytes(steps) {
            return Err(length);
        }
        let (_, instance) =
            fold_public(key.digest(), statement, messages).map_err(Error::ProofMalformed)?;
        let argument = unpack(packed, key.rounds()).map_err(Error::ProofMalformed)?;
        argument
            .verify(key.argument_key(), &instance)
            .map_err(|error| Error::ProofInvalid(Some(error)))
    }
}

/// Bytes of the commitments of this many steps: of each its witness, of all but the first its cross
/// term.
pub(super) fn message_bytes(steps: usize) -> usize {
    let points = steps.saturating_mul(2).saturating_sub(1);
    points.saturating_mul(POINT_BYTES)
}

/// The public values of a step that opens with these words.
pub(crate) fn public_words(opening: [Word; 3], output: &StepOutput) -> impl Iterator<Item = Word> {
    opening.into_iter().chain(output.words())
}

/// The verifier's side of the fold: the transcript and the instance that steps with these messages
/// lead to.
pub(crate) fn fold_public(
    key_digest: Word,
    statement: &EpochStatement,
    messages: &[u8],
) -> Result<(Transcript, RelaxedR1CSInstance<Primary>), FileFault> {
    let (points, rest) = messages.as_chunks::<POINT_BYTES>();
    let steps = statement.outputs.len();
    if !rest.is_empty()
        || !(1..=MAX_STEPS_PER_EPOCH).contains(&steps)
        || messages.len() != message_bytes(steps)
    {
        return Err(FileFault::Length);
    }
    let (Some((first_point, points)), Some((first, later))) =
        (points.split_first(), statement.outputs.split_first())
    else {
        return Err(FileFault::Length);
    };
    let opening =
        [statement.identity.word(), Word::from(statement.epoch.number()), statement.opening_digest];
    let mut transcript = Transcript::start(key_digest, statement, first, first_point);
    let mut instance = fresh(&point(first_point)?, opening, first);
    let [domain_word, epoch, _] = opening;
    let mut opening_digest = first.state_digest;
    let (pairs, _) = points.as_chunks::<2>();
    for (output, [witness, cross_term]) in later.iter().zip(pairs) {
        let (next, challenge) = transcript.next(output, witness, cross_term);
        let step = fresh(&point(witness)?, [domain_word, epoch, opening_digest], output);
        instance = instance.fold_relaxed(&step, &point(cross_term)?, &challenge);
        (transcript, opening_digest) = (next, output.state_digest);
    }
    Ok((transcript, instance))
}

fn fresh(
    witness: &Commitment,
    opening: [Word; 3],
    output: &StepOutput,
) -> RelaxedR1CSInstance<Primary> {
    let public: Vec<Scalar> = public_words(opening, output).map(scalar).collect();
    RelaxedR1CSInstance::from_r1cs_instance_unchecked(witness, &public)
}
