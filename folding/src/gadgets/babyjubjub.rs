//! Baby Jubjub in the circuit: a twisted Edwards curve and its Montgomery form.
//!
//! **Invariant:** a point returned is the one named, for any witness that satisfies the
//! constraints. Edwards addition and doubling are complete: on the curve they have no exceptional
//! case, since `a` is a square and `d` is not. The Montgomery formulas are cheaper and incomplete:
//! each states what its caller must know of the points, or refuses the exception itself.
//!
//! The group has order `8l` with `l` prime, and a single point of order two, `(0, −1)`, which on
//! the Montgomery form is `(0, 0)`. The curves correspond by `u = (1 + y) / (1 − y)`, `v = u / x`.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "field arithmetic cannot overflow; indices run over tables and limbs of fixed size"
)]

pub(crate) mod fixed_base;
pub(crate) mod native;
pub(crate) mod variable_base;

use ff::Field;
use nova_snark::frontend::{ConstraintSystem, SynthesisError, num::AllocatedNum};

use self::native::{EDWARDS_A, EDWARDS_D, MONTGOMERY_A};
use super::{
    Fr,
    bits::{allocate, inverse_or_zero},
};

/// A point in Edwards coordinates. Whether it is on the curve is for its maker to know.
#[derive(Clone, Debug)]
pub(crate) struct EdwardsPoint {
    pub(crate) x: AllocatedNum<Fr>,
    pub(crate) y: AllocatedNum<Fr>,
}

/// A point other than the identity on the Montgomery form, `v² = u³ + 168698·u² + u`.
#[derive(Clone, Debug)]
pub(crate) struct MontgomeryPoint {
    pub(crate) u: AllocatedNum<Fr>,
    pub(crate) v: AllocatedNum<Fr>,
}

impl EdwardsPoint {
    /// Both coordinates, if known.
    pub(crate) fn value(&self) -> Option<(Fr, Fr)> {
        self.x.get_value().zip(self.y.get_value())
    }

    /// Proves that the point is on the curve. Six constraints with the doubling that it returns.
    pub(crate) fn double_on_curve<CS: ConstraintSystem<Fr>>(
        &self,
        mut cs: CS,
    ) -> Result<Self, SynthesisError> {
        let x_square = self.x.square(cs.namespace(|| "x²"))?;
        let y_square = self.y.square(cs.namespace(|| "y²"))?;
        cs.enforce(
            || "a·x² + y² = 1 + d·x²·y²",
            |lc| lc + (EDWARDS_D, x_square.get_variable()),
            |lc| lc + y_square.get_variable(),
            |lc| lc + (EDWARDS_A, x_square.get_variable()) + y_square.get_variable() - CS::one(),
        );
        self.double_with(cs, &x_square, &y_square)
    }

    /// Doubles a point that is on the curve. Five constraints.
    pub(crate) fn double<CS: ConstraintSystem<Fr>>(
        &self,
        mut cs: CS,
    ) -> Result<Self, SynthesisError> {
        let x_square = self.x.square(cs.namespace(|| "x²"))?;
        let y_square = self.y.square(cs.namespace(|| "y²"))?;
        self.double_with(cs, &x_square, &y_square)
    }

    /// `x' = 2xy / (ax² + y²)`, `y' = (y² − ax²) / (2 − ax² − y²)`. On the curve the denominators
    /// are `1 ± d·x²·y²`, and neither vanishes.
    fn double_with<CS: ConstraintSystem<Fr>>(
        &self,
        mut cs: CS,
        x_square: &AllocatedNum<Fr>,
        y_square: &AllocatedNum<Fr>,
    ) -> Result<Self, SynthesisError> {
        let product = self.x.mul(cs.namespace(|| "xy"), &self.y)?;
        let squares = x_square.get_value().zip(y_square.get_value());
        let sum = squares.map(|(x, y)| EDWARDS_A * x + y);
        let difference = squares.map(|(x, y)| y - EDWARDS_A * x);
        let x = divide(product.get_value().map(|product| product.double()), sum);
        let x = allocate(cs.namespace(|| "x"), x)?;
        let y = divide(difference, sum.map(|sum| Fr::from(2) - sum));
        let y = allocate(cs.namespace(|| "y"), y)?;
        cs.enforce(
            || "x' of the double",
            |lc| lc + x.get_variable(),
            |lc| lc + (EDWARDS_A, x_square.get_variable()) + y_square.get_variable(),
            |lc| lc + (Fr::from(2), product.get_variable()),
        );
        cs.enforce(
            || "y' of the double",
            |lc| lc + y.get_variable(),
            |lc| {
                let lc = lc + (Fr::from(2), CS::one());
                lc - (EDWARDS_A, x_square.get_variable()) - y_square.get_variable()
            },
            |lc| lc + y_square.get_variable() - (EDWARDS_A, x_square.get_variable()),
        );
        Ok(Self { x, y })
    }

