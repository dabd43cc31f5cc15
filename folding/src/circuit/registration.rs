//! Registration slots: a rollup gets its settlement key, once.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "field arithmetic cannot overflow; indices run over the fixed shape"
)]

use domain::limits::{MAX_ROLLUPS, REGISTRATIONS_PER_STEP};
use nova_snark::frontend::{ConstraintSystem, SynthesisError};

use super::{
    linear::{Linear, enforce_product},
    select::{Choice, is_nonzero},
    table::{Table, witness_pair},
    witness::Witness,
};
use crate::{
    field::Scalar,
    gadgets::babyjubjub::{EdwardsPoint, native::Point},
};

/// Applies the registration slots, then says of each rollup whether it is registered.
///
/// A slot that chooses no rollup adds nothing: its key is multiplied by the choice's zeros.
pub(super) fn register<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    witness: Option<&Witness>,
    table: &mut Table,
) -> Result<(), SynthesisError> {
    for slot in 0..REGISTRATIONS_PER_STEP {
        let cs = &mut cs.namespace(|| format!("slot {slot}"));
        let witness = witness.map(|witness| &witness.registrations[slot]);
        let choice: [Option<Scalar>; MAX_ROLLUPS] =
            std::array::from_fn(|at| witness.map(|slot| slot.rollup[at]));
        let choice = Choice::witness(&mut cs.namespace(|| "rollup"), &choice)?;
        let key = witness_pair(cs, ["key x", "key y"], witness.map(|slot| slot.key))?;
        enforce_key(&mut cs.namespace(|| "key"), &choice, &key)?;
        for (at, (rollup, flag)) in table.rollups.iter_mut().zip(choice.flags()).enumerate() {
            let cs = &mut cs.namespace(|| format!("rollup {at}"));
            for (name, (old, new)) in ["x", "y"].into_iter().zip(rollup.key.iter_mut().zip(&key)) {
                enforce_product(cs, unregistered(name), flag, old, &Linear::zero());
                *old = old.clone() + &flag.times(cs, name, new)?;
            }
            rollup.acts += flag;
        }
    }
    for (at, rollup) in table.rollups.iter_mut().enumerate() {
        let cs = &mut cs.namespace(|| format!("keys of rollup {at}"));
        for (name, word) in ["x", "y"].into_iter().zip(&mut rollup.key) {
            *word = word.reduce(cs, name)?;
        }
    }
    table.update_registered(cs)
}

/// A registered key is a point of BabyJubJub of full order; the key of an unused slot is (0, 0).
fn enforce_key<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    choice: &Choice,
    [x, y]: &[Linear; 2],
) -> Result<(), SynthesisError> {
    let unused = Linear::one::<CS>() - choice.any();
    enforce_product(cs, "unused x", &unused, x, &Linear::zero());
    enforce_product(cs, "unused y", &unused, y, &Linear::zero());
    // The generator stands in for the key of an unused slot.
    let x = x.clone() + &(&unused * Point::GENERATOR.x);
    let y = y.clone() + &(&unused * Point::GENERATOR.y);
    let point = EdwardsPoint { x: x.allocate(cs, "point x")?, y: y.allocate(cs, "point y")? };
    // `8·A` is the identity exactly if `4·A` has `x = 0`.
    let double = point.double_on_curve(cs.namespace(|| "2A on the curve"))?;
    let quadruple = double.double(cs.namespace(|| "4A"))?;
    let full_order = is_nonzero(&mut cs.namespace(|| "4A x"), &Linear::from(&quadruple.x))?;
    (Linear::one::<CS>() - &full_order).enforce_zero(cs, "of full order");
    Ok(())
}

fn unregistered(name: &str) -> &'static str {
    if name == "x" { "unregistered x" } else { "unregistered y" }
}
