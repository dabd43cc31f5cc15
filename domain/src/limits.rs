//! Every bound of the system, with its arithmetic.
//!
//! **Invariant:** a bound is stated here once; the circuit's shape, the schema's checks and the
//! contract's types are derived from, or tested against, these numbers.

/// The largest amount or balance, `2^96 - 1`: exactly the mantissa of `rust_decimal`, the range
/// check of the circuit and the contract's `uint96`.
pub const ATOMS_MAX: u128 = (1 << 96) - 1;

/// Bits of an amount in the circuit's range check.
pub const ATOMS_BITS: usize = 96;

/// Rollups of one domain. Their ids run from 1; id 0 is L1 itself.
pub const MAX_ROLLUPS: usize = 16;

/// Assets of one domain. Their ids run from 1.
pub const MAX_ASSETS: usize = 4;

/// Cells of one domain: the dense table that the step circuit loads once per step.
pub const MAX_CELLS: usize = MAX_ROLLUPS * MAX_ASSETS;

/// Signed batches that one step takes.
pub const BATCHES_PER_STEP: usize = 16;

/// Lanes of one batch.
pub const LANES_PER_BATCH: usize = 8;

/// Deposit slots of one step; deposits into the same cell share a slot.
pub const DEPOSITS_PER_STEP: usize = 8;

/// Registration slots of one step.
pub const REGISTRATIONS_PER_STEP: usize = 4;

/// Touched cells that one step can emit: 2 words each.
pub const CELLS_EMITTED_PER_STEP: usize = 16;

/// Active rollups that one step can emit: 7 words each.
pub const ROLLUPS_EMITTED_PER_STEP: usize = 8;

/// Steps of one epoch; the contract takes as many. Nodes take l1_txs of at most 128 KiB: a step is
/// 192 bytes of calldata, all cells and rollups 8 kB, and the proof of the folded steps 8 kB, so 128
/// are 40 kB. Their gas, some 22 thousand a step, is far below an l1_tx's.
pub const MAX_STEPS_PER_EPOCH: usize = 128;

/// Batches of one epoch, so that an epoch always fits its steps: what is registered and deposited
/// fills at most 8 steps besides, what is left to emit at most 4, and what windows take beyond one
/// step each has the rest. `domain::step::plan` has the proof.
pub const MAX_BATCHES_PER_EPOCH: usize = (MAX_STEPS_PER_EPOCH - 16) * BATCHES_PER_STEP;

/// Steps that the windows of an epoch's plan may take beyond one each: what the batches, the
/// registrations and deposits of the rest (8 steps, the batches begin in the last) and its
/// emissions (4, the first with the last batch) leave of an epoch's steps.
pub const SPARE_STEPS_PER_EPOCH: usize = MAX_STEPS_PER_EPOCH
    - MAX_BATCHES_PER_EPOCH / BATCHES_PER_STEP
    - (MAX_CELLS / DEPOSITS_PER_STEP - 1)
    - (MAX_CELLS / CELLS_EMITTED_PER_STEP - 1);

/// Transfers and exits listed in one batch.
pub const MAX_TRANSFERS_PER_BATCH: usize = 1000;

/// Depth of a rollup's exit tree: `2^32` exits in its life.
pub const EXIT_TREE_DEPTH: usize = 32;

/// Most decimals an asset may have: `10^28 < 2^96`, the scale that `rust_decimal` still holds.
pub const MAX_DECIMALS: u8 = 28;

/// Deposits that are held at once while their blocks are not final, so that whoever looks at the newest
/// blocks has bounded work. Those beyond are booked once they are final, as all are.
pub const MAX_OPEN_HOLDS: usize = 1_000;
