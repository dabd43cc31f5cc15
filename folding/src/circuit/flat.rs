//! The step as the settlement proof folds it: not a link of a recursion, but an instance whose public
//! values L1 reads.
//!
//! **Invariant:** the public values are exactly those that the contract supplies, in its order:
//! `[domain word, epoch, opening digest, output words …]`. Steps are chained by the verifier, which
//! takes each opening digest from the step before.

use nova_snark::frontend::{ConstraintSystem, SynthesisError, num::AllocatedNum};

use super::{Output, SettlementStep, Word};
use crate::field::Scalar;

/// The step with its public values as inputs of the constraint system.
#[derive(Clone, Debug, Default)]
pub(crate) struct FlatStep(SettlementStep);

impl From<SettlementStep> for FlatStep {
    fn from(step: SettlementStep) -> Self {
        Self(step)
    }
}

impl FlatStep {
    /// The constraints, with these values of domain word, epoch and opening digest; `None` for the
    /// shape alone.
    pub(crate) fn synthesize<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        opening: Option<[Scalar; 3]>,
    ) -> Result<(), SynthesisError> {
        let values = opening.map_or([None; 3], |values| values.map(Some));
        let mut words = Vec::with_capacity(values.len());
        for (at, value) in values.into_iter().enumerate() {
            let value = || value.ok_or(SynthesisError::AssignmentMissing);
            words.push(AllocatedNum::alloc(cs.namespace(|| format!("opening {at}")), value)?);
        }
        let [domain_word, epoch, state_digest] = words.as_slice() else {
            return Err(SynthesisError::IncompatibleLengthVector("opening".to_owned()));
        };
        let output = self.0.run(cs, domain_word, state_digest)?;
        let Output { state_digest: closing_digest, pending, emitted } = &output;
        let shown: Vec<&Word> = [domain_word, epoch, state_digest, closing_digest, pending]
            .into_iter()
            .chain(emitted)
            .collect();
        for (at, word) in shown.into_iter().enumerate() {
            word.inputize(cs.namespace(|| format!("public {at}")))?;
        }
        Ok(())
    }
}
