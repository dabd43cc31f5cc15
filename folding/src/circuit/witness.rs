//! What the prover puts into the step circuit: the opening state and the step, as field elements.
//!
//! **Invariant:** none of its own. The circuit believes nothing here; each rule is a constraint, so
//! that a false witness has no proof.

use domain::{
    AssetId, BatchParts, LiquidityState, RollupId, Step, Word,
    limits::{
        BATCHES_PER_STEP, CELLS_EMITTED_PER_STEP, DEPOSITS_PER_STEP, LANES_PER_BATCH, MAX_ASSETS,
        MAX_CELLS, MAX_ROLLUPS, REGISTRATIONS_PER_STEP, ROLLUPS_EMITTED_PER_STEP,
    },
};
use ff::Field;

use crate::{
    field::{from_u128, scalar},
    gadgets::eddsa::SignatureWitness,
};

pub(crate) use crate::field::Scalar;

/// Everything that one step takes.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    /// One if the step begins an epoch after the one that the fold is in.
    pub(crate) advance: Scalar,
    pub(crate) cells: [CellWitness; MAX_CELLS],
    pub(crate) rollups: [RollupWitness; MAX_ROLLUPS],
    pub(crate) registrations: [RegistrationWitness; REGISTRATIONS_PER_STEP],
    pub(crate) deposits: [DepositWitness; DEPOSITS_PER_STEP],
    pub(crate) batches: [BatchWitness; BATCHES_PER_STEP],
    /// Per slot, which cell is emitted.
    pub(crate) emitted_cells: [[Scalar; MAX_CELLS]; CELLS_EMITTED_PER_STEP],
    /// Per slot, which rollup is emitted.
    pub(crate) emitted_rollups: [[Scalar; MAX_ROLLUPS]; ROLLUPS_EMITTED_PER_STEP],
}

/// A cell as the step finds it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellWitness {
    pub(crate) balance: Scalar,
    pub(crate) deposited: Scalar,
    pub(crate) exited: Scalar,
    pub(crate) touched: Scalar,
}

/// A rollup as the step finds it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RollupWitness {
    pub(crate) key: [Scalar; 2],
    pub(crate) root: [Scalar; 2],
    pub(crate) exit_root: [Scalar; 2],
    pub(crate) next_height: Scalar,
    pub(crate) active: Scalar,
}

/// A registration slot; no rollup chosen in an unused one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RegistrationWitness {
    pub(crate) rollup: [Scalar; MAX_ROLLUPS],
    pub(crate) key: [Scalar; 2],
}

/// A deposit slot; no atoms in an unused one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DepositWitness {
    pub(crate) rollup: [Scalar; MAX_ROLLUPS],
    pub(crate) asset: [Scalar; MAX_ASSETS],
    pub(crate) atoms: Scalar,
}

/// A batch slot; no rollup chosen in an unused one. Height and previous root are no part of it: the
/// circuit takes them from the state, so that only a batch signed over those passes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchWitness {
    pub(crate) rollup: [Scalar; MAX_ROLLUPS],
    pub(crate) new_root: [Scalar; 2],
    pub(crate) exit_root: [Scalar; 2],
    pub(crate) body_digest: [Scalar; 2],
    pub(crate) lanes: [LaneWitness; LANES_PER_BATCH],
    pub(crate) signature: SignatureWitness,
}

/// A lane slot; no atoms in an unused one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneWitness {
    pub(crate) asset: [Scalar; MAX_ASSETS],
    /// L1 first, then the rollups.
    pub(crate) destination: [Scalar; MAX_ROLLUPS + 1],
    pub(crate) atoms: Scalar,
}

impl Witness {
    /// The witness of a step from an opening state. Slots that the step does not use stay unused.
    pub(crate) fn new(opening: &LiquidityState, step: &Step) -> Self {
        let mut cells = opening.cells().map(|(_, _, cell)| CellWitness {
            balance: from_u128(cell.balance.number()),
            deposited: from_u128(cell.deposited.number()),
            exited: from_u128(cell.exited.number()),
            touched: flag(cell.touched),
        });
        let mut rollups = opening.rollups().map(|(_, rollup)| RollupWitness {
            key: rollup.key.map_or([Scalar::ZERO; 2], |key| [scalar(key.x()), scalar(key.y())]),
            root: rollup.root.words().map(scalar),
            exit_root: rollup.exit_root.words().map(scalar),
            next_height: Scalar::from(rollup.next_height.number()),
            active: flag(rollup.active),
        });
        Self {
            advance: Scalar::ZERO,
            cells: std::array::from_fn(|_| cells.next().unwrap_or(CellWitness::EMPTY)),
            rollups: std::array::from_fn(|_| rollups.next().unwrap_or(RollupWitness::EMPTY)),
            registrations: registrations(step),
            deposits: deposits(step),
            batches: batches(step),
            emitted_cells: slots(step.emitted_cells(), |(rollup, asset)| {
                choose(cell_position(*rollup, *asset))
            }),
            emitted_rollups: slots(step.emitted_rollups(), |rollup| choose(rollup.slot())),
        }
    }
}

