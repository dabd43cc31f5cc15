//! `8·h·A` for a point `A` and a field element `h`.
//!
//! **Invariant:** for every `h` the product returned is right, or there is no witness. There is
//! none for the exceptions named below: some fifty values of `h` next to multiples of `l`, which a
//! hash meets with a probability below `2^-247`.
//!
//! Let `P = 4·A`, of order `l` or `2l`, and `k = h + 11·l`, which lies between `2^254` and
//! `2^255`. Then `8·h·A = 2·k·P`, since `8·l·A` is the identity. From the top, each bit of `k` but
//! the leading one turns `c·P` into `2·c·P ± P`, starting with `3·P`: in the end `c = 2·k + 1`, and
//! `P` is subtracted. The multiple of `l` is there for the leading one: without it leading zeros
//! would hold `c` at one, where the addition has an exception.
//!
//! **Exceptions.** [`MontgomeryPoint::double_and_add`] has one: `c·P = ±P`, that is `c ≡ ±1` modulo
//! `l`. Before step `j` (from 0) `c` is odd, at least 3 and at most `2^(j+2) − 1`, so it cannot be
//! while `j ≤ 248`, as `2^250 < l`. In the last five steps and at the subtraction it is refused.
//! The other case, in which a sum is the identity, has no solution; see there.

use nova_snark::frontend::{
    AllocatedBit, Boolean, ConstraintSystem, SynthesisError, num::AllocatedNum,
};

use super::{MontgomeryPoint, Orientation, enforce_different};
use crate::gadgets::{
    Fr,
    bits::{Bounds, Limbs, allocate, bits_between, enforce_packing, limbs_of},
};

/// Bits of `k` below the leading one.
const BITS: usize = 254;

/// The first step at which `c·P = ±P` is possible.
const FIRST_GUARDED_STEP: usize = 249;

/// `11·l − 2^254`: what `h` is raised by so that the bits below the leading one are its bits.
pub(super) const OFFSET: Limbs =
    [0x71ec_8676_746c_ac5b, 0x5bb4_36ea_746a_3a72, 0x5d6e_5fda_f211_d980, 0x0289_ebdd_f5a4_3c39];

/// The raised values of all `h`: from the offset to the offset plus the field's order, less one.
/// Outside of them stand the aliases of other `h` modulo the field's order.
pub(super) const BOUNDS: Bounds = Bounds {
    low: OFFSET,
    high: [
        0xb5ce_7c0a_646c_ac5b,
        0x83e8_1f32_ee23_ab03,
        0x15be_a591_7393_31dd,
        0x32ee_3a50_d6d5_dc63,
    ],
};

/// `8·h·A`, which is not the identity, given `quadruple = 4·A` neither of order one nor two.
pub(crate) fn multiply_by_eight_times<CS: ConstraintSystem<Fr>>(
    mut cs: CS,
    quadruple: &MontgomeryPoint,
    scalar: &AllocatedNum<Fr>,
) -> Result<MontgomeryPoint, SynthesisError> {
    let bits = raised_bits(cs.namespace(|| "bits"), scalar)?;
    let double = quadruple.double(cs.namespace(|| "double"))?;
    let mut sum = double.add(cs.namespace(|| "triple"), quadruple, Orientation::Kept)?;
    for (step, bit) in bits.iter().rev().enumerate() {
        let mut cs = cs.namespace(|| format!("step {step}"));
        if step >= FIRST_GUARDED_STEP {
            enforce_different(cs.namespace(|| "guard"), &sum.u, &quadruple.u)?;
        }
        let signed = negate_unless(cs.namespace(|| "sign"), bit, quadruple)?;
        sum = sum.double_and_add(cs.namespace(|| "double and add"), &signed)?;
    }
    enforce_different(cs.namespace(|| "guard"), &sum.u, &quadruple.u)?;
    sum.add(cs.namespace(|| "subtract"), quadruple, Orientation::Negated)
}

/// The bits of `h + 11·l − 2^254`, least significant first.
fn raised_bits<CS: ConstraintSystem<Fr>>(
    mut cs: CS,
    scalar: &AllocatedNum<Fr>,
) -> Result<Vec<AllocatedBit>, SynthesisError> {
    let raised = scalar.get_value().map(|scalar| add(&limbs_of(scalar), &OFFSET));
    let bits = bits_between(cs.namespace(|| "raised"), raised, BITS, &BOUNDS)?;
    enforce_packing(&mut cs, &bits, Fr::from_raw(OFFSET), scalar);
    Ok(bits)
}

/// The sum of two integers that fits.
fn add(left: &Limbs, right: &Limbs) -> Limbs {
    let mut carry = false;
    std::array::from_fn(|index| {
        let (sum, first) = left[index].overflowing_add(right[index]);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        carry = first || second;
        sum
    })
}

/// The point where the bit is set, its negative elsewhere. One constraint.
fn negate_unless<CS: ConstraintSystem<Fr>>(
    mut cs: CS,
    bit: &AllocatedBit,
    point: &MontgomeryPoint,
) -> Result<MontgomeryPoint, SynthesisError> {
    let value = bit.get_value().zip(point.v.get_value()).map(|(bit, v)| if bit { v } else { -v });
    let v = allocate(cs.namespace(|| "v"), value)?;
    cs.enforce(
        || "2 · bit · v = v' + v",
        |lc| lc + &Boolean::from(bit.clone()).lc(CS::one(), Fr::from(2)),
        |lc| lc + point.v.get_variable(),
        |lc| lc + v.get_variable() + point.v.get_variable(),
    );
    Ok(MontgomeryPoint { u: point.u.clone(), v })
}
