//! A small group of batches, written by one call: one way to the server and back.
//!
//! **Invariant:** the rows are those that [`posting::write`], [`rows::insert`] and `Keys::insert` would write, or none.
//! What was decided without the lock of the books counts only if the books, once they are locked, still
//! are where it was decided.

use alloy_primitives::B256;
use domain::{Atoms, Claim, Lane};
use rust_decimal::Decimal;
use sqlx::postgres::PgConnection;
use time::OffsetDateTime;

use super::keys::KeyColumns;
use super::rows::{self, column, hashes, numbers};
use super::view::Accepted;
use crate::Error;
use crate::column::{
    asset_key, bigint, epoch_key, integer, rollup_key, signature_bytes, word_bytes,
};
use crate::hash::TransferFields;
use crate::posting::{self, AllSums, Block, Head};

/// A row, and the number of its batch in the group, from 1.
type Of<T> = (i32, T);

/// Where the books were when something was decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    block: i64,
    hash: B256,
    epoch: i64,
    moment: OffsetDateTime,
}

impl At {
    pub(super) fn head(head: &Head) -> Result<Self, Error> {
        Ok(Self {
            block: bigint("block number", head.block.number())?,
            hash: head.hash,
            epoch: epoch_key(head.epoch),
            moment: head.now,
        })
    }
}

