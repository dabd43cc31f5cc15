//! A page of the journal with everything that belongs to its blocks.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use time::OffsetDateTime;

use crate::Error;
use crate::column::{Columns, lookup};
use crate::connection::Tx;

/// Blocks read at once: at 1,000 transfers each, some tens of MB.
const PAGE_BLOCKS: i64 = 64;

pub(crate) struct Page {
    pub(crate) blocks: Vec<BlockRow>,
    pub(crate) transfers: BTreeMap<i64, Vec<TransferRow>>,
    pub(crate) assets: BTreeMap<i64, AssetRow>,
    pub(crate) rollups: BTreeMap<i64, RollupRow>,
    pub(crate) deposits: BTreeMap<i64, DepositRow>,
    pub(crate) claims: BTreeMap<i64, ClaimRow>,
    pub(crate) batches: BTreeMap<i64, BatchRow>,
    pub(crate) evictions: BTreeMap<i64, EvictionRow>,
    pub(crate) lanes: BTreeMap<i64, Vec<LaneRow>>,
    pub(crate) exits: BTreeMap<i64, Vec<ExitRow>>,
}

pub(crate) struct BlockRow {
    pub(crate) block_number: i64,
    pub(crate) epoch_number: i64,
    pub(crate) posting_kind: i16,
    pub(crate) transfer_count: i32,
    pub(crate) previous_hash: Vec<u8>,
    pub(crate) content_digest: Vec<u8>,
    pub(crate) block_hash: Vec<u8>,
    pub(crate) posted_at: OffsetDateTime,
}

pub(crate) struct TransferRow {
    pub(crate) block_number: i64,
    pub(crate) position: i32,
    pub(crate) epoch_number: i64,
    pub(crate) posting_kind: i16,
    pub(crate) asset_id: i32,
    pub(crate) debit_account_id: i64,
    pub(crate) credit_account_id: i64,
    pub(crate) atoms: Decimal,
    pub(crate) debit_balance: Decimal,
    pub(crate) credit_balance: Decimal,
    pub(crate) recipient: Option<Vec<u8>>,
    pub(crate) transfer_digest: Vec<u8>,
}

/// The log behind a posting.
pub(crate) struct LogColumns {
    pub(crate) tx_hash: Vec<u8>,
    pub(crate) log_index: i64,
    pub(crate) l1_block_number: i64,
    pub(crate) l1_block_hash: Vec<u8>,
}

pub(crate) struct AssetRow {
    pub(crate) asset_id: i32,
    pub(crate) token: Vec<u8>,
    pub(crate) token_decimals: i16,
    pub(crate) ledger_decimals: i16,
    pub(crate) log: LogColumns,
}

pub(crate) struct RollupRow {
    pub(crate) rollup_id: i32,
    pub(crate) key_x: Vec<u8>,
    pub(crate) key_y: Vec<u8>,
    pub(crate) log: LogColumns,
}

pub(crate) struct DepositRow {
    pub(crate) rollup_id: i32,
    pub(crate) asset_id: i32,
    pub(crate) depositor: Vec<u8>,
    pub(crate) atoms: Decimal,
    pub(crate) log: LogColumns,
}

pub(crate) struct ClaimRow {
    pub(crate) rollup_id: i32,
    pub(crate) exit_index: i64,
    pub(crate) asset_id: i32,
    pub(crate) recipient: Vec<u8>,
    pub(crate) atoms: Decimal,
    pub(crate) proven_epoch_number: i64,
    pub(crate) log: LogColumns,
}

pub(crate) struct BatchRow {
    pub(crate) block_number: i64,
    pub(crate) rollup_id: i32,
    pub(crate) height: i64,
    pub(crate) attempt: i32,
    pub(crate) continued_attempt: i32,
    pub(crate) epoch_number: i64,
    pub(crate) place_in_epoch: i32,
    pub(crate) previous_root: Vec<u8>,
    pub(crate) new_root: Vec<u8>,
    pub(crate) exit_root: Vec<u8>,
    pub(crate) body_digest: Vec<u8>,
    pub(crate) batch_digest: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) transfer_count: i32,
    pub(crate) exit_count: i32,
    pub(crate) exits_before: i64,
    pub(crate) exit_tree: Vec<u8>,
}

pub(crate) struct EvictionRow {
    pub(crate) block_number: i64,
    pub(crate) rollup_id: i32,
    pub(crate) height: i64,
    pub(crate) attempt: i32,
    pub(crate) reversed_block: i64,
    pub(crate) epoch_number: i64,
    pub(crate) cause_rollup_id: i32,
    pub(crate) cause_height: i64,
    pub(crate) cause_attempt: i32,
    pub(crate) reason: String,
}

pub(crate) struct LaneRow {
    pub(crate) block_number: i64,
    pub(crate) asset_id: i32,
    pub(crate) destination_id: i32,
    pub(crate) atoms: Decimal,
}

pub(crate) struct ExitRow {
    pub(crate) block_number: i64,
    pub(crate) position: i32,
    pub(crate) rollup_id: i32,
    pub(crate) exit_index: i64,
    pub(crate) attempt: i32,
    pub(crate) height: i64,
    pub(crate) epoch_number: i64,
    pub(crate) asset_id: i32,
    pub(crate) recipient: Vec<u8>,
    pub(crate) atoms: Decimal,
    pub(crate) leaf: Vec<u8>,
}

/// The number of blocks.
pub(crate) async fn count(tx: &mut Tx<'_>) -> Result<u64, Error> {
    let count = sqlx::query_scalar!(r#"select count(*) as "count!" from journal_block"#)
        .fetch_one(&mut **tx)
        .await?;
    Columns("journal_block").number(count)
}

impl Page {
    /// The page after a block.
    pub(crate) async fn read(tx: &mut Tx<'_>, after: u64) -> Result<Self, Error> {
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
        let epochs = (blocks.first(), blocks.last());
        let epochs = (
            epochs.0.map_or(0, |block| block.epoch_number),
            epochs.1.map_or(0, |block| block.epoch_number),
        );
        Ok(Self {
            blocks,
            transfers: transfers(tx, (first, last), epochs).await?,
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

/// The transfers of blocks first to last, which are of epochs first to last: a row of another epoch, should
/// there be one, is missing here and a stray in the end.
async fn transfers(
    tx: &mut Tx<'_>,
    (first, last): (i64, i64),
    epochs: (i64, i64),
) -> Result<BTreeMap<i64, Vec<TransferRow>>, Error> {
    let rows = sqlx::query_as!(
        TransferRow,
        "select block_number, position, epoch_number, posting_kind, asset_id, debit_account_id,
            credit_account_id, atoms, debit_balance, credit_balance, recipient, transfer_digest
        from transfer where block_number between $1 and $2 and epoch_number between $3 and $4
        order by block_number, position",
        first,
        last,
        epochs.0,
        epochs.1
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
        "select block_number, asset_id, destination_id, atoms
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
