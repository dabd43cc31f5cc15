//! Whether what the open epoch holds can be proven, found out before it is sealed.
//!
//! **Invariant:** an epoch is sealed only if each step of its plan satisfied the circuit with its own
//! witness, natively and without a proof: when it was folded ahead, or right before the seal. What
//! fails is put down to one batch, the last of the shortest run of the step's batches that fails;
//! so a batch that nobody can prove is found while it can still be taken out of its epoch.

use domain::{
    Batch, EpochNumber, Height, LiquidityState, RollupId, Step, StepContext, StepOutput, Word,
    fixed_steps, plan_steps,
};
use folding::StepWitness;
use ledger::{BlockNumber, OpenOperations};
use rayon::ThreadPoolBuilder;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::error::{Error, Part, Side};

/// A batch that no proof can take, in the epoch that is open.
#[derive(Debug, thiserror::Error)]
#[error(
    "batch {height} of rollup {rollup} cannot be proven: it breaks step {step} of epoch {epoch}"
)]
pub struct Unprovable {
    /// The epoch.
    pub epoch: EpochNumber,
    /// The step that it breaks, from 1.
    pub step: usize,
    /// Whose batch.
    pub rollup: RollupId,
    /// Its height.
    pub height: Height,
    /// The batch as it was found.
    pub batch: Box<Batch>,
    /// The rule of the reference transition, or the constraint, that refuses it.
    #[source]
    pub reason: folding::Error,
}

/// Where a step begins.
#[derive(Clone, Debug)]
struct Place {
    context: StepContext,
    state: Box<LiquidityState>,
    emission_digest: Word,
    /// Steps before it.
    steps: usize,
}

impl Place {
    /// Before an epoch's first step.
    fn opening(context: StepContext, state: LiquidityState) -> Self {
        Self { context, state: Box::new(state), emission_digest: Word::ZERO, steps: 0 }
    }

    fn epoch(&self) -> EpochNumber {
        self.context.epoch
    }

    /// After a step that is folded already. That nothing is put down to a batch here keeps it in the
    /// epoch: what is folded has been checked, and is not taken back.
    fn after_folded(&self, step: &Step, folded: &StepOutput) -> Result<Self, Error> {
        let ran = step.run(&self.state, self.context, self.emission_digest);
        let (state, output) = ran.map_err(folding::Error::from)?;
        let next = self.next(state, &output);
        if output == *folded { Ok(next) } else { Err(not_of_the_plan(self.epoch(), next.steps)) }
    }

    /// After a step, by the reference transition alone.
    fn after(&self, step: &Step) -> Result<Self, folding::Error> {
        let (state, output) = step.run(&self.state, self.context, self.emission_digest)?;
        Ok(self.next(state, &output))
    }

    fn next(&self, state: LiquidityState, output: &StepOutput) -> Self {
        let steps = self.steps.saturating_add(1);
        let state = Box::new(state);
        Self { context: self.context, state, emission_digest: output.emission_digest, steps }
    }

    fn try_witness(&self, step: &Step) -> Result<StepWitness, folding::Error> {
        StepWitness::new(&self.state, step, self.context, self.emission_digest)
    }

    fn try_step(&self, step: &Step) -> Result<(), folding::Error> {
        self.try_witness(step)?.check()
    }

    /// The batch because of which a step fails; the fault itself if it is no batch's, which is a
    /// defect of ours.
    fn blame(&self, step: &Step, fault: folding::Error) -> Error {
        let batches = step.batches().len();
        let found = first_failing(batches, |count| self.try_step(&step.up_to_batch(count)));
        let batch = found.and_then(|(count, reason)| {
            let batch = step.batches().get(count.saturating_sub(1))?;
            Some((batch, reason))
        });
        match batch {
            Some((batch, reason)) => Error::Unprovable(Box::new(self.unprovable(batch, reason))),
            None => fault.into(),
        }
    }

    fn unprovable(&self, batch: &Batch, reason: folding::Error) -> Unprovable {
        let (rollup, height) = (batch.rollup(), batch.height());
        let (step, batch) = (self.steps.saturating_add(1), Box::new(batch.clone()));
        Unprovable { epoch: self.epoch(), step, rollup, height, batch, reason }
    }
}

/// The smallest number of batches that fails, and how, if none passes and all fail. Whatever begins
/// with a failing run fails, too.
fn first_failing<T, E>(all: usize, run: impl Fn(usize) -> Result<T, E>) -> Option<(usize, E)> {
    run(0).ok()?;
    let (mut passing, mut failing, mut fault) = (0_usize, all, run(all).err()?);
    while let middle = passing.midpoint(failing)
        && middle > passing
    {
        match run(middle) {
            Ok(_) => passing = middle,
            Err(earlier) => (failing, fault) = (middle, earlier),
        }
    }
    Some((failing, fault))
}

/// How far the plan of the open epoch is checked.
#[derive(Debug)]
pub(crate) struct Checks {
    opening: Place,
    /// Steps that passed, and where the next one begins.
    passed: Vec<(Step, Place)>,
    last_block: Option<BlockNumber>,
}

impl Checks {
    /// Of an epoch, nothing of which is checked.
    pub(crate) fn new(domain_word: Word, epoch: EpochNumber, opening: LiquidityState) -> Self {
        let context = StepContext { domain_word, epoch };
        let opening = Place::opening(context, opening);
        Self { opening, passed: Vec::new(), last_block: None }
    }

