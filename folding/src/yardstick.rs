//! What a step costs, held against what no folding of it can do without: its commitments.
//!
//! **Invariant:** the commitments are to the very vectors that the step commits to, the cross terms
//! among them; a step measured here is the one that [`Fold::step`] folds, and folds nothing.
//!
//! It deliberately has no clock: the caller times the calls.

#![expect(clippy::arithmetic_side_effects, reason = "field arithmetic cannot overflow")]

use ff::Field;
use nova_snark::{
    provider::GrumpkinEngine,
    r1cs::{R1CSWitness, RelaxedR1CSInstance, RelaxedR1CSWitness},
    traits::{Engine, commitment::CommitmentEngineTrait},
};

use crate::{
    Error, Fold, StepWitness,
    error::FileFault,
    field::Scalar,
    scheme::{Primary, RecursiveProof, Secondary, encoding},
};

/// More bytes than a recursive fold has.
const LIMIT: usize = 1 << 26;

type SecondaryScalar = <GrumpkinEngine as Engine>::Scalar;
type SecondaryKey = <<Secondary as Engine>::CE as CommitmentEngineTrait<Secondary>>::CommitmentKey;

/// The parts of Nova's recursive fold, as it writes them: the first z, then of both curves the
/// running witness, its instance and a hash's blind, and the secondary step's witness.
type Parts = (
    Vec<Scalar>,
    RelaxedR1CSWitness<Primary>,
    RelaxedR1CSInstance<Primary>,
    Scalar,
    RelaxedR1CSWitness<Secondary>,
    RelaxedR1CSInstance<Secondary>,
    SecondaryScalar,
    R1CSWitness<Secondary>,
);

/// One step on top of a fold, to be run as often as it is timed.
pub struct Yardstick {
    fold: Fold,
    step: StepWitness,
    flat: [Vec<Scalar>; 2],
    recursive: [Vec<Scalar>; 2],
    secondary: [Vec<SecondaryScalar>; 2],
    secondary_key: SecondaryKey,
}

impl Yardstick {
    /// Takes a fold of at least one step and the step that continues it.
    ///
    /// # Errors
    /// [`Error::NoSteps`], or what [`Fold::step`] refuses the step with.
    pub fn new(fold: &Fold, step: &StepWitness) -> Result<Self, Error> {
        let folded = fold.folded().ok_or(Error::NoSteps)?;
        let mut after = fold.clone();
        after.step(step)?;
        let after = after.folded().ok_or(Error::NoSteps)?;
        let flat = folded.flat.committed(fold.params().settlement()?, step)?;
        let (before, after) = (parts(&folded.recursive)?, parts(&after.recursive)?);
        // A fold adds the challenge's multiple of what is fresh; the challenge is what u grows by.
        let challenge = inverse(after.2.u() - before.2.u())?;
        let recursive = [
            fresh(before.1.W(), after.1.W(), challenge),
            fresh(before.1.E(), after.1.E(), challenge),
        ];
        let challenge = inverse(after.5.u() - before.5.u())?;
        let secondary = [after.7.W().to_vec(), fresh(before.4.E(), after.4.E(), challenge)];
        let longest = secondary.iter().map(Vec::len).max().unwrap_or_default();
        let secondary_key = <Secondary as Engine>::CE::setup(b"ck", longest)?;
        let (fold, step) = (fold.clone(), step.clone());
        Ok(Self { fold, step, flat, recursive, secondary, secondary_key })
    }

    /// The step of the flat fold, from the planned step to the folded witness.
    ///
    /// # Errors
    /// None that [`Yardstick::new`] has not had.
    pub fn flat_step(&self) -> Result<(), Error> {
        self.fold.flat_step(&self.step).map(drop)
    }

    /// The commitments of that step alone: to its witness and to the cross term.
    pub fn flat_commitments(&self) {
        self.commit(&self.flat);
    }

    /// The step of the recursive fold.
    ///
    /// # Errors
    /// None that [`Yardstick::new`] has not had.
    pub fn recursive_step(&self) -> Result<(), Error> {
        self.fold.recursive_step(&self.step).map(drop)
    }

