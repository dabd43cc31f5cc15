//! What a prover in a process of its own hands in.
//!
//! **Invariant:** nothing rests on an offer. An engine takes what it has verified and writes the row that
//! counts; it withdraws everything of an epoch in which one thing is wrong, and the prover begins it anew.
//! So offers may be read that mean nothing, and every reader allows for it.

use std::time::Duration;

use domain::{EpochNumber, StepOutput};

use super::fold::{output as step_output, step_bytes};
use crate::column::{Columns, epoch_key};
use crate::turns::{milliseconds, turn_number};
use crate::{Error, Ledger, Piece, TurnNumber, Work};

/// A step that is offered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OfferedStep {
    /// Its number, from 1.
    pub step: u32,
    /// What it is said to show; `None` if no step shows that.
    pub output: Option<StepOutput>,
    /// In which turn it was folded, as the prover says.
    pub turn: TurnNumber,
    /// How long that took, as the prover says.
    pub took: Duration,
}

/// A proof that is offered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OfferedProof {
    /// Whatever it is.
    pub bytes: Vec<u8>,
    /// In which turn it was made, as the prover says.
    pub turn: TurnNumber,
    /// How long that took, as the prover says.
    pub took: Duration,
}

const TABLE: Columns = Columns("offer");

impl Ledger {
    /// Offers a step, and keeps where folding resumes after it. The same step once more replaces the offer;
    /// those before it go if they are recorded.
    ///
    /// # Errors
    /// [`Error::StepOutOfOrder`] when the step before is neither recorded nor offered: offers were withdrawn;
    /// [`Error::UnknownEpoch`], [`Error::OutOfBound`].
    pub async fn offer_step(
        &self,
        work: &Work,
        output: &StepOutput,
        checkpoint: &[u8],
    ) -> Result<(), Error> {
        let (epoch, (_, number)) = (work.epoch, work.piece.codes()?);
        let mut tx = self.pool().begin().await?;
        let follows = sqlx::query_scalar!(
            r#"select $2 <= 1
                or exists (select from epoch_step where epoch_number = $1 and step_number = $2 - 1)
                or exists (
                    select from offer
                    where epoch_number = $1 and work_kind = 1 and step_number = $2 - 1
                ) as "follows!""#,
            epoch_key(epoch),
            number
        )
        .fetch_one(&mut *tx)
        .await?;
        if !follows {
            return Err(Error::StepOutOfOrder { epoch, step: TABLE.small(number)? });
        }
        sqlx::query!(
            "delete from offer o
            where epoch_number = $1 and work_kind = 1 and (step_number = $2 or exists (
                select from epoch_step s
                where s.epoch_number = o.epoch_number and s.step_number = o.step_number
            ))",
            epoch_key(epoch),
            number
        )
        .execute(&mut *tx)
        .await?;
        insert(&mut tx, work, &step_bytes(output), Some(checkpoint)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Offers a proof, in the place of one that is offered already.
    ///
    /// # Errors
    /// [`Error::UnknownEpoch`], [`Error::OutOfBound`].
    pub async fn offer_proof(&self, work: &Work, bytes: &[u8]) -> Result<(), Error> {
        let (kind, _) = work.piece.codes()?;
        let mut tx = self.pool().begin().await?;
        sqlx::query!(
            "delete from offer where epoch_number = $1 and work_kind = $2",
            epoch_key(work.epoch),
            kind
        )
        .execute(&mut *tx)
        .await?;
        insert(&mut tx, work, bytes, None).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The epochs of which something is offered that is not recorded, oldest first.
    ///
    /// # Errors
    /// When Postgres fails, or [`Error::PermissionDenied`]: offers are for prover and engine alone.
    pub async fn offered_epochs(&self) -> Result<Vec<EpochNumber>, Error> {
        let numbers = sqlx::query_scalar!(
            "select distinct epoch_number from offer o
            where not case work_kind
                when 1 then exists (
                    select from epoch_step s
                    where s.epoch_number = o.epoch_number and s.step_number = o.step_number
                )
                when 2 then exists (
                    select from epoch_settlement_proof p where p.epoch_number = o.epoch_number
                )
                else exists (select from epoch_proof p where p.epoch_number = o.epoch_number)
            end
            order by epoch_number"
        )
        .fetch_all(self.pool())
        .await?;
        numbers.into_iter().map(|number| TABLE.epoch(number)).collect()
    }

    /// The steps of an epoch that are offered and not recorded, in order; not always without gaps.
    ///
    /// # Errors
    /// As [`Ledger::offered_epochs`].
    pub async fn offered_steps(&self, epoch: EpochNumber) -> Result<Vec<OfferedStep>, Error> {
        let rows = sqlx::query!(
            "select step_number, content, turn_number, took_ms from offer o
            where epoch_number = $1 and work_kind = 1 and not exists (
                select from epoch_step s
                where s.epoch_number = o.epoch_number and s.step_number = o.step_number
            )
            order by step_number",
            epoch_key(epoch)
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(OfferedStep {
                    step: TABLE.small(row.step_number)?,
                    output: step_output(&row.content).ok(),
                    turn: turn_number(row.turn_number),
                    took: Duration::from_millis(TABLE.number(row.took_ms)?),
                })
            })
            .collect()
    }

    /// A proof of an epoch that is offered, whether or not one is recorded.
    ///
    /// # Errors
    /// As [`Ledger::offered_epochs`].
    pub async fn offered_proof(
        &self,
        epoch: EpochNumber,
        piece: Piece,
    ) -> Result<Option<OfferedProof>, Error> {
        let (kind, step) = piece.codes()?;
        let row = sqlx::query!(
            "select content, turn_number, took_ms from offer
            where epoch_number = $1 and work_kind = $2 and step_number = $3",
            epoch_key(epoch),
            kind,
            step
        )
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| {
            Ok(OfferedProof {
                bytes: row.content,
                turn: turn_number(row.turn_number),
                took: Duration::from_millis(TABLE.number(row.took_ms)?),
            })
        })
        .transpose()
    }

    /// Whether a piece is offered: who proves goes on to the next.
    ///
    /// # Errors
    /// As [`Ledger::offered_epochs`].
    pub async fn is_offered(&self, epoch: EpochNumber, piece: Piece) -> Result<bool, Error> {
        let (kind, step) = piece.codes()?;
        let offered = sqlx::query_scalar!(
            r#"select exists (
                select from offer where epoch_number = $1 and work_kind = $2 and step_number = $3
            ) as "offered!""#,
            epoch_key(epoch),
            kind,
            step
        )
        .fetch_one(self.pool())
        .await?;
        Ok(offered)
    }

