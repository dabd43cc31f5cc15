//! What each part of the circuit costs.

use std::collections::BTreeMap;

use nova_snark::{
    frontend::{
        ConstraintSystem, Index, LinearCombination, SynthesisError, Variable, num::AllocatedNum,
    },
    traits::circuit::StepCircuit,
};

use super::{RECURSIVE_Z_WORDS, RecursiveStep};
use crate::{Error, field::Scalar};

/// A part of the step circuit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CircuitPart {
    /// Its name: of each kind of slot, all slots together.
    pub name: String,
    /// Its constraints.
    pub constraints: usize,
    /// The entries of its rows in the three matrices.
    pub nonzeros: usize,
}

/// The parts of the step circuit, without Nova's own part.
///
/// # Errors
/// [`Error::Nova`], which this program's circuit does not cause.
pub fn circuit_parts() -> Result<Vec<CircuitPart>, Error> {
    let mut census = Census::default();
    let count = |census: &mut Census| -> Result<(), SynthesisError> {
        let z = (0..RECURSIVE_Z_WORDS)
            .map(|at| {
                let unknown = || Err(SynthesisError::AssignmentMissing);
                AllocatedNum::alloc(census.namespace(|| format!("z {at}")), unknown)
            })
            .collect::<Result<Vec<_>, _>>()?;
        RecursiveStep::default().synthesize(census, &z)?;
        Ok(())
    };
    count(&mut census).map_err(|error| Error::Nova(error.into()))?;
    let parts = census.parts.into_iter();
    Ok(parts
        .map(|(name, (constraints, nonzeros))| CircuitPart { name, constraints, nonzeros })
        .collect())
}

/// A constraint system that counts by namespace and keeps nothing.
#[derive(Debug, Default)]
struct Census {
    variables: usize,
    names: Vec<String>,
    parts: BTreeMap<String, (usize, usize)>,
}

impl Census {
    /// The first two names of the path, without their numbers; slots are not told apart.
    fn part(&self) -> String {
        let name = |name: &String| {
            name.trim_end_matches(|letter: char| letter.is_ascii_digit()).trim_end().to_owned()
        };
        let names = self.names.iter().map(name).filter(|name| name != "slot").take(2);
        names.collect::<Vec<_>>().join(" / ")
    }
}

impl ConstraintSystem<Scalar> for Census {
    type Root = Self;

    fn alloc<F, A, AR>(&mut self, _name: A, _value: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Scalar, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        let at = self.variables;
        self.variables = at.saturating_add(1);
        Ok(Variable(Index::Aux(at)))
    }

    fn alloc_input<F, A, AR>(&mut self, name: A, value: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Scalar, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.alloc(name, value)
    }

    fn enforce<A, AR, LA, LB, LC>(&mut self, _name: A, left: LA, right: LB, product: LC)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
        LA: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
        LB: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
        LC: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
    {
        let zero = LinearCombination::zero;
        let nonzeros = [left(zero()).len(), right(zero()).len(), product(zero()).len()];
        let part = self.parts.entry(self.part()).or_default();
        part.0 = part.0.saturating_add(1);
        part.1 = part.1.saturating_add(nonzeros.iter().sum());
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
