//! What is archived, and what is still here.

use alloy_primitives::B256;
use domain::EpochNumber;
use time::OffsetDateTime;

use crate::column::{Columns, epoch_key};
use crate::connection::Tx;
use crate::{BlockNumber, Error, Ledger};

/// A stretch of epochs whose transfers are in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ArchivedRange {
    /// Its first epoch.
    pub first_epoch: EpochNumber,
    /// Its last epoch.
    pub last_epoch: EpochNumber,
    /// The first block of those epochs.
    pub first_block: BlockNumber,
    /// The last block; one before the first if they have none.
    pub last_block: BlockNumber,
    /// The last block's hash.
    pub last_hash: B256,
    /// How many transfers they have.
    pub transfers: u64,
    /// The SHA-256 of the file.
    pub digest: B256,
    /// The file's bytes.
    pub length: u64,
    /// The login that archived it.
    pub archived_by: String,
    /// When.
    pub archived_at: OffsetDateTime,
}

/// Up to where the books are archived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Through {
    pub(crate) epoch: EpochNumber,
    pub(crate) block: i64,
}

/// A partition that is here: its epochs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

const TABLE: Columns = Columns("archived_range");

impl Ledger {
    /// What is archived, oldest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn archived_ranges(&self) -> Result<Vec<ArchivedRange>, Error> {
        let mut tx = self.snapshot().await?;
        all(&mut tx).await
    }
}

impl ArchivedRange {
    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> String {
        file_name(self.first_epoch, self.last_epoch)
    }
}

/// The name of the file of some epochs.
pub(super) fn file_name(first: EpochNumber, last: EpochNumber) -> String {
    format!("transfers-{first}-{last}.netfold")
}

/// What is archived, oldest first.
pub(super) async fn all(tx: &mut Tx<'_>) -> Result<Vec<ArchivedRange>, Error> {
    let rows = sqlx::query!(
        "select first_epoch, last_epoch, first_block, last_block, last_block_hash,
            transfer_count, file_digest, file_length, archived_by, archived_at
        from archived_range order by first_epoch"
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ArchivedRange {
                first_epoch: TABLE.epoch(row.first_epoch)?,
                last_epoch: TABLE.epoch(row.last_epoch)?,
                first_block: TABLE.block(row.first_block)?,
                last_block: TABLE.block(row.last_block)?,
                last_hash: TABLE.b256(&row.last_block_hash)?,
                transfers: TABLE.number(row.transfer_count)?,
                digest: TABLE.b256(&row.file_digest)?,
                length: TABLE.number(row.file_length)?,
                archived_by: row.archived_by,
                archived_at: row.archived_at,
            })
        })
        .collect()
}

/// Up to where the books are archived; `None` while nothing is.
async fn through(tx: &mut Tx<'_>) -> Result<Option<Through>, Error> {
    let row = sqlx::query!(
        "select last_epoch, last_block from archived_range order by first_epoch desc limit 1"
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| Ok(Through { epoch: TABLE.epoch(row.last_epoch)?, block: row.last_block }))
        .transpose()
}

/// The refusal of what is asked of an epoch's transfers, if these are archived.
pub(crate) async fn refusal(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<Option<Error>, Error> {
    let through = through(tx).await?.map(|through| through.epoch);
    Ok(through
        .filter(|through| epoch <= *through)
        .map(|through| Error::Archived { epoch, through }))
}

/// The partitions that hold epochs up to `last`, newest first.
pub(crate) async fn live(tx: &mut Tx<'_>, last: EpochNumber) -> Result<Vec<Live>, Error> {
    let rows = sqlx::query!(
        "select first_epoch, last_epoch from transfer_partition p
        where first_epoch <= $1 and not exists (
            select from archived_range r where r.first_epoch = p.first_epoch
        ) order by first_epoch desc",
        epoch_key(last)
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| Live { first: row.first_epoch, last: row.last_epoch }).collect())
}
