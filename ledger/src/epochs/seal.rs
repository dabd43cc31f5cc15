//! Sealing: order and L1 cut-off are fixed, and the next epoch is open at once.

use std::pin::pin;
use std::time::Duration;

use alloy_primitives::B256;
use domain::l1::L1Block;
use domain::{EpochNumber, LiquidityState, Word};
use rust_decimal::Decimal;
use time::OffsetDateTime;

use super::books;
use crate::column::{Columns, asset_key, bigint, epoch_key, rollup_key, word_bytes};
use crate::connection::Tx;
use crate::posting::Head;
use crate::{BlockNumber, Error, Ledger, OpenOperations, l1_logs, operations, state};

/// The epoch that takes postings now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OpenEpoch {
    /// Its number.
    pub epoch: EpochNumber,
    /// Since when.
    pub opened_at: OffsetDateTime,
    /// The state digest that it opened with.
    pub opening_digest: Word,
    /// Batches so far, without evicted ones.
    pub batches: u64,
    /// Operations so far: registrations of rollups, deposits and batches.
    pub operations: u64,
}

/// Why an epoch was sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SealReason {
    /// It was time.
    Schedule,
    /// It was full enough.
    Size,
    /// Enough value was at risk.
    Value,
    /// Somebody asked for it.
    Command,
    /// Half of the settler's grace on L1 had gone: even an epoch that holds nothing.
    Grace,
}

/// A sealed epoch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sealed {
    /// Its number.
    pub epoch: EpochNumber,
    /// Why it was sealed.
    pub reason: SealReason,
    /// Its last block: that of the epoch before, if it holds nothing.
    pub last_block: BlockNumber,
    /// That block's hash: what settles pins the books.
    pub last_block_hash: B256,
    /// Up to which L1 block everything is in it.
    pub l1_cutoff: L1Block,
    /// Its batches, without evicted ones.
    pub batches: u64,
    /// Its operations.
    pub operations: u64,
    /// The transfers of its batches and deposits.
    pub transfers: u64,
    /// The state digest that it opened with.
    pub opening_digest: Word,
    /// The state digest that it leaves behind.
    pub closing_digest: Word,
    /// The digest of the books as they stood; `None` if it was sealed before these were kept.
    pub books: Option<B256>,
    /// When it was sealed.
    pub sealed_at: OffsetDateTime,
}

const TABLE: Columns = Columns("epoch_seal");

impl SealReason {
    fn code(self) -> i16 {
        match self {
            Self::Schedule => 1,
            Self::Size => 2,
            Self::Value => 3,
            Self::Command => 4,
            Self::Grace => 5,
        }
    }

    pub(super) fn from_code(code: i16) -> Result<Self, Error> {
        match code {
            1 => Ok(Self::Schedule),
            2 => Ok(Self::Size),
            3 => Ok(Self::Value),
            4 => Ok(Self::Command),
            5 => Ok(Self::Grace),
            _ => Err(TABLE.corrupt()),
        }
    }
}

impl Ledger {
    /// The epoch that takes postings now.
    ///
    /// # Errors
    /// [`Error::NoDomain`] before a domain is adopted.
    pub async fn open_epoch(&self) -> Result<OpenEpoch, Error> {
        let columns = Columns("epoch");
        let row = sqlx::query!(
            r#"select epoch_number, opened_at, opening_digest,
                (select count(*) from batch b where b.epoch_number = e.epoch_number)
                    - (select count(*) from batch_eviction x where x.epoch_number = e.epoch_number)
                    as "batches!",
                (select count(*) from deposit d where d.epoch_number = e.epoch_number)
                    + (select count(*) from rollup r where r.epoch_number = e.epoch_number)
                    as "others!"
            from epoch e order by epoch_number desc limit 1"#
        )
        .fetch_optional(self.pool())
        .await?
        .ok_or(Error::NoDomain)?;
        let (batches, others) = (columns.number(row.batches)?, columns.number(row.others)?);
        Ok(OpenEpoch {
            epoch: columns.epoch(row.epoch_number)?,
            opened_at: row.opened_at,
            opening_digest: columns.word(&row.opening_digest)?,
            batches,
            operations: batches.saturating_add(others),
        })
    }

