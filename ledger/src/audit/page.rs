//! A page of the journal with everything that belongs to its blocks.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use time::OffsetDateTime;

use super::holds::{self, HoldEndRow, HoldRow};
use super::prepare::Prepared;
use crate::Error;
use crate::archive::{ArchivedBlock, ArchivedTransfer, Files};
use crate::column::{asset_key, epoch_key, lookup};
use crate::connection::Tx;

/// Transfers read at once, some MB of them; a block more than they fill is read, too.
const PAGE_TRANSFERS: i64 = 16_384;
/// Blocks read at once, if they hold little.
const PAGE_BLOCKS: i64 = 2_048;

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
    pub(crate) holds: BTreeMap<i64, HoldRow>,
    pub(crate) hold_ends: BTreeMap<i64, HoldEndRow>,
    /// What was computed ahead of these rows.
    pub(crate) prepared: Prepared,
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
    pub(crate) log_kind: i16,
    pub(crate) l1_block_number: i64,
    pub(crate) l1_block_hash: Vec<u8>,
}

pub(crate) struct AssetRow {
    pub(crate) asset_id: i32,
    pub(crate) token: Vec<u8>,
    pub(crate) token_decimals: i16,
    pub(crate) ledger_decimals: i16,
    pub(crate) epoch_number: i64,
    pub(crate) log: LogColumns,
}

pub(crate) struct RollupRow {
    pub(crate) rollup_id: i32,
    pub(crate) key_x: Vec<u8>,
    pub(crate) key_y: Vec<u8>,
    pub(crate) epoch_number: i64,
    pub(crate) log: LogColumns,
}

pub(crate) struct DepositRow {
    pub(crate) rollup_id: i32,
    pub(crate) asset_id: i32,
    pub(crate) depositor: Vec<u8>,
    pub(crate) atoms: Decimal,
    pub(crate) epoch_number: i64,
    pub(crate) log: LogColumns,
}

