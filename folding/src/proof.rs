//! The proof of one epoch, as a file.
//!
//! **Invariant:** a file says nothing that its proof does not prove, and has one form: any changed
//! byte is refused. The outputs of steps before the last are therefore no part of it, but for the
//! words that they emit, which are under the last step's emission digest.

use std::sync::Arc;

use domain::{
    CellClosing, DomainIdentity, EMITTED_WORDS, EpochNumber, EpochStatement, RollupClosing,
    StepOutput, Word, chain_hash, limits::MAX_STEPS_PER_EPOCH,
};
use serde::Serialize;

use crate::{
    Error, KeyId, VerifyingKey,
    circuit::RECURSIVE_Z_WORDS,
    error::FileFault,
    field::{scalar, word},
    fields,
    file::sha256,
    key::Sizes,
    layout::sequence_lengths,
    scheme::{CompressedProof, encoding},
    sealed::{Format, Reader, push_counted},
};

/// More bytes than the proof of any circuit of this program has.
pub(crate) const PROOF_LIMIT: usize = 1 << 16;

/// A file of the longest epoch, with room for the header.
const FILE_LIMIT: usize = MAX_STEPS_PER_EPOCH * EMITTED_WORDS * 32 + PROOF_LIMIT + 512;

const FORMAT: Format = Format { magic: b"NFEPOCH\0", version: 1, limit: FILE_LIMIT };

/// The aggregated proof of one epoch: from this state to that one, with these closings, in this
/// many steps. Nothing of it is known to be true before [`EpochProof::verify`].
#[derive(Clone)]
pub struct EpochProof {
    key_id: KeyId,
    claim: Claim,
    proof: Arc<CompressedProof>,
    encoded: Vec<u8>,
}

/// What a proof is of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Claim {
    pub(crate) identity: DomainIdentity,
    pub(crate) epoch: EpochNumber,
    pub(crate) opening_digest: Word,
    pub(crate) closing_digest: Word,
    /// Per step, the words that it emits.
    pub(crate) emitted: Vec<Vec<Word>>,
}

/// What a verified proof proves.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Verified {
    /// The key that it was verified with.
    pub key_id: KeyId,
    /// The domain, and the contract that it settles on.
    pub identity: DomainIdentity,
    /// The epoch.
    pub epoch: EpochNumber,
    /// The state digest that the epoch starts from.
    pub opening_digest: Word,
    /// The state digest that it leads to.
    pub closing_digest: Word,
    /// In how many steps.
    pub steps: usize,
    /// Per step, the words that it emits.
    pub emitted: Vec<Vec<Word>>,
    /// Every cell that the epoch touches, as it leaves it.
    pub cells: Vec<CellClosing>,
    /// Every rollup that the epoch touches, as it leaves it.
    pub rollups: Vec<RollupClosing>,
}

impl EpochProof {
    pub(crate) fn new(key_id: KeyId, claim: Claim, proof: CompressedProof) -> Result<Self, Error> {
        let encoded = encode(&proof)?;
        Ok(Self { key_id, claim, proof: Arc::new(proof), encoded })
    }

    /// The id of the key that verifies it, as it says itself.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Claim { identity, epoch, opening_digest, closing_digest, emitted } = &self.claim;
        FORMAT.seal(|bytes| {
            fields::push_header(bytes, self.key_id, identity, *epoch);
            bytes.extend(opening_digest.to_bytes());
            bytes.extend(closing_digest.to_bytes());
            fields::push_steps(bytes, emitted.len());
            bytes.extend(emitted.iter().flatten().flat_map(|word| word.to_bytes()));
            push_counted(bytes, &self.encoded);
        })
    }

    /// Reads a file. It is then well-formed, not yet true.
    ///
    /// # Errors
    /// [`Error::ProofMalformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(bytes).map_err(Error::ProofMalformed)
    }

    /// The SHA-256 of the file.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        sha256(&self.to_bytes())
    }

    /// Verifies the proof, and says what it proves.
    ///
    /// # Errors
    /// [`Error::WrongKey`], [`Error::Statement`] for a claim that contradicts itself, or
    /// [`Error::ProofInvalid`].
    pub fn verify(&self, key: &VerifyingKey) -> Result<Verified, Error> {
        if self.key_id != key.id() {
            return Err(Error::WrongKey { expected: key.id(), found: self.key_id });
        }
        let statement = self.claim.statement();
        let (cells, rollups) = statement.closings()?;
        let steps = statement.outputs.len();
        let last_z = statement.last_z().unwrap_or_default();
        verify(&self.proof, key, steps, &statement.z0(), &last_z)?;
        let Claim { identity, epoch, opening_digest, closing_digest, emitted } = self.claim.clone();
        Ok(Verified {
            key_id: self.key_id,
            identity,
            epoch,
            opening_digest,
            closing_digest,
            steps,
            emitted,
            cells,
            rollups,
        })
    }

    fn read(bytes: &[u8]) -> Result<Self, FileFault> {
        let mut reader = FORMAT.open(bytes)?;
        let (key_id, identity, epoch) = fields::read_header(&mut reader)?;
        let claim = Claim::read(&mut reader, identity, epoch)?;
        let encoded = reader.take_counted()?.to_vec();
        reader.finish()?;
        let proof = decode(&encoded)?;
        Ok(Self { key_id, claim, proof: Arc::new(proof), encoded })
    }
}

