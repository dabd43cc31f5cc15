//! What happened on L1, as the ledger books it.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::{Asset, AssetId, Atoms, Claim, EpochNumber, RollupId, SettlementKey, Word};

/// Names one log for good: the same log is booked once, however often it is seen.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct L1LogId {
    /// The l1_tx that emitted it.
    pub tx_hash: B256,
    /// Its index within the block.
    pub log_index: u64,
}

/// A block of L1.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct L1Block {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}

/// A log of the Settlement contract.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct L1Log {
    /// Its name.
    pub id: L1LogId,
    /// Where it stands.
    pub block: L1Block,
    /// What it says.
    pub event: L1Event,
}

/// The events of the Settlement contract that the ledger knows.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum L1Event {
    /// An asset was registered.
    AssetRegistered(Asset),
    /// A rollup was registered.
    RollupRegistered {
        /// Its id.
        rollup: RollupId,
        /// Its settlement key.
        key: SettlementKey,
    },
    /// Tokens were deposited for a rollup.
    Deposited {
        /// The credited cell's rollup.
        rollup: RollupId,
        /// The credited cell's asset.
        asset: AssetId,
        /// Who deposited.
        depositor: Address,
        /// How much, in ledger units.
        atoms: Atoms,
    },
    /// An epoch settled.
    EpochSettled {
        /// Which.
        epoch: EpochNumber,
        /// The state digest that L1 stored.
        state_digest: Word,
        /// The number of steps.
        steps: u64,
        /// What whoever settled it said is the digest of the books as it was sealed: nothing proves it.
        books: B256,
    },
    /// An exit was paid.
    ClaimPaid {
        /// The epoch whose exit root proved it.
        epoch: EpochNumber,
        /// The exit.
        claim: Claim,
    },
}
