//! The books as they stood: now, at an epoch's seal, after a block, at a moment.
//!
//! **Invariant:** whatever is answered comes from one snapshot and is what the journal comes to at that
//! block, to the atom. It starts from the last seal before, whose balances are written down, and reads
//! the transfers since by index: the past costs an epoch's transfers at most, however long the journal
//! is.

use std::time::Duration;

use alloy_primitives::U256;
use domain::{AssetId, Atoms, EpochNumber, RollupId};
use time::OffsetDateTime;

use crate::column::{Columns, epoch_key, lookup};
use crate::connection::Tx;
use crate::{
    Account, AccountBalance, BlockNumber, Error, JournalHead, Ledger, TrialBalanceLine, archive,
};

/// A state of the books.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AsOf {
    /// As they are.
    Now,
    /// When an epoch was sealed.
    Epoch(EpochNumber),
    /// After a block.
    Block(BlockNumber),
    /// At a moment: after the last block that was booked by then.
    Time(OffsetDateTime),
}

/// Every account at one state of the books.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BooksAt {
    /// The last block by then, if there was one.
    pub head: Option<JournalHead>,
    /// What stood on each account that there was, in the order of their numbers.
    pub accounts: Vec<AccountBalance>,
}

/// Every cell at one state of the books.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CellsAt {
    /// The epoch that was open then: of a seal, the one that it closed.
    pub epoch: EpochNumber,
    /// The last block by then, if there was one.
    pub head: Option<JournalHead>,
    /// The cells that there were.
    pub cells: Vec<CellAt>,
}

/// The position of one (rollup, asset) then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CellAt {
    /// Whose.
    pub rollup: RollupId,
    /// Of which asset.
    pub asset: AssetId,
    /// What the rollup could move.
    pub balance: Atoms,
    /// Deposited in that epoch by then.
    pub deposited: Atoms,
    /// Exited in that epoch by then, without what had been evicted.
    pub exited: Atoms,
    /// What L1 owed to the rollup's unpaid exits, of all epochs.
    pub pot: Atoms,
}

/// A place in the journal, and the seal from which it is reached.
#[derive(Clone, Copy, Debug)]
struct Place {
    epoch: EpochNumber,
    block: i64,
    sealed: Seal,
}

/// The last seal with books up to a place: epoch 0 and block 0 for the beginning.
#[derive(Clone, Copy, Debug)]
struct Seal {
    epoch: i64,
    block: i64,
}

const BALANCE: Columns = Columns("balance");
const BLOCK: Columns = Columns("journal_block");
const TRANSFER: Columns = Columns("transfer");

impl BooksAt {
    /// The trial balance, asset by asset.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for sums past any bound.
    pub fn trial_balance(&self) -> Result<Vec<TrialBalanceLine>, Error> {
        let mut lines: Vec<TrialBalanceLine> = Vec::new();
        for asset in AssetId::all() {
            let mut of_asset = self.accounts.iter().filter(|one| one.account.asset() == asset);
            let empty = TrialBalanceLine::empty(asset);
            let line = of_asset.try_fold(None, |line: Option<TrialBalanceLine>, one| {
                line.unwrap_or(empty).with(one).map(Some)
            });
            lines.extend(line.ok_or_else(|| BALANCE.corrupt())?);
        }
        Ok(lines)
    }
}

impl TrialBalanceLine {
    fn empty(asset: AssetId) -> Self {
        let zero = U256::ZERO;
        Self { asset, debits: zero, credits: zero, custody: zero, cells: zero, pots: zero }
    }

    fn with(mut self, one: &AccountBalance) -> Option<Self> {
        self.debits = self.debits.checked_add(one.debits)?;
        self.credits = self.credits.checked_add(one.credits)?;
        let held = match one.account {
            Account::Custody { .. } => &mut self.custody,
            Account::Cell { .. } => &mut self.cells,
            Account::Pot { .. } => &mut self.pots,
        };
        *held = held.checked_add(U256::from(one.balance.number()))?;
        Some(self)
    }
}

