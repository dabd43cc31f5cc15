//! What there is to do, how far it is, and what went wrong lately.
//!
//! **Invariant:** however many epochs wait, a bounded number of them is read, the oldest first, by a fixed
//! number of statements; how many wait besides is counted. An incident is a row that something was taken
//! back or given up by: nothing here is a guess.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::l1::L1Block;
use domain::{EpochNumber, Height, RollupId};
use time::OffsetDateTime;

use crate::column::Columns;
use crate::{Epoch, Error, Ledger, PageLimit, SupersedeReason};

/// How many epochs wait for what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Queue {
    /// Sealed ones for their settlement proof.
    pub unproven: u64,
    /// Proven ones for L1 to settle them.
    pub unsettled: u64,
    /// Settled ones for their finality.
    pub unfinal: u64,
    /// Sealed ones for their aggregated proof.
    pub unaggregated: u64,
}

/// An epoch with something left to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Underway {
    /// The epoch.
    pub epoch: Epoch,
    /// When its last step was recorded.
    pub last_step_at: Option<OffsetDateTime>,
    /// When the last attempt to settle it was.
    pub submitted_at: Option<OffsetDateTime>,
    /// How long its steps took together, of those of which that is known.
    pub steps_took: Duration,
    /// How many steps those are.
    pub steps_timed: u32,
}

/// Something that went wrong, and was dealt with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Incident {
    /// In which epoch.
    pub epoch: EpochNumber,
    /// What.
    pub kind: IncidentKind,
    /// When.
    pub at: OffsetDateTime,
}

/// What can go wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum IncidentKind {
    /// A batch could not be proven, or stood on one that could not, and was evicted.
    Evicted {
        /// Whose.
        rollup: RollupId,
        /// Its height.
        height: Height,
        /// Why.
        reason: String,
    },
    /// An attempt to settle was given up.
    Superseded {
        /// Which, from 1.
        attempt: u32,
        /// Why.
        reason: SupersedeReason,
    },
    /// A reorg of L1 undid the settlement.
    Reorged {
        /// L1's newest block then.
        seen: L1Block,
    },
}

const TABLE: Columns = Columns("epoch");
const INCIDENT: Columns = Columns("incident");

