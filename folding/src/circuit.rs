//! The step circuit: what one step of an epoch may do to a domain's state, as constraints.
//!
//! **Invariant:** it has a witness exactly for what `domain::Step::run` accepts, and its output z is
//! the one that the reference computes; the differential tests compare the two. (Supersets: a balance
//! may pass `2^96 − 1` between two batches of a step, which no supply on L1 allows; halves of a signed
//! root may pass `2^128`, and an epoch's deposits or exits of a cell `2^96`, which whoever reads
//! the emitted words refuses.)
//!
//! z is `[domain word, epoch, state digest, pending, emission digest, emitted words …]`. The circuit
//! reads the first five and writes all of them, but for the domain word, which it carries. The epoch
//! is carried, too, or raised by one at the beginning of a step, if nothing is pending there.
//!
//! It deliberately does not know Nova's folding: [`SettlementStep`] is the step for any scheme;
//! [`RecursiveStep`] and [`FlatStep`] say what of it the aggregated and the settlement proof show.

mod batch;
mod census;
mod check;
mod deposit;
mod emission;
mod epoch;
mod flat;
mod hash;
mod identify;
mod lane;
mod linear;
mod registration;
mod select;
mod table;
mod witness;

use std::sync::Arc;

use domain::Z_WORDS;
use nova_snark::{
    frontend::{ConstraintSystem, SynthesisError, num::AllocatedNum},
    traits::circuit::StepCircuit,
};

pub use self::census::{CircuitPart, circuit_parts};
pub(crate) use self::{check::Checker, flat::FlatStep, identify::circuit_id, witness::Witness};
use self::{hash::chain_hash, linear::Linear, table::Table};
use crate::field::Scalar;

/// One application of the step circuit; without a witness only its shape.
///
/// As a step circuit it has the whole z, which a verifier reads word by word.
#[derive(Clone, Debug, Default)]
pub(crate) struct SettlementStep {
    witness: Option<Arc<Witness>>,
}

/// The same step with only the words of z that the next step or the last verifier reads: the first
/// five. The emitted words are under the emission digest among them; each word of z costs Nova's
/// own circuit some 6,700 matrix entries a step, and all of them would double the proving key.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecursiveStep(SettlementStep);

/// Words of [`RecursiveStep`]'s z.
pub(crate) const RECURSIVE_Z_WORDS: usize = 5;

type Word = AllocatedNum<Scalar>;

/// What a step makes of the state that it opens: its output but for the emission digest.
struct Output {
    state_digest: Word,
    pending: Word,
    emitted: Vec<Word>,
}

impl SettlementStep {
    /// The circuit with its witness.
    pub(crate) fn new(witness: Arc<Witness>) -> Self {
        Self { witness: Some(witness) }
    }

    /// The step proper.
    fn run<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        domain_word: &Word,
        state_digest: &Word,
    ) -> Result<Output, SynthesisError> {
        let witness = self.witness.as_deref();
        let mut table = Table::open(&mut cs.namespace(|| "open"), witness, state_digest)?;
        registration::register(&mut cs.namespace(|| "registrations"), witness, &mut table)?;
        deposit::deposit(&mut cs.namespace(|| "deposits"), witness, &mut table)?;
        batch::apply(&mut cs.namespace(|| "batches"), witness, &mut table, domain_word)?;
        table.settle(&mut cs.namespace(|| "settle"))?;
        let emitted = emission::emit(&mut cs.namespace(|| "emission"), witness, &mut table)?;
        close(&mut cs.namespace(|| "close"), &table, &emitted)
    }
}

impl StepCircuit<Scalar> for SettlementStep {
    fn arity(&self) -> usize {
        Z_WORDS
    }

    fn synthesize<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        z: &[Word],
    ) -> Result<Vec<Word>, SynthesisError> {
        let [domain_word, epoch, state_digest, pending, emission_digest, ..] = z else {
            return Err(SynthesisError::IncompatibleLengthVector("z".to_owned()));
        };
        let witness = self.witness.as_deref();
        let epoch = epoch::advance(&mut cs.namespace(|| "epoch"), witness, epoch, pending)?;
        let Output { state_digest, pending, emitted } = self.run(cs, domain_word, state_digest)?;
        let words: Vec<Linear> =
            std::iter::once(emission_digest).chain(&emitted).map(Linear::from).collect();
        let mut cs = cs.namespace(|| "emission digest");
        let emission_digest = chain_hash(&mut cs, "netfold.emission.v1", &words)?;
        let head = [domain_word.clone(), epoch, state_digest, pending, emission_digest];
        Ok(head.into_iter().chain(emitted).collect())
    }
}

impl StepCircuit<Scalar> for RecursiveStep {
    fn arity(&self) -> usize {
        RECURSIVE_Z_WORDS
    }

    fn synthesize<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        z: &[Word],
    ) -> Result<Vec<Word>, SynthesisError> {
        let mut next = self.0.synthesize(cs, z)?;
        next.truncate(RECURSIVE_Z_WORDS);
        Ok(next)
    }
}

impl From<SettlementStep> for RecursiveStep {
    fn from(step: SettlementStep) -> Self {
        Self(step)
    }
}

/// The step's output from the table that it ends with.
fn close<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    table: &Table,
    emitted: &[Linear],
) -> Result<Output, SynthesisError> {
    let state_digest = table.digest(&mut cs.namespace(|| "state digest"))?;
    let pending = emission::pending(table).allocate(cs, "pending")?;
    let emitted = emitted
        .iter()
        .enumerate()
        .map(|(at, word)| word.number(&mut cs.namespace(|| format!("emitted {at}")), "word"))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Output { state_digest, pending, emitted })
}

#[cfg(test)]
mod tests;
