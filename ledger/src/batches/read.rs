//! Batches as readers see them.

use std::collections::BTreeMap;

use domain::{
    AssetId, Atoms, Batch, EpochNumber, ExitRoot, Height, L2Root, Lane, RollupId, Signature, Word,
};
use time::OffsetDateTime;

use crate::column::{Columns, epoch_key, lookup, rollup_key};
use crate::connection::{self, Tx};
use crate::eviction::{self, EvictionColumns};
use crate::operations::{self, BlockRange};
use crate::{BlockNumber, Error, Eviction, Ledger, PageLimit, Posted, archive};

/// A batch without its list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PostedBatch {
    /// Whose.
    pub rollup: RollupId,
    /// Its height.
    pub height: Height,
    /// Which batch of that height, from 1: all before it were evicted.
    pub attempt: u32,
    /// The block that booked it.
    pub block: BlockNumber,
    /// The epoch that it settles in, or was evicted from.
    pub epoch: EpochNumber,
    /// What its rollup signed.
    pub digest: Word,
    /// The L2 root that it continues.
    pub previous_root: L2Root,
    /// The L2 root that it leads to.
    pub new_root: L2Root,
    /// The rollup's exit root after it.
    pub exit_root: ExitRoot,
    /// Its totals.
    pub lanes: Vec<Lane>,
    /// How many transfers it lists.
    pub transfers: u32,
    /// How many exits it lists.
    pub exits: u32,
    /// Its rollup's signature.
    pub signature: Signature,
    /// When it was booked.
    pub posted_at: OffsetDateTime,
    /// Why it does not stand any more, and what reverses it; `None` while it stands.
    pub eviction: Option<Eviction>,
}

/// A batch with its list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BatchDetail {
    /// Where it stands.
    pub posted: PostedBatch,
    /// The batch as it was signed.
    pub batch: Batch,
    /// The batches of its height that were evicted before it, newest first, the last hundred.
    pub earlier: Vec<PostedBatch>,
}

/// Which batches to list; by default all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct BatchFilter {
    /// Of one rollup.
    pub rollup: Option<RollupId>,
    /// Of one epoch.
    pub epoch: Option<EpochNumber>,
}

const TABLE: Columns = Columns("batch");

impl Ledger {
    /// Batches, evicted ones too, newest first, from before a block on.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn batches(
        &self,
        filter: &BatchFilter,
        before: Option<BlockNumber>,
        limit: PageLimit,
    ) -> Result<Vec<PostedBatch>, Error> {
        let mut tx = self.snapshot().await?;
        let blocks = sqlx::query_scalar!(
            "select block_number from batch
            where ($1::integer is null or rollup_id = $1)
                and ($2::bigint is null or epoch_number = $2)
                and ($3::bigint is null or block_number < $3)
            order by block_number desc limit $4",
            filter.rollup.map(rollup_key),
            filter.epoch.map(epoch_key),
            before.map(|block| lookup(block.number())),
            limit.rows()
        )
        .fetch_all(&mut *tx)
        .await?;
        connection::along_keys(&mut tx).await?;
        read(&mut tx, &blocks).await
    }

    /// One batch with its list: the one that stands at its height, or the last that was evicted.
    ///
    /// # Errors
    /// [`Error::Archived`] when its list is; when Postgres fails.
    pub async fn batch(
        &self,
        rollup: RollupId,
        height: Height,
    ) -> Result<Option<BatchDetail>, Error> {
        let mut tx = self.key_snapshot().await?;
        let blocks = sqlx::query_scalar!(
            "select block_number from batch where rollup_id = $1 and height = $2
            order by attempt desc limit 101",
            rollup_key(rollup),
            lookup(height.number())
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut earlier = read(&mut tx, &blocks).await?;
        if earlier.is_empty() {
            return Ok(None);
        }
        let posted = earlier.remove(0);
        connection::by_partition(&mut tx).await?;
        let range = BlockRange::one(posted.epoch, posted.block)?;
        let parts = operations::batches(&mut tx, range).await?.into_values().next();
        let batch = parts.and_then(|parts| Batch::new(parts).ok()).ok_or(TABLE.corrupt())?;
        Ok(Some(BatchDetail { posted, batch, earlier }))
    }

    /// What the cells that a batch debited held after it, by asset, whatever became of it since.
    ///
    /// # Errors
    /// [`Error::Archived`] when its list is; when Postgres fails.
    pub async fn balances_after(&self, posted: &Posted) -> Result<Vec<(AssetId, Atoms)>, Error> {
        balances(&mut self.snapshot().await?, posted).await
    }
}