    /// Adds two points that are on the curve. Six constraints.
    pub(crate) fn add<CS: ConstraintSystem<Fr>>(
        &self,
        mut cs: CS,
        other: &Self,
    ) -> Result<Self, SynthesisError> {
        let beta = self.x.mul(cs.namespace(|| "x₁·y₂"), &other.y)?;
        let gamma = self.y.mul(cs.namespace(|| "y₁·x₂"), &other.x)?;
        let factors = self.value().zip(other.value());
        let delta = factors.map(|((x1, y1), (x2, y2))| (y1 - EDWARDS_A * x1) * (x2 + y2));
        let delta = allocate(cs.namespace(|| "(y₁ − a·x₁)(x₂ + y₂)"), delta)?;
        cs.enforce(
            || "the crossed product",
            |lc| lc + self.y.get_variable() - (EDWARDS_A, self.x.get_variable()),
            |lc| lc + other.x.get_variable() + other.y.get_variable(),
            |lc| lc + delta.get_variable(),
        );
        let tau = beta.mul(cs.namespace(|| "x₁·x₂·y₁·y₂"), &gamma)?;
        let d_tau = tau.get_value().map(|tau| EDWARDS_D * tau);
        let parts = beta.get_value().zip(gamma.get_value());
        let x = divide(parts.map(|(b, g)| b + g), d_tau.map(|d_tau| Fr::ONE + d_tau));
        let x = allocate(cs.namespace(|| "x"), x)?;
        // (y₁ − a·x₁)(x₂ + y₂) + a·β − γ = y₁·y₂ − a·x₁·x₂
        let numerator = parts.zip(delta.get_value()).map(|((b, g), d)| d + EDWARDS_A * b - g);
        let y = divide(numerator, d_tau.map(|d_tau| Fr::ONE - d_tau));
        let y = allocate(cs.namespace(|| "y"), y)?;
        cs.enforce(
            || "x of the sum",
            |lc| lc + CS::one() + (EDWARDS_D, tau.get_variable()),
            |lc| lc + x.get_variable(),
            |lc| lc + beta.get_variable() + gamma.get_variable(),
        );
        cs.enforce(
            || "y of the sum",
            |lc| lc + CS::one() - (EDWARDS_D, tau.get_variable()),
            |lc| lc + y.get_variable(),
            |lc| {
                let lc = lc + delta.get_variable() + (EDWARDS_A, beta.get_variable());
                lc - gamma.get_variable()
            },
        );
        Ok(Self { x, y })
    }

    /// The Montgomery form of a point that is on the curve, refusing `x = 0`: the identity and the
    /// point of order two. With `x ≠ 0` neither denominator vanishes. Three constraints.
    pub(crate) fn to_montgomery<CS: ConstraintSystem<Fr>>(
        &self,
        mut cs: CS,
    ) -> Result<MontgomeryPoint, SynthesisError> {
        let inverse =
            allocate(cs.namespace(|| "inverse of x"), self.x.get_value().map(inverse_or_zero))?;
        cs.enforce(
            || "x is not zero",
            |lc| lc + self.x.get_variable(),
            |lc| lc + inverse.get_variable(),
            |lc| lc + CS::one(),
        );
        let value = self.value();
        let u = divide(value.map(|(_, y)| Fr::ONE + y), value.map(|(_, y)| Fr::ONE - y));
        let v = divide(u, self.x.get_value());
        let u = allocate(cs.namespace(|| "u"), u)?;
        let v = allocate(cs.namespace(|| "v"), v)?;
        cs.enforce(
            || "u (1 − y) = 1 + y",
            |lc| lc + u.get_variable(),
            |lc| lc + CS::one() - self.y.get_variable(),
            |lc| lc + CS::one() + self.y.get_variable(),
        );
        cs.enforce(
            || "v · x = u",
            |lc| lc + v.get_variable(),
            |lc| lc + self.x.get_variable(),
            |lc| lc + u.get_variable(),
        );
        Ok(MontgomeryPoint { u, v })
    }
}

