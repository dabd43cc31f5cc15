//! What whoever watches over a domain asks again and again, in one look.
//!
//! **Invariant:** everything is counted in the database and not in a process, so it goes on over restarts and is
//! the same whoever asks; nothing here grows dearer with the journal.

use time::OffsetDateTime;

use crate::column::Columns;
use crate::engine_lock::{BOOKS, ENGINE};
use crate::{BlockNumber, Error, EventNumber, Ledger};

/// How a domain is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Vitals {
    /// The database's time.
    pub now: OffsetDateTime,
    /// The last journal block; 0 before the first.
    pub journal_block: BlockNumber,
    /// The last event; 0 before the first.
    pub event: EventNumber,
    /// Epochs that have opened. Each of these counts is also the number of the last such epoch.
    pub epochs_opened: u64,
    /// Epochs that are sealed.
    pub epochs_sealed: u64,
    /// Epochs that L1 settled, their settlements standing.
    pub epochs_settled: u64,
    /// Epochs whose settlement is final.
    pub epochs_final: u64,
    /// Since when the open epoch is open.
    pub open_since: Option<OffsetDateTime>,
    /// Batches of the open epoch, evicted ones too.
    pub open_batches: u64,
    /// Since when the oldest sealed epoch waits for its settlement proof.
    pub unproven_since: Option<OffsetDateTime>,
    /// Since when the oldest proven epoch waits for L1 to settle it.
    pub unsettled_since: Option<OffsetDateTime>,
    /// Since when the oldest settled epoch waits for its finality.
    pub unfinal_since: Option<OffsetDateTime>,
    /// Since when the oldest sealed epoch waits for its aggregated proof.
    pub unaggregated_since: Option<OffsetDateTime>,
    /// Attempts to settle on L1.
    pub submissions: u64,
    /// Settlements that L1 gave, undone ones too.
    pub settlements: u64,
    /// Their gas.
    pub settlement_gas: u64,
    /// Settlements that a reorg undid.
    pub reorgs: u64,
    /// Batches that were evicted.
    pub evictions: u64,
    /// Signed contradictions of rollups.
    pub equivocations: u64,
    /// The last L1 block that is booked.
    pub l1_block: Option<u64>,
    /// When it was booked.
    pub l1_read_at: Option<OffsetDateTime>,
    /// Whether somebody else has settled a state that is not ours, which ends the books.
    pub foreign_settlement: bool,
    /// Whether an engine holds these books.
    pub engine_running: bool,
}

const TABLE: Columns = Columns("vitals");

impl Ledger {
    /// How the domain is, as of one moment. Asks for what is kept by key; of epochs and incidents it counts rows.
    ///
    /// # Errors
    /// When Postgres fails.
    #[expect(clippy::too_many_lines, reason = "one line for each of the things asked")]
    pub async fn vitals(&self) -> Result<Vitals, Error> {
        let row = sqlx::query!(
            r#"select clock_timestamp() as "now!",
                coalesce((select max(block_number) from journal_block), 0) as "journal_block!",
                coalesce((select max(event_number) from event), 0) as "event!",
                coalesce(open.epoch_number, 0) as "epochs_opened!",
                open.opened_at as "open_since?",
                (select count(*) from batch b where b.epoch_number = open.epoch_number)
                    as "open_batches!",
                coalesce((select max(epoch_number) from epoch_seal), 0) as "epochs_sealed!",
                coalesce((select max(epoch_number) from standing_settlement), 0)
                    as "epochs_settled!",
                coalesce((select max(epoch_number) from epoch_final), 0) as "epochs_final!",
                (select min(s.sealed_at) from epoch_seal s where not exists (
                    select from epoch_settlement_proof p where p.epoch_number = s.epoch_number
                ) and not exists (
                    select from standing_settlement t where t.epoch_number = s.epoch_number
                )) as unproven_since,
                (select min(p.proven_at) from epoch_settlement_proof p where not exists (
                    select from standing_settlement s where s.epoch_number = p.epoch_number
                )) as unsettled_since,
                (select min(s.recorded_at) from standing_settlement s where not exists (
                    select from epoch_final f where f.epoch_number = s.epoch_number
                )) as unfinal_since,
                (select min(s.sealed_at) from epoch_seal s where not exists (
                    select from epoch_proof p where p.epoch_number = s.epoch_number
                )) as unaggregated_since,
                (select count(*) from epoch_submission) as "submissions!",
                (select count(*) from epoch_settlement) as "settlements!",
                (select coalesce(sum(gas_used), 0)::bigint from epoch_settlement)
                    as "settlement_gas!",
                (select count(*) from epoch_reorg) as "reorgs!",
                (select count(*) from batch_eviction) as "evictions!",
                (select count(*) from equivocation) as "equivocations!",
                l1.last_block_number as "l1_block?", l1.recorded_at as "l1_read_at?",
                exists (select from foreign_settlement) as "foreign_settlement!",
                exists (
                    select from pg_locks where locktype = 'advisory' and granted and objsubid = 2
                        and classid = $1::integer::bigint::oid and objid = $2::integer::bigint::oid
                        and database = (select oid from pg_database where datname = current_database())
                ) as "engine_running!"
            from (select) one
            left join (
                select epoch_number, opened_at from epoch order by epoch_number desc limit 1
            ) open on true
            left join (
                select last_block_number, recorded_at from l1_range
                order by last_block_number desc limit 1
            ) l1 on true"#,
            BOOKS,
            ENGINE,
        )
        .fetch_one(self.pool())
        .await?;
        Ok(Vitals {
            now: row.now,
            journal_block: BlockNumber::new(TABLE.number(row.journal_block)?),
            event: EventNumber::new(TABLE.number(row.event)?),
            epochs_opened: TABLE.number(row.epochs_opened)?,
            epochs_sealed: TABLE.number(row.epochs_sealed)?,
            epochs_settled: TABLE.number(row.epochs_settled)?,
            epochs_final: TABLE.number(row.epochs_final)?,
            open_since: row.open_since,
            open_batches: TABLE.number(row.open_batches)?,
            unproven_since: row.unproven_since,
            unsettled_since: row.unsettled_since,
            unfinal_since: row.unfinal_since,
            unaggregated_since: row.unaggregated_since,
            submissions: TABLE.number(row.submissions)?,
            settlements: TABLE.number(row.settlements)?,
            settlement_gas: TABLE.number(row.settlement_gas)?,
            reorgs: TABLE.number(row.reorgs)?,
            evictions: TABLE.number(row.evictions)?,
            equivocations: TABLE.number(row.equivocations)?,
            l1_block: row.l1_block.map(|number| TABLE.number(number)).transpose()?,
            l1_read_at: row.l1_read_at,
            foreign_settlement: row.foreign_settlement,
            engine_running: row.engine_running,
        })
    }
}
