//! Archiving a partition: checked row by row, written, and only then taken away.
//!
//! The order is what makes it safe to be killed anywhere: the file gets its name when it is whole, on the
//! disk and read back; then one db_tx writes the row and drops the partition. What ended before that db_tx
//! makes the same file again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::EpochNumber;

use super::books::Books;
use super::check;
use super::file::{ArchiveSummary, Writer};
use super::range::{self, ArchivedRange, Live};
use crate::column::{Columns, bigint, epoch_key};
use crate::connection::Tx;
use crate::{Error, Ledger};

/// Which partitions to archive: those whose epochs are all final, proven twice, and old enough.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ArchiveOrder {
    /// Those that end with or before an epoch.
    Through(EpochNumber),
    /// Those that are older than so many sealed epochs.
    Keep(u64),
}

/// A partition that was archived.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Archived {
    /// Its row.
    pub range: ArchivedRange,
    /// Its file.
    pub file: PathBuf,
}

const TABLE: Columns = Columns("archived_range");

impl Ledger {
    /// Archives partitions in files of a folder, oldest first, and tells each when it is done. It needs
    /// [`crate::Role::Owner`]. A partition stays where it is until its file is complete and on the disk;
    /// called again after whatever ended it, it goes on.
    ///
    /// # Errors
    /// [`Error::NotArchivable`] for an epoch asked for that is not final or lacks a proof,
    /// [`Error::WrongRow`] at the first row that is not what the journal says, [`Error::ArchiveFile`],
    /// [`Error::ArchiveTaken`] if another file has the name, [`Error::ArchiveBusy`] while another call
    /// archives; transient ones while somebody reads transfers for long.
    pub async fn archive(
        &self,
        folder: &Path,
        order: ArchiveOrder,
        told: &mut (dyn FnMut(&Archived) + Send),
    ) -> Result<(), Error> {
        let lock = self.lock_archive().await?.ok_or(Error::ArchiveBusy)?;
        let archived = self.archive_all(folder, order, told).await;
        // However it ended: the next call finds the lock free, and not when the server gets to it.
        let released = lock.release().await;
        archived.and(released)
    }

    async fn archive_all(
        &self,
        folder: &Path,
        order: ArchiveOrder,
        told: &mut (dyn FnMut(&Archived) + Send),
    ) -> Result<(), Error> {
        while let Some(partition) = self.archivable(order).await? {
            let (file, summary, books) = self.write_file(folder, partition).await?;
            let range = self.take_away(&summary, &books).await?;
            told(&Archived { range, file });
        }
        Ok(())
    }

    /// The oldest partition that is here, if the order has it.
    async fn archivable(&self, order: ArchiveOrder) -> Result<Option<Live>, Error> {
        let mut tx = self.snapshot().await?;
        let row = sqlx::query!(
            r#"select coalesce(max(epoch_number), 0) as "open!",
                min(epoch_number) filter (where not exists (
                    select from epoch_final f where f.epoch_number = e.epoch_number
                ) or not exists (
                    select from epoch_proof p where p.epoch_number = e.epoch_number
                ) or not exists (
                    select from epoch_settlement_proof p where p.epoch_number = e.epoch_number
                )) as unfinished
            from epoch e
            where epoch_number > (select coalesce(max(last_epoch), 0) from archived_range)"#
        )
        .fetch_one(&mut *tx)
        .await?;
        let open = TABLE.epoch(row.open)?;
        let Some(oldest) = range::live(&mut tx, open).await?.pop() else { return Ok(None) };
        let wanted = match order {
            ArchiveOrder::Through(epoch) => epoch_key(epoch),
            ArchiveOrder::Keep(epochs) => {
                epoch_key(open).saturating_sub(1).saturating_sub(bigint("epochs", epochs)?)
            }
        };
        match row.unfinished.filter(|unfinished| *unfinished <= oldest.last) {
            _ if oldest.last > wanted => Ok(None),
            None => Ok(Some(oldest)),
            Some(unfinished) => match order {
                ArchiveOrder::Keep(_) => Ok(None),
                ArchiveOrder::Through(_) => {
                    Err(Error::NotArchivable { epoch: TABLE.epoch(unfinished)? })
                }
            },
        }
    }

    /// Checks a partition and writes its file. What it read is not held any longer then.
    async fn write_file(
        &self,
        folder: &Path,
        partition: Live,
    ) -> Result<(PathBuf, ArchiveSummary, Books), Error> {
        let mut tx = self.snapshot().await?;
        let head = check::head(&mut tx, partition).await?;
        let mut writer = Writer::create(folder, &head)?;
        let books = check::run(&mut tx, &head, &mut writer).await?;
        tx.rollback().await?;
        let (file, summary) = writer.finish()?;
        Ok((file, summary, books))
    }

    async fn take_away(
        &self,
        summary: &ArchiveSummary,
        books: &Books,
    ) -> Result<ArchivedRange, Error> {
        let mut pauses = PAUSES.iter();
        loop {
            match self.record(summary, books).await {
                Err(error) if error.is_transient() => match pauses.next() {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return Err(error),
                },
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        let ranges = self.archived_ranges().await?;
        let of = |range: &ArchivedRange| range.first_epoch == summary.head.first_epoch;
        ranges.into_iter().find(of).ok_or(TABLE.corrupt())
    }

    /// The row, with which the partition goes, and the balances.
    async fn record(&self, summary: &ArchiveSummary, books: &Books) -> Result<(), Error> {
        let mut tx = self.write().await?;
        // Who waits for it makes everybody else wait behind it.
        sqlx::query("set local lock_timeout = '2s'").execute(&mut *tx).await?;
        if is_recorded(&mut tx, summary).await? {
            return Ok(());
        }
        let head = &summary.head;
        sqlx::query!(
            "insert into archived_range (first_epoch, last_epoch, first_block, last_block,
                last_block_hash, transfer_count, file_digest, file_length)
            values ($1, $2, $3, $4, $5::bytea, $6, $7::bytea, $8)",
            epoch_key(head.first_epoch),
            epoch_key(head.last_epoch),
            bigint("block number", head.first_block.number())?,
            bigint("block number", head.last_block.number())?,
            summary.last_hash.as_slice(),
            bigint("transfers", summary.transfers)?,
            summary.digest.as_slice(),
            bigint("length", summary.length)?,
        )
        .execute(&mut *tx)
        .await?;
        books.insert(&mut tx, head.first_epoch).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// After an answer that was lost it may be there already.
async fn is_recorded(tx: &mut Tx<'_>, summary: &ArchiveSummary) -> Result<bool, Error> {
    let recorded = sqlx::query_scalar!(
        r#"select exists (
            select from archived_range where first_epoch = $1 and file_digest = $2::bytea
        ) as "recorded!""#,
        epoch_key(summary.head.first_epoch),
        summary.digest.as_slice()
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(recorded)
}

/// Between attempts to have the table of transfers alone for a moment.
const PAUSES: [Duration; 5] = [Duration::from_secs(1); 5];
