//! Holds and their ends: what is held comes to the sums that balances say, and every end is of a hold
//! that was open, on its terms.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use domain::Atoms;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Auditor;
use super::block::{Posting, missing};
use super::fault::{FaultKind, Row, Stop};
use super::page::{LogColumns, Page};
use crate::column::Columns;
use crate::connection::Tx;
use crate::hash::{self, BlockFields, HoldFields};
use crate::holds::SeenDeposit;
use crate::posting::Move;
use crate::{Account, BlockNumber, Error, PostingKind, ReleaseReason};

const HOLD: Columns = Columns("hold");
const END: Columns = Columns("hold_end");

/// A hold that has not ended.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Open {
    hash: B256,
    held: Move,
    seen: Option<SeenDeposit>,
}

pub(crate) struct HoldRow {
    epoch_number: i64,
    asset_id: i32,
    debit_account_id: i64,
    credit_account_id: i64,
    atoms: Decimal,
    pub(crate) cause: String,
    pub(crate) seen: Option<SeenRow>,
}

pub(crate) struct SeenRow {
    depositor: Vec<u8>,
    log: LogColumns,
    previous_hold: Option<i64>,
}

pub(crate) struct HoldEndRow {
    pub(crate) hold_block: i64,
    block_number: i64,
    posting_kind: i16,
    epoch_number: i64,
    pub(crate) reason: Option<i16>,
}

/// The holds of a range of blocks.
pub(super) async fn holds(
    tx: &mut Tx<'_>,
    first: i64,
    last: i64,
) -> Result<BTreeMap<i64, HoldRow>, Error> {
    let rows = sqlx::query!(
        r#"select block_number, epoch_number, asset_id, debit_account_id, credit_account_id, atoms,
            cause, depositor as "depositor?", tx_hash as "tx_hash?", log_index as "log_index?",
            l1_block_number as "l1_block_number?", l1_block_hash as "l1_block_hash?", previous_hold
        from hold left join seen_deposit using (block_number)
        where block_number between $1 and $2"#,
        first,
        last
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| {
            let log = match (r.tx_hash, r.log_index, r.l1_block_number, r.l1_block_hash) {
                (Some(tx_hash), Some(log_index), Some(l1_block_number), Some(l1_block_hash)) => {
                    let log_kind = i16::from(PostingKind::Deposit.code());
                    Some(LogColumns {
                        tx_hash,
                        log_index,
                        log_kind,
                        l1_block_number,
                        l1_block_hash,
                    })
                }
                _ => None,
            };
            let previous_hold = r.previous_hold;
            let seen = r.depositor.zip(log);
            let seen = seen.map(|(depositor, log)| SeenRow { depositor, log, previous_hold });
            let row = HoldRow {
                epoch_number: r.epoch_number,
                asset_id: r.asset_id,
                debit_account_id: r.debit_account_id,
                credit_account_id: r.credit_account_id,
                atoms: r.atoms,
                cause: r.cause,
                seen,
            };
            (r.block_number, row)
        })
        .collect())
}

/// The ends of holds in a range of blocks.
pub(super) async fn hold_ends(
    tx: &mut Tx<'_>,
    first: i64,
    last: i64,
) -> Result<BTreeMap<i64, HoldEndRow>, Error> {
    let rows = sqlx::query_as!(
        HoldEndRow,
        "select hold_block, block_number, posting_kind, epoch_number, reason
        from hold_end where block_number between $1 and $2",
        first,
        last
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.block_number, row)).collect())
}