/// Writes accepted batches with their blocks, sums and keys; whether the books were still there, without
/// which nothing is written.
#[expect(clippy::too_many_lines, reason = "one line for each of the call's arguments")]
pub(super) async fn write(
    connection: &mut PgConnection,
    at: At,
    accepted: &[Accepted<'_>],
    blocks: &[Block],
    sums: &AllSums,
    keys: &KeyColumns,
) -> Result<bool, Error> {
    let counts = |of: fn(&Accepted<'_>) -> usize| {
        accepted.iter().map(|row| integer("transfers", of(row))).collect::<Result<Vec<_>, _>>()
    };
    let transfers = transfers(blocks)?;
    let lanes = lanes(accepted)?;
    let exits = exits(accepted)?;
    let first = blocks.first().map_or(crate::BlockNumber::new(u64::MAX), Block::number);
    let touched = sums.touched_since(first)?;
    let amounts = |of: fn(&TransferFields) -> Atoms| -> Vec<Decimal> {
        column(&transfers, |(_, (fields, _))| of(fields).to_decimal())
    };
    sqlx::query_scalar!(
        r#"select book_batches_with_keys(
            at_block => $1, at_hash => $2, at_epoch => $3, moment => $4,
            rollups => $5, heights => $6, attempts => $7, continued_attempts => $8, places => $9,
            previous_roots => $10, new_roots => $11, exit_roots => $12, body_digests => $13,
            batch_digests => $14, signatures => $15, transfer_counts => $16, exit_counts => $17,
            exit_numbers => $18, exit_trees => $19, contents => $20, block_hashes => $21,
            transfer_batches => $22, transfer_positions => $23, transfer_assets => $24,
            debited => $25, credited => $26, transfer_atoms => $27, debit_balances => $28,
            credit_balances => $29, transfer_recipients => $30, transfer_digests => $31,
            accounts => $32, account_debits => $33, account_credits => $34,
            account_versions => $35, account_blocks => $36,
            lane_batches => $37, lane_assets => $38, lane_destinations => $39, lane_atoms => $40,
            lane_transfer_counts => $41,
            exit_batches => $42, exit_indices => $43, exit_positions => $44, exit_assets => $45,
            exit_recipients => $46, exit_atoms => $47, exit_leaves => $48,
            key_batches => $49, key_callers => $50, idempotency_keys => $51, key_items => $52,
            request_digests => $53
        ) as "written!""#,
        at.block,
        at.hash.as_slice(),
        at.epoch,
        at.moment,
        &column(accepted, |row| rollup_key(row.batch.rollup())),
        &numbers(accepted, |row| row.batch.height().number())?,
        &column(accepted, |row| row.attempt),
        &column(accepted, |row| row.continued_attempt),
        &column(accepted, |row| i32::try_from(row.place_in_epoch).unwrap_or(i32::MAX)),
        &hashes(accepted, |row| row.batch.parts().previous_root.bytes()),
        &hashes(accepted, |row| row.batch.parts().new_root.bytes()),
        &hashes(accepted, |row| row.batch.parts().exit_root.bytes()),
        &hashes(accepted, |row| row.body_digest),
        &column(accepted, |row| word_bytes(row.digest)),
        &column(accepted, |row| signature_bytes(&row.batch.parts().signature)),
        &counts(|row| row.batch.parts().transfers.len())?,
        &counts(|row| row.batch.parts().exits.len())?,
        &column(accepted, |row| i64::from(row.tree.next_index().number())),
        &column(accepted, |row| row.exit_tree.clone()),
        &hashes(blocks, Block::content),
        &hashes(blocks, Block::hash),
        &column(&transfers, |(nth, _)| *nth),
        &column(&transfers, |(_, (fields, _))| i32::try_from(fields.position).unwrap_or(i32::MAX)),
        &column(&transfers, |(_, (fields, _))| asset_key(fields.asset)),
        &column(&transfers, |(_, (fields, _))| fields.debit.number()),
        &column(&transfers, |(_, (fields, _))| fields.credit.number()),
        &amounts(|fields| fields.atoms),
        &amounts(|fields| fields.debit_balance),
        &amounts(|fields| fields.credit_balance),
        &column(&transfers, |(_, (fields, _))| fields.recipient.unwrap_or_default().to_vec()),
        &hashes(&transfers, |(_, (_, digest))| *digest),
        &touched.accounts,
        &touched.debits,
        &touched.credits,
        &touched.versions,
        &touched.last_blocks,
        &column(&lanes, |(nth, _)| *nth),
        &column(&lanes, |(_, (lane, _))| asset_key(lane.asset)),
        &column(&lanes, |(_, (lane, _))| rollup_key(lane.destination)),
        &column::<_, Decimal>(&lanes, |(_, (lane, _))| lane.atoms.to_decimal()),
        &column(&lanes, |(_, (_, transfers))| *transfers),
        &column(&exits, |(nth, _)| *nth),
        &column(&exits, |(_, (_, claim))| i64::from(claim.index.number())),
        &column(&exits, |(_, (position, _))| *position),
        &column(&exits, |(_, (_, claim))| asset_key(claim.asset)),
        &column(&exits, |(_, (_, claim))| claim.recipient.to_vec()),
        &column::<_, Decimal>(&exits, |(_, (_, claim))| claim.atoms.to_decimal()),
        &hashes(&exits, |(_, (_, claim))| claim.leaf()),
        &keys.batches,
        &keys.callers,
        &keys.keys,
        &keys.items,
        &keys.digests,
    )
    .fetch_one(connection)
    .await
    .map_err(|error| posting::drift(error, first))
}

/// What each of some batches or blocks has, beside its number in the group.
fn numbered<T, U>(
    all: &[T],
    of: impl Fn(&T) -> Result<Vec<U>, Error>,
) -> Result<Vec<Of<U>>, Error> {
    let mut rows = Vec::new();
    for (nth, one) in (1_i32..).zip(all) {
        rows.extend(of(one)?.into_iter().map(|row| (nth, row)));
    }
    Ok(rows)
}

fn transfers(blocks: &[Block]) -> Result<Vec<Of<(TransferFields, B256)>>, Error> {
    numbered(blocks, |block| Ok(block.transfers().to_vec()))
}

fn lanes(accepted: &[Accepted<'_>]) -> Result<Vec<Of<(Lane, i32)>>, Error> {
    numbered(accepted, rows::lanes_of)
}

fn exits(accepted: &[Accepted<'_>]) -> Result<Vec<Of<(i32, Claim)>>, Error> {
    numbered(accepted, rows::claims)
}
