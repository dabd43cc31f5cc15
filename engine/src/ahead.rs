//! Folding the open epoch ahead, so that sealing leaves only its last steps.
//!
//! **Invariant:** only steps that are fixed are folded: whatever else the epoch takes, its plan
//! begins with them (`domain::fixed_steps`). Each is a row with its checkpoint before the next one
//! begins; what is kept in memory only saves resuming from it, which verifies it and is slow.

use std::time::Instant;

use domain::limits::BATCHES_PER_STEP;
use domain::{EpochNumber, Step, StepContext, fixed_steps};
use folding::Fold;
use ledger::OpenOperations;
use tracing::info;

use crate::context::{Context, Progress};
use crate::error::Error;
use crate::milestone::Milestone;
use crate::provable::{Place, not_of_the_plan, ran_as_folded};
use crate::prove::{blocking, resume, step_number};

/// The open epoch as far as it is folded, kept between two steps.
pub(crate) struct Ahead {
    epoch: EpochNumber,
    fold: Box<Fold>,
    /// The steps that are folded.
    steps: Vec<Step>,
    /// After the last of them.
    place: Place,
    /// With fewer batches in the epoch there is nothing new to fold.
    next_at: u64,
}

impl Ahead {
    /// The fold, if it is of that epoch, which is sealed now.
    pub(crate) fn into_fold(self, epoch: EpochNumber) -> Option<Box<Fold>> {
        (self.epoch == epoch).then_some(self.fold)
    }

    /// What the ledger has of the open epoch, or a beginning.
    async fn begin(
        context: &Context,
        open: &OpenOperations,
        fixed: &[Step],
    ) -> Result<Self, Error> {
        let epoch = open.epoch;
        let step = StepContext { domain_word: context.identity.word(), epoch };
        let opening_digest = open.opening.digest();
        let fold = resume(context, epoch, opening_digest).await?;
        let mut steps = fixed.to_vec();
        if fold.steps() > steps.len() {
            return Err(not_of_the_plan(epoch, fold.steps()));
        }
        steps.truncate(fold.steps());
        let opening = Place::opening(step, open.opening.clone());
        let (fold, steps, place) = blocking(move || {
            let folded = steps.iter().zip(fold.outputs());
            let place = folded
                .into_iter()
                .try_fold(opening, |place, (step, output)| ran_as_folded(&place, step, output))?;
            Ok((fold, steps, place))
        })
        .await?;
        Ok(Self { epoch, fold, steps, place, next_at: 0 })
    }

    /// Folds one more step and records it.
    async fn fold(self, context: &Context, step: Step) -> Result<Self, Error> {
        let began = Instant::now();
        let Self { epoch, mut fold, mut steps, place, next_at } = self;
        let (fold, step, place, output, checkpoint) = blocking(move || {
            let witness = place.witness(&step)?;
            // Checks the witness first.
            let output = fold.step(&witness).map_err(|fault| place.blame(&step, fault))?;
            let checkpoint = fold.checkpoint()?;
            Ok((fold, step, place.after(&witness), output, checkpoint))
        })
        .await?;
        steps.push(step);
        let number = step_number(steps.len());
        context.ledger.record_step(epoch, number, &output, &checkpoint).await?;
        info!(
            %epoch, step = number, state_digest = %output.state_digest,
            fold_time_ms = began.elapsed().as_millis(), "step folded ahead"
        );
        context.reached(&Milestone::StepFoldedAhead { epoch, step: number });
        Ok(Self { epoch, fold, steps, place, next_at })
    }
}

/// Folds the next step of the open epoch that is fixed and not folded yet.
pub(crate) async fn fold_ahead(
    context: &Context,
    ahead: &mut Option<Ahead>,
) -> Result<Progress, Error> {
    let now = context.ledger.open_epoch().await?;
    let kept = ahead.take().filter(|kept| kept.epoch == now.epoch);
    if now.batches < kept.as_ref().map_or(WINDOW, |kept| kept.next_at) {
        *ahead = kept;
        return Ok(Progress::Idle);
    }
    let open = Box::pin(context.ledger.open_operations()).await?;
    if open.epoch != now.epoch {
        // Sealed meanwhile: that one comes first.
        *ahead = kept;
        return Ok(Progress::Moved);
    }
    let fixed = fixed_steps(&open.operations).map_err(folding::Error::from)?;
    let mut current = match kept {
        Some(kept) => kept,
        None => Box::pin(Ahead::begin(context, &open, &fixed)).await?,
    };
    if !fixed.starts_with(&current.steps) {
        return Err(not_of_the_plan(open.epoch, current.steps.len()));
    }
    if let Some(step) = fixed.into_iter().nth(current.steps.len()) {
        *ahead = Some(Box::pin(current.fold(context, step)).await?);
        return Ok(Progress::Moved);
    }
    let folded: usize = current.steps.iter().map(|step| step.batches().len()).sum();
    let next_at = u64::try_from(folded).unwrap_or(u64::MAX).saturating_add(WINDOW);
    // With so many already, the epoch has no step to spare for its next window. Whatever
    // may change that needs more of them, too.
    let spent = next_at <= now.batches;
    current.next_at = if spent { now.batches.saturating_add(WINDOW) } else { next_at };
    *ahead = Some(current);
    Ok(Progress::Idle)
}

/// The batches of a window and the one that follows it.
#[expect(clippy::as_conversions, reason = "a constant of two digits")]
const WINDOW: u64 = BATCHES_PER_STEP as u64 + 1;
