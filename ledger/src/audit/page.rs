//! A page of the journal with everything that belongs to its blocks.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use time::OffsetDateTime;

use crate::Error;
use crate::column::{Columns, lookup};
use crate::connection::Tx;

/// Blocks read at once: at 1,000 transfers each, some tens of MB.
const PAGE_BLOCKS: i64 = 64;

pub(super) struct Page {
    pub(super) blocks: Vec<BlockRow>,
    pub(super) transfers: BTreeMap<i64, Vec<TransferRow>>,
    pub(super) assets: BTreeMap<i64, AssetRow>,
    pub(super) rollups: BTreeMap<i64, RollupRow>,
    pub(super) deposits: BTreeMap<i64, DepositRow>,
    pub(super) claims: BTreeMap<i64, ClaimRow>,
    pub(super) batches: BTreeMap<i64, BatchRow>,
    pub(super) evictions: BTreeMap<i64, EvictionRow>,
    pub(super) lanes: BTreeMap<i64, Vec<LaneRow>>,
    pub(super) exits: BTreeMap<i64, Vec<ExitRow>>,
}

pub(super) struct BlockRow {
    pub(super) block_number: i64,
    pub(super) epoch_number: i64,
    pub(super) posting_kind: i16,
    pub(super) transfer_count: i32,
    pub(super) previous_hash: Vec<u8>,
    pub(super) content_digest: Vec<u8>,
    pub(super) block_hash: Vec<u8>,
    pub(super) posted_at: OffsetDateTime,
}

pub(super) struct TransferRow {
    pub(super) block_number: i64,
    pub(super) position: i32,
    pub(super) epoch_number: i64,
    pub(super) posting_kind: i16,
    pub(super) asset_id: i32,
    pub(super) debit_account_id: i64,
    pub(super) credit_account_id: i64,
    pub(super) atoms: Decimal,
    pub(super) debit_balance: Decimal,
    pub(super) credit_balance: Decimal,
    pub(super) recipient: Option<Vec<u8>>,
    pub(super) transfer_digest: Vec<u8>,
}

/// The log behind a posting.
pub(super) struct LogColumns {
    pub(super) tx_hash: Vec<u8>,
    pub(super) log_index: i64,
    pub(super) l1_block_number: i64,
    pub(super) l1_block_hash: Vec<u8>,
}

pub(super) struct AssetRow {
    pub(super) asset_id: i32,
    pub(super) token: Vec<u8>,
    pub(super) token_decimals: i16,
    pub(super) ledger_decimals: i16,
    pub(super) log: LogColumns,
}

pub(super) struct RollupRow {
    pub(super) rollup_id: i32,
    pub(super) key_x: Vec<u8>,
    pub(super) key_y: Vec<u8>,
    pub(super) log: LogColumns,
}

pub(super) struct DepositRow {
    pub(super) rollup_id: i32,
    pub(super) asset_id: i32,
    pub(super) depositor: Vec<u8>,
    pub(super) atoms: Decimal,
    pub(super) log: LogColumns,
}

pub(super) struct ClaimRow {
    pub(super) rollup_id: i32,
    pub(super) exit_index: i64,
    pub(super) asset_id: i32,
    pub(super) recipient: Vec<u8>,
    pub(super) atoms: Decimal,
    pub(super) proven_epoch_number: i64,
    pub(super) log: LogColumns,
}

pub(super) struct BatchRow {
    pub(super) block_number: i64,
    pub(super) rollup_id: i32,
    pub(super) height: i64,
    pub(super) attempt: i32,
    pub(super) continued_attempt: i32,
    pub(super) epoch_number: i64,
    pub(super) place_in_epoch: i32,
    pub(super) previous_root: Vec<u8>,
    pub(super) new_root: Vec<u8>,
    pub(super) exit_root: Vec<u8>,
    pub(super) body_digest: Vec<u8>,
    pub(super) batch_digest: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) transfer_count: i32,
    pub(super) exit_count: i32,
    pub(super) exits_before: i64,
    pub(super) exit_tree: Vec<u8>,
}

pub(super) struct EvictionRow {
    pub(super) block_number: i64,
    pub(super) rollup_id: i32,
    pub(super) height: i64,
    pub(super) attempt: i32,
    pub(super) reversed_block: i64,
    pub(super) epoch_number: i64,
    pub(super) cause_rollup_id: i32,
    pub(super) cause_height: i64,
    pub(super) cause_attempt: i32,
    pub(super) reason: String,
}

