//! Folding's progress: steps and checkpoints, of a sealed epoch or, ahead of its sealing, of the open
//! one.
//!
//! Checkpoints are bytes here; what they mean is for `folding`.

use domain::{EpochNumber, STEP_OUTPUT_WORDS, StepOutput, Word};
use time::OffsetDateTime;

use crate::column::{Columns, epoch_key, lookup, word_bytes};
use crate::connection::Tx;
use crate::{BlockNumber, Error, Ledger};

/// The last step of an epoch, and where folding resumes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FoldedStep {
    /// Its number, from 1.
    pub step: u32,
    /// What it shows.
    pub output: StepOutput,
    /// The fold after it; `None` once both proofs of the epoch are recorded, or if no step has one.
    pub checkpoint: Option<Vec<u8>>,
    /// When it was folded.
    pub recorded_at: OffsetDateTime,
}

/// A step of an epoch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StepRecord {
    /// Its number, from 1.
    pub step: u32,
    /// What it shows.
    pub output: StepOutput,
    /// When it was folded.
    pub recorded_at: OffsetDateTime,
}

const STEP: Columns = Columns("epoch_step");

impl Ledger {
    /// Records a step and where folding resumes after it; the checkpoint before goes. The same step
    /// again changes nothing but for its checkpoint, if it had none: a step that a prover offered comes
    /// without. `planned_at` is the journal's last block when the step was planned.
    ///
    /// # Errors
    /// [`Error::StepConflict`], [`Error::StepOutOfOrder`], [`Error::UnknownEpoch`], and
    /// [`Error::StepOutdated`] if a batch of the epoch was evicted since it was planned.
    pub async fn record_step(
        &self,
        epoch: EpochNumber,
        step: u32,
        output: &StepOutput,
        checkpoint: Option<&[u8]>,
        planned_at: BlockNumber,
    ) -> Result<(), Error> {
        let words = step_bytes(output);
        let number = i32::try_from(step).map_err(|_| Error::OutOfBound { what: "step" })?;
        let mut tx = self.write().await?;
        let recorded = sqlx::query_scalar!(
            "select output from epoch_step where epoch_number = $1 and step_number = $2",
            epoch_key(epoch),
            number
        )
        .fetch_optional(&mut *tx)
        .await?;
        match recorded {
            Some(recorded) if recorded == words => {
                insert_checkpoint(&mut tx, epoch, number, checkpoint).await?;
                return Ok(tx.commit().await?);
            }
            Some(_) => return Err(Error::StepConflict { epoch, step }),
            None => {}
        }
        check_planned(&mut tx, epoch, step, planned_at).await?;
        sqlx::query!(
            "insert into epoch_step (epoch_number, step_number, output) values ($1, $2, $3)",
            epoch_key(epoch),
            number,
            words
        )
        .execute(&mut *tx)
        .await
        .map_err(Error::from)
        .map_err(|error| {
            error
                .on_constraint("epoch_step_of_epoch", || Error::UnknownEpoch { epoch })
                .on_constraint("epoch_step_continues", || Error::StepOutOfOrder { epoch, step })
        })?;
        insert_checkpoint(&mut tx, epoch, number, checkpoint).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The last step of an epoch that has a checkpoint, or else the last: steps that a prover offered have none.
    ///
    /// # Errors
    /// When Postgres fails, or [`Error::PermissionDenied`]: checkpoints are the engine's alone.
    pub async fn latest_step(&self, epoch: EpochNumber) -> Result<Option<FoldedStep>, Error> {
        let row = sqlx::query!(
            r#"select step_number, output, recorded_at, checkpoint as "checkpoint?"
            from epoch_step left join epoch_checkpoint using (epoch_number, step_number)
            where epoch_number = $1
            order by checkpoint is null, step_number desc limit 1"#,
            epoch_key(epoch)
        )
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| {
            Ok(FoldedStep {
                step: STEP.small(row.step_number)?,
                output: output(&row.output)?,
                checkpoint: row.checkpoint,
                recorded_at: row.recorded_at,
            })
        })
        .transpose()
    }

