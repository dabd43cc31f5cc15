//! The audit: everything recomputed from the journal alone.
//!
//! **Invariant:** it believes no row that it can compute: hashes, running balances, the reference
//! transition, exit trees, closings, the trial balance and the order of events are all made again
//! and compared. It stops at the first row that is wrong, and names it. It reads page by page and
//! remembers one epoch, so that its memory does not grow with the journal, and it only needs the
//! right to read.
//!
//! What it cannot know: whether the journal as a whole was replaced by another consistent one. For
//! that, compare the hashes that sealed epochs pin with what was published.

mod balances;
pub(crate) mod batch;
pub(crate) mod block;
mod epoch;
mod events;
pub(crate) mod eviction;
pub(crate) mod fault;
pub(crate) mod page;
mod strays;

use std::collections::BTreeMap;

use alloy_primitives::B256;
use domain::{EpochNumber, LiquidityState, RollupId};

use crate::connection::Tx;
use crate::{Account, Adoption, Error, Ledger};

pub use fault::{Fault, FaultKind, Row};

use eviction::{Chain, Open};
use fault::Stop;

/// What an audit found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditReport {
    /// Blocks of the journal that were recomputed.
    pub blocks: u64,
    /// Their transfers.
    pub transfers: u64,
    /// Sealed epochs whose closing was recomputed.
    pub epochs: u64,
    /// Events whose order and content were recomputed.
    pub events: u64,
    /// Rows found wrong: 0, or 1, since it stops there.
    pub drift: u64,
    /// The first wrong row.
    pub first_fault: Option<Fault>,
}

/// How far an audit is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Progress {
    /// Blocks that are recomputed.
    pub blocks: u64,
    /// All blocks.
    pub of: u64,
}

/// The books as recomputed so far.
struct Auditor<'t> {
    tx: Tx<'t>,
    adoption: Adoption,
    books: BTreeMap<Account, Sums>,
    state: LiquidityState,
    chains: BTreeMap<RollupId, Chain>,
    open: Open,
    epoch: EpochNumber,
    in_epoch: EpochCounts,
    head: (u64, B256),
    report: AuditReport,
    counts: RowCounts,
}

/// An account as recomputed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Sums {
    debits: u128,
    credits: u128,
    transfers: u64,
    last_block: u64,
}

/// What an epoch had so far; what was evicted does not count.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct EpochCounts {
    /// Batches, evicted ones too.
    posted: u64,
    batches: u64,
    operations: u64,
    transfers: u64,
}

/// How many rows of each table the journal accounts for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct RowCounts {
    assets: u64,
    rollups: u64,
    deposits: u64,
    batches: u64,
    evictions: u64,
    lanes: u64,
    exits: u64,
    claims: u64,
}

/// Recomputes the books. Tells its progress after every page.
///
/// # Errors
/// When Postgres fails. A wrong row is no error but the report's [`Fault`].
pub async fn run(
    ledger: &Ledger,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<AuditReport, Error> {
    let mut tx = ledger.snapshot().await?;
    let Some(adoption) = crate::adoption::read(&mut tx).await? else {
        return strays::without_domain(&mut tx).await;
    };
    let mut auditor = Auditor {
        tx,
        adoption,
        books: BTreeMap::new(),
        state: LiquidityState::genesis(),
        chains: BTreeMap::new(),
        open: Open::new(LiquidityState::genesis()),
        epoch: EpochNumber::FIRST,
        in_epoch: EpochCounts::default(),
        head: (0, B256::ZERO),
        report: AuditReport {
            blocks: 0,
            transfers: 0,
            epochs: 0,
            events: 0,
            drift: 0,
            first_fault: None,
        },
        counts: RowCounts::default(),
    };
    match auditor.all(progress).await {
        Ok(()) => {}
        Err(Stop::Fault(fault)) => {
            auditor.report.drift = 1;
            auditor.report.first_fault = Some(*fault);
        }
        Err(Stop::Error(error)) => return Err(error),
    }
    Ok(auditor.report)
}

impl Auditor<'_> {
    async fn all(&mut self, progress: &mut (dyn FnMut(Progress) + Send)) -> Result<(), Stop> {
        let of = page::count(&mut self.tx).await?;
        loop {
            let page = page::Page::read(&mut self.tx, self.head.0).await?;
            if page.blocks.is_empty() {
                break;
            }
            for row in &page.blocks {
                self.block(row, &page).await?;
            }
            progress(Progress { blocks: self.report.blocks, of });
        }
        self.close_epochs(None).await?;
        self.balances().await?;
        self.strays().await?;
        self.events().await
    }
}
