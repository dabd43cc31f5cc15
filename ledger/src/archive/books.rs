//! The sums of accounts along archived blocks.

use std::collections::BTreeMap;

use domain::{Atoms, EpochNumber};

use crate::audit::fault::{FaultKind, Row, Stop};
use crate::column::{Columns, bigint, epoch_key};
use crate::connection::Tx;
use crate::hash::TransferFields;
use crate::{Account, BlockNumber, Error};

/// What every account that ever moved has had so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Books(BTreeMap<Account, Sums>);

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    debits: u128,
    credits: u128,
    transfers: u64,
    last_block: u64,
}

const TABLE: Columns = Columns("archived_balance");
const CELL: Columns = Columns("epoch_cell");

impl Books {
    /// As the last archived range left them; empty before the first.
    pub(super) async fn read(tx: &mut Tx<'_>) -> Result<Self, Error> {
        let rows = sqlx::query!(
            r#"select account_id, debits::text as "debits!", credits::text as "credits!", version,
                last_block
            from archived_balance
            where first_epoch = (select max(first_epoch) from archived_range)"#
        )
        .fetch_all(&mut **tx)
        .await?;
        let mut books = BTreeMap::new();
        for row in rows {
            let sums = Sums {
                debits: row.debits.parse().map_err(|_| TABLE.corrupt())?,
                credits: row.credits.parse().map_err(|_| TABLE.corrupt())?,
                transfers: TABLE.number(row.version)?,
                last_block: TABLE.number(row.last_block)?,
            };
            books.insert(TABLE.account(row.account_id)?, sums);
        }
        Ok(Self(books))
    }

    /// Books a transfer: what both accounts hold then; `None` out of their bounds.
    pub(super) fn book(
        &mut self,
        block: BlockNumber,
        one: &TransferFields,
    ) -> Option<(Atoms, Atoms)> {
        let atoms = one.atoms.number();
        let sums = self.0.entry(one.debit).or_default();
        sums.debits = sums.debits.checked_add(atoms)?;
        let debit = sums.close(one.debit, block)?;
        let sums = self.0.entry(one.credit).or_default();
        sums.credits = sums.credits.checked_add(atoms)?;
        Some((debit, sums.close(one.credit, block)?))
    }

    /// Every cell holds what its epoch was sealed with.
    pub(super) async fn check(&self, tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<(), Stop> {
        let rows = sqlx::query!(
            "select rollup_id, asset_id, balance from epoch_cell where epoch_number = $1",
            epoch_key(epoch)
        )
        .fetch_all(&mut **tx)
        .await?;
        let seal = Row::EpochSeal(epoch);
        let mut sealed = BTreeMap::new();
        for row in rows {
            let rollup = seal.reads(CELL.rollup(row.rollup_id))?;
            let asset = seal.reads(CELL.asset(row.asset_id))?;
            let balance = Row::EpochCell { epoch, rollup, asset }.reads(CELL.atoms(row.balance))?;
            sealed.insert(Account::Cell { rollup, asset }, balance.number());
        }
        let cells = self.0.iter().filter(|(one, _)| matches!(one, Account::Cell { .. }));
        let booked: BTreeMap<Account, u128> = cells
            .map(|(account, sums)| (*account, sums.credits.saturating_sub(sums.debits)))
            .collect();
        for account in sealed.keys().chain(booked.keys()) {
            let of = |all: &BTreeMap<Account, u128>| all.get(account).copied().unwrap_or(0);
            let (rollup, asset) = (account.rollup(), account.asset());
            let name = Row::EpochCell { epoch, rollup, asset };
            name.check(of(&sealed) == of(&booked), FaultKind::DiffersFromSource)?;
        }
        Ok(())
    }

    /// Writes them as the archived range left them.
    pub(super) async fn insert(&self, tx: &mut Tx<'_>, first: EpochNumber) -> Result<(), Error> {
        let accounts: Vec<i64> = self.0.keys().map(|account| account.number()).collect();
        let texts = |of: fn(&Sums) -> u128| -> Vec<String> {
            self.0.values().map(|sums| of(sums).to_string()).collect()
        };
        let numbers = |of: fn(&Sums) -> u64| {
            self.0.values().map(|sums| bigint("number", of(sums))).collect::<Result<Vec<_>, _>>()
        };
        sqlx::query!(
            "insert into archived_balance (first_epoch, account_id, debits, credits, version,
                last_block)
            select $1, account_id, debits::numeric, credits::numeric, version, last_block
            from unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
                s (account_id, debits, credits, version, last_block)",
            epoch_key(first),
            &accounts,
            &texts(|sums| sums.debits),
            &texts(|sums| sums.credits),
            &numbers(|sums| sums.transfers)?,
            &numbers(|sums| sums.last_block)?,
        )
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

impl Sums {
    /// What the account holds after one more transfer.
    fn close(&mut self, account: Account, block: BlockNumber) -> Option<Atoms> {
        self.transfers = self.transfers.checked_add(1)?;
        self.last_block = block.number();
        let (larger, smaller) = if account.is_debit_normal() {
            (self.debits, self.credits)
        } else {
            (self.credits, self.debits)
        };
        Atoms::new(larger.checked_sub(smaller)?).ok()
    }
}