/// Which of a point and its negative is meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Orientation {
    Kept,
    Negated,
}

impl Orientation {
    fn sign(self) -> Fr {
        match self {
            Self::Kept => Fr::ONE,
            Self::Negated => -Fr::ONE,
        }
    }
}

impl MontgomeryPoint {
    /// Both coordinates, if known.
    pub(crate) fn value(&self) -> Option<(Fr, Fr)> {
        self.u.get_value().zip(self.v.get_value())
    }

    /// The Edwards form of the point or of its negative; the caller knows the point not to be of
    /// order two, so `v ≠ 0`. No point has `u = −1`, since `168696` is not a square. Two
    /// constraints.
    pub(crate) fn to_edwards<CS: ConstraintSystem<Fr>>(
        &self,
        mut cs: CS,
        orientation: Orientation,
    ) -> Result<EdwardsPoint, SynthesisError> {
        let sign = orientation.sign();
        let value = self.value();
        let x = divide(value.map(|(u, _)| sign * u), value.map(|(_, v)| v));
        let x = allocate(cs.namespace(|| "x"), x)?;
        let y = divide(value.map(|(u, _)| u - Fr::ONE), value.map(|(u, _)| u + Fr::ONE));
        let y = allocate(cs.namespace(|| "y"), y)?;
        cs.enforce(
            || "x · v = ±u",
            |lc| lc + x.get_variable(),
            |lc| lc + self.v.get_variable(),
            |lc| lc + (sign, self.u.get_variable()),
        );
        cs.enforce(
            || "y (u + 1) = u − 1",
            |lc| lc + y.get_variable(),
            |lc| lc + self.u.get_variable() + CS::one(),
            |lc| lc + self.u.get_variable() - CS::one(),
        );
        Ok(EdwardsPoint { x, y })
    }

    /// Doubles a point that is not of order two. Four constraints.
    pub(crate) fn double<CS: ConstraintSystem<Fr>>(
        &self,
        mut cs: CS,
    ) -> Result<Self, SynthesisError> {
        let square = self.u.square(cs.namespace(|| "u²"))?;
        let rise = self
            .value()
            .map(|(u, _)| Fr::from(3) * u.square() + MONTGOMERY_A.double() * u + Fr::ONE);
        let slope = divide(rise, self.v.get_value().map(|v| v.double()));
        let slope = allocate(cs.namespace(|| "slope"), slope)?;
        cs.enforce(
            || "the tangent",
            |lc| lc + slope.get_variable(),
            |lc| lc + (Fr::from(2), self.v.get_variable()),
            |lc| {
                let lc = lc + (Fr::from(3), square.get_variable()) + CS::one();
                lc + (MONTGOMERY_A.double(), self.u.get_variable())
            },
        );
        self.along(cs, &slope, &self.u)
    }

    /// Adds another point or its negative; the caller knows that the two `u` differ. Three
    /// constraints.
    pub(crate) fn add<CS: ConstraintSystem<Fr>>(
        &self,
        mut cs: CS,
        other: &Self,
        orientation: Orientation,
    ) -> Result<Self, SynthesisError> {
        let slope = self.chord(cs.namespace(|| "chord"), other, orientation)?;
        self.along(cs, &slope, &other.u)
    }

    /// `2·self + other`, as `(self + other) + self` without the `v` of the inner sum. Five
    /// constraints, and no solution unless both sums are proper, save one exception that the
    /// caller excludes: `self = other`, which would leave the first slope to the prover.
    ///
    /// The others have no solution. If `self = −other`, neither of order two, the chord asks that
    /// `0 = 2v`. If `self + other = −self` the second slope asks so too, which only the point of
    /// order two could grant; but then `other` would be the identity. `other` is neither.
    pub(crate) fn double_and_add<CS: ConstraintSystem<Fr>>(
        &self,
        mut cs: CS,
        other: &Self,
    ) -> Result<Self, SynthesisError> {
        let slope = self.chord(cs.namespace(|| "chord"), other, Orientation::Kept)?;
        let inner = third_u(cs.namespace(|| "inner"), &slope, &self.u, &other.u)?;
        let run = self.u.get_value().zip(inner.get_value()).map(|(u, inner)| u - inner);
        let total = divide(self.v.get_value().map(|v| v.double()), run);
        let outer = total.zip(slope.get_value()).map(|(total, slope)| total - slope);
        let outer = allocate(cs.namespace(|| "second slope"), outer)?;
        cs.enforce(
            || "both slopes",
            |lc| lc + slope.get_variable() + outer.get_variable(),
            |lc| lc + self.u.get_variable() - inner.get_variable(),
            |lc| lc + (Fr::from(2), self.v.get_variable()),
        );
        self.along(cs, &outer, &inner)
    }

