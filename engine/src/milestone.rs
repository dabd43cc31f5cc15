//! What the engine has done, told to whoever shows or counts it.
//!
//! **Invariant:** a milestone is told right after its fact is durable: in the ledger, or on L1. A
//! process that dies inside the observer has lost nothing, and the restarted engine goes on from
//! there.

use std::sync::Arc;

use alloy_primitives::B256;
use domain::l1::L1Block;
use domain::{EpochNumber, Height, RollupId};
use ledger::{BookedLogs, SealReason, SupersedeReason};

/// Is called with each milestone, on the engine's own tasks: it must not block.
pub type Observer = Arc<dyn Fn(&Milestone) + Send + Sync>;

/// Something the engine has done.
#[derive(Clone, Debug)]
pub enum Milestone {
    /// The logs of L1 up to a block are booked, and the cursor is there.
    LogsBooked {
        /// The cursor.
        upto: L1Block,
        /// What was booked.
        booked: BookedLogs,
    },
    /// Deposits in blocks of L1 that are not deep enough are held, or released because L1 shows them no
    /// more.
    DepositsHeld {
        /// L1's newest block.
        tip: L1Block,
        /// How many are held that were not before.
        held: u32,
        /// How many were released.
        released: u32,
    },
    /// A batch that cannot be proven is evicted from the open epoch, with what stood on it.
    Evicted {
        /// The epoch.
        epoch: EpochNumber,
        /// Whose batch.
        rollup: RollupId,
        /// Its height.
        height: Height,
        /// How many batches went, itself among them.
        batches: usize,
    },
    /// An epoch is sealed.
    Sealed {
        /// The epoch.
        epoch: EpochNumber,
        /// Why.
        reason: SealReason,
        /// Its batches.
        batches: u64,
        /// Its operations, the batches among them.
        operations: u64,
    },
    /// A step of the open epoch is folded and its checkpoint recorded.
    StepFoldedAhead {
        /// The epoch.
        epoch: EpochNumber,
        /// The step, from 1.
        step: u32,
    },
    /// A step of a sealed epoch is folded and its checkpoint recorded.
    StepFolded {
        /// The epoch.
        epoch: EpochNumber,
        /// The step, from 1.
        step: u32,
        /// How many there are.
        of: u32,
    },
    /// The settlement proof is made. It is not recorded yet: a restart makes it again.
    Compressed {
        /// The epoch.
        epoch: EpochNumber,
        /// Size of the proof.
        bytes: usize,
    },
    /// The settlement proof is verified and recorded.
    Proven {
        /// The epoch.
        epoch: EpochNumber,
        /// Its steps.
        steps: u32,
        /// Size of the proof.
        bytes: usize,
    },
    /// The aggregated proof is verified and recorded: at any time after the settlement proof.
    Aggregated {
        /// The epoch.
        epoch: EpochNumber,
        /// Its steps.
        steps: u32,
        /// Size of the proof file.
        bytes: usize,
    },
    /// The signed l1_tx is recorded, and not sent yet.
    IntentWritten {
        /// The epoch.
        epoch: EpochNumber,
        /// Which of the epoch's l1_txs, from 1.
        attempt: u32,
        /// Its hash.
        tx_hash: B256,
    },
    /// The signed l1_tx was handed to a node: for the first time, or again.
    Sent {
        /// The epoch.
        epoch: EpochNumber,
        /// Its hash.
        tx_hash: B256,
    },
    /// An l1_tx that can never land is replaced by a new one.
    Superseded {
        /// The epoch.
        epoch: EpochNumber,
        /// Which of the epoch's l1_txs.
        attempt: u32,
        /// Why.
        reason: SupersedeReason,
    },
    /// The epoch is settled on L1, not final yet.
    Settled {
        /// The epoch.
        epoch: EpochNumber,
        /// The l1_tx.
        tx_hash: B256,
        /// Its block.
        block: L1Block,
        /// The gas it used.
        gas_used: u64,
    },
    /// The block that settled the epoch was dropped: the epoch is as it was before.
    Reorged {
        /// The epoch.
        epoch: EpochNumber,
        /// The dropped block.
        dropped: L1Block,
    },
    /// The epoch is final.
    Final {
        /// The epoch.
        epoch: EpochNumber,
    },
}

impl Milestone {
    /// The name of its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::LogsBooked { .. } => "LogsBooked",
            Self::DepositsHeld { .. } => "DepositsHeld",
            Self::Evicted { .. } => "Evicted",
            Self::Sealed { .. } => "Sealed",
            Self::StepFoldedAhead { .. } => "StepFoldedAhead",
            Self::StepFolded { .. } => "StepFolded",
            Self::Compressed { .. } => "Compressed",
            Self::Proven { .. } => "Proven",
            Self::Aggregated { .. } => "Aggregated",
            Self::IntentWritten { .. } => "IntentWritten",
            Self::Sent { .. } => "Sent",
            Self::Superseded { .. } => "Superseded",
            Self::Settled { .. } => "Settled",
            Self::Reorged { .. } => "Reorged",
            Self::Final { .. } => "Final",
        }
    }
}
