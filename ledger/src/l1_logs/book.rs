//! One log and what it does to the books.

use alloy_primitives::{Address, B256};
use domain::l1::{L1Event, L1Log};
use domain::{Asset, AssetId, Atoms, Claim, EpochNumber, Operation, RollupId, SettlementKey, Word};

use super::{BookedLogs, kind};
use crate::column::{Columns, asset_key, bigint, epoch_key, lookup, rollup_key, word_bytes};
use crate::connection::Tx;
use crate::posting::{Head, Move};
use crate::{Account, Error, PostingKind, ReleaseReason, epochs, hash, holds, state};

/// Books a log that is not booked yet.
pub(super) async fn log(
    tx: &mut Tx<'_>,
    head: &mut Head,
    log: &L1Log,
    booked: &mut BookedLogs,
) -> Result<(), Error> {
    insert_log(tx, log).await?;
    let counter = match &log.event {
        L1Event::AssetRegistered(registered) => {
            asset(tx, head, log, registered).await?;
            &mut booked.assets
        }
        L1Event::RollupRegistered { rollup: id, key } => {
            rollup(tx, head, log, *id, key).await?;
            &mut booked.rollups
        }
        L1Event::Deposited { rollup, asset, depositor, atoms } => {
            deposit(tx, head, log, (*rollup, *asset), *depositor, *atoms).await?;
            &mut booked.deposits
        }
        L1Event::EpochSettled { epoch, state_digest, steps, books } => {
            settlement(tx, log, *epoch, *state_digest, *steps).await?;
            said_of_the_books(tx, log, *epoch, *books).await?;
            &mut booked.settlements
        }
        L1Event::ClaimPaid { epoch, claim: paid } => {
            claim(tx, head, log, *epoch, paid).await?;
            &mut booked.claims
        }
    };
    *counter = counter.saturating_add(1);
    Ok(())
}

