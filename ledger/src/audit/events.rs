//! The order of events, and the rows that they announce.

use alloy_primitives::B256;
use domain::EpochNumber;
use time::OffsetDateTime;

use super::Auditor;
use super::fault::{FaultKind, Row, Stop};
use crate::EventNumber;
use crate::column::{Columns, lookup};
use crate::hash::{self, EventFields};

const EVENT: Columns = Columns("event");
const PAGE_EVENTS: i64 = 1000;

/// The columns of an event, and the digest of the row that it announces as that is now.
struct EventRow {
    event_number: i64,
    event_kind: i16,
    epoch_number: i64,
    block_number: Option<i64>,
    ordinal: Option<i32>,
    rollup_id: Option<i32>,
    height: Option<i64>,
    recorded_at: OffsetDateTime,
    previous_hash: Vec<u8>,
    content_digest: Vec<u8>,
    event_hash: Vec<u8>,
    found: Option<Vec<u8>>,
}

impl Auditor<'_> {
    /// Events are a chain without gaps, each row that they announce is as it was then, and each such
    /// row is announced. A page of them; whether there was one.
    pub(super) async fn events(&mut self) -> Result<bool, Stop> {
        let rows = self.event_page(self.heard.0).await?;
        for row in &rows {
            self.heard = event(self.heard, row)?;
            self.report.events = self.heard.0;
        }
        Ok(!rows.is_empty())
    }

    async fn event_page(&mut self, after: u64) -> Result<Vec<EventRow>, Stop> {
        let rows = sqlx::query_as!(
            EventRow,
            r#"select event_number, event_kind, epoch_number, block_number, ordinal, rollup_id,
                height, recorded_at, previous_hash, content_digest, event_hash,
                case event_kind
                    when 10 then (select row_digest(content(r)) from domain_identity r limit 1)
                    when 11 then (select row_digest(content(r)) from epoch r
                        where r.epoch_number = e.epoch_number limit 1)
                    when 12 then (select row_digest(content(r)) from seal_request r
                        where r.epoch_number = e.epoch_number limit 1)
                    when 13 then (select row_digest(content(r)) from epoch_seal r
                        where r.epoch_number = e.epoch_number limit 1)
                    when 14 then (select row_digest(content(r)) from epoch_step r
                        where r.epoch_number = e.epoch_number and r.step_number = e.ordinal limit 1)
                    when 15 then (select row_digest(content(r)) from epoch_proof r
                        where r.epoch_number = e.epoch_number limit 1)
                    when 16 then (select row_digest(content(r)) from epoch_submission r
                        where r.epoch_number = e.epoch_number and r.attempt = e.ordinal limit 1)
                    when 17 then (select row_digest(content(r)) from epoch_submission_end r
                        where r.epoch_number = e.epoch_number and r.attempt = e.ordinal limit 1)
                    when 18 then (select row_digest(content(r)) from epoch_settlement r
                        where r.epoch_number = e.epoch_number and r.sequence = e.ordinal limit 1)
                    when 19 then (select row_digest(content(r)) from epoch_reorg r
                        where r.epoch_number = e.epoch_number and r.sequence = e.ordinal limit 1)
                    when 20 then (select row_digest(content(r)) from epoch_final r
                        where r.epoch_number = e.epoch_number limit 1)
                    when 21 then (select row_digest(content(r)) from l1_settlement r
                        where r.epoch_number = e.epoch_number limit 1)
                    when 22 then (select row_digest(content(r)) from equivocation r
                        where r.rollup_id = e.rollup_id and r.height = e.height limit 1)
                    when 23 then (select row_digest(content(r)) from epoch_settlement_proof r
                        where r.epoch_number = e.epoch_number limit 1)
                    when 24 then (select row_digest(content(r)) from epoch_books r
                        where r.epoch_number = e.epoch_number limit 1)
                    else (select block_hash from journal_block r
                        where r.block_number = e.block_number and r.posting_kind = e.event_kind
                            and r.epoch_number = e.epoch_number)
                end as found
            from event e where event_number > $1 order by event_number limit $2"#,
            lookup(after),
            PAGE_EVENTS
        )
        .fetch_all(&mut *self.tx)
        .await?;
        Ok(rows)
    }

    /// A row without its event slipped past the trigger that writes it.
    pub(super) async fn unannounced(&mut self) -> Result<(), Stop> {
        let tables = sqlx::query!(
            r#"select t.name as "name!"
            from (
                select 'journal_block' as name, count(*) as rows, 0 as kind from journal_block
                union all select 'domain_identity', count(*), 10 from domain_identity
                union all select 'epoch', count(*), 11 from epoch
                union all select 'seal_request', count(*), 12 from seal_request
                union all select 'epoch_seal', count(*), 13 from epoch_seal
                union all select 'epoch_step', count(*), 14 from epoch_step
                union all select 'epoch_proof', count(*), 15 from epoch_proof
                union all select 'epoch_submission', count(*), 16 from epoch_submission
                union all select 'epoch_submission_end', count(*), 17 from epoch_submission_end
                union all select 'epoch_settlement', count(*), 18 from epoch_settlement
                union all select 'epoch_reorg', count(*), 19 from epoch_reorg
                union all select 'epoch_final', count(*), 20 from epoch_final
                union all select 'l1_settlement', count(*), 21 from l1_settlement
                union all select 'equivocation', count(*), 22 from equivocation
                union all select 'epoch_settlement_proof', count(*), 23 from epoch_settlement_proof
                union all select 'epoch_books', count(*), 24 from epoch_books
            ) t
            left join (
                select case when event_kind < 10 then 0 else event_kind end as kind,
                    count(*) as events
                from event group by 1
            ) e using (kind)
            where t.rows <> coalesce(e.events, 0)
            order by kind limit 1"#
        )
        .fetch_optional(&mut *self.tx)
        .await?;
        let known = |name: &str| TABLES.iter().find(|table| **table == name).copied();
        match tables {
            None => Ok(()),
            Some(row) => Err(Row::Table(known(&row.name).unwrap_or("event")).is(FaultKind::Stray)),
        }
    }
}

