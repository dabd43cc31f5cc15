//! Transfers as readers see them: by id, and as the statement of an account.

use alloy_primitives::Address;
use domain::{AssetId, Atoms, EpochNumber, Height, RollupId};
use rust_decimal::Decimal;
use time::OffsetDateTime;

use crate::column::{Columns, epoch_key, lookup, rollup_key};
use crate::connection::Tx;
use crate::{Account, BlockNumber, Error, Ledger, PageLimit, PostingKind, TransferId, archive};

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

/// Transfers, newest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TransferPage {
    /// These.
    pub items: Vec<PostedTransfer>,
    /// Where the list ends in the archive: what is older and fits the filter, too, is of epochs up to this
    /// one. `None` while there may be more here, and where there is nothing more at all.
    pub archived_through: Option<EpochNumber>,
}

/// Where a page is to be looked for.
#[derive(Clone, Copy, Debug)]
struct Place {
    epochs: (i64, i64),
    /// Of one block.
    block: Option<i64>,
    /// Before this one: its block and position.
    before: (i64, i32),
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
    /// [`Error::Archived`] when the filter names an archived epoch, or a batch of one; when Postgres fails.
    pub async fn transfers(
        &self,
        filter: &TransferFilter,
        before: Option<TransferId>,
        limit: PageLimit,
    ) -> Result<TransferPage, Error> {
        let mut tx = self.snapshot().await?;
        let Some(place) = place(&mut tx, filter, before).await? else {
            return Ok(TransferPage::default());
        };
        let rows = read(&mut tx, filter.account, place, limit).await?;
        let items = rows.iter().map(posted).collect::<Result<Vec<_>, _>>()?;
        let named = filter.epoch.is_some() || filter.batch.is_some();
        let ends = items.len() < usize::from(limit.number()) && !named;
        let archived_through =
            if ends { archived_through(&mut tx, filter.account).await? } else { None };
        Ok(TransferPage { items, archived_through })
    }

