//! The proof of a domain's history, as a file: every epoch since an anchor, in one proof of one
//! size.
//!
//! **Invariant:** a file says nothing that its proof does not prove, and has one form: any changed
//! byte is refused.

use std::sync::Arc;

use domain::{DomainIdentity, EpochNumber, Word};
use serde::Serialize;

use crate::{
    EpochProof, Error, KeyId, VerifyingKey,
    error::FileFault,
    fields,
    proof::{self, PROOF_LIMIT},
    scheme::CompressedProof,
    sealed::{Format, Reader, push_counted},
};

/// The proof, with room for the header.
const FILE_LIMIT: usize = PROOF_LIMIT + 512;

const FORMAT: Format = Format { magic: b"NFHISTRY", version: 1, limit: FILE_LIMIT };

/// The proof of consecutive epochs. Nothing of it is known to be true before
/// [`HistoryProof::verify`].
#[derive(Clone)]
pub struct HistoryProof {
    key_id: KeyId,
    claim: HistoryClaim,
    proof: Arc<CompressedProof>,
    encoded: Vec<u8>,
}

/// What such a proof is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct HistoryClaim {
    pub(crate) identity: DomainIdentity,
    pub(crate) anchor: EpochNumber,
    pub(crate) opening_digest: Word,
    pub(crate) last_epoch: EpochNumber,
    pub(crate) closing_digest: Word,
    pub(crate) steps: u64,
    pub(crate) emission_digest: Word,
}

/// What a verified history proves.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct VerifiedHistory {
    /// The key that it was verified with.
    pub key_id: KeyId,
    /// The domain, and the contract that it settles on.
    pub identity: DomainIdentity,
    /// The first epoch.
    pub anchor: EpochNumber,
    /// The state digest that the first epoch starts from.
    pub opening_digest: Word,
    /// The last epoch.
    pub last_epoch: EpochNumber,
    /// The state digest that the last epoch leads to.
    pub closing_digest: Word,
    /// In how many steps, all epochs together.
    pub steps: u64,
    /// The running digest of everything that the steps emit.
    pub emission_digest: Word,
}

/// A proof file of either kind.
#[derive(Clone, Debug)]
pub enum ProofFile {
    /// Of one epoch.
    Epoch(Box<EpochProof>),
    /// Of all epochs since an anchor.
    History(Box<HistoryProof>),
}

impl ProofFile {
    /// Reads a file of the kind that its first bytes name. It is then well-formed, not yet true.
    ///
    /// # Errors
    /// [`Error::ProofMalformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.starts_with(FORMAT.magic) {
            Ok(Self::History(Box::new(HistoryProof::from_bytes(bytes)?)))
        } else {
            Ok(Self::Epoch(Box::new(EpochProof::from_bytes(bytes)?)))
        }
    }
}

impl HistoryProof {
    pub(crate) fn new(
        key_id: KeyId,
        claim: HistoryClaim,
        proof: CompressedProof,
    ) -> Result<Self, Error> {
        let encoded = proof::encode(&proof)?;
        Ok(Self { key_id, claim, proof: Arc::new(proof), encoded })
    }

    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let HistoryClaim { identity, anchor, .. } = &self.claim;
        FORMAT.seal(|bytes| {
            fields::push_header(bytes, self.key_id, identity, *anchor);
            bytes.extend(self.claim.opening_digest.to_bytes());
            bytes.extend(self.claim.last_epoch.number().to_be_bytes());
            bytes.extend(self.claim.closing_digest.to_bytes());
            bytes.extend(self.claim.steps.to_be_bytes());
            bytes.extend(self.claim.emission_digest.to_bytes());
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

    /// Verifies the proof, and says what it proves.
    ///
    /// # Errors
    /// [`Error::WrongKey`] or [`Error::ProofInvalid`].
    pub fn verify(&self, key: &VerifyingKey) -> Result<VerifiedHistory, Error> {
        if self.key_id != key.id() {
            return Err(Error::WrongKey { expected: key.id(), found: self.key_id });
        }
        let HistoryClaim {
            identity,
            anchor,
            opening_digest,
            last_epoch,
            closing_digest,
            steps,
            emission_digest,
        } = self.claim;
        let z = |epoch: EpochNumber, state_digest, emission_digest| {
            let epoch = Word::from(epoch.number());
            // Nothing is pending, before the first epoch and after the last.
            [identity.word(), epoch, state_digest, Word::ZERO, emission_digest]
        };
        let z0 = z(anchor, opening_digest, Word::ZERO);
        let last_z = z(last_epoch, closing_digest, emission_digest);
        let count = usize::try_from(steps).map_err(|_| Error::ProofInvalid(None))?;
        proof::verify(&self.proof, key, count, &z0, &last_z)?;
        Ok(VerifiedHistory {
            key_id: self.key_id,
            identity,
            anchor,
            opening_digest,
            last_epoch,
            closing_digest,
            steps,
            emission_digest,
        })
    }

    fn read(bytes: &[u8]) -> Result<Self, FileFault> {
        let mut reader = FORMAT.open(bytes)?;
        let (key_id, identity, anchor) = fields::read_header(&mut reader)?;
        let claim = HistoryClaim::read(&mut reader, identity, anchor)?;
        let encoded = reader.take_counted()?.to_vec();
        reader.finish()?;
        let proof = proof::decode(&encoded)?;
        Ok(Self { key_id, claim, proof: Arc::new(proof), encoded })
    }
}

impl std::fmt::Debug for HistoryProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistoryProof").field("claim", &self.claim).finish_non_exhaustive()
    }
}

impl HistoryClaim {
    fn read(
        reader: &mut Reader<'_>,
        identity: DomainIdentity,
        anchor: EpochNumber,
    ) -> Result<Self, FileFault> {
        Ok(Self {
            identity,
            anchor,
            opening_digest: fields::read_word(reader, "opening digest")?,
            last_epoch: EpochNumber::new(u64::from_be_bytes(reader.take()?)),
            closing_digest: fields::read_word(reader, "closing digest")?,
            steps: u64::from_be_bytes(reader.take()?),
            emission_digest: fields::read_word(reader, "emission digest")?,
        })
    }
}