    /// Goes on after the steps that were folded ahead, which must be fixed ones of the epoch.
    pub(crate) fn skip_folded(
        &mut self,
        open: &OpenOperations,
        folded: &[StepOutput],
    ) -> Result<(), Error> {
        let fixed = fixed_steps(&open.operations).map_err(folding::Error::from)?;
        if folded.len() > fixed.len() {
            return Err(not_of_the_plan(open.epoch, folded.len()));
        }
        for (step, output) in fixed.into_iter().zip(folded) {
            let next = self.place(self.passed.len()).after_folded(&step, output)?;
            self.passed.push((step, next));
        }
        Ok(())
    }

    /// The journal's last block that is checked.
    pub(crate) fn last_block(&self) -> Option<BlockNumber> {
        self.last_block
    }

    /// The steps that passed, in order.
    pub(crate) fn passed(&self) -> impl Iterator<Item = &Step> {
        self.passed.iter().map(|(step, _)| step)
    }

    /// The witness of a step that passed, by its position from 0.
    pub(crate) fn witness(&self, position: usize) -> Result<Option<StepWitness>, Error> {
        let Some((step, _)) = self.passed.get(position) else { return Ok(None) };
        Ok(Some(self.place(position).try_witness(step)?))
    }

    /// What a step that passed shows, by its position from 0.
    pub(crate) fn output(&self, position: usize) -> Result<Option<StepOutput>, folding::Error> {
        let Some((step, _)) = self.passed.get(position) else { return Ok(None) };
        let Place { context, ref state, emission_digest, .. } = *self.place(position);
        let (_, output) = step.run(state, context, emission_digest)?;
        Ok(Some(output))
    }

    /// Where a step begins if those before it have passed.
    fn place(&self, position: usize) -> &Place {
        let before = position.checked_sub(1).and_then(|before| self.passed.get(before));
        before.map_or(&self.opening, |(_, place)| place)
    }

    /// Checks the plan of what the epoch holds now, and whether that was all of it: not if more than
    /// so many steps differ from those that passed before. Steps that were `folded` ahead have been
    /// checked there, and must show the same here.
    pub(crate) fn go_on(
        &mut self,
        open: &OpenOperations,
        folded: &[StepOutput],
        most_steps: usize,
    ) -> Result<bool, Error> {
        if open.epoch != self.opening.epoch() {
            return Ok(false);
        }
        let steps = plan_steps(&open.operations).map_err(folding::Error::from)?;
        let known = self.passed.iter().zip(&steps);
        let known = known.take_while(|((passed, _), step)| passed == *step).count();
        if steps.len().saturating_sub(known) > most_steps {
            return Ok(false);
        }
        self.passed.truncate(known);
        let checked = self.check_after(known, steps, folded);
        if checked.is_err() {
            self.passed.truncate(known);
        }
        checked?;
        if folded.len() > self.passed.len() {
            return Err(not_of_the_plan(open.epoch, folded.len()));
        }
        self.last_block = Some(open.last_block);
        Ok(true)
    }

    /// Checks the steps of a plan after those that are `known`. Where each begins is the reference
    /// transition's to say, fast and in order; the circuit then runs on all of them at once.
    fn check_after(
        &mut self,
        known: usize,
        steps: Vec<Step>,
        folded: &[StepOutput],
    ) -> Result<(), Error> {
        let mut refused = None;
        for (position, step) in steps.into_iter().enumerate().skip(known) {
            let place = self.place(position);
            let next = match folded.get(position) {
                Some(folded) => Ok(place.after_folded(&step, folded)?),
                None => place.after(&step),
            };
            match next {
                Ok(next) => self.passed.push((step, next)),
                Err(fault) => {
                    refused = Some((step, fault));
                    break;
                }
            }
        }
        self.check_from(known.max(folded.len()))?;
        match refused {
            // The steps before it are not to blame.
            Some((step, fault)) => Err(self.place(self.passed.len()).blame(&step, fault)),
            None => Ok(()),
        }
    }

    /// Runs the circuit on the steps from a position on. Whichever of them is done first, the first one
    /// that fails is blamed. Each witness goes with its check: they are large.
    fn check_from(&self, first: usize) -> Result<(), Error> {
        let steps = self.passed.iter().enumerate().skip(first);
        let steps: Vec<_> =
            steps.map(|(position, (step, _))| (self.place(position), step)).collect();
        let failing = first_fault(&steps, |(place, step)| {
            let fault = place.try_step(step).err()?;
            Some((*place, *step, fault))
        });
        match failing {
            Some((place, step, fault)) => Err(place.blame(step, fault)),
            None => Ok(()),
        }
    }
}

/// The fault of the first item that has one, looked for on all cores. On threads of its own: those that
/// prove are busy for seconds at a time, and the books may be held for this.
fn first_fault<T: Sync, E: Send>(items: &[T], fault: impl Fn(&T) -> Option<E> + Sync) -> Option<E> {
    let find = || items.par_iter().find_map_first(&fault);
    match ThreadPoolBuilder::new().build() {
        Ok(pool) => pool.install(find),
        // No threads to be had: those that prove have to do.
        Err(_) => find(),
    }
}

/// A folded step that the plan does not have.
fn not_of_the_plan(epoch: EpochNumber, position: usize) -> Error {
    Error::PartsDiffer { epoch, left: Side::Plan, right: Side::Ledger, part: Part::Step, position }
}

#[cfg(test)]
#[path = "provable/tests.rs"]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a failure here is the test's failure"
)]
mod tests;
