//! Steps with their witnesses: from an epoch's operations to what is folded.
//!
//! **Invariant:** a witness exists only for a step that the reference transition accepts, and knows
//! what the reference says of it.

use std::sync::Arc;

use domain::{
    DomainIdentity, EpochNumber, EpochStatement, LiquidityState, Operation, Step, StepContext,
    StepOutput, Word, plan_steps,
};
use ff::Field;

use crate::{
    Error,
    circuit::{Checker, SettlementStep, Witness},
    field::{Scalar, scalar, word},
    history_fold::Reached,
};

/// An epoch's operations as steps to fold.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The steps in order, each continuing the one before.
    pub steps: Vec<StepWitness>,
    /// The state after the last.
    pub closing: LiquidityState,
}

/// One step, ready to be folded.
#[derive(Clone, Debug)]
pub struct StepWitness {
    context: StepContext,
    opening_digest: Word,
    /// What the steps before have left to emit.
    pending: u64,
    previous_emission_digest: Word,
    output: StepOutput,
    closing: LiquidityState,
    witness: Arc<Witness>,
}

/// Cuts an epoch's operations, in ledger order, into steps, with everything emitted at the end.
///
/// # Errors
/// [`Error::Refused`] for the first operation that breaks a rule.
pub fn plan(
    opening: &LiquidityState,
    operations: &[Operation],
    context: StepContext,
) -> Result<Plan, Error> {
    plan_from(opening, operations, context, Word::ZERO)
}

/// As [`plan`], in a fold that has emitted something before the epoch.
pub(crate) fn plan_from(
    opening: &LiquidityState,
    operations: &[Operation],
    context: StepContext,
    mut emission_digest: Word,
) -> Result<Plan, Error> {
    let mut plan = Plan { steps: Vec::new(), closing: opening.clone() };
    for step in plan_steps(operations)? {
        let witness = StepWitness::new(&plan.closing, &step, context, emission_digest)?;
        plan.closing = witness.closing.clone();
        emission_digest = witness.output.emission_digest;
        plan.steps.push(witness);
    }
    Ok(plan)
}

impl StepWitness {
    /// The witness of a step from an opening state. The emission digest is zero before the first
    /// step of an epoch.
    ///
    /// # Errors
    /// [`Error::Refused`] when the reference transition refuses the step.
    pub fn new(
        opening: &LiquidityState,
        step: &Step,
        context: StepContext,
        previous_emission_digest: Word,
    ) -> Result<Self, Error> {
        let (closing, output) = step.run(opening, context, previous_emission_digest)?;
        Ok(Self {
            context,
            opening_digest: opening.digest(),
            pending: u64::try_from(opening.pending()).unwrap_or(u64::MAX),
            previous_emission_digest,
            output,
            closing,
            witness: Arc::new(Witness::new(opening, step)),
        })
    }

    /// The same step in a fold over several epochs, as the first of its own after another: the epoch
    /// in z, which is the one before until then, rises by one.
    ///
    /// No step of a [`crate::Fold`], which is of one epoch. The emission digest runs on through such
    /// a fold: the step is made with the one that the epoch before has reached.
    #[must_use]
    pub fn beginning_epoch(mut self) -> Self {
        Arc::make_mut(&mut self.witness).advance = Scalar::ONE;
        self
    }

    /// Whether the epoch in z rises with it.
    #[must_use]
    pub fn begins_epoch(&self) -> bool {
        self.witness.advance == Scalar::ONE
    }

    /// What the reference says that the step shows.
    #[must_use]
    pub fn output(&self) -> &StepOutput {
        &self.output
    }

    /// The state after the step.
    #[must_use]
    pub fn closing(&self) -> &LiquidityState {
        &self.closing
    }

    /// Runs every constraint of the circuit on the witness and compares its output with the
    /// reference's, without any proof: a tenth of a second. [`Fold::step`](crate::Fold::step) does it
    /// only to name what a step breaks.
    ///
    /// # Errors
    /// [`Error::Unsatisfied`] or [`Error::OutOfPlace`]; either is a defect of this program.
    pub fn check(&self) -> Result<(), Error> {
        let output = Checker::run(&self.circuit(), &self.z())
            .map_err(|broken| Error::Unsatisfied { constraint: broken.join(", ") })?;
        let output: Vec<Word> = output.into_iter().map(word).collect();
        if output == self.output.z(self.context.domain_word, self.context.epoch) {
            Ok(())
        } else {
            Err(Error::OutOfPlace)
        }
    }

    /// What a step breaks whose constraints do not hold.
    pub(crate) fn broken(&self) -> Error {
        self.check().err().unwrap_or(Error::OutOfPlace)
    }

    /// Whether it is the next step of what is stated so far.
    pub(crate) fn continues(&self, context: StepContext, statement: &EpochStatement) -> bool {
        let emission_digest =
            statement.outputs.last().map_or(Word::ZERO, |output| output.emission_digest);
        self.context == context
            && !self.begins_epoch()
            && self.opening_digest == statement.closing_digest()
            && self.previous_emission_digest == emission_digest
    }

    /// Whether it continues a fold over several epochs that has reached this: in the same epoch, or
    /// as the first of the next when nothing is pending.
    pub(crate) fn follows(&self, identity: &DomainIdentity, before: &Reached) -> bool {
        let Reached { epoch, state_digest, pending, emission_digest, steps } = *before;
        let epoch = if self.begins_epoch() {
            epoch.next().filter(|_| pending == 0 && steps > 0)
        } else {
            Some(epoch)
        };
        self.context.domain_word == identity.word()
            && Some(self.context.epoch) == epoch
            && self.opening_digest == state_digest
            && self.previous_emission_digest == emission_digest
    }

    /// The epoch that it belongs to.
    pub(crate) fn epoch(&self) -> EpochNumber {
        self.context.epoch
    }

    /// Domain word, epoch and opening digest.
    pub(crate) fn opening(&self) -> [Word; 3] {
        let StepContext { domain_word, epoch } = self.context;
        [domain_word, Word::from(epoch.number()), self.opening_digest]
    }

    /// Domain word, epoch and opening digest, as the circuit has them.
    pub(crate) fn opening_words(&self) -> [Scalar; 3] {
        self.opening().map(scalar)
    }

    /// The circuit with this witness.
    pub(crate) fn circuit(&self) -> SettlementStep {
        SettlementStep::new(Arc::clone(&self.witness))
    }

    /// The words of z that the step reads; the others, which it overwrites, are zero.
    pub(crate) fn z(&self) -> Vec<Scalar> {
        let StepContext { domain_word, epoch } = self.context;
        let advance = u64::from(self.begins_epoch());
        let epoch_before = Word::from(epoch.number().saturating_sub(advance));
        let mut z = vec![domain_word, epoch_before, self.opening_digest];
        z.extend([Word::from(self.pending), self.previous_emission_digest]);
        z.resize(domain::Z_WORDS, Word::ZERO);
        z.into_iter().map(scalar).collect()
    }
}