    /// The slope of the line through this point and another or its negative.
    fn chord<CS: ConstraintSystem<Fr>>(
        &self,
        mut cs: CS,
        other: &Self,
        orientation: Orientation,
    ) -> Result<AllocatedNum<Fr>, SynthesisError> {
        let sign = orientation.sign();
        let points = self.value().zip(other.value());
        let rise = points.map(|((_, v), (_, other_v))| v - sign * other_v);
        let run = points.map(|((u, _), (other_u, _))| u - other_u);
        let slope = allocate(cs.namespace(|| "slope"), divide(rise, run))?;
        cs.enforce(
            || "the slope times the run is the rise",
            |lc| lc + slope.get_variable(),
            |lc| lc + self.u.get_variable() - other.u.get_variable(),
            |lc| lc + self.v.get_variable() - (sign, other.v.get_variable()),
        );
        Ok(slope)
    }

    /// The sum of this point and the one at `other_u`, on a line of the slope through this point.
    fn along<CS: ConstraintSystem<Fr>>(
        &self,
        mut cs: CS,
        slope: &AllocatedNum<Fr>,
        other_u: &AllocatedNum<Fr>,
    ) -> Result<Self, SynthesisError> {
        let u = third_u(cs.namespace(|| "u"), slope, &self.u, other_u)?;
        let v = (self.value().zip(u.get_value()).zip(slope.get_value()))
            .map(|(((own_u, own_v), u), slope)| slope * (own_u - u) - own_v);
        let v = allocate(cs.namespace(|| "v"), v)?;
        cs.enforce(
            || "v of the sum",
            |lc| lc + slope.get_variable(),
            |lc| lc + self.u.get_variable() - u.get_variable(),
            |lc| lc + v.get_variable() + self.v.get_variable(),
        );
        Ok(Self { u, v })
    }
}

/// The `u` of the sum of two points on a line: `slope² − 168698 − u₁ − u₂`.
fn third_u<CS: ConstraintSystem<Fr>>(
    mut cs: CS,
    slope: &AllocatedNum<Fr>,
    first: &AllocatedNum<Fr>,
    second: &AllocatedNum<Fr>,
) -> Result<AllocatedNum<Fr>, SynthesisError> {
    let value = (slope.get_value().zip(first.get_value()).zip(second.get_value()))
        .map(|((slope, first), second)| slope.square() - MONTGOMERY_A - first - second);
    let third = allocate(cs.namespace(|| "u"), value)?;
    cs.enforce(
        || "u of the sum",
        |lc| lc + slope.get_variable(),
        |lc| lc + slope.get_variable(),
        |lc| {
            let lc = lc + third.get_variable() + (MONTGOMERY_A, CS::one());
            lc + first.get_variable() + second.get_variable()
        },
    );
    Ok(third)
}

/// Refuses two numbers that are equal. One constraint; its inverse is the only witness.
pub(crate) fn enforce_different<CS: ConstraintSystem<Fr>>(
    mut cs: CS,
    left: &AllocatedNum<Fr>,
    right: &AllocatedNum<Fr>,
) -> Result<(), SynthesisError> {
    let difference = left.get_value().zip(right.get_value()).map(|(left, right)| left - right);
    let inverse = allocate(cs.namespace(|| "inverse"), difference.map(inverse_or_zero))?;
    cs.enforce(
        || "the difference has an inverse",
        |lc| lc + left.get_variable() - right.get_variable(),
        |lc| lc + inverse.get_variable(),
        |lc| lc + CS::one(),
    );
    Ok(())
}

/// The quotient as a witness; dividing by zero leaves a witness that satisfies nothing.
fn divide(numerator: Option<Fr>, denominator: Option<Fr>) -> Option<Fr> {
    numerator.zip(denominator).map(|(above, below)| above * inverse_or_zero(below))
}

#[cfg(test)]
pub(crate) mod tests;
