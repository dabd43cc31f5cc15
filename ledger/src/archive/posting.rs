//! The digest of what a block posts, from the rows that stay.

use alloy_primitives::B256;
use domain::{Batch, Claim};

use crate::audit::batch::listed;
use crate::audit::block::{log_of, read_asset};
use crate::audit::eviction::{read_cause, read_name};
use crate::audit::fault::{FaultKind, Row, Stop};
use crate::audit::holds::{read_held, read_seen};
use crate::audit::page::Page;
use crate::column::{Columns, lookup};
use crate::connection::Tx;
use crate::hash::{self, BatchPlace, BlockFields, HoldFields, ReversalFields, TransferFields};
use crate::{BlockNumber, PostingKind, ReleaseReason};

/// The row that a block posts, and the digest of it.
pub(super) async fn read(
    tx: &mut Tx<'_>,
    block: &BlockFields,
    page: &Page,
    transfers: &[TransferFields],
) -> Result<(Row, B256), Stop> {
    let found = match block.kind {
        PostingKind::Asset => asset(block, page)?,
        PostingKind::Rollup => rollup(block, page)?,
        PostingKind::Deposit => deposit(tx, block, page).await?,
        PostingKind::Claim => claim(block, page)?,
        PostingKind::Batch => batch(block, page, transfers)?,
        PostingKind::Reversal => reversal(tx, block, page).await?,
        PostingKind::Hold => hold(block, page)?,
        PostingKind::Release => release(tx, block, page).await?,
    };
    found.ok_or_else(|| Row::JournalBlock(block.number).is(FaultKind::Missing))
}

type Found = Result<Option<(Row, B256)>, Stop>;

fn key(block: &BlockFields) -> i64 {
    lookup(block.number.number())
}

fn asset(block: &BlockFields, page: &Page) -> Found {
    let Some(row) = page.assets.get(&key(block)) else { return Ok(None) };
    let columns = Columns("asset");
    let name = Row::Asset(Row::JournalBlock(block.number).reads(columns.asset(row.asset_id))?);
    let asset = name.reads(read_asset(row))?;
    let (log, l1_block) = log_of(name, columns, (&row.log, row.epoch_number), block)?;
    Ok(Some((name, hash::asset_posting(&asset, log, l1_block))))
}

fn rollup(block: &BlockFields, page: &Page) -> Found {
    let Some(row) = page.rollups.get(&key(block)) else { return Ok(None) };
    let columns = Columns("rollup");
    let rollup = Row::JournalBlock(block.number).reads(columns.rollup(row.rollup_id))?;
    let name = Row::Rollup(rollup);
    let settlement_key = name.reads(columns.key(&row.key_x, &row.key_y))?;
    let (log, l1_block) = log_of(name, columns, (&row.log, row.epoch_number), block)?;
    Ok(Some((name, hash::rollup_posting(rollup, &settlement_key, log, l1_block))))
}

/// A deposit may post a hold, which its digest names then.
async fn deposit(tx: &mut Tx<'_>, block: &BlockFields, page: &Page) -> Found {
    let Some(row) = page.deposits.get(&key(block)) else { return Ok(None) };
    let columns = Columns("deposit");
    let name = Row::Deposit(block.number);
    let cell =
        (name.reads(columns.rollup(row.rollup_id))?, name.reads(columns.asset(row.asset_id))?);
    let depositor = name.reads(columns.address(&row.depositor))?;
    let atoms = name.reads(columns.atoms(row.atoms))?;
    let (log, l1_block) = log_of(name, columns, (&row.log, row.epoch_number), block)?;
    let posting = hash::deposit_posting(cell, depositor, atoms, log, l1_block);
    let Some(end) = page.hold_ends.get(&key(block)) else { return Ok(Some((name, posting))) };
    let (hold, hash) = hash_of(tx, name, end.hold_block).await?;
    Ok(Some((name, hash::posted(posting, hold, hash))))
}

