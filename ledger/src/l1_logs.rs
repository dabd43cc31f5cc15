//! What happened on L1: booked range by range, each log once.
//!
//! **Invariant (EXACTLY_ONCE):** a range's logs and the cursor behind them are one db_tx, and every
//! effect carries the log that made it under a unique key. Sending a range again changes nothing.
//!
//! It trusts its caller to name blocks that are final enough; there is no way back from here.

mod book;
mod read;

use alloy_primitives::B256;
use domain::l1::{L1Block, L1Event, L1Log, L1LogId};
use domain::{EpochNumber, Word};

use crate::column::{Columns, bigint, epoch_key};
use crate::connection::Tx;
use crate::posting::Head;
use crate::{Error, Ledger, holds};

/// How many logs of each kind a range booked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct BookedLogs {
    /// Assets registered.
    pub assets: u32,
    /// Rollups registered.
    pub rollups: u32,
    /// Deposits credited.
    pub deposits: u32,
    /// Settlements noted.
    pub settlements: u32,
    /// Claims paid.
    pub claims: u32,
    /// Logs that had been booked before.
    pub already_booked: u32,
}

/// What L1 says it settled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct L1Settlement {
    /// The epoch.
    pub epoch: EpochNumber,
    /// The state digest that L1 stored.
    pub state_digest: Word,
    /// The number of steps.
    pub steps: u64,
    /// What whoever settled it said of the books; `None` if it was booked before that was asked.
    pub books: Option<B256>,
    /// The log that says so.
    pub log: L1LogId,
    /// Its block.
    pub block: L1Block,
}

const RANGE: Columns = Columns("l1_range");

impl Ledger {
    /// Up to which L1 block everything is booked; `None` before the first range.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn l1_cursor(&self) -> Result<Option<L1Block>, Error> {
        let mut tx = self.snapshot().await?;
        cursor(&mut tx).await
    }

    /// Books the logs of the L1 blocks after the cursor and up to `end`, in L1's order, and moves
    /// the cursor there. A deposit that is held posts its hold; what is held of these blocks and is not
    /// among the logs is released.
    ///
    /// # Errors
    /// [`Error::L1CursorBehind`], [`Error::L1LogOutside`], [`Error::UnknownExit`],
    /// [`Error::ClaimDiffers`], [`Error::SettledOtherwise`] or [`Error::NotSealed`] for a settlement
    /// that is not the ledger's, [`Error::BooksDiffer`] for one of its own with other books, [`Error::Refused`] by a rule of the reference transition. Any of
    /// them means that the ledger and L1 disagree, and nothing of the range is booked.
    pub async fn record_l1_block_range(
        &self,
        logs: &[L1Log],
        end: L1Block,
    ) -> Result<BookedLogs, Error> {
        let mut tx = self.write().await?;
        let mut head = Head::read(&mut tx).await?;
        let start = cursor(&mut tx).await?;
        if let Some(cursor) = start {
            if end == cursor {
                return Ok(BookedLogs { already_booked: count(logs), ..BookedLogs::default() });
            }
            if end.number <= cursor.number {
                return Err(Error::L1CursorBehind { cursor, found: end });
            }
        }
        check_order(logs, end)?;
        let mut booked = BookedLogs::default();
        let mut new = 0_i32;
        for log in logs {
            if is_booked(&mut tx, log.id).await? {
                booked.already_booked = booked.already_booked.saturating_add(1);
                continue;
            }
            if start.is_some_and(|cursor| log.block.number <= cursor.number) {
                return Err(Error::L1LogOutside { log: log.id });
            }
            book::log(&mut tx, &mut head, log, &mut booked).await?;
            new = new.saturating_add(1);
        }
        holds::release_passed(&mut tx, &mut head, start, end).await?;
        insert_range(&mut tx, start, end, new).await?;
        tx.commit().await?;
        Ok(booked)
    }

    /// The settlement of an epoch as L1 logged it and the watcher booked it.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn l1_settlement(&self, epoch: EpochNumber) -> Result<Option<L1Settlement>, Error> {
        let mut tx = self.snapshot().await?;
        settlement(&mut tx, epoch).await
    }
}

pub(crate) async fn settlement(
    tx: &mut Tx<'_>,
    epoch: EpochNumber,
) -> Result<Option<L1Settlement>, Error> {
    let columns = Columns("l1_settlement");
    let row = sqlx::query!(
        r#"select state_digest, step_count, tx_hash, log_index, l1_block_number, l1_block_hash,
                books_digest as "books_digest?"
            from l1_settlement join l1_log using (tx_hash, log_index)
            left join l1_settlement_books using (epoch_number) where epoch_number = $1"#,
        epoch_key(epoch)
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| {
        Ok(L1Settlement {
            epoch,
            state_digest: columns.word(&row.state_digest)?,
            steps: columns.number(row.step_count)?,
            books: row.books_digest.map(|digest| columns.b256(&digest)).transpose()?,
            log: columns.log(&row.tx_hash, row.log_index)?,
            block: columns.l1_block(row.l1_block_number, &row.l1_block_hash)?,
        })
    })
    .transpose()
}

pub(crate) async fn cursor(tx: &mut Tx<'_>) -> Result<Option<L1Block>, Error> {
    let row = sqlx::query!(
        "select last_block_number, last_block_hash from l1_range
        order by last_block_number desc limit 1"
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| RANGE.l1_block(row.last_block_number, &row.last_block_hash)).transpose()
}

/// Logs come in L1's order, each once, none after the range's end.
pub(crate) fn check_order(logs: &[L1Log], end: L1Block) -> Result<(), Error> {
    let place = |log: &L1Log| (log.block.number, log.id.log_index);
    for pair in logs.windows(2) {
        if let [one, next] = pair
            && place(one) >= place(next)
        {
            return Err(Error::L1LogOutside { log: next.id });
        }
    }
    match logs.iter().find(|log| log.block.number > end.number) {
        Some(log) => Err(Error::L1LogOutside { log: log.id }),
        None => Ok(()),
    }
}

async fn is_booked(tx: &mut Tx<'_>, log: L1LogId) -> Result<bool, Error> {
    let booked = sqlx::query_scalar!(
        r#"select exists (
            select from l1_log where tx_hash = $1::bytea and log_index = $2
        ) as "booked!""#,
        log.tx_hash.as_slice(),
        bigint("log index", log.log_index)?
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(booked)
}

async fn insert_range(
    tx: &mut Tx<'_>,
    start: Option<L1Block>,
    end: L1Block,
    logs: i32,
) -> Result<(), Error> {
    let previous = start.map(|cursor| bigint("block number", cursor.number)).transpose()?;
    sqlx::query!(
        "insert into l1_range (last_block_number, last_block_hash, previous_block_number, log_count)
        values ($1, $2::bytea, $3, $4)",
        bigint("block number", end.number)?,
        end.hash.as_slice(),
        previous,
        logs
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn count(logs: &[L1Log]) -> u32 {
    u32::try_from(logs.len()).unwrap_or(u32::MAX)
}

/// The kind of a log, as the schema numbers it: its posting's, or 6 for a settlement.
fn kind(event: &L1Event) -> i16 {
    match event {
        L1Event::AssetRegistered(_) => 1,
        L1Event::RollupRegistered { .. } => 2,
        L1Event::Deposited { .. } => 3,
        L1Event::ClaimPaid { .. } => 5,
        L1Event::EpochSettled { .. } => 6,
    }
}
