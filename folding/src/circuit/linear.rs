//! Linear combinations of circuit variables together with their value.
//!
//! **Invariant:** the value, where there is a witness, is that of the combination; adding and
//! scaling cost no constraint.

#![expect(clippy::arithmetic_side_effects, reason = "field arithmetic cannot overflow")]

use std::ops::{Add, AddAssign, Mul, Sub};

use ff::Field;
use nova_snark::frontend::{
    ConstraintSystem, LinearCombination, SynthesisError, Variable, num::AllocatedNum,
};

use crate::field::Scalar;

/// A linear combination and its value; no value while only the shape is made.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    value: Option<Scalar>,
    combination: LinearCombination<Scalar>,
}

impl Linear {
    /// Nothing.
    pub(super) fn zero() -> Self {
        Self { value: Some(Scalar::ZERO), combination: LinearCombination::zero() }
    }

    /// The constant one.
    pub(super) fn one<CS: ConstraintSystem<Scalar>>() -> Self {
        Self::variable(CS::one(), Some(Scalar::ONE))
    }

    /// One variable.
    pub(super) fn variable(variable: Variable, value: Option<Scalar>) -> Self {
        Self { value, combination: LinearCombination::from_variable(variable) }
    }

    /// Allocates a variable for a value of the witness, bound to nothing yet.
    pub(super) fn witness<CS: ConstraintSystem<Scalar>>(
        cs: &mut CS,
        name: &'static str,
        value: Option<Scalar>,
    ) -> Result<Self, SynthesisError> {
        let variable = cs.alloc(|| name, || value.ok_or(SynthesisError::AssignmentMissing))?;
        Ok(Self::variable(variable, value))
    }

    /// The value, where there is a witness.
    pub(super) fn value(&self) -> Option<Scalar> {
        self.value
    }

    /// The sum of many.
    pub(super) fn sum<'a>(terms: impl IntoIterator<Item = &'a Self>) -> Self {
        terms.into_iter().fold(Self::zero(), |sum, term| sum + term)
    }

    /// Allocates one variable that equals it: one constraint.
    pub(super) fn allocate<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        name: &'static str,
    ) -> Result<AllocatedNum<Scalar>, SynthesisError> {
        let value = self.value;
        let number = AllocatedNum::alloc(cs.namespace(|| name), || {
            value.ok_or(SynthesisError::AssignmentMissing)
        })?;
        (self.clone() - &Self::from(&number)).enforce_zero(cs, name);
        Ok(number)
    }

    /// As [`Self::allocate`], to go on with as a combination of one variable.
    pub(super) fn reduce<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        name: &'static str,
    ) -> Result<Self, SynthesisError> {
        Ok(Self::from(&self.allocate(cs, name)?))
    }

    /// The variable that it is; where it is not a single one, a new one as by [`Self::allocate`].
    pub(super) fn number<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        name: &'static str,
    ) -> Result<AllocatedNum<Scalar>, SynthesisError> {
        let mut terms = self.combination.iter();
        match (terms.next(), terms.next()) {
            (Some((variable, factor)), None) if *factor == Scalar::ONE => {
                Ok(AllocatedNum::from_parts(variable, self.value))
            }
            _ => self.allocate(cs, name),
        }
    }

    /// Allocates `self · other`: one constraint.
    pub(super) fn times<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        name: &'static str,
        other: &Self,
    ) -> Result<Self, SynthesisError> {
        let value = self.value.zip(other.value).map(|(left, right)| left * right);
        let product = Self::witness(&mut cs.namespace(|| name), name, value)?;
        enforce_product(cs, name, self, other, &product);
        Ok(product)
    }

    /// Enforces that it is zero: one constraint.
    pub(super) fn enforce_zero<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        name: &'static str,
    ) {
        enforce_product(cs, name, self, &Self::one::<CS>(), &Self::zero());
    }
}

/// Enforces `left · right = product`.
pub(super) fn enforce_product<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    name: &'static str,
    left: &Linear,
    right: &Linear,
    product: &Linear,
) {
    cs.enforce(
        || format!("{name} holds"),
        |zero| zero + &left.combination,
        |zero| zero + &right.combination,
        |zero| zero + &product.combination,
    );
}

impl From<&AllocatedNum<Scalar>> for Linear {
    fn from(number: &AllocatedNum<Scalar>) -> Self {
        Self::variable(number.get_variable(), number.get_value())
    }
}

impl Add<&Linear> for Linear {
    type Output = Self;

    fn add(self, other: &Self) -> Self {
        Self {
            value: self.value.zip(other.value).map(|(left, right)| left + right),
            combination: self.combination + &other.combination,
        }
    }
}

impl AddAssign<&Linear> for Linear {
    fn add_assign(&mut self, other: &Self) {
        *self = std::mem::replace(self, Self::zero()) + other;
    }
}

impl Sub<&Linear> for Linear {
    type Output = Self;

    fn sub(self, other: &Self) -> Self {
        Self {
            value: self.value.zip(other.value).map(|(left, right)| left - right),
            combination: self.combination - &other.combination,
        }
    }
}

impl Mul<Scalar> for &Linear {
    type Output = Linear;

    fn mul(self, factor: Scalar) -> Linear {
        Linear {
            value: self.value.map(|value| value * factor),
            combination: scaled(&self.combination, factor),
        }
    }
}

fn scaled(combination: &LinearCombination<Scalar>, factor: Scalar) -> LinearCombination<Scalar> {
    LinearCombination::zero() + (factor, combination)
}
