//! Events as they leave.

use ledger::EventKind;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// An entry of the event log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Event {
    /// Its number: from 1, without gaps.
    pub number: u64,
    /// The epoch that it belongs to.
    pub epoch: u64,
    /// What happened.
    #[serde(flatten)]
    pub happening: Happening,
}

/// Something that happened, and what names it. Fields that do not apply are absent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Happening {
    /// When it was recorded.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What.
    pub event: EventType,
    /// The journal block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// The rollup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollup: Option<u16>,
    /// The batch's height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// The step's number, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// Which submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Which settlement, when a reorg had undone an earlier one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u32>,
}

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventType {
    /// An asset was registered on L1.
    AssetRegistered,
    /// A rollup was registered on L1.
    RollupRegistered,
    /// A deposit was booked.
    Deposited,
    /// A batch was booked.
    BatchPosted,
    /// A batch was evicted and reversed: it could not be proven, or stood on one that could not.
    BatchEvicted,
    /// An exit was paid on L1.
    ClaimPaid,
    /// An amount is held until what it waits for, such as a deposit on L1, is final.
    Held,
    /// A hold was released: what it waited for does not come.
    Released,
    /// The ledger was bound to its L1 contract.
    DomainAdopted,
    /// An epoch opened.
    EpochOpened,
    /// Somebody asked for the epoch to be sealed.
    SealRequested,
    /// The epoch was sealed.
    EpochSealed,
    /// A step was folded.
    StepFolded,
    /// The epoch's aggregated proof was made and checked.
    EpochProven,
    /// An `l1_tx` was made for the epoch.
    EpochSubmitted,
    /// That `l1_tx` was given up for another one.
    SubmissionSuperseded,
    /// The epoch settled on L1.
    EpochSettled,
    /// A reorg undid the settlement.
    EpochReorged,
    /// The epoch is final.
    EpochFinal,
    /// The settlement's log was read on L1.
    SettlementLogged,
    /// A rollup signed two batches of the same height.
    Equivocation,
    /// The epoch's settlement proof was made and checked: it can go to L1.
    SettlementProven,
    /// The books were closed under one digest, as the epoch was sealed.
    BooksClosed,
}

impl std::fmt::Display for EventType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

impl Event {
    pub(crate) fn of(event: &ledger::Event) -> Self {
        Self {
            number: event.number.number(),
            epoch: event.epoch.number(),
            happening: Happening::of(event.at, &event.kind),
        }
    }
}

impl Happening {
    pub(crate) fn of(at: OffsetDateTime, kind: &EventKind) -> Self {
        let plain = |event| Self {
            at,
            event,
            block: None,
            rollup: None,
            height: None,
            step: None,
            attempt: None,
            sequence: None,
        };
        let booked = |event, block: &ledger::BlockNumber| Self {
            block: Some(block.number()),
            ..plain(event)
        };
        match kind {
            EventKind::AssetRegistered { block } => booked(EventType::AssetRegistered, block),
            EventKind::RollupRegistered { block, rollup } => {
                Self { rollup: Some(rollup.number()), ..booked(EventType::RollupRegistered, block) }
            }
            EventKind::Deposited { block } => booked(EventType::Deposited, block),
            EventKind::BatchPosted { block, rollup, height } => Self {
                rollup: Some(rollup.number()),
                height: Some(height.number()),
                ..booked(EventType::BatchPosted, block)
            },
            EventKind::BatchEvicted { block, rollup, height } => Self {
                rollup: Some(rollup.number()),
                height: Some(height.number()),
                ..booked(EventType::BatchEvicted, block)
            },
            EventKind::ClaimPaid { block } => booked(EventType::ClaimPaid, block),
            EventKind::Held { block } => booked(EventType::Held, block),
            EventKind::Released { block } => booked(EventType::Released, block),
            EventKind::DomainAdopted => plain(EventType::DomainAdopted),
            EventKind::EpochOpened => plain(EventType::EpochOpened),
            EventKind::SealRequested => plain(EventType::SealRequested),
            EventKind::EpochSealed => plain(EventType::EpochSealed),
            EventKind::StepFolded { step } => {
                Self { step: Some(*step), ..plain(EventType::StepFolded) }
            }
            EventKind::EpochProven => plain(EventType::EpochProven),
            EventKind::EpochSubmitted { attempt } => {
                Self { attempt: Some(*attempt), ..plain(EventType::EpochSubmitted) }
            }
            EventKind::SubmissionSuperseded { attempt } => {
                Self { attempt: Some(*attempt), ..plain(EventType::SubmissionSuperseded) }
            }
            EventKind::EpochSettled { sequence } => {
                Self { sequence: Some(*sequence), ..plain(EventType::EpochSettled) }
            }
            EventKind::EpochReorged { sequence } => {
                Self { sequence: Some(*sequence), ..plain(EventType::EpochReorged) }
            }
            EventKind::EpochFinal => plain(EventType::EpochFinal),
            EventKind::SettlementLogged => plain(EventType::SettlementLogged),
            EventKind::Equivocation { rollup, height } => Self {
                rollup: Some(rollup.number()),
                height: Some(height.number()),
                ..plain(EventType::Equivocation)
            },
            EventKind::SettlementProven => plain(EventType::SettlementProven),
            EventKind::BooksClosed => plain(EventType::BooksClosed),
        }
    }
}