async fn insert_log(tx: &mut Tx<'_>, log: &L1Log) -> Result<(), Error> {
    sqlx::query!(
        "insert into l1_log (tx_hash, log_index, log_kind, l1_block_number, l1_block_hash)
        values ($1::bytea, $2, $3, $4, $5::bytea)",
        log.id.tx_hash.as_slice(),
        bigint("log index", log.id.log_index)?,
        kind(&log.event),
        bigint("block number", log.block.number)?,
        log.block.hash.as_slice(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn asset(tx: &mut Tx<'_>, head: &mut Head, log: &L1Log, asset: &Asset) -> Result<(), Error> {
    let posting = hash::asset_posting(asset, log.id, log.block);
    let block = head.post(tx, PostingKind::Asset, posting, &[]).await?;
    sqlx::query!(
        "insert into asset (asset_id, token, token_decimals, ledger_decimals, block_number,
            epoch_number, tx_hash, log_index)
        values ($1, $2::bytea, $3, $4, $5, $6, $7::bytea, $8)",
        asset_key(asset.id()),
        asset.token().to_vec(),
        i16::from(asset.token_decimals()),
        i16::from(asset.ledger_decimals()),
        bigint("block number", block.number())?,
        epoch_key(head.epoch),
        log.id.tx_hash.as_slice(),
        bigint("log index", log.id.log_index)?,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn rollup(
    tx: &mut Tx<'_>,
    head: &mut Head,
    log: &L1Log,
    rollup: RollupId,
    key: &SettlementKey,
) -> Result<(), Error> {
    let register = Operation::Register { rollup, key: *key };
    state::at_head(tx, head.epoch).await?.apply(&register, head.adoption.identity.word())?;
    let posting = hash::rollup_posting(rollup, key, log.id, log.block);
    let block = head.post(tx, PostingKind::Rollup, posting, &[]).await?;
    sqlx::query!(
        "insert into rollup (rollup_id, key_x, key_y, block_number, epoch_number, tx_hash,
            log_index)
        values ($1, $2::bytea, $3::bytea, $4, $5, $6::bytea, $7)",
        rollup_key(rollup),
        word_bytes(key.x()),
        word_bytes(key.y()),
        bigint("block number", block.number())?,
        epoch_key(head.epoch),
        log.id.tx_hash.as_slice(),
        bigint("log index", log.id.log_index)?,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn deposit(
    tx: &mut Tx<'_>,
    head: &mut Head,
    log: &L1Log,
    (rollup, asset): (RollupId, AssetId),
    depositor: Address,
    atoms: Atoms,
) -> Result<(), Error> {
    let deposit = Operation::Deposit { rollup, asset, atoms };
    state::at_head(tx, head.epoch).await?.apply(&deposit, head.adoption.identity.word())?;
    let posting = hash::deposit_posting((rollup, asset), depositor, atoms, log.id, log.block);
    let credit = Move {
        debit: Account::Custody { asset },
        credit: Account::Cell { rollup, asset },
        atoms,
        recipient: None,
    };
    let block = match holds::open_of(tx, log.id).await? {
        Some(open) if open.is_of(log) => {
            head.post_held(tx, PostingKind::Deposit, posting, &open.hold).await?
        }
        open => {
            // Held as it was in a block that a reorg dropped.
            let gone = open.map(|open| (open.hold, ReleaseReason::Moved));
            head.release(tx, gone.as_slice()).await?;
            head.post(tx, PostingKind::Deposit, posting, &[credit]).await?
        }
    };
    sqlx::query!(
        "insert into deposit (block_number, epoch_number, rollup_id, asset_id, depositor, atoms,
            tx_hash, log_index)
        values ($1, $2, $3, $4, $5::bytea, $6::numeric, $7::bytea, $8)",
        bigint("block number", block.number())?,
        epoch_key(head.epoch),
        rollup_key(rollup),
        asset_key(asset),
        depositor.as_slice(),
        atoms.to_decimal(),
        log.id.tx_hash.as_slice(),
        bigint("log index", log.id.log_index)?,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn settlement(
    tx: &mut Tx<'_>,
    log: &L1Log,
    epoch: EpochNumber,
    state_digest: Word,
    steps: u64,
) -> Result<(), Error> {
    // FOUR_WAY: what settles on L1 is what the ledger sealed, or the books are not L1's any more.
    let sealed = epochs::sealed(tx, epoch).await?.ok_or(Error::NotSealed { epoch })?;
    if sealed.closing_digest != state_digest {
        let (sealed, settled) = (sealed.closing_digest, state_digest);
        return Err(Error::SettledOtherwise { epoch, sealed, settled });
    }
    sqlx::query!(
        "insert into l1_settlement (epoch_number, state_digest, step_count, tx_hash, log_index)
        values ($1, $2::bytea, $3, $4::bytea, $5)",
        epoch_key(epoch),
        word_bytes(state_digest),
        bigint("steps", steps)?,
        log.id.tx_hash.as_slice(),
        bigint("log index", log.id.log_index)?,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What our own settlement said of the books must be what was sealed. What a stranger said is noted and
/// no more: the state that they settled is the ledger's, and their word for the books binds nobody.
async fn said_of_the_books(
    tx: &mut Tx<'_>,
    log: &L1Log,
    epoch: EpochNumber,
    settled: B256,
) -> Result<(), Error> {
    let columns = Columns("epoch_books");
    let ours = sqlx::query!(
        r#"select exists (
                select from epoch_submission where tx_hash = $2::bytea
            ) as "ours!",
            (select books_digest from epoch_books where epoch_number = $1) as sealed"#,
        epoch_key(epoch),
        log.id.tx_hash.as_slice()
    )
    .fetch_one(&mut **tx)
    .await?;
    let sealed = ours.sealed.map(|digest| columns.b256(&digest)).transpose()?;
    let sealed = sealed.unwrap_or_default();
    if ours.ours && settled != sealed {
        return Err(Error::BooksDiffer { epoch, sealed, settled });
    }
    sqlx::query!(
        "insert into l1_settlement_books (epoch_number, books_digest) values ($1, $2::bytea)",
        epoch_key(epoch),
        settled.as_slice()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn claim(
    tx: &mut Tx<'_>,
    head: &mut Head,
    log: &L1Log,
    epoch: EpochNumber,
    claim: &Claim,
) -> Result<(), Error> {
    let exit_attempt = check_terms(tx, claim).await?;
    let posting = hash::claim_posting(epoch, claim, log.id, log.block);
    let payment = Move {
        debit: Account::Pot { rollup: claim.rollup, asset: claim.asset },
        credit: Account::Custody { asset: claim.asset },
        atoms: claim.atoms,
        recipient: None,
    };
    let block = head.post(tx, PostingKind::Claim, posting, &[payment]).await?;
    sqlx::query!(
        "insert into claim (rollup_id, exit_index, asset_id, recipient, atoms,
            proven_epoch_number, block_number, epoch_number, tx_hash, log_index, exit_attempt)
        values ($1, $2, $3, $4::bytea, $5::numeric, $6, $7, $8, $9::bytea, $10, $11)",
        rollup_key(claim.rollup),
        i64::from(claim.index.number()),
        asset_key(claim.asset),
        claim.recipient.as_slice(),
        claim.atoms.to_decimal(),
        epoch_key(epoch),
        bigint("block number", block.number())?,
        epoch_key(head.epoch),
        log.id.tx_hash.as_slice(),
        bigint("log index", log.id.log_index)?,
        exit_attempt,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A claim is paid on the terms of the exit that stands, or L1 and the ledger disagree. Which attempt
/// at its number that is.
async fn check_terms(tx: &mut Tx<'_>, claim: &Claim) -> Result<i32, Error> {
    let (rollup, index) = (claim.rollup, claim.index);
    let columns = Columns("exit");
    let exit = sqlx::query!(
        "select asset_id, recipient, atoms, attempt from exit b
        where rollup_id = $1 and exit_index = $2 and not exists (
            select from batch_eviction x where x.reversed_block = b.block_number
        )",
        rollup_key(rollup),
        lookup(u64::from(index.number()))
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::UnknownExit { rollup, index })?;
    let terms = Claim {
        rollup,
        index,
        asset: columns.asset(exit.asset_id)?,
        recipient: columns.address(&exit.recipient)?,
        atoms: columns.atoms(exit.atoms)?,
    };
    if terms == *claim { Ok(exit.attempt) } else { Err(Error::ClaimDiffers { rollup, index }) }
}
