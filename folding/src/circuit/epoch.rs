//! The epoch in z: where one ends and the next begins, for a fold that goes over several.
//!
//! **Invariant:** the epoch never falls, and rises, by one, only at the beginning of a step before
//! which nothing is pending. So a fold whose first and last epoch are equal is of that epoch alone,
//! and no epoch ends before all that it touched is emitted.

#![expect(clippy::arithmetic_side_effects, reason = "field arithmetic cannot overflow")]

use nova_snark::frontend::{ConstraintSystem, SynthesisError};

use super::{
    Word,
    linear::{Linear, enforce_product},
    select::witness_flag,
    witness::Witness,
};
use crate::field::Scalar;

/// The epoch that the step is in, given the one before it and what was pending then.
pub(super) fn advance<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    witness: Option<&Witness>,
    before: &Word,
    pending: &Word,
) -> Result<Word, SynthesisError> {
    let advance = witness_flag(cs, witness.map(|witness| witness.advance))?;
    let none = Linear::zero();
    enforce_product(cs, "nothing pending at an advance", &advance, &Linear::from(pending), &none);
    (Linear::from(before) + &advance).number(cs, "epoch")
}
