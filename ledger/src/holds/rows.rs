//! The rows of holds and of their ends, and what they make of the sums in `balance`.

use std::collections::BTreeMap;

use domain::EpochNumber;

use super::{NewHold, OpenHold, ReleaseReason};
use crate::column::{asset_key, bigint, epoch_key};
use crate::connection::Tx;
use crate::posting::Move;
use crate::{Account, BlockNumber, Error, PostingKind};

/// A block that holds a move or ends its hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) block: BlockNumber,
    pub(super) held: Move,
    pub(super) ends: bool,
}

/// How much more is held of one account, and by which block last. Less, where it is below zero.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    debits: i128,
    credits: i128,
    last: i64,
}

/// Writes holds and the deposits behind them, whose blocks are written.
#[expect(clippy::as_conversions, reason = "how the macro is told of optional elements")]
pub(super) async fn insert_holds(
    tx: &mut Tx<'_>,
    epoch: EpochNumber,
    blocks: &[BlockNumber],
    holds: &[NewHold<'_>],
) -> Result<(), Error> {
    let numbers = blocks
        .iter()
        .map(|block| bigint("block number", block.number()))
        .collect::<Result<Vec<_>, _>>()?;
    sqlx::query!(
        "insert into hold (block_number, epoch_number, asset_id, debit_account_id,
            credit_account_id, atoms, cause)
        select block_number, $1, asset_id, debited, credited, atoms, cause
        from unnest($2::bigint[], $3::integer[], $4::bigint[], $5::bigint[], $6::numeric[],
            $7::text[]) h (block_number, asset_id, debited, credited, atoms, cause)",
        epoch_key(epoch),
        &numbers,
        &holds.iter().map(|hold| asset_key(hold.held.debit.asset())).collect::<Vec<_>>(),
        &holds.iter().map(|hold| hold.held.debit.number()).collect::<Vec<_>>(),
        &holds.iter().map(|hold| hold.held.credit.number()).collect::<Vec<_>>(),
        &holds.iter().map(|hold| hold.held.atoms.to_decimal()).collect::<Vec<_>>(),
        &holds.iter().map(|hold| hold.cause.to_owned()).collect::<Vec<_>>(),
    )
    .execute(&mut **tx)
    .await?;
    let seen = numbers.iter().zip(holds).filter_map(|(block, hold)| Some((*block, hold.seen?)));
    let seen: Vec<_> = seen.collect();
    let column = |of: fn(&super::SeenDeposit) -> u64| {
        seen.iter().map(|(_, one)| bigint("number", of(one))).collect::<Result<Vec<_>, _>>()
    };
    let previous = seen
        .iter()
        .map(|(_, one)| one.previous.map(|b| bigint("block number", b.number())).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    sqlx::query!(
        "insert into seen_deposit (block_number, depositor, tx_hash, log_index, l1_block_number,
            l1_block_hash, previous_hold)
        select * from unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[],
            $6::bytea[], $7::bigint[])",
        &seen.iter().map(|(block, _)| *block).collect::<Vec<_>>(),
        &seen.iter().map(|(_, one)| one.depositor.to_vec()).collect::<Vec<_>>(),
        &seen.iter().map(|(_, one)| one.log.tx_hash.to_vec()).collect::<Vec<_>>(),
        &column(|one| one.log.log_index)?,
        &column(|one| one.block.number)?,
        &seen.iter().map(|(_, one)| one.block.hash.to_vec()).collect::<Vec<_>>(),
        &previous as &[Option<i64>],
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes the end of a hold, whose block is written and has not moved anything yet.
pub(super) async fn insert_end(
    tx: &mut Tx<'_>,
    epoch: EpochNumber,
    hold: &OpenHold,
    (block, kind): (BlockNumber, PostingKind),
    reason: Option<ReleaseReason>,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into hold_end (hold_block, block_number, posting_kind, epoch_number, reason)
        values ($1, $2, $3, $4, $5)",
        bigint("block number", hold.block.number())?,
        bigint("block number", block.number())?,
        i16::from(kind.code()),
        epoch_key(epoch),
        reason.map(|reason| i16::from(reason.code())),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Moves what is held of every account that these touch, at once.
pub(super) async fn move_held(tx: &mut Tx<'_>, turns: &[Turn]) -> Result<(), Error> {
    let mut changes: BTreeMap<Account, Change> = BTreeMap::new();
    for Turn { block, held, ends } in turns {
        let last = bigint("block number", block.number())?;
        // An amount has 96 bits.
        let atoms = i128::try_from(held.atoms.number()).unwrap_or(i128::MAX);
        let more = if *ends { atoms.saturating_neg() } else { atoms };
        let from = changes.entry(held.debit).or_default();
        (from.debits, from.last) = (from.debits.saturating_add(more), last);
        let to = changes.entry(held.credit).or_default();
        (to.credits, to.last) = (to.credits.saturating_add(more), last);
    }
    sqlx::query!(
        "update balance set held_debits = held_debits + c.debits::numeric,
            held_credits = held_credits + c.credits::numeric, last_held_block = c.last
        from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[])
            c (account_id, debits, credits, last)
        where balance.account_id = c.account_id",
        &changes.keys().map(|account| account.number()).collect::<Vec<_>>(),
        &changes.values().map(|change| change.debits.to_string()).collect::<Vec<_>>(),
        &changes.values().map(|change| change.credits.to_string()).collect::<Vec<_>>(),
        &changes.values().map(|change| change.last).collect::<Vec<_>>(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
