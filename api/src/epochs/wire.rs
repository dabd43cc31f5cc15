//! Epochs as they leave.

use alloy_primitives::U256;
use domain::CellClosing;
use ledger::{EpochStatus, SealReason, StepRecord};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::AssetFlow;
use crate::{
    events::Happening,
    identity::L1BlockRef,
    money::{Amount, Assets},
};

/// An epoch, in a list.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct Epoch {
    /// Its number, from 1.
    pub epoch: u64,
    /// How far it is.
    pub status: EpochState,
    /// Batches booked in it.
    pub batches: u64,
    /// Registrations, deposits and batches booked in it.
    pub operations: u64,
    /// Transfers booked in it.
    pub transfers: u64,
    /// When it opened.
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: OffsetDateTime,
    /// The digest of the state that it starts from.
    pub opening_digest: String,
    /// Its sealing; absent while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed: Option<SealInfo>,
    /// Its aggregated proof; absent before. It may come after the settlement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// How often an `l1_tx` was made for it.
    pub submissions: u32,
    /// Its settlement on L1; absent before, and while a reorg has undone it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settlement: Option<Settlement>,
    /// When it became final; absent before.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub final_at: Option<OffsetDateTime>,
}

/// How far an epoch is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EpochState {
    /// Takes operations.
    Open,
    /// Its operations are fixed; proving has not begun.
    Sealed,
    /// Steps are being folded.
    Proving,
    /// The proof that L1 checks is made and checked.
    Proven,
    /// An `l1_tx` is on its way, or may be.
    Submitted,
    /// L1 has settled it.
    Settled,
    /// Settled, at the configured depth.
    Final,
}

/// The sealing of an epoch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SealInfo {
    /// Why: `schedule`, `size`, `value`, `command`, or `grace`, so that the settler's grace on L1 starts
    /// anew although nothing may have happened.
    pub reason: &'static str,
    /// The last journal block that belongs to it, or to one before if nothing does.
    pub last_block: u64,
    /// That block's hash.
    pub last_block_hash: String,
    /// The last L1 block whose deposits belong to it.
    pub l1_cutoff: L1BlockRef,
    /// The digest of the state that it leads to.
    pub closing_digest: String,
    /// The digest of the books as they stood, which the settlement tells L1; absent if it was sealed
    /// before these were kept. `/v1/epochs/{epoch}/books` has what it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub books: Option<String>,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub sealed_at: OffsetDateTime,
}

/// The aggregated proof of an epoch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Proof {
    /// The steps that are folded into it.
    pub steps: u32,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Where the file is.
    pub url: String,
    /// When it was made and checked.
    #[serde(with = "time::serde::rfc3339")]
    pub proven_at: OffsetDateTime,
}

/// The settlement of an epoch on L1.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Settlement {
    /// The `l1_tx`.
    pub tx_hash: String,
    /// The L1 block that holds it.
    pub block: L1BlockRef,
    /// The gas that it used.
    pub gas_used: u64,
    /// The state digest that L1 stored.
    pub state_digest: String,
    /// When the ledger recorded it.
    #[serde(with = "time::serde::rfc3339")]
    pub recorded_at: OffsetDateTime,
}

/// An epoch with its life so far.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EpochAnswer {
    /// The epoch.
    #[serde(flatten)]
    pub epoch: Epoch,
    /// How far proving is.
    pub steps: Steps,
    /// What each folded step shows.
    pub step_outputs: Vec<Step>,
    /// What happened to it, oldest first.
    pub timeline: Vec<Happening>,
    /// What it moves per asset, gross and net.
    pub flows: Vec<EpochFlow>,
    /// The cells that it touches, as it closes; as they are now while it is open.
    pub positions: Vec<Position>,
    /// What the `l1_tx` that settled it told L1 of the books: the settler's word, which no proof holds.
    /// Absent until its log is booked. By another account than the settler's it may be anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub books_on_l1: Option<String>,
}

/// A cell as an epoch closes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Position {
    /// The rollup.
    pub rollup: u16,
    /// The asset.
    pub asset: u16,
    /// What the rollup may still move.
    pub balance: Amount,
    /// Deposited from L1 in the epoch.
    pub deposited: Amount,
    /// Exited to L1 in the epoch.
    pub exited: Amount,
}

/// How far proving is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Steps {
    /// Steps folded so far.
    pub folded: u32,
    /// Steps that the epoch needs; absent while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned: Option<u32>,
}