impl Ledger {
    /// Every account as it stood.
    ///
    /// # Errors
    /// [`Error::UnknownEpoch`], [`Error::NotSealed`], [`Error::UnknownBlock`] or
    /// [`Error::InTheFuture`] for a state that the books have not reached; [`Error::Archived`] for one
    /// within archived epochs, of which only the ends are left; [`Error::TookTooLong`].
    pub async fn books_at(&self, as_of: AsOf) -> Result<BooksAt, Error> {
        self.await_moment(as_of).await?;
        let mut tx = self.long_snapshot().await?;
        if as_of == AsOf::Now {
            let head = head(&mut tx, i64::MAX).await?;
            return Ok(BooksAt { head, accounts: now(&mut tx).await? });
        }
        let place = Place::find(&mut tx, as_of).await?;
        let head = head(&mut tx, place.block).await?;
        Ok(BooksAt { head, accounts: accounts(&mut tx, &place).await? })
    }

    /// Every cell as it was. [`Ledger::cells`] has those of now.
    ///
    /// # Errors
    /// As [`Ledger::books_at`], and [`Error::NoDomain`].
    pub async fn cells_at(&self, as_of: AsOf) -> Result<CellsAt, Error> {
        self.await_moment(as_of).await?;
        let mut tx = self.long_snapshot().await?;
        let place = Place::find(&mut tx, as_of).await?;
        let head = head(&mut tx, place.block).await?;
        Ok(CellsAt { epoch: place.epoch, head, cells: cells(&mut tx, &place).await? })
    }
}

