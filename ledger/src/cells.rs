//! What every cell holds now, and who is registered.

use domain::{Asset, AssetId, Atoms, ExitRoot, Height, L2Root, RollupId, SettlementKey};
use time::OffsetDateTime;

use crate::column::{Columns, rollup_key};
use crate::{Account, Error, Ledger, state};

/// The position of one (rollup, asset) now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CellPosition {
    /// Whose.
    pub rollup: RollupId,
    /// Of which asset.
    pub asset: AssetId,
    /// What the rollup may still move.
    pub balance: Atoms,
    /// Deposited in the open epoch.
    pub deposited: Atoms,
    /// Exited in the open epoch.
    pub exited: Atoms,
    /// What L1 owes to the rollup's unpaid exits, of all epochs.
    pub pot: Atoms,
    /// What is held for the cell: on its way, and not in the balance yet.
    pub held_in: Atoms,
    /// What of the balance is held, and may not be moved.
    pub held_out: Atoms,
}

/// A registered rollup.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rollup {
    /// Its id.
    pub rollup: RollupId,
    /// The key that its batches are checked with.
    pub key: SettlementKey,
    /// The height of its next batch.
    pub next_height: Height,
    /// The L2 root after its last batch.
    pub root: L2Root,
    /// Its exit root after its last batch.
    pub exit_root: ExitRoot,
    /// How many exits it has had.
    pub exits: u64,
    /// When its registration was booked.
    pub registered_at: OffsetDateTime,
}

impl Ledger {
    /// Every cell of the registered rollups and assets, with the open epoch's amounts.
    ///
    /// # Errors
    /// [`Error::NoDomain`].
    pub async fn cells(&self) -> Result<Vec<CellPosition>, Error> {
        let columns = Columns("balance");
        let mut tx = self.key_snapshot().await?;
        let open = sqlx::query_scalar!("select max(epoch_number) from epoch")
            .fetch_one(&mut *tx)
            .await?
            .ok_or(Error::NoDomain)?;
        let state = state::at_head(&mut tx, columns.epoch(open)?).await?;
        let pots = sqlx::query!(
            r#"select pot.account_id, pot.credits - pot.debits as "pot!",
                cell.held_credits::numeric as "held_in!", cell.held_debits::numeric as "held_out!"
            from balance pot join balance cell on cell.account_id = pot.account_id - 4294967296
            where pot.account_id >= 3 * 4294967296 order by pot.account_id"#
        )
        .fetch_all(&mut *tx)
        .await?;
        pots.into_iter()
            .map(|row| {
                let account = columns.account(row.account_id)?;
                let Account::Pot { rollup, asset } = account else {
                    return Err(columns.corrupt());
                };
                let cell = state.cell(rollup, asset)?;
                Ok(CellPosition {
                    rollup,
                    asset,
                    balance: cell.balance,
                    deposited: cell.deposited,
                    exited: cell.exited,
                    pot: columns.atoms(row.pot)?,
                    held_in: columns.atoms(row.held_in)?,
                    held_out: columns.atoms(row.held_out)?,
                })
            })
            .collect()
    }

    /// All registered rollups.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn rollups(&self) -> Result<Vec<Rollup>, Error> {
        self.registered(None).await
    }

    /// A registered rollup.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn rollup(&self, rollup: RollupId) -> Result<Option<Rollup>, Error> {
        Ok(self.registered(Some(rollup)).await?.pop())
    }

    /// All registered assets.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn assets(&self) -> Result<Vec<Asset>, Error> {
        let columns = Columns("asset");
        let rows = sqlx::query!(
            "select asset_id, token, token_decimals, ledger_decimals from asset order by asset_id"
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|row| {
                let decimals = |number| u8::try_from(number).map_err(|_| columns.corrupt());
                Asset::new(
                    columns.asset(row.asset_id)?,
                    columns.address(&row.token)?,
                    decimals(row.token_decimals)?,
                    decimals(row.ledger_decimals)?,
                )
                .map_err(|_| columns.corrupt())
            })
            .collect()
    }

    async fn registered(&self, rollup: Option<RollupId>) -> Result<Vec<Rollup>, Error> {
        let columns = Columns("rollup");
        let rows = sqlx::query!(
            r#"select r.rollup_id, r.key_x, r.key_y, registration.posted_at,
                coalesce(last.height + 1, 0) as "next_height!",
                coalesce(last.exits_after, 0) as "exits!",
                coalesce(last.new_root, decode(repeat('00', 32), 'hex')) as "root!",
                coalesce(last.exit_root, decode(repeat('00', 32), 'hex')) as "exit_root!"
            from rollup r
            join journal_block registration using (block_number)
            left join lateral (
                select height, new_root, exit_root, exits_after from batch b
                where b.rollup_id = r.rollup_id and not exists (
                    select from batch_eviction x where x.reversed_block = b.block_number
                )
                order by height desc limit 1
            ) last on true
            where $1::integer is null or r.rollup_id = $1
            order by r.rollup_id"#,
            rollup.map(rollup_key)
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Rollup {
                    rollup: columns.rollup(row.rollup_id)?,
                    key: columns.key(&row.key_x, &row.key_y)?,
                    next_height: columns.height(row.next_height)?,
                    root: columns.l2_root(&row.root)?,
                    exit_root: columns.exit_root(&row.exit_root)?,
                    exits: columns.number(row.exits)?,
                    registered_at: row.posted_at,
                })
            })
            .collect()
    }
}
