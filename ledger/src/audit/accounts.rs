//! Accounts: one of each kind for what is registered, spelled by its number.

use super::Auditor;
use super::fault::{FaultKind, Row, Stop};
use crate::Account;
use crate::column::Columns;

impl Auditor<'_> {
    /// Every account is what its number spells, of a rollup and an asset that are registered. That
    /// there are as many as of these, `strays` counts.
    pub(super) async fn accounts(&mut self) -> Result<(), Stop> {
        let columns = Columns("account");
        let rows = sqlx::query!(
            r#"select account_id, account_kind, rollup_id, asset_id,
                exists (select from asset x where x.asset_id = a.asset_id)
                    and (rollup_id = 0 or exists (
                        select from rollup x where x.rollup_id = a.rollup_id
                    )) as "registered!"
            from account a order by account_id"#
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in rows {
            let account = Row::Table("account").reads(columns.account(row.account_id))?;
            let name = Row::Account(account);
            let kind = match account {
                Account::Custody { .. } => 1,
                Account::Cell { .. } => 2,
                Account::Pot { .. } => 3,
            };
            let spelled = row.account_kind == kind
                && row.rollup_id == i32::from(account.rollup().number())
                && row.asset_id == i32::from(account.asset().number());
            name.check(spelled, FaultKind::DiffersFromSource)?;
            name.check(row.registered, FaultKind::Stray)?;
        }
        Ok(())
    }
}