    /// One transfer.
    ///
    /// # Errors
    /// [`Error::Archived`] when it is; when Postgres fails.
    pub async fn transfer(&self, id: TransferId) -> Result<Option<PostedTransfer>, Error> {
        let mut tx = self.snapshot().await?;
        let (block, position) = (lookup(id.block.number()), key(id.position));
        let header = sqlx::query!(
            "select epoch_number, transfer_count from journal_block where block_number = $1",
            block
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(header) = header else { return Ok(None) };
        let epoch = header.epoch_number;
        let row = sqlx::query_as!(
            Row,
            r#"select t.block_number, t.position, t.epoch_number, t.posting_kind, asset_id,
                debit_account_id, credit_account_id, atoms, debit_balance, credit_balance,
                recipient, posted_at, x.block_number as "reversed_by?"
            from transfer t join journal_block using (block_number)
            left join batch_eviction x on x.reversed_block = t.block_number
            where t.epoch_number = $1 and t.block_number = $2 and t.position = $3"#,
            epoch,
            block,
            position
        )
        .fetch_optional(&mut *tx)
        .await?;
        if row.is_none()
            && position < header.transfer_count
            && let Some(refusal) = archive::refusal(&mut tx, TABLE.epoch(epoch)?).await?
        {
            return Err(refusal);
        }
        row.as_ref().map(posted).transpose()
    }
}

fn key(position: u32) -> i32 {
    i32::try_from(position).unwrap_or(i32::MAX)
}

/// Where what a filter lets through can be; `None` for a batch that there is not.
async fn place(
    tx: &mut Tx<'_>,
    filter: &TransferFilter,
    before: Option<TransferId>,
) -> Result<Option<Place>, Error> {
    let before = before.map_or((i64::MAX, 0), |id| (lookup(id.block.number()), key(id.position)));
    let open = sqlx::query_scalar!(
        r#"select coalesce(
            (select epoch_number from journal_block where block_number = $1),
            (select max(epoch_number) from epoch), 0
        ) as "epoch!""#,
        before.0
    )
    .fetch_one(&mut **tx)
    .await?;
    let mut place = Place { epochs: (1, open), block: None, before };
    let mut within =
        |epoch: i64| place.epochs = (place.epochs.0.max(epoch), place.epochs.1.min(epoch));
    if let Some(epoch) = filter.epoch {
        within(epoch_key(epoch));
    }
    if let Some((rollup, height)) = filter.batch {
        let row = sqlx::query!(
            "select block_number, epoch_number from batch where rollup_id = $1 and height = $2
            order by attempt desc limit 1",
            rollup_key(rollup),
            lookup(height.number())
        )
        .fetch_optional(&mut **tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        within(row.epoch_number);
        place.block = Some(row.block_number);
    }
    if filter.epoch.is_some() || filter.batch.is_some() {
        let last = place.epochs.0.max(place.epochs.1);
        if let Some(refusal) = archive::refusal(tx, TABLE.epoch(last)?).await? {
            return Err(refusal);
        }
    }
    Ok(Some(place))
}

/// A page, from the newest partition on, in which most pages are whole: then in twice as many each time,
/// so that an account that has been still for long is found in few steps, too.
async fn read(
    tx: &mut Tx<'_>,
    account: Option<Account>,
    place: Place,
    limit: PageLimit,
) -> Result<Vec<Row>, Error> {
    let (first, last) = place.epochs;
    let mut partitions = archive::live(tx, TABLE.epoch(last.max(0))?).await?;
    partitions.retain(|one| one.last >= first);
    let (mut rows, mut left, mut width) = (Vec::new(), partitions.as_slice(), 1_usize);
    let mut missing = limit.rows();
    while missing > 0
        && let Some((some, others)) = left.split_at_checked(width.min(left.len()))
        && let (Some(newest), Some(oldest)) = (some.first(), some.last())
    {
        let epochs = (first.max(oldest.first), last.min(newest.last));
        let place = Place { epochs, ..place };
        rows.extend(match account {
            Some(account) => statement(tx, account, place, missing).await?,
            None => listing(tx, place, missing).await?,
        });
        missing = limit.rows().saturating_sub(i64::try_from(rows.len()).unwrap_or(i64::MAX));
        (left, width) = (others, width.saturating_mul(2));
    }
    Ok(rows)
}

async fn listing(tx: &mut Tx<'_>, place: Place, limit: i64) -> Result<Vec<Row>, Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select t.block_number, t.position, t.epoch_number, t.posting_kind, asset_id,
            debit_account_id, credit_account_id, atoms, debit_balance, credit_balance,
            recipient, posted_at, x.block_number as "reversed_by?"
        from transfer t join journal_block using (block_number)
        left join batch_eviction x on x.reversed_block = t.block_number
        where t.epoch_number between $1 and $2
            and ($3::bigint is null or t.block_number = $3)
            and (t.block_number, t.position) < ($4, $5)
        order by t.block_number desc, t.position desc limit $6"#,
        place.epochs.0,
        place.epochs.1,
        place.block,
        place.before.0,
        place.before.1,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// Both sides are read in the order of their own index, a page each: the statement of an account
/// with millions of transfers costs no more than that of a new one.
async fn statement(
    tx: &mut Tx<'_>,
    account: Account,
    place: Place,
    limit: i64,
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
                    and epoch_number between $2 and $3
                    and ($4::bigint is null or block_number = $4)
                    and (block_number, position) < ($5, $6)
                order by block_number desc, position desc limit $7
            )
            union all
            (
                select * from transfer where credit_account_id = $1
                    and epoch_number between $2 and $3
                    and ($4::bigint is null or block_number = $4)
                    and (block_number, position) < ($5, $6)
                order by block_number desc, position desc limit $7
            )
        ) t join journal_block using (block_number)
        left join batch_eviction x on x.reversed_block = t.block_number
        order by t.block_number desc, position desc limit $7"#,
        account.number(),
        place.epochs.0,
        place.epochs.1,
        place.block,
        place.before.0,
        place.before.1,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// The last archived epoch, if something is archived: of an account, if it had moved by then.
async fn archived_through(
    tx: &mut Tx<'_>,
    account: Option<Account>,
) -> Result<Option<EpochNumber>, Error> {
    let last = sqlx::query_scalar!(
        r#"select last_epoch from archived_range r
        where r.transfer_count > 0 and ($1::bigint is null or exists (
            select from archived_balance b
            where b.account_id = $1 and b.first_epoch = r.first_epoch and b.last_block >= r.first_block
        )) order by first_epoch desc limit 1"#,
        account.map(Account::number)
    )
    .fetch_optional(&mut **tx)
    .await?;
    last.map(|epoch| TABLE.epoch(epoch)).transpose()
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
