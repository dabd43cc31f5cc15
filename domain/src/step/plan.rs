//! The plan: how an epoch's operations are cut into steps.
//!
//! **Invariant:** the steps that [`fixed_steps`] gives for the operations so far are the first ones
//! of [`plan_steps`], however the epoch goes on and whatever after their windows is evicted from it,
//! so that they can be folded while it is open; and an epoch of at most [`MAX_BATCHES_PER_EPOCH`]
//! batches has at most [`MAX_STEPS_PER_EPOCH`] steps, whatever its users do.
//!
//! A *window* is the shortest run of operations that ends with the last batch that a step has room
//! for, and that another batch follows. Windows are cut off the operations one after another, each
//! planned by itself; what they take beyond one step each comes out of [`SPARE_STEPS_PER_EPOCH`].
//! From the first window on that would need more than is left of these, or is not followed by a
//! batch, everything is the *rest*: planned at once, and it alone emits. A window's steps so depend
//! on nothing that comes after the batch that follows it, not even on whether that one stays: an
//! evicted batch still follows. Else the eviction of the only one would turn the window into the
//! rest, which emits, and an epoch whose window is folded could never be sealed.
//!
//! The bound, with the limits of today. `f` windows take `f` steps and at most 6 spare ones. In
//! the rest, registrations and deposits fill at most 8 steps: if all but the last have 8 deposits,
//! because there are 64 cells; else let `j` be the last of those others with room, then whatever is
//! deposited after it is of rollups registered after it, of which there are at most `16 - 4j` with
//! `64 - 16j` cells, so that there are at most `8 - 2j` steps after it. The batches, at most
//! `1792 - 16f`, begin in the last of these 8: at most `7 + (112 - f)` so far. What is then left to
//! emit, at most 64 cells and 16 rollups, takes the last of them and at most 3 more.
//! `f + 6 + 7 + (112 - f) + 3 = 128`. Without a batch in the rest there was none at all, or evicted
//! ones alone follow the last window: when they came there was room beside the windows' batches, so
//! that `f` is at most 111, and `111 + 6 + 8 + 3 = 128`.
//!
//! [`MAX_BATCHES_PER_EPOCH`]: crate::limits::MAX_BATCHES_PER_EPOCH

use std::collections::{BTreeMap, BTreeSet};

use super::Step;
use crate::{
    AssetId, Atoms, Operation, Refusal, RollupId,
    limits::{
        BATCHES_PER_STEP, CELLS_EMITTED_PER_STEP, DEPOSITS_PER_STEP, MAX_STEPS_PER_EPOCH,
        REGISTRATIONS_PER_STEP, ROLLUPS_EMITTED_PER_STEP, SPARE_STEPS_PER_EPOCH,
    },
};

/// Cuts an epoch's operations, in ledger order, into steps.
///
/// Within each window and within the rest, registrations come first, then the deposits summed per
/// cell, each as early as its rollup is registered and there is room, then the batches in their
/// order. Moving deposits ahead changes no outcome: they only raise balances, and L1 bounds each
/// asset's whole supply to what a cell can hold. Each touched cell and rollup is emitted once, in
/// the rest, as early as there is room after its last touch; further steps follow until nothing is
/// left.
///
/// # Errors
/// [`Refusal::TooManySteps`], or [`Refusal::AmountTooLarge`] when a cell's deposits pass the bound.
pub fn plan_steps(operations: &[Operation]) -> Result<Vec<Step>, Refusal> {
    let Cut { fixed, rest } = cut(operations)?;
    let first = fixed.len();
    let mut plan = Plan { steps: fixed };
    plan.steps.extend(Plan::of(rest)?.steps);
    plan.emit(first);
    if plan.steps.len() > MAX_STEPS_PER_EPOCH {
        return Err(Refusal::TooManySteps { limit: MAX_STEPS_PER_EPOCH });
    }
    Ok(plan.steps)
}

/// The steps that an open epoch's operations so far have fixed already: those of its windows. They
/// emit nothing.
///
/// # Errors
/// [`Refusal::AmountTooLarge`] when a cell's deposits pass the bound.
pub fn fixed_steps(operations: &[Operation]) -> Result<Vec<Step>, Refusal> {
    Ok(cut(operations)?.fixed)
}

/// Operations with their windows cut off.
struct Cut<'a> {
    fixed: Vec<Step>,
    rest: &'a [Operation],
}

fn cut(operations: &[Operation]) -> Result<Cut<'_>, Refusal> {
    let (mut fixed, mut rest) = (Vec::new(), operations);
    let mut spare = SPARE_STEPS_PER_EPOCH;
    while let Some((window, later)) = first_window(rest) {
        let steps = Plan::of(window)?.steps;
        let Some(left) = spare.saturating_add(1).checked_sub(steps.len()) else { break };
        (spare, rest) = (left, later);
        fixed.extend(steps);
    }
    Ok(Cut { fixed, rest })
}