impl Ledger {
    /// How many epochs wait for what.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn queue(&self) -> Result<Queue, Error> {
        let row = sqlx::query!(
            r#"select
                (select count(*) from epoch_seal s where not exists (
                    select from epoch_settlement_proof p where p.epoch_number = s.epoch_number
                ) and not exists (
                    select from standing_settlement t where t.epoch_number = s.epoch_number
                )) as "unproven!",
                (select count(*) from epoch_settlement_proof p where not exists (
                    select from standing_settlement t where t.epoch_number = p.epoch_number
                )) as "unsettled!",
                (select count(*) from standing_settlement t where not exists (
                    select from epoch_final f where f.epoch_number = t.epoch_number
                )) as "unfinal!",
                (select count(*) from epoch_seal s where not exists (
                    select from epoch_proof p where p.epoch_number = s.epoch_number
                )) as "unaggregated!""#
        )
        .fetch_one(self.pool())
        .await?;
        Ok(Queue {
            unproven: TABLE.number(row.unproven)?,
            unsettled: TABLE.number(row.unsettled)?,
            unfinal: TABLE.number(row.unfinal)?,
            unaggregated: TABLE.number(row.unaggregated)?,
        })
    }

    /// The epochs with something left to do, the oldest first, and the open one if steps of it are folded.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn underway(&self, limit: PageLimit) -> Result<Vec<Underway>, Error> {
        let numbers = sqlx::query_scalar!(
            r#"select e.epoch_number from epoch e
            left join epoch_seal s using (epoch_number)
            where case when s.epoch_number is null
                then exists (select from epoch_step t where t.epoch_number = e.epoch_number)
                else not exists (select from epoch_final f where f.epoch_number = e.epoch_number)
                    or not exists (select from epoch_proof p where p.epoch_number = e.epoch_number)
                end
            order by e.epoch_number limit $1"#,
            limit.rows()
        )
        .fetch_all(self.pool())
        .await?;
        let times = sqlx::query!(
            r#"select number as "number!",
                (
                    select recorded_at from epoch_step s where s.epoch_number = number
                    order by step_number desc limit 1
                ) as last_step_at,
                (
                    select recorded_at from epoch_submission s where s.epoch_number = number
                    order by attempt desc limit 1
                ) as submitted_at,
                coalesce(work.took_ms, 0) as "took_ms!", work.steps as "steps!"
            from unnest($1::bigint[]) number
            join lateral (
                select sum(took_ms)::bigint as took_ms, count(*) as steps from epoch_work w
                where w.epoch_number = number and w.work_kind = 1
            ) work on true"#,
            &numbers
        )
        .fetch_all(self.pool())
        .await?;
        let mut times: BTreeMap<_, _> = times.into_iter().map(|row| (row.number, row)).collect();
        let epochs: Result<Vec<_>, _> = numbers.iter().map(|one| TABLE.epoch(*one)).collect();
        let epochs = self.epochs_among(&epochs?).await?;
        let underway = epochs.into_iter().rev().filter_map(|epoch| {
            let row = times.remove(&crate::column::epoch_key(epoch.epoch))?;
            let took = TABLE.number(row.took_ms);
            Some(took.map(|took| Underway {
                epoch,
                last_step_at: row.last_step_at,
                submitted_at: row.submitted_at,
                steps_took: Duration::from_millis(took),
                // At most `MAX_STEPS_PER_EPOCH`.
                steps_timed: u32::try_from(row.steps).unwrap_or(u32::MAX),
            }))
        });
        underway.collect()
    }

    /// What went wrong lately, newest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn incidents(&self, limit: PageLimit) -> Result<Vec<Incident>, Error> {
        let rows = sqlx::query!(
            r#"select epoch_number as "epoch_number!", at as "at!", rollup_id, height, words,
                attempt, code, l1_block_number, l1_block_hash
            from (
                (select x.epoch_number, b.posted_at as at, x.rollup_id, x.height,
                    x.reason as words, null::integer as attempt, null::smallint as code,
                    null::bigint as l1_block_number, null::bytea as l1_block_hash
                from batch_eviction x join journal_block b using (block_number)
                order by block_number desc limit $1)
                union all
                (select epoch_number, recorded_at, null, null, null, attempt, reason, null, null
                from epoch_submission_end order by recorded_at desc limit $1)
                union all
                (select epoch_number, recorded_at, null, null, null, null, null, l1_block_number,
                    l1_block_hash
                from epoch_reorg order by recorded_at desc limit $1)
            ) one order by at desc limit $1"#,
            limit.rows()
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|row| {
                let of_batch = row.rollup_id.zip(row.height).zip(row.words);
                let of_attempt = row.attempt.zip(row.code);
                let of_block = row.l1_block_number.zip(row.l1_block_hash);
                let kind = match (of_batch, of_attempt, of_block) {
                    (Some(((rollup, height), reason)), None, None) => IncidentKind::Evicted {
                        rollup: INCIDENT.rollup(rollup)?,
                        height: INCIDENT.height(height)?,
                        reason,
                    },
                    (None, Some((attempt, code)), None) => IncidentKind::Superseded {
                        attempt: INCIDENT.small(attempt)?,
                        reason: SupersedeReason::from_code(code)?,
                    },
                    (None, None, Some((number, hash))) => {
                        IncidentKind::Reorged { seen: INCIDENT.l1_block(number, &hash)? }
                    }
                    _ => return Err(INCIDENT.corrupt()),
                };
                Ok(Incident { epoch: INCIDENT.epoch(row.epoch_number)?, kind, at: row.at })
            })
            .collect()
    }
}
