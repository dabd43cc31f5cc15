//! The rows of an eviction.

use domain::EpochNumber;
use time::OffsetDateTime;

use super::{BatchAttempt, Evicted, Eviction};
use crate::Error;
use crate::column::{Columns, bigint, epoch_key, rollup_key};
use crate::connection::Tx;

/// An eviction beside the batch that it is of: all there, or none.
pub(crate) struct EvictionColumns {
    pub(crate) block_number: Option<i64>,
    pub(crate) reason: Option<String>,
    pub(crate) cause_rollup_id: Option<i32>,
    pub(crate) cause_height: Option<i64>,
    pub(crate) cause_attempt: Option<i32>,
    pub(crate) posted_at: Option<OffsetDateTime>,
}

/// The eviction from its columns.
pub(crate) fn eviction(columns: EvictionColumns) -> Result<Option<Eviction>, Error> {
    let Some(reversal) = columns.block_number else { return Ok(None) };
    let cause = (columns.cause_rollup_id, columns.cause_height, columns.cause_attempt);
    let (Some(rollup), Some(height), Some(number)) = cause else { return Err(TABLE.corrupt()) };
    Ok(Some(Eviction {
        reversal: TABLE.block(reversal)?,
        reason: columns.reason.ok_or_else(|| TABLE.corrupt())?,
        cause: attempt(TABLE, rollup, height, number)?,
        evicted_at: columns.posted_at.ok_or_else(|| TABLE.corrupt())?,
    }))
}

/// A batch's name from its columns.
pub(crate) fn attempt(
    table: Columns,
    rollup: i32,
    height: i64,
    attempt: i32,
) -> Result<BatchAttempt, Error> {
    Ok(BatchAttempt {
        rollup: table.rollup(rollup)?,
        height: table.height(height)?,
        attempt: table.small(attempt)?,
    })
}

const TABLE: Columns = Columns("batch_eviction");

/// Writes them in one statement: an eviction names its cause, which is the last of them.
pub(super) async fn insert(
    tx: &mut Tx<'_>,
    epoch: EpochNumber,
    evicted: &[Evicted],
) -> Result<(), Error> {
    let numbers = |of: fn(&Evicted) -> u64| {
        evicted.iter().map(|one| bigint("number", of(one))).collect::<Result<Vec<_>, _>>()
    };
    let attempts = |of: fn(&Evicted) -> u32| {
        let narrow =
            |one| i32::try_from(of(one)).map_err(|_| Error::OutOfBound { what: "attempt" });
        evicted.iter().map(narrow).collect::<Result<Vec<_>, _>>()
    };
    let rollups = |of: fn(&Evicted) -> domain::RollupId| {
        evicted.iter().map(|one| rollup_key(of(one))).collect::<Vec<_>>()
    };
    let reasons: Vec<String> = evicted.iter().map(|one| one.reason.clone()).collect();
    sqlx::query!(
        "insert into batch_eviction (epoch_number, rollup_id, height, attempt, reversed_block,
            block_number, cause_rollup_id, cause_height, cause_attempt, reason)
        select $1::bigint, e.* from unnest($2::integer[], $3::bigint[], $4::integer[],
            $5::bigint[], $6::bigint[], $7::integer[], $8::bigint[], $9::integer[], $10::text[]) e",
        epoch_key(epoch),
        &rollups(|one| one.batch.rollup),
        &numbers(|one| one.batch.height.number())?,
        &attempts(|one| one.batch.attempt)?,
        &numbers(|one| one.block.number())?,
        &numbers(|one| one.reversal.number())?,
        &rollups(|one| one.cause.rollup),
        &numbers(|one| one.cause.height.number())?,
        &attempts(|one| one.cause.attempt)?,
        &reasons,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