/// What one step shows.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct Step {
    /// Its number, from 1.
    pub step: u32,
    /// The state digest after it.
    pub state_digest: String,
    /// Touched cells and active rollups that later steps still have to emit.
    pub pending: u64,
    /// The running digest of everything emitted.
    pub emission_digest: String,
    /// When it was folded.
    #[serde(with = "time::serde::rfc3339")]
    pub recorded_at: OffsetDateTime,
}

/// What an epoch moves of one asset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EpochFlow {
    /// The asset.
    pub asset: u16,
    /// Between rollups and to L1, transfer by transfer.
    pub gross: Amount,
    /// What is left to move after netting.
    pub net: Amount,
    /// The part of both that leaves to L1.
    pub exited: Amount,
}

impl Epoch {
    pub(super) fn of(epoch: &ledger::Epoch) -> Self {
        Self {
            epoch: epoch.epoch.number(),
            status: EpochState::of(epoch.status),
            batches: epoch.batches,
            operations: epoch.operations,
            transfers: epoch.transfers,
            opened_at: epoch.opened_at,
            opening_digest: epoch.opening_digest.to_string(),
            sealed: epoch.sealed.as_ref().map(SealInfo::of),
            proof: epoch.proof.as_ref().map(|proof| Proof {
                steps: proof.steps,
                bytes: proof.bytes,
                sha256: proof.sha256.to_string(),
                url: format!("/v1/epochs/{}/proof", epoch.epoch),
                proven_at: proof.proven_at,
            }),
            submissions: epoch.submissions,
            settlement: epoch.settlement.as_ref().map(Settlement::of),
            final_at: epoch.final_at,
        }
    }
}

impl EpochState {
    pub(crate) fn of(status: EpochStatus) -> Self {
        match status {
            EpochStatus::Open => Self::Open,
            EpochStatus::Sealed => Self::Sealed,
            EpochStatus::Proving { .. } => Self::Proving,
            EpochStatus::Proven => Self::Proven,
            EpochStatus::Submitted { .. } => Self::Submitted,
            EpochStatus::Settled => Self::Settled,
            EpochStatus::Final => Self::Final,
        }
    }

    /// Its word on the wire.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Sealed => "sealed",
            Self::Proving => "proving",
            Self::Proven => "proven",
            Self::Submitted => "submitted",
            Self::Settled => "settled",
            Self::Final => "final",
        }
    }
}

impl std::fmt::Display for EpochState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

impl SealInfo {
    fn of(sealed: &ledger::Sealed) -> Self {
        Self {
            reason: reason(sealed.reason),
            last_block: sealed.last_block.number(),
            last_block_hash: sealed.last_block_hash.to_string(),
            l1_cutoff: L1BlockRef::of(sealed.l1_cutoff),
            closing_digest: sealed.closing_digest.to_string(),
            books: sealed.books.map(|digest| digest.to_string()),
            sealed_at: sealed.sealed_at,
        }
    }
}

/// The word for why an epoch was sealed.
pub(crate) fn reason(reason: SealReason) -> &'static str {
    match reason {
        SealReason::Schedule => "schedule",
        SealReason::Size => "size",
        SealReason::Value => "value",
        SealReason::Command => "command",
        SealReason::Grace => "grace",
    }
}

impl Settlement {
    fn of(settlement: &ledger::Settlement) -> Self {
        Self {
            tx_hash: settlement.tx_hash.to_string(),
            block: L1BlockRef::of(settlement.block),
            gas_used: settlement.gas_used,
            state_digest: settlement.state_digest.to_string(),
            recorded_at: settlement.recorded_at,
        }
    }
}

impl Step {
    pub(super) fn of(step: &StepRecord) -> Self {
        Self {
            step: step.step,
            state_digest: step.output.state_digest.to_string(),
            pending: step.output.pending,
            emission_digest: step.output.emission_digest.to_string(),
            recorded_at: step.recorded_at,
        }
    }
}

impl Position {
    pub(super) fn of(cell: &CellClosing, assets: &Assets) -> Self {
        let amount = |atoms| assets.amount(cell.asset, atoms);
        Self {
            rollup: cell.rollup.number(),
            asset: cell.asset.number(),
            balance: amount(cell.balance),
            deposited: amount(cell.deposited),
            exited: amount(cell.exited),
        }
    }
}

impl EpochFlow {
    pub(crate) fn of(flow: &AssetFlow, assets: &Assets) -> Self {
        Self {
            asset: flow.asset.number(),
            gross: assets.sum(flow.asset, U256::from(flow.gross)),
            net: assets.sum(flow.asset, U256::from(flow.net)),
            exited: assets.sum(flow.asset, U256::from(flow.exited)),
        }
    }
}
