//! What an audit can find wrong, and in which row.

use std::fmt;

use alloy_primitives::B256;
use domain::l1::L1LogId;
use domain::{AssetId, EpochNumber, ExitIndex, Height, Refusal, RollupId};

use crate::{Account, BatchAttempt, BlockNumber, Error, EventNumber, TransferId};

/// A wrong row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Which.
    pub row: Row,
    /// What is wrong with it.
    pub what: FaultKind,
}

/// Names one row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each names a table and its key")]
pub enum Row {
    JournalBlock(BlockNumber),
    Transfer(TransferId),
    Asset(AssetId),
    Rollup(RollupId),
    Deposit(BlockNumber),
    Batch {
        rollup: RollupId,
        height: Height,
    },
    BatchEviction(BatchAttempt),
    Lane {
        rollup: RollupId,
        height: Height,
        asset: AssetId,
        destination: RollupId,
    },
    Exit {
        rollup: RollupId,
        index: ExitIndex,
    },
    Claim {
        rollup: RollupId,
        index: ExitIndex,
    },
    Account(Account),
    /// With the deposit behind it.
    Hold(BlockNumber),
    /// Of the hold of that block.
    HoldEnd(BlockNumber),
    Balance(Account),
    DomainIdentity,
    Epoch(EpochNumber),
    EpochSeal(EpochNumber),
    EpochCell {
        epoch: EpochNumber,
        rollup: RollupId,
        asset: AssetId,
    },
    EpochRollup {
        epoch: EpochNumber,
        rollup: RollupId,
    },
    EpochBalance {
        epoch: EpochNumber,
        account: Account,
    },
    EpochBooks(EpochNumber),
    EpochStep {
        epoch: EpochNumber,
        step: u32,
    },
    EpochProof(EpochNumber),
    EpochSettlementProof(EpochNumber),
    EpochSubmission {
        epoch: EpochNumber,
        attempt: u32,
    },
    EpochSubmissionEnd {
        epoch: EpochNumber,
        attempt: u32,
    },
    EpochSettlement {
        epoch: EpochNumber,
        sequence: u32,
    },
    EpochReorg {
        epoch: EpochNumber,
        sequence: u32,
    },
    EpochFinal(EpochNumber),
    SealRequest(EpochNumber),
    L1Settlement(EpochNumber),
    ForeignSettlement(EpochNumber),
    L1Log(L1LogId),
    L1SettlementBooks(EpochNumber),
    L1Range {
        last_block: u64,
    },
    Equivocation {
        rollup: RollupId,
        height: Height,
    },
    ArchivedRange(EpochNumber),
    Event(EventNumber),
    /// Of the schema: what an event covers of a row.
    DigestFunctions,
    /// Some row of a table, when only their number is off.
    Table(&'static str),
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultKind {
    /// It is not there.
    Missing,
    /// It belongs to nothing that the journal or the events know.
    Stray,
    /// It holds what it cannot.
    Unreadable,
    /// It does not continue the one before it.
    BrokenChain,
    /// Its hash is not that of its fields.
    HashDiffers,
    /// It is not what the hash chain covers.
    ContentDiffers,
    /// It does not continue its account's balance.
    Unbalanced,
    /// It is not what the rows that it sums up, or follows from, come to.
    DiffersFromSource,
    /// An earlier audit had another one there: history was changed below its checkpoint.
    Rewritten,
    /// It is not what the migrations made, but has this digest.
    NotAsMigrated(B256),
    /// It breaks a rule of the reference transition.
    RuleBroken(Refusal),
}

/// Why an audit stops before its end.
pub(crate) enum Stop {
    /// It was asked to.
    Asked,
    Fault(Box<Fault>),
    Error(Error),
}

impl Row {
    pub(crate) fn is(self, what: FaultKind) -> Stop {
        Stop::Fault(Box::new(Fault { row: self, what }))
    }

    /// A value of this row that cannot be read is the row's fault.
    pub(crate) fn reads<T>(self, value: Result<T, Error>) -> Result<T, Stop> {
        value.map_err(|error| match error {
            Error::Corrupt { .. } => self.is(FaultKind::Unreadable),
            error => Stop::Error(error),
        })
    }

    /// Unless `holds`, the row is wrong in that way.
    pub(crate) fn check(self, holds: bool, what: FaultKind) -> Result<(), Stop> {
        if holds { Ok(()) } else { Err(self.is(what)) }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Error(error.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.row, self.what)
    }
}

impl fmt::Display for Row {
    #[expect(clippy::too_many_lines, reason = "an arm for each kind of row")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JournalBlock(block) => write!(f, "journal block {block}"),
            Self::Transfer(id) => write!(f, "transfer {id}"),
            Self::Asset(asset) => write!(f, "asset {asset}"),
            Self::Rollup(rollup) => write!(f, "rollup {rollup}"),
            Self::Deposit(block) => write!(f, "the deposit of journal block {block}"),
            Self::Batch { rollup, height } => write!(f, "batch {height} of rollup {rollup}"),
            Self::BatchEviction(BatchAttempt { rollup, height, attempt }) => {
                write!(f, "the eviction of batch {height} of rollup {rollup}, attempt {attempt}")
            }
            Self::Lane { rollup, height, asset, destination } => write!(
                f,
                "lane (asset {asset}, destination {destination}) of batch {height} of rollup {rollup}"
            ),
            Self::Exit { rollup, index } => write!(f, "exit {index} of rollup {rollup}"),
            Self::Claim { rollup, index } => {
                write!(f, "the claim of exit {index} of rollup {rollup}")
            }
            Self::Account(account) => write!(f, "account {account}"),
            Self::Hold(block) => write!(f, "the hold of journal block {block}"),
            Self::HoldEnd(hold) => write!(f, "the end of the hold of journal block {hold}"),
            Self::Balance(account) => write!(f, "the balance of account {account}"),
            Self::DomainIdentity => f.write_str("the domain's identity"),
            Self::Epoch(epoch) => write!(f, "epoch {epoch}"),
            Self::EpochSeal(epoch) => write!(f, "the seal of epoch {epoch}"),
            Self::EpochCell { epoch, rollup, asset } => {
                write!(f, "the closing of cell (rollup {rollup}, asset {asset}) in epoch {epoch}")
            }
            Self::EpochRollup { epoch, rollup } => {
                write!(f, "the closing of rollup {rollup} in epoch {epoch}")
            }
            Self::EpochBalance { epoch, account } => {
                write!(f, "account {account} in the books of epoch {epoch}")
            }
            Self::EpochBooks(epoch) => write!(f, "the books of epoch {epoch}"),
            Self::EpochStep { epoch, step } => write!(f, "step {step} of epoch {epoch}"),
            Self::EpochProof(epoch) => write!(f, "the aggregated proof of epoch {epoch}"),
            Self::EpochSettlementProof(epoch) => {
                write!(f, "the settlement proof of epoch {epoch}")
            }
            Self::EpochSubmission { epoch, attempt } => {
                write!(f, "attempt {attempt} to settle epoch {epoch}")
            }
            Self::EpochSubmissionEnd { epoch, attempt } => {
                write!(f, "the end of attempt {attempt} to settle epoch {epoch}")
            }
            Self::EpochSettlement { epoch, sequence } => {
                write!(f, "settlement {sequence} of epoch {epoch}")
            }
            Self::EpochReorg { epoch, sequence } => {
                write!(f, "the reorg of settlement {sequence} of epoch {epoch}")
            }
            Self::EpochFinal(epoch) => write!(f, "the finality of epoch {epoch}"),
            Self::SealRequest(epoch) => write!(f, "the wish to seal epoch {epoch}"),
            Self::L1Settlement(epoch) => write!(f, "L1's log of the settlement of epoch {epoch}"),
            Self::ForeignSettlement(epoch) => write!(f, "the foreign settlement of epoch {epoch}"),
            Self::L1Log(log) => write!(f, "L1's log {} of l1_tx {}", log.log_index, log.tx_hash),
            Self::L1SettlementBooks(epoch) => {
                write!(f, "what L1's log of the settlement of epoch {epoch} says of the books")
            }
            Self::L1Range { last_block } => write!(f, "the L1 range that ends at {last_block}"),
            Self::Equivocation { rollup, height } => {
                write!(f, "the equivocation of rollup {rollup} at height {height}")
            }
            Self::ArchivedRange(epoch) => {
                write!(f, "the archived range that begins with epoch {epoch}")
            }
            Self::Event(number) => write!(f, "event {number}"),
            Self::DigestFunctions => f.write_str("what `content` and `row_digest` cover of a row"),
            Self::Table(table) => write!(f, "a row of table {table}"),
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Stray => f.write_str("belongs to nothing"),
            Self::Unreadable => f.write_str("holds what it cannot"),
            Self::BrokenChain => f.write_str("does not continue the one before it"),
            Self::HashDiffers => f.write_str("does not have the hash of its fields"),
            Self::ContentDiffers => f.write_str("is not what the hash chain covers"),
            Self::Unbalanced => f.write_str("does not continue the balance of its account"),
            Self::DiffersFromSource => f.write_str("is not what it follows from"),
            Self::Rewritten => f.write_str("is not the one that was audited before"),
            Self::NotAsMigrated(digest) => write!(f, "is not as migrated: {digest}"),
            Self::RuleBroken(refusal) => write!(f, "breaks a rule: {refusal}"),
        }
    }
}
