//! The rows of a batch: itself, its lanes, its exits.

use domain::{Batch, ExitTree};
use rust_decimal::Decimal;

use super::Attempts;
use crate::Error;
use crate::column::{
    asset_key, bigint, epoch_key, integer, rollup_key, signature_bytes, word_bytes,
};
use crate::connection::Tx;
use crate::hash::BatchPlace;
use crate::posting::Head;

pub(super) async fn batch(
    tx: &mut Tx<'_>,
    head: &Head,
    batch: &Batch,
    place: BatchPlace<'_>,
    attempts: Attempts,
) -> Result<(), Error> {
    let parts = batch.parts();
    sqlx::query!(
        "insert into batch (rollup_id, height, block_number, epoch_number, place_in_epoch,
            previous_root, new_root, exit_root, body_digest, batch_digest, signature,
            transfer_count, exit_count, exits_before, exit_tree, attempt, continued_attempt)
        values ($1, $2, $3, $4, $5, $6::bytea, $7::bytea, $8::bytea, $9::bytea, $10::bytea, $11,
            $12, $13, $14, $15, $16, $17)",
        rollup_key(parts.rollup),
        bigint("height", parts.height.number())?,
        bigint("block number", head.block.number())?,
        epoch_key(head.epoch),
        i32::try_from(place.place_in_epoch).unwrap_or(i32::MAX),
        parts.previous_root.bytes().to_vec(),
        parts.new_root.bytes().to_vec(),
        parts.exit_root.bytes().to_vec(),
        place.body_digest.as_slice(),
        word_bytes(place.digest),
        signature_bytes(&parts.signature),
        integer("transfers", parts.transfers.len())?,
        integer("exits", parts.exits.len())?,
        i64::from(place.exits_before),
        place.exit_tree,
        attempts.this,
        attempts.continued,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub(super) async fn lanes(tx: &mut Tx<'_>, batch: &Batch, attempts: Attempts) -> Result<(), Error> {
    let lanes = batch.lanes();
    if lanes.is_empty() {
        return Ok(());
    }
    let assets: Vec<i32> = lanes.iter().map(|lane| asset_key(lane.asset)).collect();
    let destinations: Vec<i32> = lanes.iter().map(|lane| rollup_key(lane.destination)).collect();
    let atoms: Vec<Decimal> = lanes.iter().map(|lane| lane.atoms.to_decimal()).collect();
    sqlx::query!(
        "insert into lane (rollup_id, height, attempt, asset_id, destination_id, atoms)
        select $1::integer, $2::bigint, $3::integer, l.*
        from unnest($4::integer[], $5::integer[], $6::numeric[]) l",
        rollup_key(batch.rollup()),
        bigint("height", batch.height().number())?,
        attempts.this,
        &assets,
        &destinations,
        &atoms,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The exits, numbered from the tree as it was before the batch. Numbers that evicted exits had are
/// given out again.
pub(super) async fn exits(
    tx: &mut Tx<'_>,
    head: &Head,
    batch: &Batch,
    tree: &ExitTree,
) -> Result<(), Error> {
    let claims = batch.claims(tree)?;
    if claims.is_empty() {
        return Ok(());
    }
    let first = batch.parts().transfers.len();
    let positions = (0..claims.len())
        .map(|exit| integer("position", first.saturating_add(exit)))
        .collect::<Result<Vec<_>, _>>()?;
    let indices: Vec<i64> = claims.iter().map(|claim| i64::from(claim.index.number())).collect();
    let assets: Vec<i32> = claims.iter().map(|claim| asset_key(claim.asset)).collect();
    let recipients: Vec<Vec<u8>> = claims.iter().map(|claim| claim.recipient.to_vec()).collect();
    let atoms: Vec<Decimal> = claims.iter().map(|claim| claim.atoms.to_decimal()).collect();
    let leaves: Vec<Vec<u8>> = claims.iter().map(|claim| claim.leaf().to_vec()).collect();
    sqlx::query!(
        "insert into exit (rollup_id, height, block_number, epoch_number, exit_index, position,
            asset_id, recipient, atoms, leaf, attempt)
        select $1::integer, $2::bigint, $3::bigint, $4::bigint, e.*, (
            select coalesce(max(attempt), 0) + 1 from exit last
            where last.rollup_id = $1::integer and last.exit_index = e.exit_index
        )
        from unnest($5::bigint[], $6::integer[], $7::integer[], $8::bytea[], $9::numeric[],
            $10::bytea[]) e (exit_index, position, asset_id, recipient, atoms, leaf)",
        rollup_key(batch.rollup()),
        bigint("height", batch.height().number())?,
        bigint("block number", head.block.number())?,
        epoch_key(head.epoch),
        &indices,
        &positions,
        &assets,
        &recipients,
        &atoms,
        &leaves,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
