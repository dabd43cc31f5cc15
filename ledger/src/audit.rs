//! The audit: everything recomputed from the journal alone.
//!
//! **Invariant:** it believes no row that it can compute: hashes, running balances, the reference
//! transition, exit trees, closings, the trial balance and the order of events are all made again
//! and compared. It stops at the first row that is wrong, and names it. It reads page by page and
//! remembers sums, states and digests, of the open epoch one head a batch, so that its memory does
//! not grow with the journal; and it only needs the right to read.
//!
//! It can be cut anywhere and goes on from its [`Checkpoint`], which it believes: what lies below is
//! not read again, only counted. That history is still the same there, it sees by the last hashes.
//!
//! What it cannot know: whether the journal as a whole was replaced by another consistent one. For
//! that, compare the hashes that sealed epochs pin with what was published.

mod accounts;
mod archived;
mod balances;
pub(crate) mod batch;
pub(crate) mod block;
mod books;
mod checkpoint;
mod epoch;
mod events;
pub(crate) mod eviction;
mod evidence;
pub(crate) mod fault;
mod functions;
pub(crate) mod holds;
pub(crate) mod page;
mod pages;
mod prepare;
mod strays;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use alloy_primitives::B256;
use domain::{EpochNumber, LiquidityState, RollupId};
use serde::{Deserialize, Serialize};

use crate::connection::Tx;
use crate::{Account, Adoption, BlockNumber, Error, Ledger};

pub use checkpoint::{Checkpoint, CheckpointError};
pub use fault::{Fault, FaultKind, Row};

use epoch::Closed;
use eviction::{Chain, Open};
use fault::Stop;
use pages::Pages;

/// What an audit found.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct AuditReport {
    /// Blocks of the journal that were recomputed, those of the audit that it resumed included.
    pub blocks: u64,
    /// Their transfers.
    pub transfers: u64,
    /// Sealed epochs whose closing was recomputed.
    pub epochs: u64,
    /// Events whose order and content were recomputed.
    pub events: u64,
    /// Rows found wrong: 0, or 1, since it stops there.
    #[serde(skip)]
    pub drift: u64,
    /// The first wrong row.
    #[serde(skip)]
    pub first_fault: Option<Fault>,
    /// Whether it was asked to stop before its end.
    #[serde(skip)]
    pub interrupted: bool,
}

/// How far an audit is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Progress {
    /// Blocks that are recomputed.
    pub blocks: u64,
    /// All blocks.
    pub of: u64,
    /// Their transfers so far.
    pub transfers: u64,
    /// Events that are recomputed: once all blocks are.
    pub events: u64,
    /// All events.
    pub of_events: u64,
}

/// An audit between two rows.
pub struct Reached<'a> {
    auditor: &'a Auditor<'static>,
    progress: Progress,
}

/// Hears of an audit after every block and some events, and says whether it is to go on.
pub type Observer<'o> = dyn FnMut(Reached<'_>) -> ControlFlow<()> + Send + 'o;

/// The books as recomputed so far, from what `R` reads. What stands here is what a checkpoint holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recomputed<R> {
    #[serde(skip)]
    tx: R,
    adoption: Adoption,
    books: BTreeMap<Account, Sums>,
    state: LiquidityState,
    chains: BTreeMap<RollupId, Chain>,
    open: Open,
    /// Holds that have not ended.
    holds: BTreeMap<BlockNumber, holds::Open>,
    epoch: EpochNumber,
    in_epoch: EpochCounts,
    head: (u64, B256),
    /// The last event.
    heard: (u64, B256),
    /// Sealed epochs that may still get proofs and settlements.
    unfinished: Vec<Closed>,
    report: AuditReport,
    counts: RowCounts,
}

type Auditor<'t> = Recomputed<Tx<'t>>;

/// An account as recomputed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
struct Sums {
    debits: u128,
    credits: u128,
    transfers: u64,
    last_block: u64,
    held_debits: u128,
    held_credits: u128,
    last_held: u64,
}

impl Sums {
    /// Whether what is held of the account is there.
    fn covers_held(&self, account: Account) -> bool {
        let balance = if account.is_debit_normal() {
            self.debits.checked_sub(self.credits).map(|balance| (balance, self.held_credits))
        } else {
            self.credits.checked_sub(self.debits).map(|balance| (balance, self.held_debits))
        };
        balance.is_some_and(|(balance, held)| balance >= held)
    }
}

/// What an epoch had so far; what was evicted does not count.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
struct EpochCounts {
    /// Batches, evicted ones too.
    posted: u64,
    batches: u64,
    operations: u64,
    transfers: u64,
}

/// How many rows of each table the journal accounts for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
struct RowCounts {
    assets: u64,
    rollups: u64,
    deposits: u64,
    batches: u64,
    evictions: u64,
    lanes: u64,
    exits: u64,
    claims: u64,
    holds: u64,
    hold_ends: u64,
    seen_deposits: u64,
    epoch_cells: u64,
    epoch_rollups: u64,
    epoch_balances: u64,
}

