//! Steps with their witnesses: from an epoch's operations to what is folded.
//!
//! **Invariant:** a witness exists only for a step that the reference transition accepts, and knows
//! what the reference says of it.

use std::sync::Arc;

use domain::{
    EpochStatement, LiquidityState, Operation, Step, StepContext, StepOutput, Word, plan_steps,
};

use crate::{
    Error,
    circuit::{Checker, SettlementStep, Witness},
    field::{Scalar, scalar, word},
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
    let mut plan = Plan { steps: Vec::new(), closing: opening.clone() };
    let mut emission_digest = Word::ZERO;
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
            previous_emission_digest,
            output,
            closing,
            witness: Arc::new(Witness::new(opening, step)),
        })
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
            && self.opening_digest == statement.closing_digest()
            && self.previous_emission_digest == emission_digest
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
        let mut z = self.opening().to_vec();
        z.extend([Word::ZERO, self.previous_emission_digest]);
        z.resize(domain::Z_WORDS, Word::ZERO);
        z.into_iter().map(scalar).collect()
    }
}
