//! Why the reference transition refuses an operation: one name per rule.

use alloy_primitives::B256;

use crate::{AssetId, Atoms, ExitRoot, Height, L2Root, RollupId};

/// A rule that an operation breaks. Nothing has changed when one is returned.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The rollup is not registered, or outside the domain's shape.
    #[error("rollup {rollup} is not registered")]
    UnknownRollup {
        /// The id.
        rollup: RollupId,
    },
    /// The asset is not registered, or outside the domain's shape.
    #[error("asset {asset} is not registered")]
    UnknownAsset {
        /// The id.
        asset: AssetId,
    },
    /// A rollup is registered once.
    #[error("rollup {rollup} is already registered")]
    AlreadyRegistered {
        /// The id.
        rollup: RollupId,
    },
    /// SIGNED: the signature is not the registered key's over this batch.
    #[error("the signature is not by the registered key of rollup {rollup} over batch {digest}")]
    SignatureInvalid {
        /// Whose batch.
        rollup: RollupId,
        /// The digest that had to be signed.
        digest: B256,
    },
    /// IN_ORDER: heights have no gaps and no repetition.
    #[error("rollup {rollup} is at height {expected}, the batch says {found}")]
    HeightOutOfOrder {
        /// Whose batch.
        rollup: RollupId,
        /// The next height.
        expected: Height,
        /// The batch's height.
        found: Height,
    },
    /// IN_ORDER: a batch continues the last one's L2 root.
    #[error("rollup {rollup} is at L2 root {expected}, the batch starts from {found}")]
    PreviousRootMismatch {
        /// Whose batch.
        rollup: RollupId,
        /// The last L2 root.
        expected: L2Root,
        /// The root that the batch continues.
        found: L2Root,
    },
    /// The exit root does not follow from the listed exits.
    #[error("the exits of rollup {rollup} lead to exit root {expected}, the batch says {found}")]
    ExitRootMismatch {
        /// Whose batch.
        rollup: RollupId,
        /// The root after appending the exits.
        expected: ExitRoot,
        /// The batch's exit root.
        found: ExitRoot,
    },
    /// The declared lanes are not the sums of what is listed.
    #[error(
        "lane (asset {asset}, destination {destination}) is declared as {declared} atoms, the listed transfers and exits make {listed}"
    )]
    LanesDiffer {
        /// The lane's asset.
        asset: AssetId,
        /// The lane's destination.
        destination: RollupId,
        /// What the batch declares, zero for no such lane.
        declared: Atoms,
        /// What the list sums to, zero for no such lane.
        listed: Atoms,
    },
    /// The declared lanes are not in ascending order of (asset, destination), each once.
    #[error("lane {index} is not in ascending order of (asset, destination)")]
    LanesOutOfOrder {
        /// Position of the lane.
        index: usize,
    },
    /// More lanes than a batch may have.
    #[error("{found} lanes, a batch has at most {limit}")]
    TooManyLanes {
        /// How many.
        found: usize,
        /// The bound.
        limit: usize,
    },
    /// More transfers and exits than a batch may list.
    #[error("{found} transfers and exits, a batch lists at most {limit}")]
    TooManyTransfers {
        /// How many.
        found: usize,
        /// The bound.
        limit: usize,
    },
    /// A transfer or exit of nothing.
    #[error("item {index} moves nothing")]
    ZeroAmount {
        /// Position in the list: transfers first, then exits.
        index: usize,
    },
    /// A transfer to the sending rollup itself, or to L1, which is what exits are for.
    #[error(
        "transfer {index} goes to rollup {destination}, which a transfer of rollup {rollup} cannot"
    )]
    BadDestination {
        /// Position of the transfer.
        index: usize,
        /// The sending rollup.
        rollup: RollupId,
        /// The destination.
        destination: RollupId,
    },
    /// NO_OVERDRAFT: a cell would fall below zero.
    #[error(
        "cell (rollup {rollup}, asset {asset}) holds {balance} atoms, the batch moves {needed}"
    )]
    Overdraft {
        /// The cell's rollup.
        rollup: RollupId,
        /// The cell's asset.
        asset: AssetId,
        /// What it holds.
        balance: Atoms,
        /// What leaves it.
        needed: Atoms,
    },
    /// BOUNDED: a sum would pass `2^96 - 1`.
    #[error("an amount of cell (rollup {rollup}, asset {asset}) would pass 2^96 - 1 atoms")]
    AmountTooLarge {
        /// The cell's rollup.
        rollup: RollupId,
        /// The cell's asset.
        asset: AssetId,
    },
    /// The rollup's exit tree has no room left.
    #[error("the exit tree of rollup {rollup} is full")]
    ExitTreeFull {
        /// Whose tree.
        rollup: RollupId,
    },
    /// More steps than an epoch may have.
    #[error("the epoch needs more than {limit} steps")]
    TooManySteps {
        /// The bound.
        limit: usize,
    },
}
