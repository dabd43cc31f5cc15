//! What folding comes to: the proof.
//!
//! Proofs are bytes here; what they mean is for `folding`.

use alloy_primitives::B256;
use domain::{EpochNumber, Word};
use time::OffsetDateTime;

use super::seal;
use crate::column::{Columns, epoch_key, word_bytes};
use crate::{Error, Ledger, hash};

/// A proof to record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewProof {
    /// The digest that it leads to.
    pub closing_digest: Word,
    /// The number of its steps.
    pub steps: u32,
    /// The proof file.
    pub bytes: Vec<u8>,
}

/// A recorded proof.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proof {
    /// Of which epoch.
    pub epoch: EpochNumber,
    /// The digest that it leads to.
    pub closing_digest: Word,
    /// The number of its steps.
    pub steps: u32,
    /// SHA-256 of the bytes.
    pub sha256: B256,
    /// The proof file.
    pub bytes: Vec<u8>,
    /// When it was recorded.
    pub proven_at: OffsetDateTime,
}

const PROOF: Columns = Columns("epoch_proof");

impl Ledger {
    /// Records an epoch's proof, which must lead to the digest that the epoch was sealed with; its
    /// checkpoints go. If a proof is recorded already, it stays: one is as good as another.
    ///
    /// # Errors
    /// [`Error::NotSealed`], [`Error::ProofDiffers`], [`Error::StepOutOfOrder`] when its last step
    /// is not recorded.
    pub async fn record_proof(&self, epoch: EpochNumber, proof: &NewProof) -> Result<(), Error> {
        let mut tx = self.write().await?;
        let sealed = seal::read(&mut tx, epoch).await?.ok_or(Error::NotSealed { epoch })?;
        if sealed.closing_digest != proof.closing_digest {
            let (sealed, proven) = (sealed.closing_digest, proof.closing_digest);
            return Err(Error::ProofDiffers { epoch, sealed, proven });
        }
        sqlx::query!(
            "insert into epoch_proof (epoch_number, closing_digest, step_count, proof_digest, proof)
            values ($1, $2::bytea, $3, $4::bytea, $5)
            on conflict (epoch_number) do nothing",
            epoch_key(epoch),
            word_bytes(proof.closing_digest),
            i32::try_from(proof.steps).map_err(|_| Error::OutOfBound { what: "steps" })?,
            hash::bytes(&proof.bytes).to_vec(),
            proof.bytes
        )
        .execute(&mut *tx)
        .await
        .map_err(Error::from)
        .map_err(|error| {
            let step = proof.steps;
            error
                .on_constraint("epoch_proof_of_steps", || Error::StepOutOfOrder { epoch, step })
                .on_constraint("epoch_proof_in_bound", || Error::OutOfBound { what: "the proof" })
        })?;
        sqlx::query!("delete from epoch_checkpoint where epoch_number = $1", epoch_key(epoch))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// An epoch's proof.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn proof(&self, epoch: EpochNumber) -> Result<Option<Proof>, Error> {
        let row = sqlx::query!(
            "select closing_digest, step_count, proof_digest, proof, proven_at from epoch_proof
            where epoch_number = $1",
            epoch_key(epoch)
        )
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| {
            Ok(Proof {
                epoch,
                closing_digest: PROOF.word(&row.closing_digest)?,
                steps: PROOF.small(row.step_count)?,
                sha256: PROOF.b256(&row.proof_digest)?,
                bytes: row.proof,
                proven_at: row.proven_at,
            })
        })
        .transpose()
    }
}