impl Ledger {
    /// Waits until nothing can come any more that bears a moment or an earlier one. A block bears the time of
    /// the lock under which it was written, or one up to a second earlier, and is seen at the commit: so
    /// whoever held the lock a second after the moment must have ended. On a replica nobody can know.
    async fn await_moment(&self, as_of: AsOf) -> Result<(), Error> {
        let AsOf::Time(moment) = as_of else { return Ok(()) };
        let mut holder = None;
        loop {
            let row = sqlx::query!(
                r#"select clock_timestamp() as "now!", clock_timestamp() - $1 >= '1 second' as "past!",
                    (
                        select virtualtransaction from pg_locks
                        where locktype = 'advisory' and classid::bigint = 1852142694 and objid = 0
                            and granted
                            and database = (
                                select oid from pg_database where datname = current_database()
                            )
                    ) as holder"#,
                moment
            )
            .fetch_one(self.pool())
            .await?;
            if row.now < moment {
                return Err(Error::InTheFuture { moment, now: row.now });
            }
            if row.past && (row.holder.is_none() || holder.is_some_and(|first| first != row.holder))
            {
                return Ok(());
            }
            holder = row.past.then_some(row.holder);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Between two looks at who writes.
const PAUSE: Duration = Duration::from_millis(20);

impl Place {
    async fn find(tx: &mut Tx<'_>, as_of: AsOf) -> Result<Self, Error> {
        let (epoch, block) = match as_of {
            AsOf::Now => of_now(tx).await?,
            AsOf::Epoch(epoch) => of_seal(tx, epoch).await?,
            AsOf::Block(block) => of_block(tx, block).await?,
            AsOf::Time(moment) => of_moment(tx, moment).await?,
        };
        let sealed = sqlx::query!(
            "select epoch_number, last_block from epoch_seal join epoch_books using (epoch_number)
            where epoch_number <= $1 and last_block <= $2 order by epoch_number desc limit 1",
            epoch_key(epoch),
            block
        )
        .fetch_optional(&mut **tx)
        .await?;
        let sealed = sealed.map_or(Seal { epoch: 0, block: 0 }, |row| Seal {
            epoch: row.epoch_number,
            block: row.last_block,
        });
        // What was moved since that seal has to be here, if there is anything.
        let next = EpochNumber::new(u64::try_from(sealed.epoch).unwrap_or(0).saturating_add(1));
        if sealed.block < block
            && let Some(refusal) = archive::refusal(tx, next).await?
        {
            return Err(refusal);
        }
        Ok(Self { epoch, block, sealed })
    }
}

async fn of_now(tx: &mut Tx<'_>) -> Result<(EpochNumber, i64), Error> {
    let row = sqlx::query!(
        r#"select (select max(epoch_number) from epoch) as epoch,
            coalesce((select max(block_number) from journal_block), 0) as "block!""#
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok((BLOCK.epoch(row.epoch.ok_or(Error::NoDomain)?)?, row.block))
}

async fn of_seal(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<(EpochNumber, i64), Error> {
    let row = sqlx::query!(
        r#"select s.last_block as "last_block?" from epoch left join epoch_seal s using (epoch_number)
        where epoch_number = $1"#,
        epoch_key(epoch)
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::UnknownEpoch { epoch })?;
    Ok((epoch, row.last_block.ok_or(Error::NotSealed { epoch })?))
}

async fn of_block(tx: &mut Tx<'_>, block: BlockNumber) -> Result<(EpochNumber, i64), Error> {
    let number = lookup(block.number());
    let row = sqlx::query!(
        r#"select (select epoch_number from journal_block where block_number = $1) as epoch,
            coalesce((select max(block_number) from journal_block), 0) as "last!""#,
        number
    )
    .fetch_one(&mut **tx)
    .await?;
    let last = BLOCK.block(row.last)?;
    Ok((BLOCK.epoch(row.epoch.ok_or(Error::UnknownBlock { block, last })?)?, number))
}

/// Blocks and epochs bear the time of the lock under which they were written, or one up to a second before
/// it: the last block that bears an earlier one counts.
async fn of_moment(tx: &mut Tx<'_>, moment: OffsetDateTime) -> Result<(EpochNumber, i64), Error> {
    let row = sqlx::query!(
        r#"select clock_timestamp() as "now!",
            (
                select epoch_number from epoch where opened_at <= $1
                order by opened_at desc, epoch_number desc limit 1
            ) as epoch,
            last.block_number as "block?", last.epoch_number as "epoch_of_block?"
        from (select) one left join lateral (
            select block_number, epoch_number from journal_block where posted_at <= $1
            order by posted_at desc, block_number desc limit 1
        ) last on true"#,
        moment
    )
    .fetch_one(&mut **tx)
    .await?;
    if row.now < moment {
        return Err(Error::InTheFuture { moment, now: row.now });
    }
    // The block's, should the clock have gone back in between.
    let epoch = row.epoch.max(row.epoch_of_block);
    let epoch = epoch.map_or(Ok(EpochNumber::FIRST), |epoch| BLOCK.epoch(epoch))?;
    Ok((epoch, row.block.unwrap_or(0)))
}

/// The last block up to a number.
async fn head(tx: &mut Tx<'_>, block: i64) -> Result<Option<JournalHead>, Error> {
    let row = sqlx::query!(
        "select block_number, block_hash from journal_block where block_number <= $1
        order by block_number desc limit 1",
        block
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| {
        let (block, hash) = (BLOCK.block(row.block_number)?, BLOCK.b256(&row.block_hash)?);
        Ok(JournalHead { block, hash })
    })
    .transpose()
}

struct AccountRow {
    account_id: i64,
    debits: String,
    credits: String,
    transfers: i64,
    last_block: i64,
}

fn account(row: &AccountRow) -> Result<AccountBalance, Error> {
    let account = BALANCE.account(row.account_id)?;
    let (debits, credits) = (BALANCE.sum(&row.debits)?, BALANCE.sum(&row.credits)?);
    let held = if account.is_debit_normal() {
        debits.checked_sub(credits)
    } else {
        credits.checked_sub(debits)
    };
    let held = held.and_then(|held| u128::try_from(held).ok()).ok_or_else(|| BALANCE.corrupt())?;
    let last_block = BALANCE.block(row.last_block)?;
    Ok(AccountBalance {
        account,
        debits,
        credits,
        balance: Atoms::new(held).map_err(|_| BALANCE.corrupt())?,
        transfers: BALANCE.number(row.transfers)?,
        last_block: Some(last_block).filter(|block| block.number() > 0),
    })
}

async fn now(tx: &mut Tx<'_>) -> Result<Vec<AccountBalance>, Error> {
    let rows = sqlx::query_as!(
        AccountRow,
        r#"select account_id, debits::text as "debits!", credits::text as "credits!",
            version as transfers, last_block
        from balance order by account_id"#
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(account).collect()
}

/// The balances of the seal before, and the sums of the transfers since, each looked at once.
async fn accounts(tx: &mut Tx<'_>, place: &Place) -> Result<Vec<AccountBalance>, Error> {
    let rows = sqlx::query_as!(
        AccountRow,
        r#"with pair as materialized (
            select debit_account_id, credit_account_id, sum(atoms) as atoms,
                count(*) as transfers, max(block_number) as last
            from transfer
            where epoch_number between $1::bigint + 1 and $2 and block_number > $3
                and block_number <= $4
            group by 1, 2
        ), since as (
            select account_id, sum(debits) as debits, sum(credits) as credits,
                sum(transfers)::bigint as transfers, max(last) as last
            from pair cross join lateral (
                values (debit_account_id, atoms, 0), (credit_account_id, 0, atoms)
            ) side (account_id, debits, credits)
            group by 1
        )
        select a.account_id as "account_id!",
            (coalesce(b.debits, 0) + coalesce(s.debits, 0))::text as "debits!",
            (coalesce(b.credits, 0) + coalesce(s.credits, 0))::text as "credits!",
            coalesce(b.transfer_count, 0) + coalesce(s.transfers, 0) as "transfers!",
            coalesce(s.last, b.last_block, 0) as "last_block!"
        from account a
        join asset on asset.asset_id = a.asset_id and asset.block_number <= $4
        left join rollup r using (rollup_id)
        left join epoch_balance b on b.epoch_number = $1 and b.account_id = a.account_id
        left join since s on s.account_id = a.account_id
        where a.rollup_id = 0 or r.block_number <= $4
        order by a.account_id"#,
        place.sealed.epoch,
        epoch_key(place.epoch),
        place.sealed.block,
        place.block
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(account).collect()
}

/// A cell's or pot's balance is that of its last transfer, which says it: two looks into an index, and at
/// the transfers of one block, for each.
#[expect(clippy::too_many_lines, reason = "one statement, which reads as one")]
async fn cells(tx: &mut Tx<'_>, place: &Place) -> Result<Vec<CellAt>, Error> {
    let rows = sqlx::query!(
        r#"with held as (
            select a.account_id, a.account_kind, a.rollup_id, a.asset_id,
                coalesce(last.balance, b.credits - b.debits, 0) as balance
            from account a
            join asset on asset.asset_id = a.asset_id and asset.block_number <= $4
            join rollup r on r.rollup_id = a.rollup_id and r.block_number <= $4
            left join epoch_balance b on b.epoch_number = $1 and b.account_id = a.account_id
            left join lateral (
                select balance from (
                    (
                        select block_number, position, debit_balance::numeric as balance
                        from transfer
                        where debit_account_id = a.account_id
                            and epoch_number between $1::bigint + 1 and $2
                            and block_number > $3 and block_number <= $4
                        order by block_number desc, position desc limit 1
                    )
                    union all
                    (
                        select block_number, position, credit_balance::numeric
                        from transfer
                        where credit_account_id = a.account_id
                            and epoch_number between $1::bigint + 1 and $2
                            and block_number > $3 and block_number <= $4
                        order by block_number desc, position desc limit 1
                    )
                ) side
                order by block_number desc, position desc limit 1
            ) last on true
        ), flow as (
            select rollup_id, asset_id, sum(deposited) as deposited, sum(exited) as exited
            from (
                select rollup_id, asset_id, atoms::numeric as deposited, 0::numeric as exited
                from deposit where epoch_number = $2 and block_number <= $4
                union all
                select rollup_id, asset_id, 0, atoms
                from batch b join lane using (rollup_id, height, attempt)
                where b.epoch_number = $2 and b.block_number <= $4 and destination_id = 0
                    and not exists (
                        select from batch_eviction x
                        where x.reversed_block = b.block_number and x.block_number <= $4
                    )
            ) one group by 1, 2
        )
        select cell.rollup_id as "rollup_id!", cell.asset_id as "asset_id!",
            cell.balance as "balance!", pot.balance as "pot!",
            coalesce(deposited, 0) as "deposited!", coalesce(exited, 0) as "exited!"
        from held cell
        join held pot on pot.account_kind = 3 and pot.rollup_id = cell.rollup_id
            and pot.asset_id = cell.asset_id
        left join flow on flow.rollup_id = cell.rollup_id and flow.asset_id = cell.asset_id
        where cell.account_kind = 2
        order by cell.rollup_id, cell.asset_id"#,
        place.sealed.epoch,
        epoch_key(place.epoch),
        place.sealed.block,
        place.block
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(CellAt {
                rollup: TRANSFER.rollup(row.rollup_id)?,
                asset: TRANSFER.asset(row.asset_id)?,
                balance: TRANSFER.atoms(row.balance)?,
                deposited: TRANSFER.atoms(row.deposited)?,
                exited: TRANSFER.atoms(row.exited)?,
                pot: TRANSFER.atoms(row.pot)?,
            })
        })
        .collect()
}
