//! Emission: what a step shows L1 of the cells and rollups that it will not touch again.
//!
//! **Invariant:** a slot shows a touched cell or an active rollup exactly as the step leaves it, and
//! clears its flag; so each is shown once, and what is pending counts those not shown yet.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "field arithmetic cannot overflow; indices run over the fixed shape"
)]

use domain::limits::{
    CELLS_EMITTED_PER_STEP, MAX_ASSETS, MAX_CELLS, MAX_ROLLUPS, ROLLUPS_EMITTED_PER_STEP,
};
use nova_snark::frontend::{ConstraintSystem, SynthesisError};

use super::{
    linear::Linear,
    select::{Choice, enforce_flag},
    table::{Cell, Rollup, Table},
    witness::Witness,
};
use crate::field::{Scalar, power_of_two};

/// Emits the slots' cells and rollups: the emitted words in order.
pub(super) fn emit<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    witness: Option<&Witness>,
    table: &mut Table,
) -> Result<Vec<Linear>, SynthesisError> {
    let mut words = Vec::with_capacity(domain::EMITTED_WORDS);
    let mut cells = Vec::with_capacity(CELLS_EMITTED_PER_STEP);
    for slot in 0..CELLS_EMITTED_PER_STEP {
        let cs = &mut cs.namespace(|| format!("cell slot {slot}"));
        let flags: [Option<Scalar>; MAX_CELLS] =
            std::array::from_fn(|at| witness.map(|witness| witness.emitted_cells[slot][at]));
        let choice = Choice::witness(&mut cs.namespace(|| "cell"), &flags)?;
        words.extend(show_cell(cs, &choice, &table.cells)?);
        cells.push(choice);
    }
    let mut rollups = Vec::with_capacity(ROLLUPS_EMITTED_PER_STEP);
    for slot in 0..ROLLUPS_EMITTED_PER_STEP {
        let cs = &mut cs.namespace(|| format!("rollup slot {slot}"));
        let flags: [Option<Scalar>; MAX_ROLLUPS] =
            std::array::from_fn(|at| witness.map(|witness| witness.emitted_rollups[slot][at]));
        let choice = Choice::witness(&mut cs.namespace(|| "rollup"), &flags)?;
        words.extend(show_rollup(cs, &choice, &table.rollups)?);
        rollups.push(choice);
    }
    for (at, cell) in table.cells.iter_mut().enumerate() {
        let shown = Linear::sum(cells.iter().map(|choice| &choice.flags()[at]));
        clear_cell(&mut cs.namespace(|| format!("clear cell {at}")), cell, &shown)?;
    }
    for (at, rollup) in table.rollups.iter_mut().enumerate() {
        let shown = Linear::sum(rollups.iter().map(|choice| &choice.flags()[at]));
        rollup.active =
            clear(cs.namespace(|| format!("clear rollup {at}")), &rollup.active, &shown)?;
    }
    Ok(words)
}

/// What is touched or active and not shown yet.
pub(super) fn pending(table: &Table) -> Linear {
    let touched = table.cells.iter().map(|cell| &cell.touched);
    Linear::sum(touched.chain(table.rollups.iter().map(|rollup| &rollup.active)))
}

/// `[rollup + asset·2^16 + balance·2^32 + deposited·2^128, exited]`; zeros for an unused slot.
///
/// What an epoch deposits or exits is a sum of at most 2^14 amounts below 2^96, far from the field's
/// order; that it fits its 96 bits is checked where the word is read.
fn show_cell<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    choice: &Choice,
    cells: &[Cell],
) -> Result<[Linear; 2], SynthesisError> {
    let balance =
        choice.select(&mut cs.namespace(|| "balance"), cells.iter().map(|cell| &cell.balance))?;
    let deposited = choice
        .select(&mut cs.namespace(|| "deposited"), cells.iter().map(|cell| &cell.deposited))?;
    let exited =
        choice.select(&mut cs.namespace(|| "exited"), cells.iter().map(|cell| &cell.exited))?;
    let place = choice.flags().iter().zip(0_u64..).fold(Linear::zero(), |sum, (flag, at)| {
        let columns = u64::try_from(MAX_ASSETS).unwrap_or(u64::MAX);
        let (rollup, asset) = (at / columns + 1, at % columns + 1);
        sum + &(flag * Scalar::from(rollup + (asset << 16)))
    });
    let word = place + &(&balance * power_of_two(32)) + &(&deposited * power_of_two(128));
    Ok([word, exited])
}

/// `[rollup + next height·2^16, L2 root high, low, exit root high, low, key x, key y]`; zeros for an
/// unused slot. That each half of a root fits its 128 bits is checked where the words are read.
fn show_rollup<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    choice: &Choice,
    rollups: &[Rollup],
) -> Result<[Linear; 7], SynthesisError> {
    let mut select = |name: &'static str, part: fn(&Rollup) -> &Linear| {
        choice.select(&mut cs.namespace(|| name), rollups.iter().map(part))
    };
    let height = select("next height", |rollup| &rollup.next_height)?;
    Ok([
        choice.number(1) + &(&height * power_of_two(16)),
        select("L2 root high", |rollup| &rollup.root[0])?,
        select("L2 root low", |rollup| &rollup.root[1])?,
        select("exit root high", |rollup| &rollup.exit_root[0])?,
        select("exit root low", |rollup| &rollup.exit_root[1])?,
        select("key x", |rollup| &rollup.key[0])?,
        select("key y", |rollup| &rollup.key[1])?,
    ])
}

/// A shown cell is touched no more, and its epoch's amounts start over.
fn clear_cell<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    cell: &mut Cell,
    shown: &Linear,
) -> Result<(), SynthesisError> {
    cell.touched = clear(cs.namespace(|| "touched"), &cell.touched, shown)?;
    let deposited = shown.times(cs, "shown deposits", &cell.deposited)?;
    cell.deposited = cell.deposited.clone() - &deposited;
    let exited = shown.times(cs, "shown exits", &cell.exited)?;
    cell.exited = cell.exited.clone() - &exited;
    Ok(())
}

/// The flag less how often it was shown, which must be 0 or 1 again: only what is flagged is shown,
/// and by one slot.
fn clear<CS: ConstraintSystem<Scalar>>(
    mut cs: CS,
    flag: &Linear,
    shown: &Linear,
) -> Result<Linear, SynthesisError> {
    let rest = (flag.clone() - shown).reduce(&mut cs, "flag left")?;
    enforce_flag(&mut cs, "shown once, if flagged", &rest);
    Ok(rest)
}