    /// What each step of an epoch shows, in order.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn steps(&self, epoch: EpochNumber) -> Result<Vec<StepRecord>, Error> {
        steps(&mut self.snapshot().await?, epoch).await
    }
}

pub(super) async fn steps(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<Vec<StepRecord>, Error> {
    let rows = sqlx::query!(
        "select step_number, output, recorded_at from epoch_step
        where epoch_number = $1 order by step_number",
        epoch_key(epoch)
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(StepRecord {
                step: STEP.small(row.step_number)?,
                output: output(&row.output)?,
                recorded_at: row.recorded_at,
            })
        })
        .collect()
}

/// An eviction looks at what is recorded, under the same lock. What is being folded meanwhile looks at
/// the evictions: else a step could be recorded that holds an evicted batch, and with it the epoch
/// could never be proven.
async fn check_planned(
    tx: &mut Tx<'_>,
    epoch: EpochNumber,
    step: u32,
    planned_at: BlockNumber,
) -> Result<(), Error> {
    let evicted_since = sqlx::query_scalar!(
        r#"select exists (
            select from batch_eviction where epoch_number = $1 and block_number > $2
        ) as "evicted!""#,
        epoch_key(epoch),
        lookup(planned_at.number())
    )
    .fetch_one(&mut **tx)
    .await?;
    if evicted_since { Err(Error::StepOutdated { epoch, step }) } else { Ok(()) }
}

async fn insert_checkpoint(
    tx: &mut Tx<'_>,
    epoch: EpochNumber,
    step: i32,
    checkpoint: Option<&[u8]>,
) -> Result<(), Error> {
    let Some(checkpoint) = checkpoint else { return Ok(()) };
    sqlx::query!(
        "insert into epoch_checkpoint (epoch_number, step_number, checkpoint)
        select $1, $2, $3
        where not exists (
            select from epoch_checkpoint where epoch_number = $1 and step_number >= $2
        )",
        epoch_key(epoch),
        step,
        checkpoint
    )
    .execute(&mut **tx)
    .await
    .map_err(Error::from)
    .map_err(|error| {
        let too_long = || Error::OutOfBound { what: "the checkpoint" };
        error.on_constraint("epoch_checkpoint_in_bound", too_long)
    })?;
    sqlx::query!(
        "delete from epoch_checkpoint where epoch_number = $1 and step_number < $2",
        epoch_key(epoch),
        step
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Words of a recorded step: those of L1 and the emission digest.
const RECORDED_WORDS: usize = STEP_OUTPUT_WORDS + 1;

/// A step's output as it is recorded: state digest, pending, emission digest, what is emitted.
fn recorded_words(output: &StepOutput) -> impl Iterator<Item = Word> + '_ {
    [output.state_digest, Word::from(output.pending), output.emission_digest]
        .into_iter()
        .chain(output.emitted.iter().copied())
}

/// A step's output in the bytes of its row.
pub(super) fn step_bytes(output: &StepOutput) -> Vec<u8> {
    recorded_words(output).flat_map(word_bytes).collect()
}

/// A step's output from its recorded words.
pub(crate) fn output(bytes: &[u8]) -> Result<StepOutput, Error> {
    let words = STEP.words(bytes)?;
    if words.len() != RECORDED_WORDS {
        return Err(STEP.corrupt());
    }
    let mut words = words.into_iter();
    let mut word = || words.next().ok_or_else(|| STEP.corrupt());
    let (state_digest, pending, emission_digest) = (word()?, word()?, word()?);
    let pending = u64::try_from(pending.to_uint()).map_err(|_| STEP.corrupt())?;
    Ok(StepOutput { state_digest, pending, emission_digest, emitted: words.collect() })
}
