//! What folding comes to: the settlement proof, which L1 checks, and the aggregated proof, which
//! anybody checks without the ledger.
//!
//! **Invariant:** both lead to the digest that the epoch was sealed with. They come in either
//! order; checkpoints, from which both resume, stay until the second one is there. Only the
//! settlement proof makes an epoch proven: the aggregated one may follow after L1 has settled it.
//!
//! Proofs are bytes here; what they mean is for `folding`.

use alloy_primitives::B256;
use domain::{EpochNumber, Word};
use time::OffsetDateTime;

use super::seal;
use crate::column::{Columns, epoch_key, word_bytes};
use crate::connection::Tx;
use crate::{Error, Ledger, hash};

/// A proof to record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewProof {
    /// The digest that it leads to.
    pub closing_digest: Word,
    /// The number of its steps.
    pub steps: u32,
    /// The proof itself.
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
    /// The proof itself.
    pub bytes: Vec<u8>,
    /// When it was recorded.
    pub proven_at: OffsetDateTime,
}

/// A proof without its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProofSummary {
    /// The digest that it leads to.
    pub closing_digest: Word,
    /// The number of its steps.
    pub steps: u32,
    /// SHA-256 of the bytes.
    pub sha256: B256,
    /// How many bytes.
    pub bytes: u64,
    /// When it was recorded.
    pub proven_at: OffsetDateTime,
}

const AGGREGATED: Columns = Columns("epoch_proof");
const SETTLEMENT: Columns = Columns("epoch_settlement_proof");

impl Ledger {
    /// Records an epoch's settlement proof, which must lead to the digest that the epoch was sealed
    /// with: the epoch is proven. Its checkpoints go if the aggregated proof is recorded, too. If a
    /// settlement proof is recorded already, it stays: one is as good as another.
    ///
    /// # Errors
    /// [`Error::NotSealed`], [`Error::ProofDiffers`], [`Error::StepOutOfOrder`] when its last step
    /// is not recorded, [`Error::OutOfBound`].
    pub async fn record_settlement_proof(
        &self,
        epoch: EpochNumber,
        proof: &NewProof,
    ) -> Result<(), Error> {
        let mut tx = self.write().await?;
        check_closing(&mut tx, epoch, proof).await?;
        sqlx::query!(
            "insert into epoch_settlement_proof
                (epoch_number, closing_digest, step_count, proof_digest, proof)
            values ($1, $2::bytea, $3, $4::bytea, $5)
            on conflict (epoch_number) do nothing",
            epoch_key(epoch),
            word_bytes(proof.closing_digest),
            step_count(proof)?,
            hash::bytes(&proof.bytes).to_vec(),
            proof.bytes
        )
        .execute(&mut *tx)
        .await
        .map_err(Error::from)
        .map_err(|error| {
            let no_step = || Error::StepOutOfOrder { epoch, step: proof.steps };
            let too_long = || Error::OutOfBound { what: "the settlement proof" };
            error
                .on_constraint("epoch_settlement_proof_of_steps", no_step)
                .on_constraint("epoch_settlement_proof_in_bound", too_long)
        })?;
        delete_working_data(&mut tx, epoch).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Records an epoch's aggregated proof, which must lead to the digest that the epoch was sealed
    /// with. Its checkpoints go if the settlement proof is recorded, too. If an aggregated proof is
    /// recorded already, it stays: one is as good as another.
    ///
    /// # Errors
    /// [`Error::NotSealed`], [`Error::ProofDiffers`], [`Error::StepOutOfOrder`] when its last step
    /// is not recorded, [`Error::OutOfBound`].
    pub async fn record_proof(&self, epoch: EpochNumber, proof: &NewProof) -> Result<(), Error> {
        let mut tx = self.write().await?;
        check_closing(&mut tx, epoch, proof).await?;
        sqlx::query!(
            "insert into epoch_proof (epoch_number, closing_digest, step_count, proof_digest, proof)
            values ($1, $2::bytea, $3, $4::bytea, $5)
            on conflict (epoch_number) do nothing",
            epoch_key(epoch),
            word_bytes(proof.closing_digest),
            step_count(proof)?,
            hash::bytes(&proof.bytes).to_vec(),
            proof.bytes
        )
        .execute(&mut *tx)
        .await
        .map_err(Error::from)
        .map_err(|error| {
            let no_step = || Error::StepOutOfOrder { epoch, step: proof.steps };
            let too_long = || Error::OutOfBound { what: "the proof" };
            error
                .on_constraint("epoch_proof_of_steps", no_step)
                .on_constraint("epoch_proof_in_bound", too_long)
        })?;
        delete_working_data(&mut tx, epoch).await?;
        tx.commit().await?;
        Ok(())
    }

    /// An epoch's settlement proof: what L1 checks.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn settlement_proof(&self, epoch: EpochNumber) -> Result<Option<Proof>, Error> {
        let row = sqlx::query_as!(
            Row,
            "select closing_digest, step_count, proof_digest, proof, proven_at
            from epoch_settlement_proof where epoch_number = $1",
            epoch_key(epoch)
        )
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| row.proof(epoch, SETTLEMENT)).transpose()
    }

    /// An epoch's aggregated proof: the file that anybody checks without the ledger.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn proof(&self, epoch: EpochNumber) -> Result<Option<Proof>, Error> {
        let row = sqlx::query_as!(
            Row,
            "select closing_digest, step_count, proof_digest, proof, proven_at from epoch_proof
            where epoch_number = $1",
            epoch_key(epoch)
        )
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| row.proof(epoch, AGGREGATED)).transpose()
    }

    /// Epochs whose settling does not wait for the prover any more, since the settlement proof is
    /// recorded or L1 has settled them otherwise, but which have no aggregated proof; oldest first.
    /// Final ones, too.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn unaggregated_epochs(&self) -> Result<Vec<EpochNumber>, Error> {
        let numbers = sqlx::query_scalar!(
            "select epoch_number from epoch_seal e
            where not exists (select from epoch_proof p where p.epoch_number = e.epoch_number)
                and (
                    exists (
                        select from epoch_settlement_proof p
                        where p.epoch_number = e.epoch_number
                    )
                    or exists (
                        select from standing_settlement s where s.epoch_number = e.epoch_number
                    )
                )
            order by epoch_number"
        )
        .fetch_all(self.pool())
        .await?;
        numbers.into_iter().map(|number| AGGREGATED.epoch(number)).collect()
    }
}

