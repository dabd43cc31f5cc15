//! Lanes: what a batch moves, per (asset, destination).

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "field arithmetic cannot overflow; indices run over the fixed shape"
)]

use domain::limits::{ATOMS_BITS, MAX_ASSETS, MAX_ROLLUPS};
use nova_snark::frontend::{ConstraintSystem, SynthesisError};

use super::{
    linear::{Linear, enforce_product},
    select::{Choice, enforce_range, is_nonzero},
    table::Table,
    witness::LaneWitness,
};
use crate::field::{Scalar, power_of_two};

/// A lane slot of a batch.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// What it is in the signed digest; zero for an unused slot.
    pub(super) word: Linear,
    /// Atoms by asset: not zero for its own asset only.
    pub(super) debits: Vec<Linear>,
    destination: Choice,
}

impl Lane {
    /// Allocates a lane of a batch and enforces its rules: bounded, used exactly if it moves
    /// something, in a used batch, to L1 or a registered rollup other than the batch's.
    pub(super) fn witness<CS: ConstraintSystem<Scalar>>(
        cs: &mut CS,
        witness: Option<&LaneWitness>,
        table: &Table,
        source: &Choice,
    ) -> Result<Self, SynthesisError> {
        let atoms = Linear::witness(cs, "atoms", witness.map(|lane| lane.atoms))?;
        enforce_range(&mut cs.namespace(|| "atoms are bounded"), &atoms, ATOMS_BITS)?;
        let used = is_nonzero(&mut cs.namespace(|| "used"), &atoms)?;
        let outside = Linear::one::<CS>() - source.any();
        enforce_product(cs, "used in a used batch", &used, &outside, &Linear::zero());
        let asset: [Option<Scalar>; MAX_ASSETS] =
            std::array::from_fn(|at| witness.map(|lane| lane.asset[at]));
        let asset = Choice::witness(&mut cs.namespace(|| "asset"), &asset)?;
        asset.enforce_made(cs, "asset chosen if used", &used);
        let destination: [Option<Scalar>; MAX_ROLLUPS + 1] =
            std::array::from_fn(|at| witness.map(|lane| lane.destination[at]));
        let destination = Choice::witness(&mut cs.namespace(|| "destination"), &destination)?;
        destination.enforce_made(cs, "destination chosen if used", &used);
        enforce_destination(cs, table, source, &destination);
        let debits = asset
            .flags()
            .iter()
            .enumerate()
            .map(|(at, flag)| {
                flag.times(&mut cs.namespace(|| format!("asset {at}")), "debit", &atoms)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let word = atoms
            + &(&asset.number(1) * power_of_two(96))
            + &(&destination.number(0) * power_of_two(112));
        Ok(Self { word, debits, destination })
    }

    /// Credits the destination's cell, or adds to what the source's cell exits, for each asset
    /// returning the atoms that go to L1.
    pub(super) fn credit<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        table: &mut Table,
    ) -> Result<Vec<Linear>, SynthesisError> {
        let mut exits = Vec::with_capacity(MAX_ASSETS);
        for (asset, debit) in self.debits.iter().enumerate() {
            let cs = &mut cs.namespace(|| format!("asset {asset}"));
            let mut flags = self.destination.flags().iter();
            let to_l1 = flags.next().map_or_else(Linear::zero, Clone::clone);
            exits.push(to_l1.times(cs, "exit", debit)?);
            for (rollup, flag) in flags.enumerate() {
                let cs = &mut cs.namespace(|| format!("rollup {rollup}"));
                let credit = flag.times(cs, "credit", debit)?;
                let cell = table.cell(rollup, asset);
                cell.balance += &credit;
                cell.moved += &credit;
            }
        }
        Ok(exits)
    }
}

/// A destination rollup is registered and is not the source.
fn enforce_destination<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    table: &Table,
    source: &Choice,
    destination: &Choice,
) {
    let flags = destination.flags().iter().skip(1);
    for (at, (flag, rollup)) in flags.zip(&table.rollups).enumerate() {
        let cs = &mut cs.namespace(|| format!("destination {at}"));
        let unregistered = Linear::one::<CS>() - &rollup.registered;
        enforce_product(cs, "registered", flag, &unregistered, &Linear::zero());
        enforce_product(cs, "not the source", flag, &source.flags()[at], &Linear::zero());
    }
}
