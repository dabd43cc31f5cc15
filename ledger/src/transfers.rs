//! Transfers as readers see them: by id, and as the statement of an account.

use alloy_primitives::Address;
use domain::{AssetId, Atoms, EpochNumber, Height, RollupId};
use rust_decimal::Decimal;
use time::OffsetDateTime;

use crate::column::{Columns, epoch_key, lookup, rollup_key};
use crate::{Account, BlockNumber, Error, Ledger, PageLimit, PostingKind, TransferId};

/// A booked transfer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PostedTransfer {
    /// Its name.
    pub id: TransferId,
    /// The epoch in which it was booked.
    pub epoch: EpochNumber,
    /// What it is part of.
    pub kind: PostingKind,
    /// The debited account.
    pub debit: Account,
    /// The credited account.
    pub credit: Account,
    /// The asset of both.
    pub asset: AssetId,
    /// How much.
    pub atoms: Atoms,
    /// What the debited account held after it.
    pub debit_balance: Atoms,
    /// What the credited account held after it.
    pub credit_balance: Atoms,
    /// Who receives it on the destination, of what a batch lists.
    pub recipient: Option<Address>,
    /// When it was booked.
    pub posted_at: OffsetDateTime,
    /// The block that moved it back, if its batch was evicted.
    pub reversed_by: Option<BlockNumber>,
}

/// Which transfers to list; by default all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TransferFilter {
    /// That debit or credit one account: its statement.
    pub account: Option<Account>,
    /// Of one epoch.
    pub epoch: Option<EpochNumber>,
    /// Of one batch: the one that stands at its height, or the last that was evicted.
    pub batch: Option<(RollupId, Height)>,
}

struct Row {
    block_number: i64,
    position: i32,
    epoch_number: i64,
    posting_kind: i16,
    asset_id: i32,
    debit_account_id: i64,
    credit_account_id: i64,
    atoms: Decimal,
    debit_balance: Decimal,
    credit_balance: Decimal,
    recipient: Option<Vec<u8>>,
    posted_at: OffsetDateTime,
    reversed_by: Option<i64>,
}

const TABLE: Columns = Columns("transfer");

impl PostedTransfer {
    /// What one of its accounts held before and after it; `None` for another account.
    #[must_use]
    pub fn balances_of(&self, account: Account) -> Option<(Atoms, Atoms)> {
        let debited = self.debit == account;
        if !debited && self.credit != account {
            return None;
        }
        let after = if debited { self.debit_balance } else { self.credit_balance };
        let before = if debited == account.is_debit_normal() {
            after.checked_sub(self.atoms)
        } else {
            after.checked_add(self.atoms)
        };
        Some((before?, after))
    }
}

impl Ledger {
    /// Transfers, newest first, from before one on.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn transfers(
        &self,
        filter: &TransferFilter,
        before: Option<TransferId>,
        limit: PageLimit,
    ) -> Result<Vec<PostedTransfer>, Error> {
        let (block, position) = before.map_or((i64::MAX, 0), |id| {
            (lookup(id.block.number()), i32::try_from(id.position).unwrap_or(i32::MAX))
        });
        let place = (block, position);
        let rows = match filter.account {
            Some(account) => self.statement(account, filter, place, limit).await?,
            None => self.listing(filter, place, limit).await?,
        };
        rows.iter().map(posted).collect()
    }

    /// One transfer.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn transfer(&self, id: TransferId) -> Result<Option<PostedTransfer>, Error> {
        let row = sqlx::query_as!(
            Row,
            r#"select t.block_number, t.position, t.epoch_number, t.posting_kind, asset_id,
                debit_account_id, credit_account_id, atoms, debit_balance, credit_balance,
                recipient, posted_at, x.block_number as "reversed_by?"
            from transfer t join journal_block using (block_number)
            left join batch_eviction x on x.reversed_block = t.block_number
            where t.block_number = $1 and t.position = $2"#,
            lookup(id.block.number()),
            i32::try_from(id.position).unwrap_or(i32::MAX)
        )
        .fetch_optional(self.pool())
        .await?;
        row.as_ref().map(posted).transpose()
    }
}