/// Recomputes the books. Tells its progress after every block.
///
/// It uses two connections at once.
///
/// # Errors
/// When Postgres fails. A wrong row is no error but the report's [`Fault`].
pub async fn run(
    ledger: &Ledger,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<AuditReport, Error> {
    let mut observer = |reached: Reached<'_>| {
        progress(reached.progress());
        ControlFlow::Continue(())
    };
    let mut tx = begin(ledger).await?;
    let Some(adoption) = crate::adoption::read(&mut tx).await? else {
        return strays::without_domain(&mut tx).await;
    };
    Box::pin(Recomputed::nothing(adoption).with(tx).audit(ledger, None, &mut observer)).await
}

/// As [`run`], and stops when the observer says so; begins where another audit was, if a checkpoint
/// is given; reads what is archived in the files of a folder.
///
/// # Errors
/// [`Error::Archived`] if blocks that it has to read are archived and no folder is named, and those of
/// [`crate::archive::Reader`]; when Postgres fails, or the checkpoint is of another domain. That history is another one below the
/// checkpoint is no error but the report's [`Fault`].
pub async fn resume(
    ledger: &Ledger,
    from: Option<Checkpoint>,
    archive: Option<&Path>,
    observer: &mut Observer<'_>,
) -> Result<AuditReport, CheckpointError> {
    let mut tx = begin(ledger).await?;
    let adoption = crate::adoption::read(&mut tx).await?;
    let recomputed = match (from, adoption) {
        (None, None) => return Ok(strays::without_domain(&mut tx).await?),
        (None, Some(adoption)) => Recomputed::nothing(adoption),
        (Some(checkpoint), adoption) => checkpoint.of(adoption.as_ref())?,
    };
    Ok(Box::pin(recomputed.with(tx).audit(ledger, archive, observer)).await?)
}

async fn begin(ledger: &Ledger) -> Result<Tx<'static>, Error> {
    let mut tx = ledger.snapshot().await?;
    pages::stay(&mut tx).await?;
    Ok(tx)
}

impl Reached<'_> {
    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// What it has recomputed, to go on from there.
    #[must_use]
    pub fn checkpoint(&self) -> Vec<u8> {
        self.auditor.checkpoint()
    }
}

impl Recomputed<()> {
    /// Before the first block.
    fn nothing(adoption: Adoption) -> Self {
        Self {
            tx: (),
            adoption,
            books: BTreeMap::new(),
            state: LiquidityState::genesis(),
            chains: BTreeMap::new(),
            open: Open::new(LiquidityState::genesis()),
            holds: BTreeMap::new(),
            epoch: EpochNumber::FIRST,
            in_epoch: EpochCounts::default(),
            head: (0, B256::ZERO),
            heard: (0, B256::ZERO),
            unfinished: Vec::new(),
            report: AuditReport::default(),
            counts: RowCounts::default(),
        }
    }

    fn with<R>(self, tx: R) -> Recomputed<R> {
        let Self { tx: (), adoption, books, state, chains, open, epoch, in_epoch, .. } = self;
        let Self { holds, head, heard, unfinished, report, counts, .. } = self;
        Recomputed {
            tx,
            adoption,
            books,
            state,
            chains,
            open,
            holds,
            epoch,
            in_epoch,
            head,
            heard,
            unfinished,
            report,
            counts,
        }
    }
}

impl Auditor<'static> {
    async fn audit(
        mut self,
        ledger: &Ledger,
        archive: Option<&Path>,
        observer: &mut Observer<'_>,
    ) -> Result<AuditReport, Error> {
        match self.all(ledger, archive, observer).await {
            Ok(()) => {}
            Err(Stop::Asked) => self.report.interrupted = true,
            Err(Stop::Fault(fault)) => {
                self.report.drift = 1;
                self.report.first_fault = Some(*fault);
            }
            Err(Stop::Error(error)) => return Err(error),
        }
        Ok(self.report)
    }

    async fn all(
        &mut self,
        ledger: &Ledger,
        archive: Option<&Path>,
        observer: &mut Observer<'_>,
    ) -> Result<(), Stop> {
        self.rejoin().await?;
        let of = self.extent().await?;
        let from = (self.head.0, archive);
        let mut pages = Pages::after(ledger, &mut self.tx, &self.adoption, from).await?;
        while let Some(page) = pages.next().await? {
            for row in &page.blocks {
                self.block(row, &page).await?;
                self.reach(observer, of)?;
            }
        }
        self.close_epochs(None).await?;
        self.balances().await?;
        self.accounts().await?;
        self.equivocations().await?;
        self.open_holds().await?;
        self.partitions().await?;
        self.archived().await?;
        self.strays().await?;
        self.reach(observer, of)?;
        self.functions().await?;
        while self.events().await? {
            self.reach(observer, of)?;
        }
        self.unannounced().await?;
        self.l1_rows().await
    }

    /// All blocks and events.
    async fn extent(&mut self) -> Result<(u64, u64), Error> {
        let row = sqlx::query!(
            r#"select (select count(*) from journal_block) as "blocks!",
                (select count(*) from event) as "events!""#
        )
        .fetch_one(&mut *self.tx)
        .await?;
        let columns = crate::column::Columns("journal_block");
        Ok((columns.number(row.blocks)?, columns.number(row.events)?))
    }

    fn reach(&self, observer: &mut Observer<'_>, (of, of_events): (u64, u64)) -> Result<(), Stop> {
        let AuditReport { blocks, transfers, events, .. } = self.report;
        let progress = Progress { blocks, of, transfers, events, of_events };
        match observer(Reached { auditor: self, progress }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Asked),
        }
    }
}