impl CellWitness {
    const EMPTY: Self = Self {
        balance: Scalar::ZERO,
        deposited: Scalar::ZERO,
        exited: Scalar::ZERO,
        touched: Scalar::ZERO,
    };
}

impl RollupWitness {
    const EMPTY: Self = Self {
        key: [Scalar::ZERO; 2],
        root: [Scalar::ZERO; 2],
        exit_root: [Scalar::ZERO; 2],
        next_height: Scalar::ZERO,
        active: Scalar::ZERO,
    };
}

impl LaneWitness {
    const UNUSED: Self = Self {
        asset: [Scalar::ZERO; MAX_ASSETS],
        destination: [Scalar::ZERO; MAX_ROLLUPS + 1],
        atoms: Scalar::ZERO,
    };
}

impl BatchWitness {
    const UNUSED: Self = Self {
        rollup: [Scalar::ZERO; MAX_ROLLUPS],
        new_root: [Scalar::ZERO; 2],
        exit_root: [Scalar::ZERO; 2],
        body_digest: [Scalar::ZERO; 2],
        lanes: [LaneWitness::UNUSED; LANES_PER_BATCH],
        signature: SignatureWitness { r8_x: None, r8_y: None, s: None },
    };

    /// The slot of a batch. Its lanes beyond the slots are left out.
    pub(crate) fn new(parts: &BatchParts) -> Self {
        let [r8x, r8y] = parts.signature.r8();
        // Below the order of BabyJubJub's subgroup, hence below the field's.
        let s = Word::from_bytes(parts.signature.s()).unwrap_or(Word::ZERO);
        let lanes = fill(&parts.lanes, LaneWitness::UNUSED, |lane| LaneWitness {
            asset: choose(lane.asset.slot()),
            destination: choose(Some(usize::from(lane.destination.number()))),
            atoms: from_u128(lane.atoms.number()),
        });
        Self {
            rollup: choose(parts.rollup.slot()),
            new_root: parts.new_root.words().map(scalar),
            exit_root: parts.exit_root.words().map(scalar),
            body_digest: Word::halves(parts.body_digest()).map(scalar),
            lanes,
            signature: SignatureWitness {
                r8_x: Some(scalar(r8x)),
                r8_y: Some(scalar(r8y)),
                s: Some(scalar(s)),
            },
        }
    }
}

fn registrations(step: &Step) -> [RegistrationWitness; REGISTRATIONS_PER_STEP] {
    let unused =
        RegistrationWitness { rollup: [Scalar::ZERO; MAX_ROLLUPS], key: [Scalar::ZERO; 2] };
    fill(step.registrations(), unused, |(rollup, key)| RegistrationWitness {
        rollup: choose(rollup.slot()),
        key: [scalar(key.x()), scalar(key.y())],
    })
}

fn deposits(step: &Step) -> [DepositWitness; DEPOSITS_PER_STEP] {
    let unused = DepositWitness {
        rollup: [Scalar::ZERO; MAX_ROLLUPS],
        asset: [Scalar::ZERO; MAX_ASSETS],
        atoms: Scalar::ZERO,
    };
    fill(step.deposits(), unused, |(rollup, asset, atoms)| DepositWitness {
        rollup: choose(rollup.slot()),
        asset: choose(asset.slot()),
        atoms: from_u128(atoms.number()),
    })
}

fn batches(step: &Step) -> [BatchWitness; BATCHES_PER_STEP] {
    fill(step.batches(), BatchWitness::UNUSED, |batch| BatchWitness::new(batch.parts()))
}

fn slots<T, const POSITIONS: usize, const SLOTS: usize>(
    items: &[T],
    choice: impl Fn(&T) -> [Scalar; POSITIONS],
) -> [[Scalar; POSITIONS]; SLOTS] {
    fill(items, [Scalar::ZERO; POSITIONS], choice)
}

/// One slot per item, the rest unused. A step never has more items than slots.
fn fill<T, S: Copy, const SLOTS: usize>(
    items: &[T],
    unused: S,
    used: impl Fn(&T) -> S,
) -> [S; SLOTS] {
    std::array::from_fn(|slot| items.get(slot).map_or(unused, &used))
}

/// The flags of a choice: one at the position, zero elsewhere.
fn choose<const POSITIONS: usize>(position: Option<usize>) -> [Scalar; POSITIONS] {
    std::array::from_fn(|at| flag(position == Some(at)))
}

fn cell_position(rollup: RollupId, asset: AssetId) -> Option<usize> {
    rollup.slot()?.checked_mul(MAX_ASSETS)?.checked_add(asset.slot()?)
}

fn flag(value: bool) -> Scalar {
    if value { Scalar::ONE } else { Scalar::ZERO }
}
