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
            r#"select (select count(*) from transfer) + (
                    select coalesce(sum(transfer_count), 0)::bigint from archived_range
                ) as "transfer!",
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
                (select count(*) from epoch_cell) as "epoch_cell!",
                (select count(*) from epoch_rollup) as "epoch_rollup!",
                (select count(*) from epoch_balance) as "epoch_balance!",
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
            ("epoch_cell", row.epoch_cell, counts.epoch_cells),
            ("epoch_rollup", row.epoch_rollup, counts.epoch_rollups),
            ("epoch_balance", row.epoch_balance, counts.epoch_balances),
            ("l1_log", row.l1_log, logs),
        ] {
            let found = Columns(table).number(found)?;
            let what = if found > expected { FaultKind::Stray } else { FaultKind::Missing };
            Row::Table(table).check(found == expected, what)?;
        }
        Ok(())
    }

    /// What L1 said follows from nothing else here, so this comes last: of what belongs together and
    /// differs, the rows that something pins were found before.
    pub(super) async fn l1_rows(&mut self) -> Result<(), Stop> {
        self.ranges().await?;
        self.paid_once().await?;
        self.told_once().await?;
        self.foreign().await
    }

    /// Ranges of L1 blocks follow each other, each has the logs that it says, and its end is the block
    /// that its logs and seals say.
    async fn ranges(&mut self) -> Result<(), Stop> {
        let wrong = sqlx::query_scalar!(
            r#"with range as (
                select *, lag(last_block_number) over (order by last_block_number) as before
                from l1_range
            ), booked as (
                select count(*) as logs, (
                    select last_block_number from l1_range r
                    where r.last_block_number >= l.l1_block_number
                    order by r.last_block_number limit 1
                ) as last_block_number
                from l1_log l group by last_block_number
            )
            select last_block_number from range left join booked using (last_block_number)
            where log_count <> coalesce(logs, 0) or previous_block_number is distinct from before
            union all
            select null from booked where last_block_number is null
            union all
            select last_block_number from l1_range r join l1_log l
                on l.l1_block_number = last_block_number and l1_block_hash <> r.last_block_hash
            union all
            select last_block_number from l1_range r join epoch_seal s
                on s.l1_block_number = last_block_number and l1_block_hash <> r.last_block_hash
            order by 1 limit 1"#
        )
        .fetch_optional(&mut *self.tx)
        .await?;
        match wrong {
            None => Ok(()),
            Some(None) => Err(Row::Table("l1_log").is(FaultKind::Stray)),
            Some(Some(last)) => {
                let last_block = Columns("l1_range").number(last)?;
                Err(Row::L1Range { last_block }.is(FaultKind::DiffersFromSource))
            }
        }
    }

    /// Each exit is paid once.
    async fn paid_once(&mut self) -> Result<(), Stop> {
        let twice = sqlx::query!(
            "select rollup_id, exit_index from claim
            group by rollup_id, exit_index having count(*) > 1 order by 1, 2 limit 1"
        )
        .fetch_optional(&mut *self.tx)
        .await?;
        let Some(row) = twice else { return Ok(()) };
        let (columns, unnamed) = (Columns("claim"), Row::Table("claim"));
        let rollup = unnamed.reads(columns.rollup(row.rollup_id))?;
        let index = unnamed.reads(columns.exit_index(row.exit_index))?;
        Err(Row::Claim { rollup, index }.is(FaultKind::Stray))
    }

    /// What L1 said of books belongs to a settlement, and is one word of each.
    async fn told_once(&mut self) -> Result<(), Stop> {
        let stray = sqlx::query_scalar!(
            "select epoch_number from l1_settlement_books
            left join l1_settlement l using (epoch_number)
            group by epoch_number having count(l.tx_hash) <> 1 order by 1 limit 1"
        )
        .fetch_optional(&mut *self.tx)
        .await?;
        let Some(epoch) = stray else { return Ok(()) };
        let table = Row::Table("l1_settlement_books");
        let epoch = table.reads(Columns("l1_settlement_books").epoch(epoch))?;
        Err(Row::L1SettlementBooks(epoch).is(FaultKind::Stray))
    }

    /// What ended the books differs from what they sealed, as they did.
    async fn foreign(&mut self) -> Result<(), Stop> {
        let rows = sqlx::query!(
            r#"select f.epoch_number, f.sealed_digest is null or f.sealed_digest = s.closing_digest
                    as "as_sealed?", f.settled_digest is distinct from s.closing_digest
                    as "differs!"
            from foreign_settlement f left join epoch_seal s using (epoch_number)"#
        )
        .fetch_all(&mut *self.tx)
        .await?;
        let table = Row::Table("foreign_settlement");
        table.check(rows.len() <= 1, FaultKind::Stray)?;
        let Some(row) = rows.first() else { return Ok(()) };
        let epoch = table.reads(Columns("foreign_settlement").epoch(row.epoch_number))?;
        let follows = row.as_sealed == Some(true) && row.differs && epoch <= self.epoch;
        Row::ForeignSettlement(epoch).check(follows, FaultKind::DiffersFromSource)
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
    Ok(AuditReport { drift, first_fault, ..AuditReport::default() })
}