/// What the cells that a batch debited held after it, by asset.
///
/// # Errors
/// [`Error::Archived`] when its list is.
pub(crate) async fn balances(
    tx: &mut Tx<'_>,
    posted: &Posted,
) -> Result<Vec<(AssetId, Atoms)>, Error> {
    let rows = sqlx::query!(
        "select distinct on (asset_id) asset_id, debit_balance from transfer
        where epoch_number = $1 and block_number = $2 order by asset_id, position desc",
        epoch_key(posted.epoch),
        lookup(posted.block.number())
    )
    .fetch_all(&mut **tx)
    .await?;
    if rows.is_empty()
        && let Some(refusal) = archive::refusal(tx, posted.epoch).await?
    {
        return Err(refusal);
    }
    let columns = Columns("transfer");
    rows.into_iter()
        .map(|row| Ok((columns.asset(row.asset_id)?, columns.atoms(row.debit_balance)?)))
        .collect()
}

/// The batches of these blocks, newest first.
pub(crate) async fn read(tx: &mut Tx<'_>, blocks: &[i64]) -> Result<Vec<PostedBatch>, Error> {
    let mut lanes = lanes(tx, blocks).await?;
    let rows = sqlx::query!(
        r#"select b.rollup_id, b.height, b.attempt, b.block_number, b.epoch_number, batch_digest,
            previous_root, new_root, exit_root, b.transfer_count, exit_count, signature,
            booked.posted_at, x.block_number as "reversal?", reason as "reason?",
            cause_rollup_id as "cause_rollup_id?", cause_height as "cause_height?",
            cause_attempt as "cause_attempt?", reversal.posted_at as "evicted_at?"
        from batch b join journal_block booked using (block_number)
        left join batch_eviction x on x.reversed_block = b.block_number
        left join journal_block reversal on reversal.block_number = x.block_number
        where b.block_number = any($1) order by b.block_number desc"#,
        blocks
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(PostedBatch {
                rollup: TABLE.rollup(row.rollup_id)?,
                height: TABLE.height(row.height)?,
                attempt: TABLE.small(row.attempt)?,
                block: TABLE.block(row.block_number)?,
                epoch: TABLE.epoch(row.epoch_number)?,
                digest: TABLE.word(&row.batch_digest)?,
                previous_root: TABLE.l2_root(&row.previous_root)?,
                new_root: TABLE.l2_root(&row.new_root)?,
                exit_root: TABLE.exit_root(&row.exit_root)?,
                lanes: lanes.remove(&row.block_number).unwrap_or_default(),
                transfers: TABLE.small(row.transfer_count)?,
                exits: TABLE.small(row.exit_count)?,
                signature: TABLE.signature(&row.signature)?,
                posted_at: row.posted_at,
                eviction: eviction::eviction(EvictionColumns {
                    block_number: row.reversal,
                    reason: row.reason,
                    cause_rollup_id: row.cause_rollup_id,
                    cause_height: row.cause_height,
                    cause_attempt: row.cause_attempt,
                    posted_at: row.evicted_at,
                })?,
            })
        })
        .collect()
}

async fn lanes(tx: &mut Tx<'_>, blocks: &[i64]) -> Result<BTreeMap<i64, Vec<Lane>>, Error> {
    let columns = Columns("lane");
    let rows = sqlx::query!(
        "select block_number, asset_id, destination_id, atoms
        from batch join lane using (rollup_id, height, attempt) where block_number = any($1)
        order by block_number, asset_id, destination_id",
        blocks
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut lanes: BTreeMap<i64, Vec<Lane>> = BTreeMap::new();
    for row in rows {
        lanes.entry(row.block_number).or_default().push(Lane {
            asset: columns.asset(row.asset_id)?,
            destination: columns.rollup(row.destination_id)?,
            atoms: columns.atoms(row.atoms)?,
        });
    }
    Ok(lanes)
}
