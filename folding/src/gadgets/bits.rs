//! Bits, and the ranges they prove.
//!
//! **Invariant:** every bit returned is constrained to be zero or one, and every decomposition is
//! the only one: `enforce_bits` because `2^253` is below the field's order, [`bits_between`] by
//! comparing with both bounds.

#![expect(clippy::arithmetic_side_effects, reason = "field arithmetic cannot overflow")]

use ff::{Field, PrimeField};
use nova_snark::frontend::{
    AllocatedBit, Boolean, ConstraintSystem, LinearCombination, SynthesisError, num::AllocatedNum,
};

use super::Fr;

/// The widest range that [`enforce_bits`] takes: one bit more and values would alias.
const WIDEST_RANGE: usize = 253;

/// An integer below `2^256`, least significant limb first.
pub(crate) type Limbs = [u64; 4];

/// The two bounds, both inclusive, of a decomposition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The least integer allowed.
    pub(crate) low: Limbs,
    /// The greatest integer allowed.
    pub(crate) high: Limbs,
}

/// Proves `number < 2^count` and returns its bits, least significant first.
pub(crate) fn enforce_bits<CS: ConstraintSystem<Fr>>(
    mut cs: CS,
    number: &AllocatedNum<Fr>,
    count: usize,
) -> Result<Vec<AllocatedBit>, SynthesisError> {
    if count > WIDEST_RANGE {
        return Err(SynthesisError::IncompatibleLengthVector(format!("{count} bits alias")));
    }
    let value = number.get_value().map(limbs_of);
    let bits = (0..count)
        .map(|index| {
            let bit = value.as_ref().map(|limbs| bit_of(limbs, index));
            AllocatedBit::alloc(cs.namespace(|| format!("bit {index}")), bit)
        })
        .collect::<Result<Vec<_>, _>>()?;
    enforce_packing(&mut cs, &bits, Fr::ZERO, number);
    Ok(bits)
}

/// Constrains `Σ bits_i · 2^i = number + offset`.
pub(crate) fn enforce_packing<CS: ConstraintSystem<Fr>>(
    cs: &mut CS,
    bits: &[AllocatedBit],
    offset: Fr,
    number: &AllocatedNum<Fr>,
) {
    cs.enforce(
        || "the bits pack to the number",
        |lc| lc,
        |lc| lc,
        |lc| packed(lc, bits) - number.get_variable() - (offset, CS::one()),
    );
}

/// Adds `Σ bits_i · 2^i` to a linear combination.
fn packed(lc: LinearCombination<Fr>, bits: &[AllocatedBit]) -> LinearCombination<Fr> {
    let mut weight = Fr::ONE;
    let mut sum = lc;
    for bit in bits {
        sum = sum + (weight, bit.get_variable());
        weight = weight.double();
    }
    sum
}

/// Allocates `count` bits, least significant first, of an integer within `bounds`.
///
/// The walk goes from the top. `at_high` says that all bits so far are those of the upper bound:
/// then a zero bit of the bound forbids a one. `at_low` likewise: a one bit of the lower bound
/// forbids a zero. Where only one of the two forbids, the rule rides on the bit's own boolean
/// constraint and costs nothing; the flags cost one constraint per bit that can clear them.
pub(crate) fn bits_between<CS: ConstraintSystem<Fr>>(
    mut cs: CS,
    value: Option<Limbs>,
    count: usize,
    bounds: &Bounds,
) -> Result<Vec<AllocatedBit>, SynthesisError> {
    // Below these positions nothing more is forbidden, so the flags are no longer needed.
    let last_high = (0..count).find(|&index| !bit_of(&bounds.high, index)).unwrap_or(count);
    let last_low = (0..count).find(|&index| bit_of(&bounds.low, index)).unwrap_or(count);
    let mut at_high = Boolean::constant(true);
    let mut at_low = Boolean::constant(true);
    let mut bits = Vec::with_capacity(count);
    for index in (0..count).rev() {
        let mut cs = cs.namespace(|| format!("bit {index}"));
        let (high, low) = (bit_of(&bounds.high, index), bit_of(&bounds.low, index));
        let bit = allocate_bit(
            cs.namespace(|| "bounded"),
            value.as_ref().map(|limbs| bit_of(limbs, index)),
            (!high).then_some(&at_high),
            low.then_some(&at_low),
        )?;
        if high && index > last_high {
            let bit = Boolean::from(bit.clone());
            at_high = Boolean::and(cs.namespace(|| "at the upper bound"), &at_high, &bit)?;
        }
        if !low && index > last_low {
            let unset = Boolean::from(bit.clone()).not();
            at_low = Boolean::and(cs.namespace(|| "at the lower bound"), &at_low, &unset)?;
        }
        bits.push(bit);
    }
    bits.reverse();
    Ok(bits)
}

