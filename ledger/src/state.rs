//! The liquidity state, rebuilt from rows: at the journal's head, and as an epoch opened.
//!
//! **Invariant:** what is rebuilt is a value of `domain`, so that the rules are the reference
//! transition's own; the ledger has none beside it.

use domain::{
    AssetId, Atoms, Cell, EpochNumber, LiquidityState, RollupId, RollupState, SettlementKey, Word,
};

use crate::column::{Columns, epoch_key};
use crate::connection::Tx;
use crate::{Account, Error};

const BATCH: Columns = Columns("batch");
const BALANCE: Columns = Columns("balance");
const CLOSING: Columns = Columns("epoch_cell");

/// The state at the head, with what the open epoch deposited, exited and touched. Evicted batches
/// left nothing behind: balances have them reversed, heights and the epoch's amounts pass them over.
pub(crate) async fn at_head(tx: &mut Tx<'_>, open: EpochNumber) -> Result<LiquidityState, Error> {
    let rollups = rollups_at_head(tx, open).await?;
    let cells = cells_at_head(tx, open).await?;
    LiquidityState::from_parts(rollups, cells).map_err(|_| BALANCE.corrupt())
}

async fn rollups_at_head(
    tx: &mut Tx<'_>,
    open: EpochNumber,
) -> Result<Vec<(RollupId, RollupState)>, Error> {
    let rows = sqlx::query!(
        r#"select r.rollup_id, r.key_x, r.key_y,
            coalesce(last.height + 1, 0) as "next_height!",
            coalesce(last.new_root, decode(repeat('00', 32), 'hex')) as "root!",
            coalesce(last.exit_root, decode(repeat('00', 32), 'hex')) as "exit_root!",
            r.epoch_number = $1 or coalesce(last.epoch_number = $1, false) as "active!"
        from rollup r
        left join lateral (
            select height, new_root, exit_root, epoch_number from batch b
            where b.rollup_id = r.rollup_id and not exists (
                select from batch_eviction x where x.reversed_block = b.block_number
            )
            order by height desc limit 1
        ) last on true"#,
        epoch_key(open)
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            rollup_state(&RollupRow {
                rollup_id: row.rollup_id,
                key: BATCH.key(&row.key_x, &row.key_y)?,
                next_height: row.next_height,
                root: row.root,
                exit_root: row.exit_root,
                active: row.active,
            })
        })
        .collect()
}

struct RollupRow {
    rollup_id: i32,
    key: SettlementKey,
    next_height: i64,
    root: Vec<u8>,
    exit_root: Vec<u8>,
    active: bool,
}

fn rollup_state(row: &RollupRow) -> Result<(RollupId, RollupState), Error> {
    let state = RollupState {
        key: Some(row.key),
        next_height: BATCH.height(row.next_height)?,
        root: BATCH.l2_root(&row.root)?,
        exit_root: BATCH.exit_root(&row.exit_root)?,
        active: row.active,
    };
    Ok((BATCH.rollup(row.rollup_id)?, state))
}