pub(super) struct LaneRow {
    pub(super) block_number: i64,
    pub(super) asset_id: i32,
    pub(super) destination_id: i32,
    pub(super) atoms: Decimal,
    pub(super) transfer_count: i32,
}

pub(super) struct ExitRow {
    pub(super) block_number: i64,
    pub(super) position: i32,
    pub(super) rollup_id: i32,
    pub(super) exit_index: i64,
    pub(super) attempt: i32,
    pub(super) height: i64,
    pub(super) epoch_number: i64,
    pub(super) asset_id: i32,
    pub(super) recipient: Vec<u8>,
    pub(super) atoms: Decimal,
    pub(super) leaf: Vec<u8>,
}

/// The number of blocks.
pub(super) async fn count(tx: &mut Tx<'_>) -> Result<u64, Error> {
    let count = sqlx::query_scalar!(r#"select count(*) as "count!" from journal_block"#)
        .fetch_one(&mut **tx)
        .await?;
    Columns("journal_block").number(count)
}

impl Page {
    /// The page after a block.
    pub(super) async fn read(tx: &mut Tx<'_>, after: u64) -> Result<Self, Error> {
        let blocks = sqlx::query_as!(
            BlockRow,
            "select block_number, epoch_number, posting_kind, transfer_count, previous_hash,
                content_digest, block_hash, posted_at
            from journal_block where block_number > $1 order by block_number limit $2",
            lookup(after),
            PAGE_BLOCKS
        )
        .fetch_all(&mut **tx)
        .await?;
        let first = blocks.first().map_or(i64::MAX, |block| block.block_number);
        let last = blocks.last().map_or(i64::MAX, |block| block.block_number);
        Ok(Self {
            blocks,
            transfers: transfers(tx, first, last).await?,
            assets: assets(tx, first, last).await?,
            rollups: rollups(tx, first, last).await?,
            deposits: deposits(tx, first, last).await?,
            claims: claims(tx, first, last).await?,
            batches: batches(tx, first, last).await?,
            evictions: evictions(tx, first, last).await?,
            lanes: lanes(tx, first, last).await?,
            exits: exits(tx, first, last).await?,
        })
    }
}

fn grouped<T>(rows: Vec<T>, block: fn(&T) -> i64) -> BTreeMap<i64, Vec<T>> {
    let mut groups: BTreeMap<i64, Vec<T>> = BTreeMap::new();
    for row in rows {
        groups.entry(block(&row)).or_default().push(row);
    }
    groups
}

async fn transfers(
    tx: &mut Tx<'_>,
    first: i64,
    last: i64,
) -> Result<BTreeMap<i64, Vec<TransferRow>>, Error> {
    let rows = sqlx::query_as!(
        TransferRow,
        "select block_number, position, epoch_number, posting_kind, asset_id, debit_account_id,
            credit_account_id, atoms, debit_balance, credit_balance, recipient, transfer_digest
        from transfer where block_number between $1 and $2 order by block_number, position",
        first,
        last
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(grouped(rows, |row| row.block_number))
}

async fn assets(tx: &mut Tx<'_>, first: i64, last: i64) -> Result<BTreeMap<i64, AssetRow>, Error> {
    let rows = sqlx::query!(
        "select block_number, asset_id, token, token_decimals, ledger_decimals, tx_hash, log_index,
            l1_block_number, l1_block_hash
        from asset join l1_log using (tx_hash, log_index) where block_number between $1 and $2",
        first,
        last
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| {
            let log = LogColumns {
                tx_hash: r.tx_hash,
                log_index: r.log_index,
                l1_block_number: r.l1_block_number,
                l1_block_hash: r.l1_block_hash,
            };
            let row = AssetRow {
                asset_id: r.asset_id,
                token: r.token,
                token_decimals: r.token_decimals,
                ledger_decimals: r.ledger_decimals,
                log,
            };
            (r.block_number, row)
        })
        .collect())
}

async fn rollups(
    tx: &mut Tx<'_>,
    first: i64,
    last: i64,
) -> Result<BTreeMap<i64, RollupRow>, Error> {
    let rows = sqlx::query!(
        "select block_number, rollup_id, key_x, key_y, tx_hash, log_index, l1_block_number,
            l1_block_hash
        from rollup join l1_log using (tx_hash, log_index) where block_number between $1 and $2",
        first,
        last
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| {
            let log = LogColumns {
                tx_hash: r.tx_hash,
                log_index: r.log_index,
                l1_block_number: r.l1_block_number,
                l1_block_hash: r.l1_block_hash,
            };
            let row = RollupRow { rollup_id: r.rollup_id, key_x: r.key_x, key_y: r.key_y, log };
            (r.block_number, row)
        })
        .collect())
}

