//! Everything the ledger refuses or fails at.
//!
//! **Invariant:** an error means that nothing was written, with two exceptions that say so:
//! [`Error::BatchConflict`] may keep evidence, and after [`Error::is_outcome_unknown`] one has to
//! look, which calling again does, since every write is idempotent.

mod cause;

use alloy_primitives::B256;
use domain::l1::{L1Block, L1LogId};
use domain::{AssetId, EpochNumber, ExitIndex, Height, Refusal, RollupId, Word};
use time::OffsetDateTime;

pub use self::cause::Cause;
use crate::audit::Fault;
use crate::{Account, Adoption, ApiKeyId, BlockNumber, EventNumber, IdempotencyKey, WebhookId};

/// What the ledger refuses or fails at.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A rule of the reference transition refuses it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another batch stands at that height. If this one was validly signed too, the pair is kept as
    /// evidence of equivocation, unless one of the two was evicted: the height was free then.
    #[error("batch {height} of rollup {rollup} differs from the one recorded")]
    BatchConflict {
        /// Whose.
        rollup: RollupId,
        /// Its height.
        height: Height,
    },
    /// No batch was booked at that height.
    #[error("there is no batch {height} of rollup {rollup}")]
    UnknownBatch {
        /// Whose.
        rollup: RollupId,
        /// Its height.
        height: Height,
    },
    /// The last batch of that height was evicted, and none was booked there since.
    #[error("batch {height} of rollup {rollup} was evicted")]
    BatchEvicted {
        /// Whose.
        rollup: RollupId,
        /// Its height.
        height: Height,
    },
    /// The last batch of that height has another digest than the one that was to be evicted.
    #[error(
        "batch {height} of rollup {rollup} is another one by attempt {attempt}, of digest {digest}"
    )]
    BatchReplaced {
        /// Whose.
        rollup: RollupId,
        /// Its height.
        height: Height,
        /// How often the height was tried.
        attempt: u32,
        /// The digest of that attempt.
        digest: Word,
    },
    /// Without the batch a step that is folded would be another one.
    #[error("batch {height} of rollup {rollup} cannot go: step {step} is folded and rests on it")]
    BatchFolded {
        /// Whose.
        rollup: RollupId,
        /// Its height.
        height: Height,
        /// The first step that would change, from 1.
        step: u32,
    },
    /// The very batch was evicted because it cannot be proven. It would only be evicted again.
    #[error(
        "this batch {height} of rollup {rollup} was evicted, because it cannot be proven: post \
         another one for this height"
    )]
    BatchUnprovable {
        /// Whose.
        rollup: RollupId,
        /// Its height.
        height: Height,
        /// Its digest.
        digest: Word,
    },
    /// The batch belongs to a sealed epoch, which is never changed.
    #[error("batch {height} of rollup {rollup} is in epoch {epoch}, which is sealed")]
    BatchSealed {
        /// Whose.
        rollup: RollupId,
        /// Its height.
        height: Height,
        /// Its epoch.
        epoch: EpochNumber,
    },
    /// The caller's idempotency key stands for another request, which was done.
    #[error("idempotency key {key} stands for another request: send this one with another key")]
    IdempotencyKeyReused {
        /// The key.
        key: IdempotencyKey,
    },
    /// The open epoch has as many batches as fit its steps: try again once it is sealed.
    #[error("epoch {epoch} has its {limit} batches; it takes more once it is sealed")]
    EpochFull {
        /// The open epoch.
        epoch: EpochNumber,
        /// The bound.
        limit: usize,
    },
    /// The cell has what the batch spends, and may not spend that much: a part of it is held.
    #[error(
        "cell ({rollup}, {asset}) may spend {available} atoms, {held} more are held: the batch takes \
         {asked}"
    )]
    AmountHeld {
        /// Whose cell.
        rollup: RollupId,
        /// Of which asset.
        asset: AssetId,
        /// What the batch takes, in atoms.
        asked: u128,
        /// What the cell may spend, in atoms.
        available: u128,
        /// What of it is held besides, in atoms.
        held: u128,
    },
    /// Somebody else settled an epoch with another state: the books end before it.
    #[error(
        "epoch {epoch} was settled on L1 by somebody else, with another state: the books end here"
    )]
    SettledElsewhere {
        /// The first epoch that is another one on L1.
        epoch: EpochNumber,
    },
    /// The database serves no domain yet.
    #[error("the ledger serves no domain yet")]
    NoDomain,
    /// A domain's genesis is not the state with nothing in it.
    #[error("the domain starts from state digest {found}, the ledger from {expected}")]
    NotGenesis {
        /// The digest of the empty state.
        expected: Word,
        /// The domain's.
        found: Word,
    },
    /// The database belongs to another domain: another chain, contract or verifying key.
    #[error("the ledger belongs to another domain than the one it was started for")]
    DomainChanged {
        /// Whose books these are.
        recorded: Box<Adoption>,
        /// What it was started for.
        found: Box<Adoption>,
    },
    /// No such epoch.
    #[error("there is no epoch {epoch}")]
    UnknownEpoch {
        /// Which.
        epoch: EpochNumber,
    },
    /// The journal has no such block, or not yet.
    #[error("there is no block {block}: the journal's last one is {last}")]
    UnknownBlock {
        /// Which.
        block: BlockNumber,
        /// The journal's last block, 0 for none.
        last: BlockNumber,
    },
    /// The books of a moment that has not come.
    #[error("{moment} has not come: it is {now}")]
    InTheFuture {
        /// The moment.
        moment: OffsetDateTime,
        /// The database's clock.
        now: OffsetDateTime,
    },
    /// The epoch is still open.
    #[error("epoch {epoch} is not sealed")]
    NotSealed {
        /// Which.
        epoch: EpochNumber,
    },
    /// The epoch has no settlement proof yet.
    #[error("epoch {epoch} is not proven")]
    NotProven {
        /// Which.
        epoch: EpochNumber,
    },
    /// The epoch has no settlement that stands.
    #[error("epoch {epoch} has not settled")]
    NotSettled {
        /// Which.
        epoch: EpochNumber,
    },
    /// BASELINE_PRESENT: an opening value is missing. It is never taken for zero.
    #[error("the closing state before epoch {epoch} is missing")]
    BaselineMissing {
        /// The epoch that cannot open.
        epoch: EpochNumber,
    },
    /// ROOT_CONTINUITY: the opening state is not what the epoch before closed with.
    #[error("epoch {epoch} opens with digest {expected}, its opening state has {found}")]
    BaselineDiffers {
        /// Which.
        epoch: EpochNumber,
        /// The recorded digest.
        expected: Word,
        /// The digest of the state as rebuilt.
        found: Word,
    },
    /// The same step shows something else than recorded.
    #[error("step {step} of epoch {epoch} shows something else than recorded")]
    StepConflict {
        /// The epoch.
        epoch: EpochNumber,
        /// The step, from 1.
        step: u32,
    },
    /// A step of operations some of which were evicted since: plan it anew.
    #[error("step {step} of epoch {epoch} was planned before a batch of the epoch was evicted")]
    StepOutdated {
        /// The epoch.
        epoch: EpochNumber,
        /// The step, from 1.
        step: u32,
    },
    /// A step whose predecessor is missing.
    #[error("step {step} of epoch {epoch} comes before the one before it")]
    StepOutOfOrder {
        /// The epoch.
        epoch: EpochNumber,
        /// The step, from 1.
        step: u32,
    },
    /// The proof does not lead to the digest that the ledger sealed.
    #[error("epoch {epoch} was sealed with digest {sealed}, the proof leads to {proven}")]
    ProofDiffers {
        /// The epoch.
        epoch: EpochNumber,
        /// The digest at sealing.
        sealed: Word,
        /// The digest that the proof leads to.
        proven: Word,
    },
    /// SINGLE_JOB: another submission is live, and unknown is not failed.
    #[error("attempt {attempt} to settle epoch {epoch} is live")]
    SubmissionLive {
        /// The epoch.
        epoch: EpochNumber,
        /// The live attempt.
        attempt: u32,
    },
    /// No such attempt.
    #[error("there is no attempt {attempt} to settle epoch {epoch}")]
    UnknownSubmission {
        /// The epoch.
        epoch: EpochNumber,
        /// Which.
        attempt: u32,
    },
    /// L1 settled something else than the ledger sealed.
    #[error("epoch {epoch} was sealed with digest {sealed}, L1 settled {settled}")]
    SettledOtherwise {
        /// The epoch.
        epoch: EpochNumber,
        /// The digest at sealing.
        sealed: Word,
        /// The digest on L1.
        settled: Word,
    },
    /// The ledger's own settlement said something else of the books than they were sealed with.
    #[error("epoch {epoch} was sealed with books {sealed}, our l1_tx said {settled} of them")]
    BooksDiffer {
        /// The epoch.
        epoch: EpochNumber,
        /// Their digest at sealing; zero if it was sealed without.
        sealed: B256,
        /// The digest on L1.
        settled: B256,
    },
    /// Another settlement of the epoch stands.
    #[error("epoch {epoch} is settled by another l1_tx")]
    SettlementStands {
        /// The epoch.
        epoch: EpochNumber,
    },
    /// The watcher's range ends before, or beside, what is booked already.
    #[error("L1 is booked up to block {cursor:?}, the range ends at {found:?}")]
    L1CursorBehind {
        /// What is booked.
        cursor: L1Block,
        /// Where the range ends.
        found: L1Block,
    },
    /// A log that is not in the range it came with, or not in order.
    #[error("log {log:?} is outside its range, or out of order")]
    L1LogOutside {
        /// The log.
        log: L1LogId,
    },
    /// A paid claim for an exit that the ledger never booked.
    #[error("exit {index} of rollup {rollup} is unknown")]
    UnknownExit {
        /// Whose.
        rollup: RollupId,
        /// Its index.
        index: ExitIndex,
    },
    /// A paid claim on other terms than its exit's.
    #[error("exit {index} of rollup {rollup} was paid on other terms")]
    ClaimDiffers {
        /// Whose.
        rollup: RollupId,
        /// Its index.
        index: ExitIndex,
    },
    /// An account that has to be there is not.
    #[error("there is no account {account}")]
    UnknownAccount {
        /// Which.
        account: Account,
    },
    /// POT_CAP, CUSTODY: an account other than a cell would be overdrawn, or pass `2^96 - 1`.
    #[error("account {account} cannot move that much")]
    AccountOutOfBound {
        /// Which.
        account: Account,
    },
    /// A balance and the journal disagree: run the audit.
    #[error("the journal's block {block} does not continue the balances")]
    Drift {
        /// The block.
        block: BlockNumber,
    },
    /// There is no such key of the api.
    #[error("there is no api key {id}")]
    UnknownApiKey {
        /// Its public part.
        id: ApiKeyId,
    },
    /// A key that was to act is revoked, or is no operator's.
    #[error("api key {id} is revoked, or may not operate")]
    ApiKeyRefused {
        /// Its public part.
        id: ApiKeyId,
    },
    /// There is no such webhook.
    #[error("there is no webhook {id}")]
    UnknownWebhook {
        /// Its name.
        id: WebhookId,
    },
    /// As many are told of events as may be at once.
    #[error("{limit} webhooks are told of events already: revoke one that is not needed")]
    TooManyWebhooks {
        /// The bound.
        limit: usize,
    },
    /// An event that has not happened yet.
    #[error("there is no event {event} yet")]
    UnknownEvent {
        /// Its number.
        event: EventNumber,
    },
    /// A named constraint of the schema refused it.
    #[error("the schema refused it by {constraint}")]
    Forbidden {
        /// The constraint.
        constraint: &'static str,
    },
    /// The transfers of that epoch are in an archive file.
    #[error("the transfers of epoch {epoch} are archived, as all are through epoch {through}")]
    Archived {
        /// Which.
        epoch: EpochNumber,
        /// The last archived epoch.
        through: EpochNumber,
    },
    /// What the epoch is part of cannot be archived yet.
    #[error("epoch {epoch} is not final, or lacks one of its proofs: it cannot be archived yet")]
    NotArchivable {
        /// The first such epoch.
        epoch: EpochNumber,
    },
    /// Another call archives at the moment.
    #[error("another archiving of these books is under way")]
    ArchiveBusy,
    /// Nothing is archived past a row that is not what the journal says: run the audit.
    #[error("{0}: nothing was archived from there on")]
    WrongRow(Box<Fault>),
    /// The folder has another file of the name.
    #[error("the folder has another file for the archive of epoch {epoch}: name another folder")]
    ArchiveTaken {
        /// The archive's first epoch.
        epoch: EpochNumber,
    },
    /// An archive file that is not what was archived.
    #[error("line {line} of the archive file, at block {block}, is not what was archived")]
    ArchiveDamaged {
        /// The line, from 1.
        line: u64,
        /// The block that it is of, or before which it stands.
        block: BlockNumber,
    },
    /// An archive file could not be read or written.
    #[error("the archive file could not be read or written")]
    ArchiveFile(#[source] Cause),
    /// The connection's role may not do that.
    #[error("the connection's role may not do that")]
    PermissionDenied(#[source] Cause),
    /// A row that is no value of the domain.
    #[error("a row of table {table} holds what it cannot")]
    Corrupt {
        /// The table.
        table: &'static str,
    },
    /// Longer or larger than the schema has room for.
    #[error("{what} is longer or larger than the ledger holds")]
    OutOfBound {
        /// What.
        what: &'static str,
    },
    /// The address is none that Postgres understands.
    #[error("this is not the address of a Postgres database")]
    BadUrl(#[source] Cause),
    /// The server refused the login.
    #[error("postgres refuses the login")]
    LoginRefused(#[source] Cause),
    /// The server has no such database.
    #[error("postgres has no such database")]
    NoDatabase(#[source] Cause),
    /// The database has no schema, or not all of it.
    #[error("the database has no ledger schema yet")]
    NotMigrated,
    /// So many batches wait that no more are taken for a moment.
    #[error("{waiting} batches wait to be booked: come back in a moment")]
    Busy {
        /// How many.
        waiting: usize,
    },
    /// The process is ending, or the writer failed. Nothing is known of what was asked for: ask again.
    #[error("no answer came: ask again")]
    Stopped,
    /// No answer from the server.
    #[error("postgres does not answer")]
    Unreachable(#[source] Cause),
    /// The replica that reads go to does not answer. Posting and what is read by its name go on.
    #[error("the replica that reads go to does not answer")]
    ReplicaUnreachable(#[source] Cause),
    /// A read took longer than it may.
    #[error("reading took longer than it may")]
    TookTooLong(#[source] Cause),
    /// There is no space left for what was to be written. Reading goes on.
    #[error("no space is left on the database's disk: free some; nothing was lost")]
    DiskFull(#[source] Cause),
    /// Postgres failed at it.
    #[error("postgres failed")]
    Postgres(#[source] Cause),
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date")]
    Migration(#[source] Cause),
}

impl Error {
    /// Whether the same call may succeed: a serialisation failure, a deadlock, a lock not granted in
    /// time, a lost connection, a disk that somebody makes room on.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::ReplicaUnreachable(_)
            | Self::TookTooLong(_)
            | Self::DiskFull(_)
            | Self::Busy { .. } => true,
            Self::Postgres(cause) => cause.is_transient(),
            _ => false,
        }
    }

    /// Whether it may have been done all the same: the connection was lost before the answer. Every
    /// write is idempotent, so calling again both looks and, if needed, does it.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Stopped)
    }

    /// Whether a batch was refused for what it is, or for where the books are.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused(_)
                | Self::EpochFull { .. }
                | Self::AmountHeld { .. }
                | Self::SettledElsewhere { .. }
                | Self::BatchUnprovable { .. }
        )
    }

    /// The refusal by constraint `constraint` as something the caller can act on.
    pub(crate) fn on_constraint(self, constraint: &str, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Forbidden { constraint: found } if found == constraint => other(),
            error => error,
        }
    }
}