/// Balances from the sums; the epoch's amounts from its deposits and lanes, of which it has few.
async fn cells_at_head(
    tx: &mut Tx<'_>,
    open: EpochNumber,
) -> Result<Vec<(RollupId, AssetId, Cell)>, Error> {
    let rows = sqlx::query!(
        r#"with lane_of_epoch as (
            select rollup_id, asset_id, destination_id, atoms::numeric as atoms
            from batch b join lane using (rollup_id, height, attempt)
            where epoch_number = $1 and not exists (
                select from batch_eviction x where x.reversed_block = b.block_number
            )
        ), flow as (
            select rollup_id, asset_id, atoms::numeric as deposited, 0::numeric as exited
            from deposit where epoch_number = $1
            union all
            select rollup_id, asset_id, 0, case destination_id when 0 then atoms else 0 end
            from lane_of_epoch
            union all
            select destination_id, asset_id, 0, 0 from lane_of_epoch where destination_id <> 0
        ), position as (
            select (2 * 4294967296 + rollup_id * 65536::bigint + asset_id) as account_id,
                sum(deposited) as deposited, sum(exited) as exited
            from flow group by rollup_id, asset_id
        )
        select account_id as "account_id!", (credits - debits)::text as "balance!",
            coalesce(deposited, 0)::text as "deposited!", coalesce(exited, 0)::text as "exited!",
            deposited is not null as "touched!"
        from balance left join position using (account_id)
        where account_id >= 2 * 4294967296 and account_id < 3 * 4294967296"#,
        epoch_key(open)
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let Account::Cell { rollup, asset } = BALANCE.account(row.account_id)? else {
                return Err(BALANCE.corrupt());
            };
            let cell = Cell {
                balance: atoms(&row.balance)?,
                deposited: atoms(&row.deposited)?,
                exited: atoms(&row.exited)?,
                touched: row.touched,
            };
            Ok((rollup, asset, cell))
        })
        .collect()
}

fn atoms(text: &str) -> Result<Atoms, Error> {
    Atoms::parse_decimal(text, 0).map_err(|_| BALANCE.corrupt())
}

/// The state that a sealed epoch left behind, as recorded, with its touched and active flags.
pub(crate) async fn at_seal(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<LiquidityState, Error> {
    let rollups = sqlx::query!(
        "select e.rollup_id, r.key_x, r.key_y, e.next_height, e.l2_root, e.exit_root, e.active
        from epoch_rollup e join rollup r using (rollup_id) where e.epoch_number = $1",
        epoch_key(epoch)
    )
    .fetch_all(&mut **tx)
    .await?;
    let rollups = rollups
        .into_iter()
        .map(|row| {
            rollup_state(&RollupRow {
                rollup_id: row.rollup_id,
                key: CLOSING.key(&row.key_x, &row.key_y)?,
                next_height: row.next_height,
                root: row.l2_root,
                exit_root: row.exit_root,
                active: row.active,
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let cells = sqlx::query!(
        "select rollup_id, asset_id, balance, deposited, exited, touched
        from epoch_cell where epoch_number = $1",
        epoch_key(epoch)
    )
    .fetch_all(&mut **tx)
    .await?;
    let cells = cells
        .into_iter()
        .map(|row| {
            let cell = Cell {
                balance: CLOSING.atoms(row.balance)?,
                deposited: CLOSING.atoms(row.deposited)?,
                exited: CLOSING.atoms(row.exited)?,
                touched: row.touched,
            };
            Ok((CLOSING.rollup(row.rollup_id)?, CLOSING.asset(row.asset_id)?, cell))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    LiquidityState::from_parts(rollups, cells).map_err(|_| CLOSING.corrupt())
}

/// The state that an epoch opens with: the recorded closing of the one before, whose digest must be
/// the recorded opening digest (BASELINE_PRESENT, ROOT_CONTINUITY).
pub(crate) async fn at_opening(
    tx: &mut Tx<'_>,
    epoch: EpochNumber,
) -> Result<(LiquidityState, Word), Error> {
    let row = sqlx::query!(
        r#"select opening_digest, exists (
            select from epoch_seal where epoch_number = $1::bigint - 1
        ) as "has_baseline!"
        from epoch where epoch_number = $1"#,
        epoch_key(epoch)
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::UnknownEpoch { epoch })?;
    let expected = Columns("epoch").word(&row.opening_digest)?;
    let opening = match epoch.previous() {
        None => LiquidityState::genesis(),
        Some(_) if !row.has_baseline => return Err(Error::BaselineMissing { epoch }),
        Some(previous) => at_seal(tx, previous).await?.close_epoch(),
    };
    let found = opening.digest();
    if found == expected {
        Ok((opening, expected))
    } else {
        Err(Error::BaselineDiffers { epoch, expected, found })
    }
}