pub(crate) struct ClaimRow {
    pub(crate) rollup_id: i32,
    pub(crate) exit_index: i64,
    pub(crate) asset_id: i32,
    pub(crate) recipient: Vec<u8>,
    pub(crate) atoms: Decimal,
    /// Whether there is an exit of these terms that stands, in an epoch up to the proven one.
    pub(crate) pays_an_exit: bool,
    pub(crate) proven_epoch_number: i64,
    pub(crate) epoch_number: i64,
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
    pub(crate) transfer_count: i32,
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

impl Page {
    /// The page after a block; `None` after the last one.
    ///
    /// Archived transfers come from files, if there are some.
    pub(crate) async fn read(
        tx: &mut Tx<'_>,
        after: u64,
        files: Option<&mut Files>,
    ) -> Result<Option<Self>, Error> {
        let blocks = sqlx::query_as!(
            BlockRow,
            "select block_number, epoch_number, posting_kind, transfer_count, previous_hash,
                content_digest, block_hash, posted_at
            from (
                select *, sum(transfer_count) over (order by block_number) as upto
                from (
                    select * from journal_block
                    where block_number > $1 order by block_number limit $2
                ) next
            ) counted
            where upto - transfer_count < $3 order by block_number",
            lookup(after),
            PAGE_BLOCKS,
            PAGE_TRANSFERS
        )
        .fetch_all(&mut **tx)
        .await?;
        let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else { return Ok(None) };
        let epochs = (first.epoch_number, last.epoch_number);
        let (first, last) = (first.block_number, last.block_number);
        let mut transfers = transfers(tx, (first, last), epochs).await?;
        for block in files.map_or(Ok(Vec::new()), |files| files.blocks(first, last))? {
            transfers.insert(lookup(block.block().number()), archived(&block));
        }
        Ok(Some(Self {
            blocks,
            transfers,
            assets: assets(tx, first, last).await?,
            rollups: rollups(tx, first, last).await?,
            deposits: deposits(tx, first, last).await?,
            claims: claims(tx, first, last).await?,
            batches: batches(tx, first, last).await?,
            evictions: evictions(tx, first, last).await?,
            lanes: lanes(tx, first, last).await?,
            exits: exits(tx, first, last).await?,
            holds: holds::holds(tx, first, last).await?,
            hold_ends: holds::hold_ends(tx, first, last).await?,
            prepared: Prepared::default(),
        }))
    }
}

fn grouped<T>(rows: Vec<T>, block: fn(&T) -> i64) -> BTreeMap<i64, Vec<T>> {
    let mut groups: BTreeMap<i64, Vec<T>> = BTreeMap::new();
    for row in rows {
        groups.entry(block(&row)).or_default().push(row);
    }
    groups
}

/// An archived block's transfers as the rows that they were.
fn archived(block: &ArchivedBlock) -> Vec<TransferRow> {
    let fields = &block.fields;
    let row = |one: &ArchivedTransfer| TransferRow {
        block_number: lookup(fields.number.number()),
        position: i32::try_from(one.position).unwrap_or(i32::MAX),
        epoch_number: epoch_key(fields.epoch),
        posting_kind: i16::from(fields.kind.code()),
        asset_id: asset_key(one.asset),
        debit_account_id: one.debit.number(),
        credit_account_id: one.credit.number(),
        atoms: one.atoms.to_decimal(),
        debit_balance: one.debit_balance.to_decimal(),
        credit_balance: one.credit_balance.to_decimal(),
        recipient: one.recipient.map(|recipient| recipient.to_vec()),
        transfer_digest: one.digest().to_vec(),
    };
    block.transfers.iter().map(row).collect()
}

/// The transfers of blocks first to last, which are of epochs first to last.
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
        "select block_number, epoch_number, asset_id, token, token_decimals, ledger_decimals,
            tx_hash, log_index, log_kind, l1_block_number, l1_block_hash
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
                log_kind: r.log_kind,
                l1_block_number: r.l1_block_number,
                l1_block_hash: r.l1_block_hash,
            };
            let row = AssetRow {
                asset_id: r.asset_id,
                token: r.token,
                token_decimals: r.token_decimals,
                ledger_decimals: r.ledger_decimals,
                epoch_number: r.epoch_number,
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
        "select block_number, epoch_number, rollup_id, key_x, key_y, tx_hash, log_index, log_kind,
            l1_block_number, l1_block_hash
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
                log_kind: r.log_kind,
                l1_block_number: r.l1_block_number,
                l1_block_hash: r.l1_block_hash,
            };
            let row = RollupRow {
                rollup_id: r.rollup_id,
                key_x: r.key_x,
                key_y: r.key_y,
                epoch_number: r.epoch_number,
                log,
            };
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
        "select block_number, epoch_number, rollup_id, asset_id, depositor, atoms, tx_hash,
            log_index, log_kind, l1_block_number, l1_block_hash
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
                log_kind: r.log_kind,
                l1_block_number: r.l1_block_number,
                l1_block_hash: r.l1_block_hash,
            };
            let row = DepositRow {
                rollup_id: r.rollup_id,
                asset_id: r.asset_id,
                depositor: r.depositor,
                atoms: r.atoms,
                epoch_number: r.epoch_number,
                log,
            };
            (r.block_number, row)
        })
        .collect())
}

async fn claims(tx: &mut Tx<'_>, first: i64, last: i64) -> Result<BTreeMap<i64, ClaimRow>, Error> {
    let rows = sqlx::query!(
        r#"select c.block_number, c.epoch_number, c.rollup_id, c.exit_index, c.asset_id,
            c.recipient, c.atoms, c.proven_epoch_number, l.tx_hash, l.log_index, l.log_kind,
            l.l1_block_number, l.l1_block_hash, exists (
                select from exit e
                where (e.rollup_id, e.exit_index, e.attempt)
                    = (c.rollup_id, c.exit_index, c.exit_attempt)
                    and (e.asset_id, e.recipient, e.atoms) = (c.asset_id, c.recipient, c.atoms)
                    and e.epoch_number <= c.proven_epoch_number
                    and not exists (
                        select from batch_eviction v where v.reversed_block = e.block_number
                    )
            ) as "pays_an_exit!"
        from claim c join l1_log l using (tx_hash, log_index)
        where c.block_number between $1 and $2"#,
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
                log_kind: r.log_kind,
                l1_block_number: r.l1_block_number,
                l1_block_hash: r.l1_block_hash,
            };
            let row = ClaimRow {
                rollup_id: r.rollup_id,
                exit_index: r.exit_index,
                asset_id: r.asset_id,
                recipient: r.recipient,
                atoms: r.atoms,
                pays_an_exit: r.pays_an_exit,
                proven_epoch_number: r.proven_epoch_number,
                epoch_number: r.epoch_number,
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