impl std::fmt::Debug for EpochProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EpochProof").field("claim", &self.claim).finish_non_exhaustive()
    }
}

impl Claim {
    /// The claim as a statement. What it does not claim, state digests and pending counts between
    /// the steps, is zero there and read by nobody.
    fn statement(&self) -> EpochStatement {
        let mut emission_digest = Word::ZERO;
        let last = self.emitted.len().saturating_sub(1);
        let outputs = self.emitted.iter().enumerate().map(|(at, emitted)| {
            emission_digest = continue_emission(emission_digest, emitted);
            let state_digest = if at == last { self.closing_digest } else { Word::ZERO };
            StepOutput { state_digest, pending: 0, emission_digest, emitted: emitted.clone() }
        });
        EpochStatement {
            identity: self.identity,
            epoch: self.epoch,
            opening_digest: self.opening_digest,
            outputs: outputs.collect(),
        }
    }

    fn read(
        reader: &mut Reader<'_>,
        identity: DomainIdentity,
        epoch: EpochNumber,
    ) -> Result<Self, FileFault> {
        let opening_digest = fields::read_word(reader, "opening digest")?;
        let closing_digest = fields::read_word(reader, "closing digest")?;
        let steps = fields::read_steps(reader)?;
        if steps == 0 {
            return Err(FileFault::Field { field: "steps" });
        }
        let emitted = (0..steps).map(|_| fields::read_emitted(reader)).collect::<Result<_, _>>()?;
        Ok(Self { identity, epoch, opening_digest, closing_digest, emitted })
    }
}

/// The running digest of emitted words after one more step.
pub(crate) fn continue_emission(previous: Word, emitted: &[Word]) -> Word {
    let words: Vec<Word> = std::iter::once(previous).chain(emitted.iter().copied()).collect();
    chain_hash("netfold.emission.v1", &words)
}

/// Verifies a compressed proof of so many steps from one z to another, of which the first words
/// count.
pub(crate) fn verify(
    proof: &CompressedProof,
    key: &VerifyingKey,
    steps: usize,
    z0: &[Word],
    last_z: &[Word],
) -> Result<(), Error> {
    if sequence_lengths(proof) != Some(proof_lengths(key.sizes())) {
        return Err(Error::ProofInvalid(None));
    }
    let z0: Vec<_> = z0.iter().copied().take(RECURSIVE_Z_WORDS).map(scalar).collect();
    let reached =
        proof.verify(key.key()?, steps, &z0).map_err(|error| Error::ProofInvalid(Some(error)))?;
    let stated = last_z.iter().copied().take(RECURSIVE_Z_WORDS);
    if reached.into_iter().map(word).eq(stated) { Ok(()) } else { Err(Error::ProofInvalid(None)) }
}

/// A compressed proof as bytes.
pub(crate) fn encode(proof: &CompressedProof) -> Result<Vec<u8>, Error> {
    bincode::serde::encode_to_vec(proof, encoding::<PROOF_LIMIT>())
        .map_err(|_| Error::ProofMalformed(FileFault::TooLarge))
}

/// The proof of these bytes, which are the only ones it has.
pub(crate) fn decode(encoded: &[u8]) -> Result<CompressedProof, FileFault> {
    let malformed = FileFault::Field { field: "proof" };
    let (proof, _) = bincode::serde::decode_from_slice(encoded, encoding::<PROOF_LIMIT>())
        .map_err(|_| malformed)?;
    // One form only: what was read is what would be written.
    if encode(&proof).ok().as_deref() == Some(encoded) { Ok(proof) } else { Err(malformed) }
}

/// The lengths of the vectors in a compressed proof, in order.
fn proof_lengths(sizes: Sizes) -> Vec<usize> {
    let rounds = |count: u8, coefficients: usize| {
        let count = usize::from(count);
        std::iter::once(count).chain(std::iter::repeat_n(coefficients, count))
    };
    let (primary, secondary) = (sizes.primary_constraints, sizes.secondary_constraints);
    let exponent = usize::from(primary);
    // The public values of five instances.
    let mut lengths = vec![2; 5];
    // Spartan's three sum-checks and two evaluations, then HyperKZG's commitments and evaluations.
    lengths.extend(rounds(primary, 3));
    lengths.extend(rounds(primary.saturating_add(1), 2));
    lengths.extend(rounds(primary, 2));
    lengths.extend([2, exponent.saturating_sub(1), exponent]);
    // The same, then the two halves of IPA.
    lengths.extend(rounds(secondary, 3));
    lengths.extend(rounds(secondary.saturating_add(1), 2));
    lengths.extend(rounds(secondary, 2));
    lengths.extend([2, usize::from(secondary), usize::from(secondary)]);
    lengths.push(RECURSIVE_Z_WORDS);
    lengths
}