/// Checks one event after `last`, and returns its number and hash.
fn event(last: (u64, B256), row: &EventRow) -> Result<(u64, B256), Stop> {
    let number = EventNumber::new(last.0.saturating_add(1));
    let name = Row::Event(number);
    let found = name.reads(EVENT.number(row.event_number))?;
    name.check(found == number.number(), FaultKind::Missing)?;
    let previous = name.reads(EVENT.b256(&row.previous_hash))?;
    let content = name.reads(EVENT.b256(&row.content_digest))?;
    let hash = name.reads(EVENT.b256(&row.event_hash))?;
    let epoch = name.reads(EVENT.epoch(row.epoch_number))?;
    let expected = hash::event(&EventFields {
        previous_hash: previous,
        number,
        kind: row.event_kind,
        epoch,
        block: row.block_number,
        ordinal: row.ordinal,
        rollup: row.rollup_id,
        height: row.height,
        recorded_at: row.recorded_at,
        content,
    });
    name.check(hash == expected, FaultKind::HashDiffers)?;
    name.check(previous == last.1, FaultKind::BrokenChain)?;
    let announced = announced(row, epoch)?;
    let digest = row.found.as_deref().ok_or_else(|| announced.is(FaultKind::Missing))?;
    let same = announced.reads(EVENT.b256(digest))? == content;
    announced.check(same, FaultKind::ContentDiffers)?;
    name.check(names_what_its_kind_does(row), FaultKind::Unreadable)?;
    Ok((number.number(), hash))
}

/// Its hash takes a number that is not there for a zero.
fn names_what_its_kind_does(row: &EventRow) -> bool {
    let of_block = matches!(row.event_kind, 1..10);
    let of_ordinal = matches!(row.event_kind, 14 | 16..=20);
    let of_rollup = row.event_kind == 22;
    row.block_number.is_some() == of_block
        && row.ordinal.is_some() == of_ordinal
        && row.rollup_id.is_some() == of_rollup
        && row.height.is_some() == of_rollup
}

/// The row that an event announces. A journal block was checked before: what differs is the event.
fn announced(row: &EventRow, epoch: EpochNumber) -> Result<Row, Stop> {
    let name = Row::Event(EventNumber::new(u64::try_from(row.event_number).unwrap_or(0)));
    let ordinal = || name.reads(EVENT.small(row.ordinal.unwrap_or(-1)));
    Ok(match row.event_kind {
        10 => Row::DomainIdentity,
        11 => Row::Epoch(epoch),
        12 => Row::SealRequest(epoch),
        13 => Row::EpochSeal(epoch),
        14 => Row::EpochStep { epoch, step: ordinal()? },
        15 => Row::EpochProof(epoch),
        16 => Row::EpochSubmission { epoch, attempt: ordinal()? },
        17 => Row::EpochSubmissionEnd { epoch, attempt: ordinal()? },
        18 => Row::EpochSettlement { epoch, sequence: ordinal()? },
        19 => Row::EpochReorg { epoch, sequence: ordinal()? },
        20 => Row::EpochFinal(epoch),
        21 => Row::L1Settlement(epoch),
        22 => Row::Equivocation {
            rollup: name.reads(EVENT.rollup(row.rollup_id.unwrap_or(-1)))?,
            height: name.reads(EVENT.height(row.height.unwrap_or(-1)))?,
        },
        23 => Row::EpochSettlementProof(epoch),
        24 => Row::EpochBooks(epoch),
        _ => {
            name.check(row.block_number.is_some(), FaultKind::Unreadable)?;
            name
        }
    })
}

const TABLES: &[&str] = &[
    "journal_block",
    "domain_identity",
    "epoch",
    "seal_request",
    "epoch_seal",
    "epoch_step",
    "epoch_proof",
    "epoch_submission",
    "epoch_submission_end",
    "epoch_settlement",
    "epoch_reorg",
    "epoch_final",
    "l1_settlement",
    "equivocation",
    "epoch_settlement_proof",
    "epoch_books",
];
