//! Rows that no block of the journal accounts for.

use super::fault::{Fault, FaultKind, Row, Stop};
use super::{AuditReport, Auditor};
use crate::Error;
use crate::column::Columns;
use crate::connection::Tx;

impl Auditor<'_> {
    /// Every row of a posting belongs to a block, every account to a rollup and an asset, every log
    /// to what it made and to the range that it came with.
    pub(super) async fn strays(&mut self) -> Result<(), Stop> {
        let row = sqlx::query!(
            r#"select (select count(*) from transfer) as "transfer!",
                (select count(*) from asset) as "asset!",
                (select count(*) from rollup) as "rollup!",
                (select count(*) from deposit) as "deposit!",
                (select count(*) from batch) as "batch!",
                (select count(*) from batch_eviction) as "batch_eviction!",
                (select count(*) from lane) as "lane!",
                (select count(*) from exit) as "exit!",
                (select count(*) from claim) as "claim!",
                (select count(*) from hold) as "hold!",
                (select count(*) from hold_end) as "hold_end!",
                (select count(*) from seen_deposit) as "seen_deposit!",
                (select count(*) from account) as "account!",
                (select count(*) from balance) as "balance!",
                (select count(*) from l1_log) as "l1_log!",
                (select count(*) from l1_settlement) as "l1_settlement!""#
        )
        .fetch_one(&mut *self.tx)
        .await?;
        let counts = self.counts;
        let accounts =
            counts.assets.saturating_mul(counts.rollups.saturating_mul(2).saturating_add(1));
        let settlements = u64::try_from(row.l1_settlement).unwrap_or(u64::MAX);
        let logs = [counts.assets, counts.rollups, counts.deposits, counts.claims, settlements];
        let logs = logs.into_iter().fold(0_u64, u64::saturating_add);
        for (table, found, expected) in [
            ("transfer", row.transfer, self.report.transfers),
            ("asset", row.asset, counts.assets),
            ("rollup", row.rollup, counts.rollups),
            ("deposit", row.deposit, counts.deposits),
            ("batch", row.batch, counts.batches),
            ("batch_eviction", row.batch_eviction, counts.evictions),
            ("lane", row.lane, counts.lanes),
            ("exit", row.exit, counts.exits),
            ("claim", row.claim, counts.claims),
            ("hold", row.hold, counts.holds),
            ("hold_end", row.hold_end, counts.hold_ends),
            ("seen_deposit", row.seen_deposit, counts.seen_deposits),
            ("account", row.account, accounts),
            ("balance", row.balance, accounts),
            ("l1_log", row.l1_log, logs),
        ] {
            let found = Columns(table).number(found)?;
            let what = if found > expected { FaultKind::Stray } else { FaultKind::Missing };
            Row::Table(table).check(found == expected, what)?;
        }
        self.ranges().await
    }

    /// Each range of L1 blocks has the logs that it says.
    async fn ranges(&mut self) -> Result<(), Stop> {
        let wrong = sqlx::query_scalar!(
            r#"select last_block_number from l1_range r
            where log_count <> (
                select count(*) from l1_log
                where l1_block_number <= r.last_block_number
                    and l1_block_number > coalesce(r.previous_block_number, -1)
            )
            order by last_block_number limit 1"#
        )
        .fetch_optional(&mut *self.tx)
        .await?;
        match wrong {
            None => Ok(()),
            Some(last) => {
                let last_block = Columns("l1_range").number(last)?;
                Err(Row::L1Range { last_block }.is(FaultKind::DiffersFromSource))
            }
        }
    }
}

/// Without a domain there is nothing else either.
pub(super) async fn without_domain(tx: &mut Tx<'_>) -> Result<AuditReport, Error> {
    let found = sqlx::query_scalar!(
        r#"select (select count(*) from journal_block) + (select count(*) from epoch)
            + (select count(*) from event) as "found!""#
    )
    .fetch_one(&mut **tx)
    .await?;
    let fault = Fault { row: Row::DomainIdentity, what: FaultKind::Missing };
    let first_fault = (found > 0).then_some(fault);
    let drift = u64::from(first_fault.is_some());
    Ok(AuditReport { blocks: 0, transfers: 0, epochs: 0, events: 0, drift, first_fault })
}
