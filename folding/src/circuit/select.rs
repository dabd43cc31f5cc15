//! Flags, choices and ranges: the small rules that the larger ones are made of.

#![expect(clippy::arithmetic_side_effects, reason = "field arithmetic cannot overflow")]

use ff::Field;
use nova_snark::frontend::{ConstraintSystem, SynthesisError};

use super::linear::{Linear, enforce_product};
use crate::{field::Scalar, gadgets::bits::enforce_bits};

/// At most one chosen position among several.
///
/// Invariant, in the circuit: each flag is 0 or 1, and so is their sum.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    flags: Vec<Linear>,
    any: Linear,
}

impl Choice {
    /// Allocates one flag per position.
    pub(super) fn witness<CS: ConstraintSystem<Scalar>>(
        cs: &mut CS,
        flags: &[Option<Scalar>],
    ) -> Result<Self, SynthesisError> {
        let flags = flags
            .iter()
            .enumerate()
            .map(|(at, flag)| witness_flag(&mut cs.namespace(|| format!("flag {at}")), *flag))
            .collect::<Result<Vec<_>, _>>()?;
        let any = Linear::sum(&flags).reduce(cs, "any flag")?;
        enforce_flag(cs, "at most one flag", &any);
        Ok(Self { flags, any })
    }

    /// The flag of each position.
    pub(super) fn flags(&self) -> &[Linear] {
        &self.flags
    }

    /// One if a position is chosen, else zero.
    pub(super) fn any(&self) -> &Linear {
        &self.any
    }

    /// The chosen position's number, where the first has the given one; zero if none is chosen.
    pub(super) fn number(&self, first: u64) -> Linear {
        self.flags
            .iter()
            .zip(first..)
            .fold(Linear::zero(), |sum, (flag, number)| sum + &(flag * Scalar::from(number)))
    }

    /// Enforces that a position is chosen exactly if a flag is set.
    pub(super) fn enforce_made<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        name: &'static str,
        flag: &Linear,
    ) {
        (self.any.clone() - flag).enforce_zero(cs, name);
    }

    /// Enforces that the condition of the chosen position, itself a flag, is set.
    pub(super) fn enforce_all<'a, CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        conditions: impl Iterator<Item = &'a Linear>,
    ) {
        for (at, (flag, condition)) in self.flags.iter().zip(conditions).enumerate() {
            let cs = &mut cs.namespace(|| format!("position {at}"));
            let unset = Linear::one::<CS>() - condition;
            enforce_product(cs, "condition of the choice", flag, &unset, &Linear::zero());
        }
    }

    /// Allocates the value at the chosen position; zero if none is chosen.
    pub(super) fn select<'a, CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        values: impl Iterator<Item = &'a Linear> + Clone,
    ) -> Result<Linear, SynthesisError> {
        let chosen =
            self.flags.iter().zip(values.clone()).try_fold(Scalar::ZERO, |sum, (flag, value)| {
                Some(sum + flag.value()? * value.value()?)
            });
        let selected = Linear::witness(cs, "selected", chosen)?;
        for (at, (flag, value)) in self.flags.iter().zip(values).enumerate() {
            let difference = value.clone() - &selected;
            let cs = &mut cs.namespace(|| format!("position {at}"));
            enforce_product(cs, "chosen value", flag, &difference, &Linear::zero());
        }
        let none = Linear::one::<CS>() - &self.any;
        enforce_product(cs, "zero without a choice", &none, &selected, &Linear::zero());
        Ok(selected)
    }
}

/// Allocates a value that is 0 or 1.
pub(super) fn witness_flag<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    value: Option<Scalar>,
) -> Result<Linear, SynthesisError> {
    let flag = Linear::witness(cs, "flag", value)?;
    enforce_flag(cs, "zero or one", &flag);
    Ok(flag)
}

/// Enforces that a combination is 0 or 1.
pub(super) fn enforce_flag<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    name: &'static str,
    flag: &Linear,
) {
    let rest = Linear::one::<CS>() - flag;
    enforce_product(cs, name, flag, &rest, &Linear::zero());
}

/// Whether a combination is not zero, as a flag.
///
/// With the hint `i`: `x·i = f`, `x·(1 − f) = 0`. For `x = 0` the flag is 0 and the hint would be
/// free, so that `i·(1 − f) = 0` pins it.
pub(super) fn is_nonzero<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    number: &Linear,
) -> Result<Linear, SynthesisError> {
    let inverse = number.value().map(|value| value.invert().unwrap_or(Scalar::ZERO));
    let inverse = Linear::witness(cs, "inverse", inverse)?;
    let flag = number.times(cs, "is not zero", &inverse)?;
    let rest = Linear::one::<CS>() - &flag;
    enforce_product(cs, "zero has flag zero", number, &rest, &Linear::zero());
    enforce_product(cs, "zero has hint zero", &inverse, &rest, &Linear::zero());
    Ok(flag)
}

/// Enforces that a combination is an integer below `2^bits`.
pub(super) fn enforce_range<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    number: &Linear,
    bits: usize,
) -> Result<(), SynthesisError> {
    let number = number.number(cs, "number")?;
    enforce_bits(cs.namespace(|| "bits"), &number, bits)?;
    Ok(())
}
