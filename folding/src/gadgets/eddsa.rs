//! Verification of circomlib's EdDSA-Poseidon signatures over Baby Jubjub.
//!
//! **Invariant:** where enabled, the constraints hold only if the key `A` is on the curve and not
//! of small order (`8·A ≠ 0`), `S < l`, and `S·B8 = R8 + 8·h·A` with
//! `h = Poseidon(R8x, R8y, Ax, Ay, M)`. `R8` is then on the curve, being a difference of points
//! that are. Where disabled they hold for any key and message.
//!
//! The equation is circomlib's, without a cofactor on the left: an `R8` outside of the prime
//! subgroup never satisfies it, since all else in it is inside. A key outside of the subgroup,
//! that is one plus a torsion point, is accepted, since `8·A` drops the torsion; the key's own
//! coordinates are hashed, so a signature is good for one of the eight only.

use ff::Field;
use nova_snark::frontend::{Boolean, ConstraintSystem, SynthesisError, num::AllocatedNum};

use super::{
    Fr,
    babyjubjub::{
        EdwardsPoint, Orientation,
        fixed_base::{SCALAR_BITS, multiply_generator},
        native::{Point, SUBGROUP_ORDER_LESS_ONE},
        variable_base::multiply_by_eight_times,
    },
    bits::{Bounds, Limbs, allocate, bit_of, bits_between, enforce_equal_if, limbs_of},
    poseidon,
};

/// A signature as a witness: unknown while the circuit's shape is made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SignatureWitness {
    /// The abscissa of `R8`.
    pub(crate) r8_x: Option<Fr>,
    /// The ordinate of `R8`.
    pub(crate) r8_y: Option<Fr>,
    /// The response `S`.
    pub(crate) s: Option<Fr>,
}

/// The integers below `l`.
const SCALARS: Bounds = Bounds { low: [0; 4], high: SUBGROUP_ORDER_LESS_ONE };

/// Verifies a signature of the message under the key, where enabled.
///
/// Where disabled the prover is free to put any valid key and any signature in their place; all
/// that ties them to the arguments is multiplied by `enabled`. The honest prover then takes the
/// generator and an empty signature, so that arguments of zero have a witness.
pub(crate) fn enforce_signature<CS: ConstraintSystem<Fr>>(
    mut cs: CS,
    enabled: &Boolean,
    key: (&AllocatedNum<Fr>, &AllocatedNum<Fr>),
    signature: &SignatureWitness,
    message: &AllocatedNum<Fr>,
) -> Result<(), SynthesisError> {
    let used = enabled.get_value();
    let known = |value: Option<Fr>, placeholder: Fr| match used {
        Some(false) => Some(placeholder),
        _ => value,
    };
    let key_x = known(key.0.get_value(), Point::GENERATOR.x);
    let key_y = known(key.1.get_value(), Point::GENERATOR.y);
    let used_key = EdwardsPoint {
        x: allocate(cs.namespace(|| "A.x"), key_x)?,
        y: allocate(cs.namespace(|| "A.y"), key_y)?,
    };
    enforce_equal_if(&mut cs, "the key's x", enabled, &used_key.x, key.0);
    enforce_equal_if(&mut cs, "the key's y", enabled, &used_key.y, key.1);
    let r8 = EdwardsPoint {
        x: allocate(cs.namespace(|| "R8.x"), known(signature.r8_x, Point::IDENTITY.x))?,
        y: allocate(cs.namespace(|| "R8.y"), known(signature.r8_y, Point::IDENTITY.y))?,
    };
    let s = known(signature.s, Fr::ZERO).map(response);
    let s = bits_between(cs.namespace(|| "S"), s, SCALAR_BITS, &SCALARS)?;

    // `4·A` with `x = 0` is the identity or the point of order two: then `8·A` is the identity.
    let double = used_key.double_on_curve(cs.namespace(|| "2A"))?;
    let quadruple = double.double(cs.namespace(|| "4A"))?;
    let quadruple = quadruple.to_montgomery(cs.namespace(|| "4A, of a good order"))?;

    let challenge = poseidon::hash(
        cs.namespace(|| "challenge"),
        &[r8.x.clone(), r8.y.clone(), used_key.x, used_key.y, message.clone()],
    )?;
    // In the prime subgroup and not the identity, so it has an Edwards form.
    let product = multiply_by_eight_times(cs.namespace(|| "8hA"), &quadruple, &challenge)?;
    let negative = product.to_edwards(cs.namespace(|| "-8hA"), Orientation::Negated)?;
    let response = multiply_generator(cs.namespace(|| "S·B8"), &s)?;
    let expected = response.add(cs.namespace(|| "S·B8 - 8hA"), &negative)?;
    enforce_equal_if(&mut cs, "R8's x", enabled, &expected.x, &r8.x);
    enforce_equal_if(&mut cs, "R8's y", enabled, &expected.y, &r8.y);
    Ok(())
}

/// The integer whose bits are the response's. One that is too wide for them becomes the widest,
/// which is refused as well: its low bits alone could be another signature's.
fn response(s: Fr) -> Limbs {
    let limbs = limbs_of(s);
    let fits = (SCALAR_BITS..256).all(|index| !bit_of(&limbs, index));
    if fits { limbs } else { [u64::MAX; 4] }
}

#[cfg(test)]
mod tests;