fn claim(block: &BlockFields, page: &Page) -> Found {
    let Some(row) = page.claims.get(&key(block)) else { return Ok(None) };
    let columns = Columns("claim");
    let unnamed = Row::JournalBlock(block.number);
    let rollup = unnamed.reads(columns.rollup(row.rollup_id))?;
    let index = unnamed.reads(columns.exit_index(row.exit_index))?;
    let name = Row::Claim { rollup, index };
    let claim = Claim {
        rollup,
        index,
        asset: name.reads(columns.asset(row.asset_id))?,
        recipient: name.reads(columns.address(&row.recipient))?,
        atoms: name.reads(columns.atoms(row.atoms))?,
    };
    let epoch = name.reads(columns.epoch(row.proven_epoch_number))?;
    let (log, l1_block) = log_of(name, columns, (&row.log, row.epoch_number), block)?;
    Ok(Some((name, hash::claim_posting(epoch, &claim, log, l1_block))))
}

/// The lanes are the sums of what is listed.
fn batch(block: &BlockFields, page: &Page, transfers: &[TransferFields]) -> Found {
    let Some(row) = page.batches.get(&key(block)) else { return Ok(None) };
    let columns = Columns("batch");
    let unnamed = Row::JournalBlock(block.number);
    let rollup = unnamed.reads(columns.rollup(row.rollup_id))?;
    let height = unnamed.reads(columns.height(row.height))?;
    let name = Row::Batch { rollup, height };
    let parts = listed(name, row, transfers)?;
    let batch = Batch::new(parts).map_err(|rule| name.is(FaultKind::RuleBroken(rule)))?;
    let place = BatchPlace {
        digest: name.reads(columns.word(&row.batch_digest))?,
        body_digest: name.reads(columns.b256(&row.body_digest))?,
        place_in_epoch: name.reads(columns.small(row.place_in_epoch))?,
        exits_before: name.reads(columns.exit_index(row.exits_before))?.number(),
        exit_tree: &row.exit_tree,
    };
    Ok(Some((name, hash::batch_posting(&batch, place))))
}

async fn reversal(tx: &mut Tx<'_>, block: &BlockFields, page: &Page) -> Found {
    let Some(row) = page.evictions.get(&key(block)) else { return Ok(None) };
    let batch = Row::JournalBlock(block.number).reads(read_name(row))?;
    let name = Row::BatchEviction(batch);
    let cause = name.reads(read_cause(row))?;
    let (reversed, reversed_hash) = hash_of(tx, name, row.reversed_block).await?;
    let fields = ReversalFields { batch, reversed, reversed_hash, cause, reason: &row.reason };
    Ok(Some((name, hash::reversal_posting(&fields))))
}

fn hold(block: &BlockFields, page: &Page) -> Found {
    let Some(row) = page.holds.get(&key(block)) else { return Ok(None) };
    let name = Row::Hold(block.number);
    let held = name.reads(read_held(row))?;
    let seen = name.reads(row.seen.as_ref().map(read_seen).transpose())?;
    let fields = HoldFields { held, cause: &row.cause, seen: seen.as_ref() };
    Ok(Some((name, hash::hold_posting(&fields))))
}

async fn release(tx: &mut Tx<'_>, block: &BlockFields, page: &Page) -> Found {
    let Some(row) = page.hold_ends.get(&key(block)) else { return Ok(None) };
    let name = Row::JournalBlock(block.number);
    let (hold, hash) = hash_of(tx, name, row.hold_block).await?;
    let reason = row.reason.and_then(ReleaseReason::from_code);
    let reason = reason.ok_or_else(|| Row::HoldEnd(hold).is(FaultKind::Unreadable))?;
    Ok(Some((Row::HoldEnd(hold), hash::release_posting(hold, hash, reason.code()))))
}

/// The block that another one names, with its hash.
async fn hash_of(tx: &mut Tx<'_>, name: Row, block: i64) -> Result<(BlockNumber, B256), Stop> {
    let columns = Columns("journal_block");
    let number = name.reads(columns.block(block))?;
    let hash =
        sqlx::query_scalar!("select block_hash from journal_block where block_number = $1", block)
            .fetch_optional(&mut **tx)
            .await?
            .ok_or_else(|| Row::JournalBlock(number).is(FaultKind::Missing))?;
    Ok((number, name.reads(columns.b256(&hash))?))
}