impl Ledger {
    async fn listing(
        &self,
        filter: &TransferFilter,
        (block, position): (i64, i32),
        limit: PageLimit,
    ) -> Result<Vec<Row>, Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"select t.block_number, t.position, t.epoch_number, t.posting_kind, asset_id,
                debit_account_id, credit_account_id, atoms, debit_balance, credit_balance,
                recipient, posted_at, x.block_number as "reversed_by?"
            from transfer t join journal_block using (block_number)
            left join batch_eviction x on x.reversed_block = t.block_number
            where ($1::bigint is null or t.block_number between (
                    select min(block_number) from journal_block where epoch_number = $1
                ) and (
                    select max(block_number) from journal_block where epoch_number = $1
                ))
                and ($2::integer is null or t.block_number = (
                    select block_number from batch where rollup_id = $2 and height = $3
                    order by attempt desc limit 1
                ))
                and (t.block_number, t.position) < ($4, $5)
            order by t.block_number desc, t.position desc limit $6"#,
            filter.epoch.map(epoch_key),
            filter.batch.map(|(rollup, _)| rollup_key(rollup)),
            filter.batch.map(|(_, height)| lookup(height.number())),
            block,
            position,
            limit.rows()
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows)
    }

    /// Both sides are read in the order of their own index, a page each: the statement of an account
    /// with millions of transfers costs no more than that of a new one.
    async fn statement(
        &self,
        account: Account,
        filter: &TransferFilter,
        (block, position): (i64, i32),
        limit: PageLimit,
    ) -> Result<Vec<Row>, Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"select t.block_number as "block_number!", position as "position!",
                t.epoch_number as "epoch_number!", t.posting_kind as "posting_kind!",
                asset_id as "asset_id!", debit_account_id as "debit_account_id!",
                credit_account_id as "credit_account_id!", atoms as "atoms!",
                debit_balance as "debit_balance!", credit_balance as "credit_balance!",
                recipient, posted_at, x.block_number as "reversed_by?"
            from (
                (
                    select * from transfer where debit_account_id = $1
                        and ($2::bigint is null or epoch_number = $2)
                        and ($3::integer is null or block_number = (
                            select block_number from batch where rollup_id = $3 and height = $4
                            order by attempt desc limit 1
                        ))
                        and (block_number, position) < ($5, $6)
                    order by block_number desc, position desc limit $7
                )
                union all
                (
                    select * from transfer where credit_account_id = $1
                        and ($2::bigint is null or epoch_number = $2)
                        and ($3::integer is null or block_number = (
                            select block_number from batch where rollup_id = $3 and height = $4
                            order by attempt desc limit 1
                        ))
                        and (block_number, position) < ($5, $6)
                    order by block_number desc, position desc limit $7
                )
            ) t join journal_block using (block_number)
            left join batch_eviction x on x.reversed_block = t.block_number
            order by t.block_number desc, position desc limit $7"#,
            account.number(),
            filter.epoch.map(epoch_key),
            filter.batch.map(|(rollup, _)| rollup_key(rollup)),
            filter.batch.map(|(_, height)| lookup(height.number())),
            block,
            position,
            limit.rows()
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows)
    }
}

fn posted(row: &Row) -> Result<PostedTransfer, Error> {
    Ok(PostedTransfer {
        id: TransferId {
            block: TABLE.block(row.block_number)?,
            position: TABLE.small(row.position)?,
        },
        epoch: TABLE.epoch(row.epoch_number)?,
        kind: TABLE.kind(row.posting_kind)?,
        debit: TABLE.account(row.debit_account_id)?,
        credit: TABLE.account(row.credit_account_id)?,
        asset: TABLE.asset(row.asset_id)?,
        atoms: TABLE.atoms(row.atoms)?,
        debit_balance: TABLE.atoms(row.debit_balance)?,
        credit_balance: TABLE.atoms(row.credit_balance)?,
        recipient: row.recipient.as_deref().map(|bytes| TABLE.address(bytes)).transpose()?,
        posted_at: row.posted_at,
        reversed_by: row.reversed_by.map(|block| TABLE.block(block)).transpose()?,
    })
}
