//! Runs the circuit's constraints on a witness, without any proof.
//!
//! Nova folds a step whose constraints fail without a word, and so spoils the proof of the whole
//! epoch; each step is therefore checked here first, and what it breaks is named.

#![expect(clippy::arithmetic_side_effects, reason = "field arithmetic cannot overflow")]

use ff::Field;
use nova_snark::{
    frontend::{
        ConstraintSystem, Index, LinearCombination, SynthesisError, Variable, num::AllocatedNum,
    },
    traits::circuit::StepCircuit,
};

use super::SettlementStep;
use crate::field::Scalar;

/// A constraint system that evaluates each constraint as it is made.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    inputs: Vec<Scalar>,
    variables: Vec<Scalar>,
    names: Vec<String>,
    broken: Vec<String>,
}

impl Checker {
    /// Runs a step on z: its output.
    ///
    /// # Errors
    /// The names of all constraints that fail.
    pub(crate) fn run(step: &SettlementStep, z: &[Scalar]) -> Result<Vec<Scalar>, Vec<String>> {
        let mut checker = Self { inputs: vec![Scalar::ONE], ..Self::default() };
        match checker.synthesize(step, z) {
            Ok(output) if checker.broken.is_empty() => Ok(output),
            Ok(_) => Err(checker.broken),
            Err(error) => Err(vec![error.to_string()]),
        }
    }

    fn synthesize(
        &mut self,
        step: &SettlementStep,
        z: &[Scalar],
    ) -> Result<Vec<Scalar>, SynthesisError> {
        let z = z
            .iter()
            .enumerate()
            .map(|(at, word)| {
                AllocatedNum::alloc(self.namespace(|| format!("z {at}")), || Ok(*word))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let output = step.synthesize(self, &z)?;
        let value =
            |word: &AllocatedNum<_>| word.get_value().ok_or(SynthesisError::AssignmentMissing);
        output.iter().map(value).collect()
    }

    fn evaluate(&self, combination: &LinearCombination<Scalar>) -> Scalar {
        combination.iter().fold(Scalar::ZERO, |sum, (Variable(index), factor)| {
            let value = match index {
                Index::Input(at) => self.inputs.get(at),
                Index::Aux(at) => self.variables.get(at),
            };
            sum + value.copied().unwrap_or(Scalar::ZERO) * factor
        })
    }
}

impl ConstraintSystem<Scalar> for Checker {
    type Root = Self;

    fn alloc<F, A, AR>(&mut self, _name: A, value: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Scalar, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.variables.push(value()?);
        Ok(Variable(Index::Aux(self.variables.len().saturating_sub(1))))
    }

    fn alloc_input<F, A, AR>(&mut self, _name: A, value: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Scalar, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.inputs.push(value()?);
        Ok(Variable(Index::Input(self.inputs.len().saturating_sub(1))))
    }

    fn enforce<A, AR, LA, LB, LC>(&mut self, name: A, left: LA, right: LB, product: LC)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
        LA: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
        LB: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
        LC: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
    {
        let left = self.evaluate(&left(LinearCombination::zero()));
        let right = self.evaluate(&right(LinearCombination::zero()));
        let product = self.evaluate(&product(LinearCombination::zero()));
        if left * right != product {
            let path = self.names.iter().cloned().chain(std::iter::once(name().into()));
            self.broken.push(path.collect::<Vec<_>>().join(" / "));
        }
    }

    fn push_namespace<NR, N>(&mut self, name: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
        self.names.push(name().into());
    }

    fn pop_namespace(&mut self) {
        self.names.pop();
    }

    fn get_root(&mut self) -> &mut Self::Root {
        self
    }
}