    /// Takes the lock of the books to seal the open epoch: nobody posts until the answer is used up
    /// or dropped.
    ///
    /// # Errors
    /// [`Error::NoDomain`].
    pub async fn begin_seal(&self) -> Result<Sealing<'_>, Error> {
        let mut tx = self.write().await?;
        let head = Head::read(&mut tx).await?;
        Ok(Sealing { tx, head })
    }

    /// Seals the open epoch with whatever it holds, as [`Sealing::seal`] does.
    ///
    /// # Errors
    /// [`Error::NoDomain`], [`Error::BaselineMissing`], [`Error::BaselineDiffers`].
    pub async fn seal(&self, reason: SealReason) -> Result<Option<Sealed>, Error> {
        let sealing = Box::pin(self.begin_seal()).await?;
        Box::pin(sealing.seal(reason)).await
    }

    /// How an epoch was sealed, if it is.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn sealed(&self, epoch: EpochNumber) -> Result<Option<Sealed>, Error> {
        let mut tx = self.snapshot().await?;
        read(&mut tx, epoch).await
    }
}

/// The books, held to be sealed. Dropped, it lets them go as they were.
#[derive(Debug)]
pub struct Sealing<'a> {
    tx: Tx<'a>,
    head: Head,
}

impl Sealing<'_> {
    /// The journal's last block: what is sealed ends with it.
    #[must_use]
    pub fn last_block(&self) -> BlockNumber {
        self.head.block
    }

    /// Keeps the books while something else is done: Postgres lets go of what is held for a minute
    /// without a word. If this process dies, they are free with its connection all the same.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when they are lost; the work is dropped then.
    pub async fn keep_during<T>(
        &mut self,
        every: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, Error> {
        let mut work = pin!(work);
        loop {
            match tokio::time::timeout(every, &mut work).await {
                Ok(done) => return Ok(done),
                Err(_) => sqlx::query("select 1").execute(&mut *self.tx).await?,
            };
        }
    }

    /// What is about to be sealed.
    ///
    /// # Errors
    /// As [`Ledger::open_operations`].
    pub async fn operations(&mut self) -> Result<OpenOperations, Error> {
        operations::of_open(&mut self.tx, &self.head).await
    }

    /// Seals the open epoch and opens the next. `None` when nothing happened in it: an epoch without
    /// operations sends nothing, but to keep the grace. `None` also before anything was ever posted.
    ///
    /// # Errors
    /// [`Error::BaselineMissing`], [`Error::BaselineDiffers`].
    pub async fn seal(self, reason: SealReason) -> Result<Option<Sealed>, Error> {
        let Self { mut tx, head } = self;
        let Some(l1_cutoff) = l1_logs::cursor(&mut tx).await? else { return Ok(None) };
        let (batches, operations, transfers) = counts(&mut tx, head.epoch).await?;
        let nothing = operations == 0 && reason != SealReason::Grace;
        // A seal pins the journal by its last block.
        if nothing || head.block == BlockNumber::new(0) {
            return Ok(None);
        }
        let (_, opening_digest) = state::at_opening(&mut tx, head.epoch).await?;
        let closing = state::at_head(&mut tx, head.epoch).await?;
        let mut sealed = Sealed {
            epoch: head.epoch,
            reason,
            last_block: head.block,
            last_block_hash: head.hash,
            l1_cutoff,
            batches,
            operations,
            transfers,
            opening_digest,
            closing_digest: closing.close_epoch().digest(),
            books: None,
            sealed_at: head.now,
        };
        insert_seal(&mut tx, &sealed).await?;
        insert_closing(&mut tx, head.epoch, &closing).await?;
        sealed.books = Some(books::insert(&mut tx, &sealed).await?);
        sqlx::query!(
            "insert into epoch (epoch_number, opening_digest) values ($1, $2::bytea)",
            epoch_key(head.epoch).saturating_add(1),
            word_bytes(sealed.closing_digest)
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(sealed))
    }
}