/// The first window and what comes after it; `None` when too few batches follow.
fn first_window(operations: &[Operation]) -> Option<(&[Operation], &[Operation])> {
    let mut batches = operations
        .iter()
        .enumerate()
        .filter(|(_, operation)| matches!(operation, Operation::Batch(_)))
        .map(|(position, _)| position);
    let last = batches.nth(BATCHES_PER_STEP.saturating_sub(1))?;
    let (window, later) = operations.split_at_checked(last.saturating_add(1))?;
    let follows = |one: &Operation| matches!(one, Operation::Batch(_) | Operation::Evicted);
    later.iter().any(follows).then_some((window, later))
}

struct Plan {
    steps: Vec<Step>,
}

impl Plan {
    /// The steps of one window, or of the rest, that emit nothing yet; at least one.
    fn of(operations: &[Operation]) -> Result<Self, Refusal> {
        let mut plan = Self { steps: vec![Step::default()] };
        for operation in operations {
            if let Operation::Register { rollup, key } = operation {
                plan.last_with(|step| step.registrations.len() < REGISTRATIONS_PER_STEP)
                    .registrations
                    .push((*rollup, *key));
            }
        }
        for ((rollup, asset), atoms) in sum_deposits(operations)? {
            plan.deposit((rollup, asset, atoms));
        }
        for operation in operations {
            if let Operation::Batch(batch) = operation {
                plan.last_with(|step| step.batches.len() < BATCHES_PER_STEP)
                    .batches
                    .push(batch.as_ref().clone());
            }
        }
        Ok(plan)
    }

    /// The last step if it has room, else a new one.
    fn last_with(&mut self, has_room: impl Fn(&Step) -> bool) -> &mut Step {
        if !self.steps.last().is_some_and(has_room) {
            self.steps.push(Step::default());
        }
        let last = self.steps.len().saturating_sub(1);
        self.steps.get_mut(last).unwrap_or_else(|| unreachable!("a plan has at least one step"))
    }

    /// Gives a deposit its place: not before its rollup is registered.
    fn deposit(&mut self, deposit: (RollupId, AssetId, Atoms)) {
        let (rollup, ..) = deposit;
        let registers = |step: &Step| step.registrations.iter().any(|(id, _)| *id == rollup);
        let first = self.steps.iter().position(registers).unwrap_or(0);
        let has_room = |step: &&mut Step| step.deposits.len() < DEPOSITS_PER_STEP;
        match self.steps.iter_mut().skip(first).find(has_room) {
            Some(step) => step.deposits.push(deposit),
            None => self.steps.push(Step { deposits: vec![deposit], ..Step::default() }),
        }
    }

    /// Gives every touched cell and rollup its place of emission, from step `first` on.
    fn emit(&mut self, first: usize) {
        let mut cells = BTreeSet::new();
        let mut rollups = BTreeSet::new();
        let mut position = 0;
        while let Some(step) = self.steps.get(position) {
            cells.extend(all_cells().filter(|cell| step.touches_cell(*cell)));
            rollups.extend(RollupId::all().filter(|rollup| step.touches_rollup(*rollup)));
            position = position.saturating_add(1);
            if position <= first {
                continue;
            }
            let later = self.steps.get(position..).unwrap_or_default();
            let settled_cells = cells
                .iter()
                .filter(|cell| !later.iter().any(|step| step.touches_cell(**cell)))
                .copied()
                .take(CELLS_EMITTED_PER_STEP)
                .collect::<Vec<_>>();
            let settled_rollups = rollups
                .iter()
                .filter(|rollup| !later.iter().any(|step| step.touches_rollup(**rollup)))
                .copied()
                .take(ROLLUPS_EMITTED_PER_STEP)
                .collect::<Vec<_>>();
            cells.retain(|cell| !settled_cells.contains(cell));
            rollups.retain(|rollup| !settled_rollups.contains(rollup));
            let left = !cells.is_empty() || !rollups.is_empty();
            if let Some(step) = self.steps.get_mut(position.saturating_sub(1)) {
                step.emitted_cells = settled_cells;
                step.emitted_rollups = settled_rollups;
            }
            if left && position == self.steps.len() {
                self.steps.push(Step::default());
            }
        }
    }
}

pub(super) fn all_cells() -> impl Iterator<Item = (RollupId, AssetId)> {
    RollupId::all().flat_map(|rollup| AssetId::all().map(move |asset| (rollup, asset)))
}

fn sum_deposits(operations: &[Operation]) -> Result<BTreeMap<(RollupId, AssetId), Atoms>, Refusal> {
    let mut sums = BTreeMap::new();
    for operation in operations {
        if let Operation::Deposit { rollup, asset, atoms } = operation {
            let sum = sums.entry((*rollup, *asset)).or_insert(Atoms::ZERO);
            let too_large = Refusal::AmountTooLarge { rollup: *rollup, asset: *asset };
            *sum = sum.checked_add(*atoms).ok_or(too_large)?;
        }
    }
    Ok(sums)
}