/// The columns of either proof.
struct Row {
    closing_digest: Vec<u8>,
    step_count: i32,
    proof_digest: Vec<u8>,
    proof: Vec<u8>,
    proven_at: OffsetDateTime,
}

impl Row {
    fn proof(self, epoch: EpochNumber, table: Columns) -> Result<Proof, Error> {
        Ok(Proof {
            epoch,
            closing_digest: table.word(&self.closing_digest)?,
            steps: table.small(self.step_count)?,
            sha256: table.b256(&self.proof_digest)?,
            bytes: self.proof,
            proven_at: self.proven_at,
        })
    }
}

/// A proof leads to the digest that its epoch was sealed with.
async fn check_closing(tx: &mut Tx<'_>, epoch: EpochNumber, proof: &NewProof) -> Result<(), Error> {
    let sealed = seal::read(tx, epoch).await?.ok_or(Error::NotSealed { epoch })?;
    if sealed.closing_digest == proof.closing_digest {
        Ok(())
    } else {
        let (sealed, proven) = (sealed.closing_digest, proof.closing_digest);
        Err(Error::ProofDiffers { epoch, sealed, proven })
    }
}

fn step_count(proof: &NewProof) -> Result<i32, Error> {
    i32::try_from(proof.steps).map_err(|_| Error::OutOfBound { what: "steps" })
}

/// Lets go what an epoch was folded from and what was offered of it, unless one of its proofs is still missing.
async fn delete_working_data(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<(), Error> {
    sqlx::query!(
        "with proven as (
            select epoch_number from epoch_proof join epoch_settlement_proof using (epoch_number)
            where epoch_number = $1
        ), offers as (
            delete from offer where epoch_number in (select epoch_number from proven)
        )
        delete from epoch_checkpoint where epoch_number in (select epoch_number from proven)",
        epoch_key(epoch)
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