    /// The last step that is offered, and the fold after it.
    ///
    /// # Errors
    /// As [`Ledger::offered_epochs`].
    pub async fn offered_checkpoint(
        &self,
        epoch: EpochNumber,
    ) -> Result<Option<(u32, Vec<u8>)>, Error> {
        let row = sqlx::query!(
            r#"select step_number, checkpoint as "checkpoint!" from offer
            where epoch_number = $1 and work_kind = 1 order by step_number desc limit 1"#,
            epoch_key(epoch)
        )
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| Ok((TABLE.small(row.step_number)?, row.checkpoint))).transpose()
    }

    /// Takes everything back that is offered of an epoch.
    ///
    /// # Errors
    /// As [`Ledger::offered_epochs`].
    pub async fn withdraw_offers(&self, epoch: EpochNumber) -> Result<(), Error> {
        sqlx::query!("delete from offer where epoch_number = $1", epoch_key(epoch))
            .execute(self.pool())
            .await?;
        Ok(())
    }
}

/// Inserts an offer and wakes whoever listens.
async fn insert(
    tx: &mut sqlx::PgTransaction<'_>,
    work: &Work,
    content: &[u8],
    checkpoint: Option<&[u8]>,
) -> Result<(), Error> {
    let epoch = work.epoch;
    let (kind, step) = work.piece.codes()?;
    sqlx::query!(
        "with woken as (select pg_notify('netfold_event', ''))
        insert into offer (epoch_number, work_kind, step_number, content, checkpoint, turn_number,
            took_ms)
        select $1, $2, $3, $4, $5, $6, $7 from woken",
        epoch_key(epoch),
        kind,
        step,
        content,
        checkpoint,
        work.turn.key(),
        milliseconds(work.took)
    )
    .execute(&mut **tx)
    .await
    .map_err(Error::from)
    .map_err(|error| {
        let too_long = |what| move || Error::OutOfBound { what };
        error
            .on_constraint("offer_of_epoch", || Error::UnknownEpoch { epoch })
            .on_constraint("offer_content_in_bound", too_long("what is offered"))
            .on_constraint("offer_checkpoint_in_bound", too_long("the checkpoint"))
    })?;
    Ok(())
}