    /// The commitments of that step alone: to witness and cross term on either curve.
    pub fn recursive_commitments(&self) {
        self.commit(&self.recursive);
        for vector in &self.secondary {
            let zero = SecondaryScalar::ZERO;
            let commitment = <Secondary as Engine>::CE::commit(&self.secondary_key, vector, &zero);
            std::hint::black_box(commitment);
        }
    }

    /// The step of both folds, as an epoch has it.
    ///
    /// # Errors
    /// None that [`Yardstick::new`] has not had.
    pub fn step(&self) -> Result<(), Error> {
        self.fold.clone().step(&self.step).map(drop)
    }

    fn commit(&self, vectors: &[Vec<Scalar>]) {
        // They were decoded for the fold.
        let Ok(settlement) = self.fold.params().settlement() else { return };
        let key = settlement.commitment_key();
        for vector in vectors {
            let commitment = <Primary as Engine>::CE::commit(key, vector, &Scalar::ZERO);
            std::hint::black_box(commitment);
        }
    }
}

impl std::fmt::Debug for Yardstick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Yardstick").field("steps", &self.fold.steps()).finish_non_exhaustive()
    }
}

fn parts(recursive: &RecursiveProof) -> Result<Parts, Error> {
    let malformed = Error::CheckpointMalformed;
    let encoded = bincode::serde::encode_to_vec(recursive, encoding::<LIMIT>())
        .map_err(|_| malformed(FileFault::TooLarge))?;
    let (parts, _) = bincode::serde::decode_from_slice(&encoded, encoding::<LIMIT>())
        .map_err(|_| malformed(FileFault::Field { field: "fold" }))?;
    Ok(parts)
}

/// What was added, of which the challenge's multiple was folded in.
fn fresh<F: Field>(before: &[F], after: &[F], inverse: F) -> Vec<F> {
    before.iter().zip(after).map(|(before, after)| (*after - before) * inverse).collect()
}

fn inverse<F: Field>(challenge: F) -> Result<F, Error> {
    Option::from(challenge.invert()).ok_or(Error::OutOfPlace)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use domain::LiquidityState;
    use ff::PrimeField;

    use super::*;
    use crate::{fold::tests::params, history};

    fn bytes(value: &Scalar) -> Vec<u8> {
        value.to_repr().as_ref().to_vec()
    }

    /// The vectors are those of the step: as long as the circuits are, with every value of the flat
    /// step's witness in the recursive one's; and the step is the one that the fold takes.
    #[test]
    fn the_fresh_vectors_are_found() {
        let params = params();
        let genesis = LiquidityState::genesis();
        let plan = crate::plan(&genesis, &history::small_epoch(), history::context()).unwrap();
        let (last, before) = plan.steps.split_last().unwrap();
        let (identity, epoch) = (history::identity(), history::context().epoch);
        let mut fold = Fold::start(&params, identity, epoch, genesis.digest());
        assert!(matches!(Yardstick::new(&fold, &before[0]), Err(Error::NoSteps)));
        for step in before {
            fold.step(step).unwrap();
        }
        let measured = Yardstick::new(&fold, last).unwrap();
        let ((constraints, _), (variables, secondary)) =
            (params.public().unwrap().num_constraints(), params.public().unwrap().num_variables());
        let [witness, cross_term] = &measured.recursive;
        assert_eq!((witness.len(), cross_term.len()), (variables, constraints));
        let values: HashSet<Vec<u8>> = witness.iter().map(bytes).collect();
        assert!(values.len() > variables / 4);
        assert!(measured.flat[0].iter().all(|value| values.contains(&bytes(value))));
        assert!(cross_term.iter().any(|value| *value != Scalar::ZERO));
        assert_eq!(measured.secondary[0].len(), secondary);
        measured.flat_step().unwrap();
        measured.recursive_step().unwrap();
        measured.step().unwrap();
        assert_eq!(fold.steps(), before.len());
    }
}
