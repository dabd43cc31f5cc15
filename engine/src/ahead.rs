//! Folding the open epoch ahead, so that sealing leaves only its last steps.
//!
//! **Invariant:** only steps that are fixed are folded: whatever else the epoch takes or lets go of,
//! its plan begins with them (`domain::fixed_steps`). A window is folded when all of it has passed its
//! checks, and from then on the ledger evicts nothing of it; if something went while it was being
//! folded, the step is not recorded. The batch that follows it may go: it stays fixed.
//! Each step is a row with its checkpoint before the next one begins; what is kept in memory only
//! saves resuming from it, which verifies it and is slow.

use std::time::Instant;

use domain::limits::{BATCHES_PER_STEP, MAX_STEPS_PER_EPOCH};
use domain::{EpochNumber, Operation, fixed_steps};
use folding::Fold;
use ledger::{OpenOperations, TurnNumber};
use tracing::info;

use crate::context::{Progress, Worker};
use crate::desk::Made;
use crate::error::Error;
use crate::milestone::Milestone;
use crate::provable::Checks;
use crate::prove::{blocking, resume, step_number};

/// The open epoch as far as it is folded, kept between two steps.
pub(crate) struct Ahead {
    epoch: EpochNumber,
    fold: Box<Fold>,
    checks: Checks,
    /// With fewer batches in the epoch there is nothing new to fold.
    next_at: u64,
}

impl Ahead {
    /// The fold, if it is of that epoch, which is sealed now.
    pub(crate) fn into_fold(self, epoch: EpochNumber) -> Option<Box<Fold>> {
        (self.epoch == epoch).then_some(self.fold)
    }

    /// What the ledger has of the open epoch, or a beginning.
    async fn begin(worker: &Worker, open: OpenOperations) -> Result<(Self, OpenOperations), Error> {
        let (epoch, opening) = (open.epoch, open.opening.clone());
        let fold = resume(worker, epoch, opening.digest()).await?;
        let mut checks = Checks::new(worker.identity.word(), epoch, opening);
        blocking(move || {
            checks.skip_folded(&open, fold.outputs())?;
            Ok((Self { epoch, fold, checks, next_at: 0 }, open))
        })
        .await
    }

    /// Batches in the steps that are folded.
    fn batches(&self) -> usize {
        self.checks.passed().take(self.fold.steps()).map(|step| step.batches().len()).sum()
    }

    /// Checks the window that is next and what fixes it, and folds one step of it. Whether it has one
    /// that is fixed and not folded.
    async fn go_on(
        self,
        worker: &Worker,
        turn: TurnNumber,
        window: OpenOperations,
    ) -> Result<(Self, bool), Error> {
        let began = Instant::now();
        let planned_at = window.last_block;
        let window = Box::new(window);
        let (ahead, folded) = blocking(move || self.fold_one(&window)).await?;
        let Some((output, checkpoint)) = folded else { return Ok((ahead, false)) };
        let (epoch, step) = (ahead.epoch, step_number(ahead.fold.steps()));
        let took = began.elapsed();
        let made = Made { epoch, turn, took };
        worker.hand_in_step(made, step, &output, &checkpoint, planned_at).await?;
        info!(
            %epoch, step, state_digest = %output.state_digest,
            fold_time_ms = took.as_millis(), "step folded ahead"
        );
        worker.reached(&Milestone::StepFoldedAhead { epoch, step });
        Ok((ahead, true))
    }

    fn fold_one(mut self, window: &OpenOperations) -> Result<(Self, Option<Folded>), Error> {
        self.checks.go_on(window, self.fold.outputs(), MAX_STEPS_PER_EPOCH)?;
        let fixed = fixed_steps(&window.operations).map_err(folding::Error::from)?.len();
        if self.fold.steps() >= fixed {
            return Ok((self, None));
        }
        let Some(witness) = self.checks.witness(self.fold.steps())? else {
            return Ok((self, None));
        };
        let output = self.fold.step(&witness)?;
        let checkpoint = self.fold.checkpoint()?;
        Ok((self, Some((output, checkpoint))))
    }
}

/// What a step shows, and its checkpoint.
type Folded = (domain::StepOutput, Vec<u8>);

/// Folds the next step of the open epoch that is fixed and not folded yet.
pub(crate) async fn fold_ahead(
    worker: &Worker,
    turn: TurnNumber,
    ahead: &mut Option<Ahead>,
) -> Result<Progress, Error> {
    let now = worker.ledger.open_epoch().await?;
    let kept = ahead.take().filter(|kept| kept.epoch == now.epoch);
    if now.batches < kept.as_ref().map_or(WINDOW, |kept| kept.next_at) {
        *ahead = kept;
        return Ok(Progress::Idle);
    }
    let mut open = Box::pin(worker.ledger.open_operations()).await?;
    let current;
    (current, open) = match kept {
        Some(kept) if kept.epoch == open.epoch => (kept, open),
        _ => Box::pin(Ahead::begin(worker, open)).await?,
    };
    let folded = current.batches();
    end_after(&mut open.operations, folded.saturating_add(WINDOW_BATCHES));
    let (mut current, moved) = Box::pin(current.go_on(worker, turn, open)).await?;
    if !moved {
        // Either too few batches, or the epoch has no step to spare for its next window: then only
        // many more, or none, can change that.
        let next_at = u64::try_from(folded).unwrap_or(u64::MAX).saturating_add(WINDOW);
        let spent = next_at <= now.batches;
        current.next_at = if spent { now.batches.saturating_add(WINDOW) } else { next_at };
    }
    *ahead = Some(current);
    Ok(if moved { Progress::Moved } else { Progress::Idle })
}

/// Drops what comes after so many batches.
pub(crate) fn end_after(operations: &mut Vec<Operation>, batches: usize) {
    let is_batch = |operation: &Operation| matches!(operation, Operation::Batch(_));
    let mut ends = operations.iter().enumerate().filter(|(_, operation)| is_batch(operation));
    if let Some((last, _)) = ends.nth(batches.saturating_sub(1)) {
        operations.truncate(last.saturating_add(1));
    }
}

/// The batches of a window and the one that follows it.
pub(crate) const WINDOW_BATCHES: usize = BATCHES_PER_STEP + 1;
#[expect(clippy::as_conversions, reason = "a constant of two digits")]
const WINDOW: u64 = WINDOW_BATCHES as u64;
