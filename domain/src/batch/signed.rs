//! A batch whose signature was verified.

use alloy_primitives::B256;

use crate::{Batch, Refusal, SettlementKey, Word};

/// A batch with the digest that its signature is over, verified: so that whoever needs both later, and
/// in one place for all batches, need not compute them there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedBatch {
    batch: Batch,
    body_digest: B256,
    digest: Word,
    key: SettlementKey,
    domain_word: Word,
}

impl SignedBatch {
    /// Verifies a batch's signature by `key` in the domain of `domain_word`.
    ///
    /// # Errors
    /// [`Refusal::SignatureInvalid`].
    pub fn verify(batch: &Batch, key: SettlementKey, domain_word: Word) -> Result<Self, Refusal> {
        let body_digest = batch.parts().body_digest();
        let digest = batch.parts().digest_over(domain_word, body_digest);
        check_signature(batch, digest, key)?;
        Ok(Self { batch: batch.clone(), body_digest, digest, key, domain_word })
    }

    /// The batch.
    #[must_use]
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// What its rollup signed.
    #[must_use]
    pub fn digest(&self) -> Word {
        self.digest
    }

    /// The digest of what it lists.
    #[must_use]
    pub fn body_digest(&self) -> B256 {
        self.body_digest
    }

    /// Whether `key` signed it for this domain.
    #[must_use]
    pub(crate) fn is_by(&self, key: SettlementKey, domain_word: Word) -> bool {
        self.key == key && self.domain_word == domain_word
    }
}

/// Whether a batch's signature over its digest is a key's.
pub(crate) fn check_signature(
    batch: &Batch,
    digest: Word,
    key: SettlementKey,
) -> Result<(), Refusal> {
    if key.verifies(digest, &batch.parts().signature) {
        Ok(())
    } else {
        let (rollup, digest) = (batch.rollup(), digest.to_bytes());
        Err(Refusal::SignatureInvalid { rollup, digest })
    }
}
