//! The domain's state inside the circuit: a dense table of cells and rollups.
//!
//! **Invariant:** the table that a step starts from is the only one with the state digest in z, and
//! the digest in the next z is that of the table it ends with. Balances stay integers below `2^96`.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "field arithmetic cannot overflow; indices run over the fixed shape"
)]

use domain::limits::{ATOMS_BITS, MAX_ASSETS};
use nova_snark::frontend::{ConstraintSystem, SynthesisError, num::AllocatedNum};

use super::{
    hash::chain_hash,
    linear::Linear,
    select::{enforce_range, is_nonzero, witness_flag},
    witness::{CellWitness, RollupWitness, Witness},
};
use crate::field::{Scalar, power_of_two};

/// All cells, by rollup and then asset, and all rollups.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) cells: Vec<Cell>,
    pub(super) rollups: Vec<Rollup>,
}

/// One (rollup, asset) while the step goes on.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) balance: Linear,
    pub(super) deposited: Linear,
    pub(super) exited: Linear,
    pub(super) touched: Linear,
    /// What this step moved into or out of it: not zero exactly if the step touches it. A sum of
    /// amounts, none negative, far below the field's order: nothing cancels.
    pub(super) moved: Linear,
}

/// One rollup while the step goes on.
#[derive(Clone, Debug)]
pub(super) struct Rollup {
    pub(super) key: [Linear; 2],
    /// Whether the key is not (0, 0).
    pub(super) registered: Linear,
    pub(super) root: [Linear; 2],
    pub(super) exit_root: [Linear; 2],
    pub(super) next_height: Linear,
    pub(super) active: Linear,
    /// How many registrations and batches of this step are its own.
    pub(super) acts: Linear,
}

