//! Balances and the trial balance against the journal.

use super::fault::{FaultKind, Row, Stop};
use super::{Auditor, Sums};
use crate::Account;
use crate::column::Columns;

const BALANCE: Columns = Columns("balance");

impl Auditor<'_> {
    /// Every account's sums are those of the journal, and debits equal credits per asset.
    pub(super) async fn balances(&mut self) -> Result<(), Stop> {
        let rows = sqlx::query!(
            r#"select account_id, debits::text as "debits!", credits::text as "credits!", version,
                last_block, held_debits::text as "held_debits!",
                held_credits::text as "held_credits!", last_held_block
            from balance order by account_id"#
        )
        .fetch_all(&mut *self.tx)
        .await?;
        let mut books = self.books.clone();
        let sum = |text: &str| text.parse().map_err(|_| BALANCE.corrupt());
        for row in rows {
            let account = Row::Table("balance").reads(BALANCE.account(row.account_id))?;
            let name = Row::Balance(account);
            let recorded = Sums {
                debits: name.reads(sum(&row.debits))?,
                credits: name.reads(sum(&row.credits))?,
                transfers: name.reads(BALANCE.number(row.version))?,
                last_block: name.reads(BALANCE.number(row.last_block))?,
                held_debits: name.reads(sum(&row.held_debits))?,
                held_credits: name.reads(sum(&row.held_credits))?,
                last_held: name.reads(BALANCE.number(row.last_held_block))?,
            };
            let journal = books.remove(&account).unwrap_or_default();
            name.check(recorded == journal, FaultKind::DiffersFromSource)?;
        }
        match books.pop_first() {
            Some((account, _)) => Err(Row::Balance(account).is(FaultKind::Missing)),
            None => self.model(),
        }
    }

    /// Cells hold what the reference model says, and custody what cells and pots come to.
    fn model(&self) -> Result<(), Stop> {
        for (rollup, asset, cell) in self.state.cells() {
            let account = Account::Cell { rollup, asset };
            let sums = self.books.get(&account).copied().unwrap_or_default();
            let held = sums.credits.checked_sub(sums.debits);
            let same = held == Some(cell.balance.number());
            Row::Balance(account).check(same, FaultKind::DiffersFromSource)?;
        }
        for asset in domain::AssetId::all() {
            let of_asset = || self.books.iter().filter(|(account, _)| account.asset() == asset);
            let debits = of_asset().try_fold(0_u128, |sum, (_, one)| sum.checked_add(one.debits));
            let credits = of_asset().try_fold(0_u128, |sum, (_, one)| sum.checked_add(one.credits));
            let custody = Row::Balance(Account::Custody { asset });
            custody.check(debits == credits, FaultKind::Unbalanced)?;
        }
        Ok(())
    }
}
