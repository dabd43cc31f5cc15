//! The journal page by page, read and prepared ahead of the audit.
//!
//! **Invariant:** all pages are of the audit's own snapshot, and come in order. No more of them are
//! held than there are cores, and a few.

use std::path::Path;
use std::sync::Arc;

use sqlx::AssertSqlSafe;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::page::Page;
use super::prepare::Signers;
use crate::archive::Files;
use crate::column::Columns;
use crate::connection::{self, Tx};
use crate::{Adoption, Error, Ledger};

/// Pages on their way.
pub(super) struct Pages(mpsc::Receiver<Coming>);

/// A page that is being prepared, or why there is none.
type Coming = Result<JoinHandle<Page>, Error>;

impl Pages {
    /// Begins to read after a block, in the snapshot of `tx`, what is archived in a folder's files.
    pub(super) async fn after(
        ledger: &Ledger,
        tx: &mut Tx<'static>,
        adoption: &Adoption,
        (block, archive): (u64, Option<&Path>),
    ) -> Result<Self, Error> {
        let files = Files::after(tx, archive, block).await?;
        let signers = Arc::new(signers(tx, adoption).await?);
        let mut reader = connection::snapshot(ledger.pool()).await?;
        let snapshot: String =
            sqlx::query_scalar("select pg_export_snapshot()").fetch_one(&mut **tx).await?;
        // A name that Postgres gave out: digits, letters and dashes.
        let same = format!("set transaction snapshot '{snapshot}'");
        sqlx::query(AssertSqlSafe(same)).execute(&mut *reader).await?;
        stay(&mut reader).await?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (sender, receiver) = mpsc::channel(cores.min(MOST_AHEAD));
        tokio::spawn(read_all((reader, files), block, signers, sender));
        Ok(Self(receiver))
    }

    /// The next page; `None` after the last one.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, Error> {
        match self.0.recv().await {
            None => Ok(None),
            Some(Err(error)) => Err(error),
            Some(Ok(coming)) => match coming.await {
                Ok(page) => Ok(Some(page)),
                Err(failed) => match failed.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The runtime ends, and this task with it.
                    Err(_) => Err(sqlx::Error::WorkerCrashed.into()),
                },
            },
        }
    }
}

/// Ends when the audit does: nobody receives any more.
async fn read_all(
    (mut tx, mut files): (Tx<'static>, Option<Files>),
    mut after: u64,
    signers: Arc<Signers>,
    sender: mpsc::Sender<Coming>,
) {
    loop {
        let page = match Page::read(&mut tx, after, files.as_mut()).await {
            Ok(None) => return,
            Ok(Some(page)) => page,
            Err(error) => {
                // Nobody is left to tell it to.
                let _ = sender.send(Err(error)).await;
                return;
            }
        };
        let last = page.blocks.last().and_then(|block| u64::try_from(block.block_number).ok());
        after = last.unwrap_or(u64::MAX);
        let signers = Arc::clone(&signers);
        let coming = tokio::task::spawn_blocking(move || page.prepare(&signers));
        if sender.send(Ok(coming)).await.is_err() {
            return;
        }
    }
}

/// An audit may leave one of its two connections alone for as long as it is at something else.
pub(super) async fn stay(tx: &mut Tx<'_>) -> Result<(), Error> {
    sqlx::query("set local idle_in_transaction_session_timeout = 0").execute(&mut **tx).await?;
    Ok(())
}

/// What cannot be read is left out: who it belongs to is found wrong where it is booked.
async fn signers(tx: &mut Tx<'_>, adoption: &Adoption) -> Result<Signers, Error> {
    let columns = Columns("rollup");
    let rows = sqlx::query!("select rollup_id, key_x, key_y from rollup");
    let rows = rows.fetch_all(&mut **tx).await?;
    let read = |id, x: &[u8], y: &[u8]| {
        let rollup = columns.rollup(id).ok()?;
        columns.key(x, y).ok().map(|key| (rollup, key))
    };
    let keys = rows.iter().filter_map(|row| read(row.rollup_id, &row.key_x, &row.key_y)).collect();
    Ok(Signers { word: adoption.identity.word(), keys })
}

/// Pages that are read ahead at most: each is some ten MB.
const MOST_AHEAD: usize = 8;