impl Table {
    /// Allocates the table and binds it to the state digest of z.
    pub(super) fn open<CS: ConstraintSystem<Scalar>>(
        cs: &mut CS,
        witness: Option<&Witness>,
        state_digest: &AllocatedNum<Scalar>,
    ) -> Result<Self, SynthesisError> {
        let cells = (0..domain::limits::MAX_CELLS)
            .map(|at| {
                let cs = &mut cs.namespace(|| format!("cell {at}"));
                Cell::witness(cs, witness.map(|witness| &witness.cells[at]))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let rollups = (0..domain::limits::MAX_ROLLUPS)
            .map(|at| {
                let cs = &mut cs.namespace(|| format!("rollup {at}"));
                Rollup::witness(cs, witness.map(|witness| &witness.rollups[at]))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let table = Self { cells, rollups };
        let digest = table.digest(&mut cs.namespace(|| "digest"))?;
        let difference = Linear::from(&digest) - &Linear::from(state_digest);
        difference.enforce_zero(cs, "state digest of z");
        Ok(table)
    }

    /// The cell of a rollup and an asset, by their positions.
    pub(super) fn cell(&mut self, rollup: usize, asset: usize) -> &mut Cell {
        &mut self.cells[rollup * MAX_ASSETS + asset]
    }

    /// Says of each rollup whether it is registered, from its key as it is now.
    pub(super) fn update_registered<CS: ConstraintSystem<Scalar>>(
        &mut self,
        cs: &mut CS,
    ) -> Result<(), SynthesisError> {
        for (at, rollup) in self.rollups.iter_mut().enumerate() {
            let cs = &mut cs.namespace(|| format!("registered {at}"));
            let [x, y] = &rollup.key;
            let x = is_nonzero(&mut cs.namespace(|| "x"), x)?;
            let y = is_nonzero(&mut cs.namespace(|| "y"), y)?;
            rollup.registered = either(cs, &x, &y)?;
        }
        Ok(())
    }

    /// Gives what has grown into a long combination a variable of its own. It changes no value; the
    /// matrices would otherwise have an entry for each earlier movement wherever it is used.
    pub(super) fn shorten<CS: ConstraintSystem<Scalar>>(
        &mut self,
        cs: &mut CS,
    ) -> Result<(), SynthesisError> {
        for cell in &mut self.cells {
            cell.balance = cell.balance.reduce(cs, "balance")?;
        }
        Ok(())
    }

    /// Ends the step's movements: flags what they touched, bounds what they left.
    pub(super) fn settle<CS: ConstraintSystem<Scalar>>(
        &mut self,
        cs: &mut CS,
    ) -> Result<(), SynthesisError> {
        for (at, cell) in self.cells.iter_mut().enumerate() {
            cell.settle(&mut cs.namespace(|| format!("cell {at}")))?;
        }
        for (at, rollup) in self.rollups.iter_mut().enumerate() {
            rollup.settle(&mut cs.namespace(|| format!("rollup {at}")))?;
        }
        Ok(())
    }

    /// The state digest: the same words in the same order as `domain::LiquidityState`.
    pub(super) fn digest<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
    ) -> Result<AllocatedNum<Scalar>, SynthesisError> {
        let amounts =
            self.cells.iter().flat_map(|cell| [&cell.balance, &cell.deposited, &cell.exited]);
        let touched = flags(self.cells.iter().map(|cell| &cell.touched));
        let active = flags(self.rollups.iter().map(|rollup| &rollup.active));
        let rollups = self.rollups.iter().flat_map(|rollup| {
            let words = rollup.key.iter().chain(&rollup.root).chain(&rollup.exit_root);
            words.chain(std::iter::once(&rollup.next_height))
        });
        let words: Vec<Linear> =
            amounts.chain([&touched, &active]).chain(rollups).cloned().collect();
        chain_hash(cs, "netfold.state.v1", &words)
    }
}

impl Cell {
    fn witness<CS: ConstraintSystem<Scalar>>(
        cs: &mut CS,
        witness: Option<&CellWitness>,
    ) -> Result<Self, SynthesisError> {
        let balance = witness.map(|cell| cell.balance);
        let deposited = witness.map(|cell| cell.deposited);
        let exited = witness.map(|cell| cell.exited);
        Ok(Self {
            balance: Linear::witness(cs, "balance", balance)?,
            deposited: Linear::witness(cs, "deposited", deposited)?,
            exited: Linear::witness(cs, "exited", exited)?,
            touched: witness_flag(
                &mut cs.namespace(|| "touched"),
                witness.map(|cell| cell.touched),
            )?,
            moved: Linear::zero(),
        })
    }

    fn settle<CS: ConstraintSystem<Scalar>>(&mut self, cs: &mut CS) -> Result<(), SynthesisError> {
        self.balance = self.balance.reduce(cs, "balance")?;
        self.deposited = self.deposited.reduce(cs, "deposited")?;
        self.exited = self.exited.reduce(cs, "exited")?;
        enforce_range(&mut cs.namespace(|| "balance is bounded"), &self.balance, ATOMS_BITS)?;
        let moved = is_nonzero(&mut cs.namespace(|| "moved"), &self.moved)?;
        self.touched = either(cs, &self.touched, &moved)?;
        Ok(())
    }
}

impl Rollup {
    /// The halves of the L2 root, then of the exit root.
    pub(super) fn roots(&mut self) -> impl Iterator<Item = &mut Linear> {
        self.root.iter_mut().chain(&mut self.exit_root)
    }

    fn witness<CS: ConstraintSystem<Scalar>>(
        cs: &mut CS,
        witness: Option<&RollupWitness>,
    ) -> Result<Self, SynthesisError> {
        let next_height = witness.map(|rollup| rollup.next_height);
        Ok(Self {
            key: witness_pair(cs, ["key x", "key y"], witness.map(|rollup| rollup.key))?,
            registered: Linear::zero(),
            root: witness_pair(cs, ["root high", "root low"], witness.map(|rollup| rollup.root))?,
            exit_root: witness_pair(
                cs,
                ["exit root high", "exit root low"],
                witness.map(|rollup| rollup.exit_root),
            )?,
            next_height: Linear::witness(cs, "next height", next_height)?,
            active: witness_flag(
                &mut cs.namespace(|| "active"),
                witness.map(|rollup| rollup.active),
            )?,
            acts: Linear::zero(),
        })
    }

    fn settle<CS: ConstraintSystem<Scalar>>(&mut self, cs: &mut CS) -> Result<(), SynthesisError> {
        for (at, half) in self.roots().enumerate() {
            *half = half.reduce(&mut cs.namespace(|| format!("half root {at}")), "half root")?;
        }
        self.next_height = self.next_height.reduce(cs, "next height")?;
        let acted = is_nonzero(&mut cs.namespace(|| "acted"), &self.acts)?;
        self.active = either(cs, &self.active, &acted)?;
        Ok(())
    }
}

/// Allocates a pair of words.
pub(super) fn witness_pair<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    names: [&'static str; 2],
    values: Option<[Scalar; 2]>,
) -> Result<[Linear; 2], SynthesisError> {
    let [first, second] = names;
    let [first_value, second_value] = values.map_or([None; 2], |values| values.map(Some));
    Ok([Linear::witness(cs, first, first_value)?, Linear::witness(cs, second, second_value)?])
}

/// Whether one of two flags is set: `a + b − a·b`.
fn either<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    left: &Linear,
    right: &Linear,
) -> Result<Linear, SynthesisError> {
    let both = left.times(cs, "both flags", right)?;
    (left.clone() + right - &both).reduce(cs, "either flag")
}

/// Flags as bits of one word, the first lowest.
fn flags<'a>(flags: impl Iterator<Item = &'a Linear>) -> Linear {
    flags.enumerate().fold(Linear::zero(), |word, (at, flag)| word + &(flag * power_of_two(at)))
}