/// Allocates a bit that is not one where `no_one` holds and not zero where `no_zero` holds.
fn allocate_bit<CS: ConstraintSystem<Fr>>(
    mut cs: CS,
    value: Option<bool>,
    no_one: Option<&Boolean>,
    no_zero: Option<&Boolean>,
) -> Result<AllocatedBit, SynthesisError> {
    let variable = cs.alloc(
        || "bit",
        || value.map(|bit| Fr::from(u64::from(bit))).ok_or(SynthesisError::AssignmentMissing),
    )?;
    let one = CS::one();
    match (no_one, no_zero) {
        // (bit − flag)(1 − bit) = 0: one, or zero where the flag is unset.
        (None, Some(flag)) => cs.enforce(
            || "zero or one, not zero at the lower bound",
            |lc| lc + variable - &flag.lc(one, Fr::ONE),
            |lc| lc + one - variable,
            |lc| lc,
        ),
        // (1 − flag − bit) · bit = 0: zero, or one where the flag is unset.
        (no_one, _) => cs.enforce(
            || "zero or one, not one at the upper bound",
            |lc| {
                let lc = lc + one - variable;
                no_one.map_or(lc.clone(), |flag| lc - &flag.lc(one, Fr::ONE))
            },
            |lc| lc + variable,
            |lc| lc,
        ),
    }
    if let (Some(_), Some(flag)) = (no_one, no_zero) {
        cs.enforce(
            || "not zero at the lower bound",
            |lc| lc + one - variable,
            |lc| lc + &flag.lc(one, Fr::ONE),
            |lc| lc,
        );
    }
    Ok(AllocatedBit::from_parts_unchecked(variable, value))
}

/// Constrains two numbers to be equal where the condition holds; elsewhere it says nothing.
pub(crate) fn enforce_equal_if<CS: ConstraintSystem<Fr>>(
    cs: &mut CS,
    name: &'static str,
    condition: &Boolean,
    left: &AllocatedNum<Fr>,
    right: &AllocatedNum<Fr>,
) {
    cs.enforce(
        || name,
        |lc| lc + &condition.lc(CS::one(), Fr::ONE),
        |lc| lc + left.get_variable() - right.get_variable(),
        |lc| lc,
    );
}

/// Allocates a witness, known or not.
pub(crate) fn allocate<CS: ConstraintSystem<Fr>>(
    cs: CS,
    value: Option<Fr>,
) -> Result<AllocatedNum<Fr>, SynthesisError> {
    AllocatedNum::alloc(cs, || value.ok_or(SynthesisError::AssignmentMissing))
}

/// The inverse, or zero for zero: a witness that then satisfies no constraint asking for one.
pub(crate) fn inverse_or_zero(value: Fr) -> Fr {
    value.invert().unwrap_or(Fr::ZERO)
}

/// The integer that represents a field element, below the field's order.
pub(crate) fn limbs_of(value: Fr) -> Limbs {
    let bytes = value.to_repr();
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.as_ref().chunks_exact(8)) {
        *limb = chunk.iter().rev().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
    }
    limbs
}

/// Bit `index` of an integer; zero past its end.
pub(crate) fn bit_of(limbs: &Limbs, index: usize) -> bool {
    limbs.get(index / 64).is_some_and(|limb| limb >> (index % 64) & 1 == 1)
}

#[cfg(test)]
mod tests;