impl Auditor<'_> {
    pub(super) fn hold(&mut self, block: &BlockFields, page: &Page) -> Result<Posting, Stop> {
        let number = i64::try_from(block.number.number()).unwrap_or(i64::MAX);
        let row = page.holds.get(&number).ok_or_else(|| missing(block))?;
        let name = Row::Hold(block.number);
        let held = name.reads(read_held(row))?;
        let asset = name.reads(HOLD.asset(row.asset_id))?;
        let place = (name.reads(HOLD.epoch(row.epoch_number))?, held.credit.asset());
        name.check(place == (block.epoch, asset), FaultKind::DiffersFromSource)?;
        name.check(held.debit.asset() == asset, FaultKind::DiffersFromSource)?;
        let seen = name.reads(row.seen.as_ref().map(read_seen).transpose())?;
        let (atoms, last_held) = (held.atoms.number(), block.number.number());
        let from = self.books.entry(held.debit).or_default();
        (from.held_debits, from.last_held) = (from.held_debits.saturating_add(atoms), last_held);
        let to = self.books.entry(held.credit).or_default();
        (to.held_credits, to.last_held) = (to.held_credits.saturating_add(atoms), last_held);
        self.holds.insert(block.number, Open { hash: block.hash(), held, seen });
        self.counts.holds = self.counts.holds.saturating_add(1);
        self.counts.seen_deposits =
            self.counts.seen_deposits.saturating_add(u64::from(seen.is_some()));
        let fields = HoldFields { held, cause: &row.cause, seen: seen.as_ref() };
        Ok((name, hash::hold_posting(&fields)))
    }

    pub(super) fn release(&mut self, block: &BlockFields, page: &Page) -> Result<Posting, Stop> {
        let number = i64::try_from(block.number.number()).unwrap_or(i64::MAX);
        let row = page.hold_ends.get(&number).ok_or_else(|| missing(block))?;
        let (name, hold, open) = self.end(block, row)?;
        let reason = row.reason.and_then(ReleaseReason::from_code);
        let reason = reason.ok_or_else(|| name.is(FaultKind::Unreadable))?;
        Ok((name, hash::release_posting(hold, open.hash, reason.code())))
    }

    /// The digest of a deposit's posting, which may post a hold of that deposit.
    pub(super) fn posted(
        &mut self,
        block: &BlockFields,
        page: &Page,
        posting: B256,
        (cell, atoms, deposit): (Account, Atoms, SeenDeposit),
    ) -> Result<B256, Stop> {
        let number = i64::try_from(block.number.number()).unwrap_or(i64::MAX);
        let Some(row) = page.hold_ends.get(&number) else { return Ok(posting) };
        let (name, hold, open) = self.end(block, row)?;
        let debit = Account::Custody { asset: cell.asset() };
        let moved = Move { debit, credit: cell, atoms, recipient: None };
        let seen = open.seen.map(|seen| SeenDeposit { previous: None, ..seen });
        let same = (open.held, seen, row.reason) == (moved, Some(deposit), None);
        name.check(same, FaultKind::DiffersFromSource)?;
        Ok(hash::posted(posting, hold, open.hash))
    }

    fn end(
        &mut self,
        block: &BlockFields,
        row: &HoldEndRow,
    ) -> Result<(Row, BlockNumber, Open), Stop> {
        let hold = Row::JournalBlock(block.number).reads(END.block(row.hold_block))?;
        let name = Row::HoldEnd(hold);
        let place = (name.reads(END.epoch(row.epoch_number))?, row.posting_kind);
        let expected = (block.epoch, i16::from(block.kind.code()));
        name.check(place == expected, FaultKind::DiffersFromSource)?;
        let open = self.holds.remove(&hold).ok_or_else(|| name.is(FaultKind::Stray))?;
        let Move { debit, credit, atoms, .. } = open.held;
        let (atoms, last_held) = (atoms.number(), block.number.number());
        let from = self.books.entry(debit).or_default();
        (from.held_debits, from.last_held) = (from.held_debits.saturating_sub(atoms), last_held);
        let to = self.books.entry(credit).or_default();
        (to.held_credits, to.last_held) = (to.held_credits.saturating_sub(atoms), last_held);
        self.counts.hold_ends = self.counts.hold_ends.saturating_add(1);
        Ok((name, hold, open))
    }

    /// What is held at the end is of deposits that are not final yet, and there to be spent by them
    /// alone.
    pub(super) async fn open_holds(&mut self) -> Result<(), Stop> {
        let cursor = crate::l1_logs::cursor(&mut self.tx).await?;
        for (block, open) in &self.holds {
            let passed = open.seen.zip(cursor);
            let passed = passed.is_some_and(|(seen, end)| seen.block.number <= end.number);
            Row::Hold(*block).check(!passed, FaultKind::Stray)?;
        }
        for (account, sums) in &self.books {
            Row::Balance(*account).check(sums.covers_held(*account), FaultKind::Unbalanced)?;
        }
        Ok(())
    }
}

pub(crate) fn read_held(row: &HoldRow) -> Result<Move, Error> {
    Ok(Move {
        debit: HOLD.account(row.debit_account_id)?,
        credit: HOLD.account(row.credit_account_id)?,
        atoms: HOLD.atoms(row.atoms)?,
        recipient: None,
    })
}

pub(crate) fn read_seen(row: &SeenRow) -> Result<SeenDeposit, Error> {
    let columns = Columns("seen_deposit");
    Ok(SeenDeposit {
        depositor: columns.address(&row.depositor)?,
        log: columns.log(&row.log.tx_hash, row.log.log_index)?,
        block: columns.l1_block(row.log.l1_block_number, &row.log.l1_block_hash)?,
        previous: row.previous_hold.map(|block| columns.block(block)).transpose()?,
    })
}
