//! The rows of batches: themselves, their lanes, their exits; set by set.

use alloy_primitives::B256;
use domain::{Claim, Lane};
use rust_decimal::Decimal;

use super::view::Accepted;
use crate::column::{
    asset_key, bigint, epoch_key, integer, rollup_key, signature_bytes, word_bytes,
};
use crate::connection::Tx;
use crate::{Error, flows};

/// Writes the rows of accepted batches, whose blocks are written.
pub(super) async fn insert(tx: &mut Tx<'_>, accepted: &[Accepted<'_>]) -> Result<(), Error> {
    if accepted.is_empty() {
        return Ok(());
    }
    batches(tx, accepted).await?;
    lanes(tx, accepted).await?;
    exits(tx, accepted).await
}

/// A column of `bigint`s.
pub(super) fn numbers<T>(rows: &[T], of: impl Fn(&T) -> u64) -> Result<Vec<i64>, Error> {
    rows.iter().map(|row| bigint("number", of(row))).collect()
}

pub(super) fn column<T, C>(rows: &[T], of: impl Fn(&T) -> C) -> Vec<C> {
    rows.iter().map(of).collect()
}

pub(super) fn hashes<T>(rows: &[T], of: impl Fn(&T) -> B256) -> Vec<Vec<u8>> {
    column(rows, |row| of(row).to_vec())
}

async fn batches(tx: &mut Tx<'_>, rows: &[Accepted<'_>]) -> Result<(), Error> {
    let counts = |of: fn(&Accepted<'_>) -> usize| {
        rows.iter().map(|row| integer("transfers", of(row))).collect::<Result<Vec<_>, _>>()
    };
    sqlx::query!(
        "insert into batch (rollup_id, height, block_number, epoch_number, place_in_epoch,
            previous_root, new_root, exit_root, body_digest, batch_digest, signature,
            transfer_count, exit_count, exits_before, exit_tree, attempt, continued_attempt)
        select * from unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[],
            $5::integer[], $6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[], $10::bytea[],
            $11::bytea[], $12::integer[], $13::integer[], $14::bigint[], $15::bytea[],
            $16::integer[], $17::integer[])",
        &column(rows, |row| rollup_key(row.batch.rollup())),
        &numbers(rows, |row| row.batch.height().number())?,
        &numbers(rows, |row| row.block.number())?,
        &column(rows, |row| epoch_key(row.epoch)),
        &column(rows, |row| i32::try_from(row.place_in_epoch).unwrap_or(i32::MAX)),
        &hashes(rows, |row| row.batch.parts().previous_root.bytes()),
        &hashes(rows, |row| row.batch.parts().new_root.bytes()),
        &hashes(rows, |row| row.batch.parts().exit_root.bytes()),
        &hashes(rows, |row| row.body_digest),
        &column(rows, |row| word_bytes(row.digest)),
        &column(rows, |row| signature_bytes(&row.batch.parts().signature)),
        &counts(|row| row.batch.parts().transfers.len())?,
        &counts(|row| row.batch.parts().exits.len())?,
        &column(rows, |row| i64::from(row.tree.next_index().number())),
        &column(rows, |row| row.exit_tree.clone()),
        &column(rows, |row| row.attempt),
        &column(rows, |row| row.continued_attempt),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The lanes of a batch, each with how many transfers or exits it sums up.
pub(super) fn lanes_of(accepted: &Accepted<'_>) -> Result<Vec<(Lane, i32)>, Error> {
    let parts = accepted.batch.parts();
    let lanes = accepted.batch.lanes().iter();
    lanes
        .map(|lane| {
            let listed = flows::listed(parts, (lane.asset, lane.destination));
            Ok((*lane, integer("transfers", listed)?))
        })
        .collect()
}

async fn lanes(tx: &mut Tx<'_>, accepted: &[Accepted<'_>]) -> Result<(), Error> {
    let mut rows: Vec<(&Accepted<'_>, Lane, i32)> = Vec::new();
    for one in accepted {
        rows.extend(lanes_of(one)?.into_iter().map(|(lane, transfers)| (one, lane, transfers)));
    }
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into lane (rollup_id, height, attempt, asset_id, destination_id, atoms,
            transfer_count)
        select * from unnest($1::integer[], $2::bigint[], $3::integer[], $4::integer[],
            $5::integer[], $6::numeric[], $7::integer[])",
        &column(&rows, |(of, ..)| rollup_key(of.batch.rollup())),
        &numbers(&rows, |(of, ..)| of.batch.height().number())?,
        &column(&rows, |(of, ..)| of.attempt),
        &column(&rows, |(_, lane, _)| asset_key(lane.asset)),
        &column(&rows, |(_, lane, _)| rollup_key(lane.destination)),
        &column::<_, Decimal>(&rows, |(_, lane, _)| lane.atoms.to_decimal()),
        &column(&rows, |(_, _, transfers)| *transfers),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The exits of a batch, each with the position of its transfer: numbered from the tree as it was before
/// their batch.
pub(super) fn claims(accepted: &Accepted<'_>) -> Result<Vec<(i32, Claim)>, Error> {
    let first = accepted.batch.parts().transfers.len();
    let claims = accepted.batch.claims(&accepted.tree)?.into_iter().enumerate();
    claims
        .map(|(nth, claim)| Ok((integer("position", first.saturating_add(nth))?, claim)))
        .collect()
}

/// The exits. Numbers that evicted exits had are given out again.
async fn exits(tx: &mut Tx<'_>, accepted: &[Accepted<'_>]) -> Result<(), Error> {
    let mut rows: Vec<(&Accepted<'_>, i32, Claim)> = Vec::new();
    for one in accepted {
        rows.extend(claims(one)?.into_iter().map(|(position, claim)| (one, position, claim)));
    }
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into exit (rollup_id, height, block_number, epoch_number, exit_index, position,
            asset_id, recipient, atoms, leaf, attempt)
        select e.*, (
            select coalesce(max(attempt), 0) + 1 from exit last
            where last.rollup_id = e.rollup_id and last.exit_index = e.exit_index
        )
        from unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
            $6::integer[], $7::integer[], $8::bytea[], $9::numeric[], $10::bytea[])
            e (rollup_id, height, block_number, epoch_number, exit_index, position, asset_id,
                recipient, atoms, leaf)",
        &column(&rows, |(of, _, _)| rollup_key(of.batch.rollup())),
        &numbers(&rows, |(of, _, _)| of.batch.height().number())?,
        &numbers(&rows, |(of, _, _)| of.block.number())?,
        &column(&rows, |(of, _, _)| epoch_key(of.epoch)),
        &column(&rows, |(_, _, claim)| i64::from(claim.index.number())),
        &column(&rows, |(_, position, _)| *position),
        &column(&rows, |(_, _, claim)| asset_key(claim.asset)),
        &column(&rows, |(_, _, claim)| claim.recipient.to_vec()),
        &column::<_, Decimal>(&rows, |(_, _, claim)| claim.atoms.to_decimal()),
        &hashes(&rows, |(_, _, claim)| claim.leaf()),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