async fn deposits(
    tx: &mut Tx<'_>,
    first: i64,
    last: i64,
) -> Result<BTreeMap<i64, DepositRow>, Error> {
    let rows = sqlx::query!(
        "select block_number, rollup_id, asset_id, depositor, atoms, tx_hash, log_index,
            l1_block_number, l1_block_hash
        from deposit join l1_log using (tx_hash, log_index) where block_number between $1 and $2",
        first,
        last
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| {
            let log = LogColumns {
                tx_hash: r.tx_hash,
                log_index: r.log_index,
                l1_block_number: r.l1_block_number,
                l1_block_hash: r.l1_block_hash,
            };
            let row = DepositRow {
                rollup_id: r.rollup_id,
                asset_id: r.asset_id,
                depositor: r.depositor,
                atoms: r.atoms,
                log,
            };
            (r.block_number, row)
        })
        .collect())
}

async fn claims(tx: &mut Tx<'_>, first: i64, last: i64) -> Result<BTreeMap<i64, ClaimRow>, Error> {
    let rows = sqlx::query!(
        "select block_number, rollup_id, exit_index, asset_id, recipient, atoms,
            proven_epoch_number, tx_hash, log_index, l1_block_number, l1_block_hash
        from claim join l1_log using (tx_hash, log_index) where block_number between $1 and $2",
        first,
        last
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| {
            let log = LogColumns {
                tx_hash: r.tx_hash,
                log_index: r.log_index,
                l1_block_number: r.l1_block_number,
                l1_block_hash: r.l1_block_hash,
            };
            let row = ClaimRow {
                rollup_id: r.rollup_id,
                exit_index: r.exit_index,
                asset_id: r.asset_id,
                recipient: r.recipient,
                atoms: r.atoms,
                proven_epoch_number: r.proven_epoch_number,
                log,
            };
            (r.block_number, row)
        })
        .collect())
}

async fn batches(tx: &mut Tx<'_>, first: i64, last: i64) -> Result<BTreeMap<i64, BatchRow>, Error> {
    let rows = sqlx::query_as!(
        BatchRow,
        "select block_number, rollup_id, height, attempt, continued_attempt, epoch_number,
            place_in_epoch, previous_root, new_root, exit_root, body_digest, batch_digest, signature, transfer_count, exit_count,
            exits_before, exit_tree
        from batch where block_number between $1 and $2",
        first,
        last
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.block_number, row)).collect())
}

async fn evictions(
    tx: &mut Tx<'_>,
    first: i64,
    last: i64,
) -> Result<BTreeMap<i64, EvictionRow>, Error> {
    let rows = sqlx::query_as!(
        EvictionRow,
        "select block_number, rollup_id, height, attempt, reversed_block, epoch_number,
            cause_rollup_id, cause_height, cause_attempt, reason
        from batch_eviction where block_number between $1 and $2",
        first,
        last
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.block_number, row)).collect())
}

async fn lanes(
    tx: &mut Tx<'_>,
    first: i64,
    last: i64,
) -> Result<BTreeMap<i64, Vec<LaneRow>>, Error> {
    let rows = sqlx::query_as!(
        LaneRow,
        "select block_number, asset_id, destination_id, atoms, lane.transfer_count
        from batch join lane using (rollup_id, height, attempt)
        where block_number between $1 and $2
        order by block_number, asset_id, destination_id",
        first,
        last
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(grouped(rows, |row| row.block_number))
}

async fn exits(
    tx: &mut Tx<'_>,
    first: i64,
    last: i64,
) -> Result<BTreeMap<i64, Vec<ExitRow>>, Error> {
    let rows = sqlx::query_as!(
        ExitRow,
        "select block_number, position, rollup_id, exit_index, attempt, height, epoch_number,
            asset_id, recipient, atoms, leaf
        from exit where block_number between $1 and $2 order by block_number, position",
        first,
        last
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(grouped(rows, |row| row.block_number))
}