pub(crate) async fn read(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<Option<Sealed>, Error> {
    let row = sqlx::query!(
        r#"select reason, last_block, last_block_hash, l1_block_number, l1_block_hash, batch_count,
            operation_count, transfer_count, opening_digest, closing_digest, sealed_at,
            books_digest as "books_digest?"
        from epoch_seal left join epoch_books using (epoch_number) where epoch_number = $1"#,
        epoch_key(epoch)
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| {
        Ok(Sealed {
            epoch,
            reason: SealReason::from_code(row.reason)?,
            last_block: TABLE.block(row.last_block)?,
            last_block_hash: TABLE.b256(&row.last_block_hash)?,
            l1_cutoff: TABLE.l1_block(row.l1_block_number, &row.l1_block_hash)?,
            batches: TABLE.number(row.batch_count)?,
            operations: TABLE.number(row.operation_count)?,
            transfers: TABLE.number(row.transfer_count)?,
            opening_digest: TABLE.word(&row.opening_digest)?,
            closing_digest: TABLE.word(&row.closing_digest)?,
            books: row.books_digest.map(|digest| TABLE.b256(&digest)).transpose()?,
            sealed_at: row.sealed_at,
        })
    })
    .transpose()
}

/// Batches, operations and transfers of an epoch. A reversal takes away its batch, which is of the
/// same epoch and has as many transfers.
pub(crate) async fn counts(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<(u64, u64, u64), Error> {
    let row = sqlx::query!(
        r#"select count(*) filter (where posting_kind = 4)
                - count(*) filter (where posting_kind = 6) as "batches!",
            count(*) filter (where posting_kind in (2, 3, 4))
                - count(*) filter (where posting_kind = 6) as "operations!",
            coalesce(sum(case when posting_kind in (3, 4) then transfer_count
                when posting_kind = 6 then -transfer_count end), 0)::bigint as "transfers!"
        from journal_block where epoch_number = $1"#,
        epoch_key(epoch)
    )
    .fetch_one(&mut **tx)
    .await?;
    let columns = Columns("journal_block");
    Ok((
        columns.number(row.batches)?,
        columns.number(row.operations)?,
        columns.number(row.transfers)?,
    ))
}

async fn insert_seal(tx: &mut Tx<'_>, sealed: &Sealed) -> Result<(), Error> {
    sqlx::query!(
        "insert into epoch_seal (epoch_number, reason, last_block, last_block_hash,
            l1_block_number, l1_block_hash, batch_count, operation_count, transfer_count,
            opening_digest, closing_digest, sealed_at)
        values ($1, $2, $3, $4::bytea, $5, $6::bytea, $7, $8, $9, $10::bytea, $11::bytea, $12)",
        epoch_key(sealed.epoch),
        sealed.reason.code(),
        bigint("block number", sealed.last_block.number())?,
        sealed.last_block_hash.as_slice(),
        bigint("block number", sealed.l1_cutoff.number)?,
        sealed.l1_cutoff.hash.as_slice(),
        bigint("batches", sealed.batches)?,
        bigint("operations", sealed.operations)?,
        bigint("transfers", sealed.transfers)?,
        word_bytes(sealed.opening_digest),
        word_bytes(sealed.closing_digest),
        sealed.sealed_at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Records the closing position of every registered rollup and every cell that is not empty.
async fn insert_closing(
    tx: &mut Tx<'_>,
    epoch: EpochNumber,
    closing: &LiquidityState,
) -> Result<(), Error> {
    let rollups: Vec<_> = closing.rollups().filter(|(_, rollup)| rollup.key.is_some()).collect();
    let heights = rollups
        .iter()
        .map(|(_, rollup)| bigint("height", rollup.next_height.number()))
        .collect::<Result<Vec<_>, _>>()?;
    sqlx::query!(
        "insert into epoch_rollup (epoch_number, rollup_id, next_height, l2_root, exit_root, active)
        select $1::bigint, r.* from unnest($2::integer[], $3::bigint[], $4::bytea[], $5::bytea[],
            $6::boolean[]) r",
        epoch_key(epoch),
        &rollups.iter().map(|(id, _)| rollup_key(*id)).collect::<Vec<_>>(),
        &heights,
        &rollups.iter().map(|(_, r)| r.root.bytes().to_vec()).collect::<Vec<_>>(),
        &rollups.iter().map(|(_, r)| r.exit_root.bytes().to_vec()).collect::<Vec<_>>(),
        &rollups.iter().map(|(_, r)| r.active).collect::<Vec<_>>(),
    )
    .execute(&mut **tx)
    .await?;
    let cells: Vec<_> =
        closing.cells().filter(|(_, _, cell)| cell.touched || !cell.balance.is_zero()).collect();
    let column = |of: fn(&domain::Cell) -> Decimal| {
        cells.iter().map(|(_, _, cell)| of(cell)).collect::<Vec<_>>()
    };
    sqlx::query!(
        "insert into epoch_cell (epoch_number, rollup_id, asset_id, balance, deposited, exited,
            touched)
        select $1::bigint, c.* from unnest($2::integer[], $3::integer[], $4::numeric[],
            $5::numeric[], $6::numeric[], $7::boolean[]) c",
        epoch_key(epoch),
        &cells.iter().map(|(rollup, _, _)| rollup_key(*rollup)).collect::<Vec<_>>(),
        &cells.iter().map(|(_, asset, _)| asset_key(*asset)).collect::<Vec<_>>(),
        &column(|cell| cell.balance.to_decimal()),
        &column(|cell| cell.deposited.to_decimal()),
        &column(|cell| cell.exited.to_decimal()),
        &cells.iter().map(|(_, _, cell)| cell.touched).collect::<Vec<_>>(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
