//! Baby Jubjub outside the circuit: constants, and the little arithmetic that tables need.
//!
//! **Invariant:** affine Edwards coordinates throughout; addition is complete. Not constant-time:
//! it is for public constants, never for secrets.

use ff::Field;

use crate::gadgets::{
    Fr,
    bits::{Limbs, bit_of, inverse_or_zero},
};

/// `a` of the curve `a·x² + y² = 1 + d·x²·y²`, a square.
pub(crate) const EDWARDS_A: Fr = Fr::from_raw([168_700, 0, 0, 0]);

/// `d` of the curve, not a square.
pub(crate) const EDWARDS_D: Fr = Fr::from_raw([168_696, 0, 0, 0]);

/// `A` of the Montgomery form.
pub(crate) const MONTGOMERY_A: Fr = Fr::from_raw([168_698, 0, 0, 0]);

/// The order `l` of the prime subgroup, less one.
pub(crate) const SUBGROUP_ORDER_LESS_ONE: Limbs =
    [0x6772_97dc_3921_26f0, 0xab3e_edb8_3920_ee0a, 0x370a_08b6_d030_2b0b, 0x060c_89ce_5c26_3405];

/// `(l + 1) / 2`, the inverse of two modulo `l`.
pub(super) const HALF: Limbs =
    [0x33b9_4bee_1c90_9379, 0xd59f_76dc_1c90_7705, 0x9b85_045b_6818_1585, 0x0306_44e7_2e13_1a02];

/// A point of the curve in affine Edwards coordinates.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: Fr,
    pub(crate) y: Fr,
}

impl Point {
    /// The neutral element.
    pub(crate) const IDENTITY: Self =
        Self { x: Fr::from_raw([0; 4]), y: Fr::from_raw([1, 0, 0, 0]) };

    /// circomlib's `Base8`, which generates the prime subgroup.
    pub(crate) const GENERATOR: Self = Self {
        x: Fr::from_raw([
            0x2893_f3f6_bb95_7051,
            0x2ab8_d801_0534_e0b6,
            0x4eac_b2e0_9d62_77c1,
            0x0bb7_7a6a_d63e_739b,
        ]),
        y: Fr::from_raw([
            0x4b3c_257a_872d_7d8b,
            0xfce0_051f_b9e1_3377,
            0x2557_2e1c_d16b_f9ed,
            0x2579_7203_f7a0_b249,
        ]),
    };

    /// The sum of two points.
    pub(crate) fn add(self, other: Self) -> Self {
        let (beta, gamma) = (self.x * other.y, self.y * other.x);
        let d_tau = EDWARDS_D * beta * gamma;
        let x = (beta + gamma) * inverse_or_zero(Fr::ONE + d_tau);
        let y = self.y * other.y - EDWARDS_A * self.x * other.x;
        Self { x, y: y * inverse_or_zero(Fr::ONE - d_tau) }
    }

    /// The negative.
    pub(crate) fn negate(self) -> Self {
        Self { x: -self.x, y: self.y }
    }

    /// The point doubled a number of times.
    pub(crate) fn double_times(self, times: usize) -> Self {
        (0..times).fold(self, |point, _| point.add(point))
    }

    /// A multiple.
    pub(crate) fn multiply(self, scalar: &Limbs) -> Self {
        (0..256).rev().fold(Self::IDENTITY, |sum, index| {
            let double = sum.add(sum);
            if bit_of(scalar, index) { double.add(self) } else { double }
        })
    }

    /// The Montgomery coordinates of a point other than the identity and that of order two.
    pub(crate) fn montgomery(self) -> (Fr, Fr) {
        let u = (Fr::ONE + self.y) * inverse_or_zero(Fr::ONE - self.y);
        (u, u * inverse_or_zero(self.x))
    }
}
