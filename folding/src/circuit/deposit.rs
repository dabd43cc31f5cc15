//! Deposit slots: a registered rollup's cell gains what L1 took in.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "field arithmetic cannot overflow; indices run over the fixed shape"
)]

use domain::limits::{ATOMS_BITS, DEPOSITS_PER_STEP, MAX_ASSETS, MAX_ROLLUPS};
use nova_snark::frontend::{ConstraintSystem, SynthesisError};

use super::{
    linear::Linear,
    select::{Choice, enforce_range, is_nonzero},
    table::Table,
    witness::Witness,
};
use crate::field::Scalar;

/// Applies the deposit slots.
///
/// A slot chooses a rollup and an asset exactly if its atoms are not zero; without atoms it adds
/// nothing.
pub(super) fn deposit<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    witness: Option<&Witness>,
    table: &mut Table,
) -> Result<(), SynthesisError> {
    for slot in 0..DEPOSITS_PER_STEP {
        let cs = &mut cs.namespace(|| format!("slot {slot}"));
        let witness = witness.map(|witness| &witness.deposits[slot]);
        let atoms = Linear::witness(cs, "atoms", witness.map(|slot| slot.atoms))?;
        enforce_range(&mut cs.namespace(|| "atoms are bounded"), &atoms, ATOMS_BITS)?;
        let used = is_nonzero(&mut cs.namespace(|| "used"), &atoms)?;
        let rollup: [Option<Scalar>; MAX_ROLLUPS] =
            std::array::from_fn(|at| witness.map(|slot| slot.rollup[at]));
        let rollup = Choice::witness(&mut cs.namespace(|| "rollup"), &rollup)?;
        rollup.enforce_made(cs, "rollup chosen if used", &used);
        let asset: [Option<Scalar>; MAX_ASSETS] =
            std::array::from_fn(|at| witness.map(|slot| slot.asset[at]));
        let asset = Choice::witness(&mut cs.namespace(|| "asset"), &asset)?;
        asset.enforce_made(cs, "asset chosen if used", &used);
        let registered = table.rollups.iter().map(|rollup| &rollup.registered);
        rollup.enforce_all(&mut cs.namespace(|| "registered"), registered);
        credit(cs, table, &rollup, &asset, &atoms)?;
    }
    Ok(())
}

fn credit<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    table: &mut Table,
    rollup: &Choice,
    asset: &Choice,
    atoms: &Linear,
) -> Result<(), SynthesisError> {
    for (column, asset) in asset.flags().iter().enumerate() {
        let cs = &mut cs.namespace(|| format!("asset {column}"));
        let of_asset = asset.times(cs, "atoms of the asset", atoms)?;
        for (row, rollup) in rollup.flags().iter().enumerate() {
            let cs = &mut cs.namespace(|| format!("rollup {row}"));
            let credit = rollup.times(cs, "credit", &of_asset)?;
            let cell = table.cell(row, column);
            cell.balance += &credit;
            cell.deposited += &credit;
            cell.moved += &credit;
        }
    }
    Ok(())
}
