//! The double-entry ledger of Netfold on Postgres: the books that everybody's money stands on.
//!
//! **Invariant:** value moves between cells by [`Ledger::post_batch`] alone, and back by
//! [`Ledger::evict`]; every posting is one block of a hash chain, under one lock. What is history is
//! never changed: the schema grants nobody the right to, and [`audit`] shows it if somebody did.
//!
//! It knows Postgres and treats proofs as bytes. It deliberately does not know HTTP, L1 nodes or
//! circuits; the rules are `domain`'s.
//!
//! ```no_run
//! # async fn example(url: &str, batch: &domain::Batch) -> Result<(), ledger::Error> {
//! use ledger::{Ledger, Role};
//!
//! Ledger::migrate(url).await?;
//! let ledger = Ledger::connect(url, Role::Api, 8).await?;
//! let posted = ledger.post_batch(batch).await?;
//! println!("block {} of epoch {}", posted.block, posted.epoch);
//! # Ok(())
//! # }
//! ```

mod account;
mod adoption;
mod api_keys;
pub mod archive;
mod as_of;
pub mod audit;
mod batches;
mod cells;
mod column;
mod connection;
mod constraint;
mod copy;
mod costs;
pub mod database;
mod deposits;
mod engine_lock;
mod epochs;
mod error;
mod event_type;
mod events;
mod eviction;
mod exit_evidence;
mod exits;
mod flows;
mod foreign_settlement;
mod hash;
mod holds;
mod id;
mod idempotency;
mod jobs;
mod l1_logs;
mod operations;
mod operator_actions;
mod posting;
mod state;
mod transfers;
mod trial_balance;
mod turns;
mod vitals;
mod webhooks;
mod writer;
pub mod yardstick;

pub use account::{Account, AccountError, PostingKind};
pub use adoption::Adoption;
pub use api_keys::{ApiKey, ApiKeyId, ApiKeyIdError, ApiKeySecret, Scope, ScopeError};
pub use as_of::{AsOf, BooksAt, CellAt, CellsAt};
pub use audit::AuditReport;
pub use batches::{BatchDetail, BatchFilter, Equivocation, Posted, PostedBatch, SignedDigest};
pub use cells::{CellPosition, Rollup};
pub use connection::{Ledger, Role};
pub use costs::{CostFilter, CostSums, EpochCost};
pub use deposits::{Deposit, DepositFilter, DepositStatus};
pub use engine_lock::EngineLock;
pub use epochs::{
    Books, ClosingAccount, Epoch, EpochLife, EpochStatus, FoldedStep, GasPrice, NewProof,
    NewSettlement, NewSubmission, OfferedProof, OfferedStep, OpenEpoch, Proof, ProofSummary,
    SealReason, SealRequest, Sealed, Sealing, Settlement, SettlementFee, SettlementSample,
    StepRecord, Submission, SupersedeReason, TimelineEntry,
};
pub use error::{Cause, Error};
pub use event_type::{EventType, EventTypeError};
pub use events::{Event, EventHead, EventKind, EventTip, Listener};
pub use eviction::{BatchAttempt, Evicted, Eviction};
pub use exit_evidence::{EpochExits, ExitEvidence, SettledEpoch};
pub use exits::{ClaimData, ClaimStatus, ExitFilter, PostedExit};
pub use flows::{Flow, FlowFilter};
pub use foreign_settlement::ForeignSettlement;
pub use holds::{HeldDeposits, ReleaseReason};
pub use id::{BlockNumber, EventNumber, PageLimit, TransferId, TransferIdError};
pub use idempotency::{Answered, IdempotencyKey, IdempotencyKeyError, KeyedRequest};
pub use jobs::{Incident, IncidentKind, Queue, Underway};
pub use l1_logs::{BookedLogs, L1Settlement};
pub use operations::{EpochOperations, OpenOperations};
pub use operator_actions::{Act, ActionNumber, OperatorAction};
pub use transfers::{PostedTransfer, TransferFilter, TransferPage};
pub use trial_balance::{AccountBalance, JournalBlock, JournalHead, Totals, TrialBalanceLine};
pub use turns::{Piece, Turn, TurnKind, TurnNumber, Work, WorkRecord};
pub use vitals::Vitals;
pub use webhooks::{
    Attempt, AttemptNumber, NewWebhook, Outcome, Webhook, WebhookId, WebhookIdError,
};
pub use writer::{Simulation, Trial, WouldBook, WouldSeal};
