//! Deposits that L1 shows and that are not final enough to be booked.
//!
//! **Invariant:** an open hold of a deposit is of a block of L1 after the cursor: where a range is
//! booked, its holds are posted or released with it.

use std::collections::{BTreeMap, BTreeSet};

use domain::l1::{L1Block, L1Event, L1Log, L1LogId};

use super::{NewHold, OpenHold, ReleaseReason, SeenDeposit};
use crate::column::{Columns, lookup};
use crate::connection::Tx;
use crate::posting::{AllSums, Head, Move};
use crate::{Account, Error};

/// A hold of a deposit that has not ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenDeposit {
    pub(crate) hold: OpenHold,
    seen: SeenDeposit,
}

/// Which holds of deposits to read.
#[derive(Clone, Copy, Debug, Default)]
struct Which {
    after: Option<u64>,
    upto: Option<u64>,
    log: Option<L1LogId>,
}

const CAUSE: &str = "deposit";
const HOLD: Columns = Columns("hold");

impl OpenDeposit {
    /// Whether it is the hold of that log, in that block and on those terms.
    pub(crate) fn is_of(&self, log: &L1Log) -> bool {
        let held = |deposit: NewHold<'_>| (deposit.held, deposit.seen.map(without_past));
        deposit_of(log).map(held) == Some((self.hold.held, Some(without_past(self.seen))))
    }
}

/// Which of the open holds are gone and why, and which deposits are not held, after the cursor.
pub(super) fn compare(
    logs: &[L1Log],
    after: Option<u64>,
    open: &[OpenDeposit],
) -> (Vec<(OpenHold, ReleaseReason)>, Vec<NewHold<'static>>) {
    let is_after = |log: &&L1Log| after.is_none_or(|after| log.block.number > after);
    let shown: BTreeMap<L1LogId, &L1Log> =
        logs.iter().filter(is_after).map(|log| (log.id, log)).collect();
    let mut held = BTreeSet::new();
    let mut gone = Vec::new();
    for one in open {
        match shown.get(&one.seen.log) {
            Some(log) if one.is_of(log) => drop(held.insert(log.id)),
            Some(_) => gone.push((one.hold, ReleaseReason::Moved)),
            None => gone.push((one.hold, ReleaseReason::Reorg)),
        }
    }
    let new = logs.iter().filter(is_after).filter(|log| !held.contains(&log.id));
    (gone, new.filter_map(deposit_of).collect())
}

/// As many of the deposits as can be held, the first ones first.
pub(super) async fn take(
    tx: &mut Tx<'_>,
    new: &[NewHold<'static>],
    room: usize,
) -> Result<Vec<NewHold<'static>>, Error> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let mut sums = AllSums::all(tx).await?;
    let pasts = pasts(tx, new).await?;
    let mut taken = Vec::new();
    for (one, past) in new.iter().zip(pasts) {
        if taken.len() >= room {
            break;
        }
        if past.is_booked || sums.hold(&one.held).is_none() {
            continue;
        }
        let seen = one.seen.map(|seen| SeenDeposit { previous: past.hold, ..seen });
        taken.push(NewHold { seen, ..*one });
    }
    Ok(taken)
}

/// The open holds of deposits in L1 blocks after that one.
pub(super) async fn open_after(
    tx: &mut Tx<'_>,
    after: Option<u64>,
) -> Result<Vec<OpenDeposit>, Error> {
    open(tx, Which { after, ..Which::default() }).await
}

/// The open hold of that log, if there is one.
pub(crate) async fn open_of(tx: &mut Tx<'_>, log: L1LogId) -> Result<Option<OpenDeposit>, Error> {
    Ok(open(tx, Which { log: Some(log), ..Which::default() }).await?.pop())
}

/// Releases what is still held up to a block of L1 whose logs are booked: L1 shows it there no more.
pub(crate) async fn release_passed(
    tx: &mut Tx<'_>,
    head: &mut Head,
    after: Option<L1Block>,
    end: L1Block,
) -> Result<(), Error> {
    let after = after.map(|cursor| cursor.number);
    let passed = open(tx, Which { after, upto: Some(end.number), log: None }).await?;
    let gone: Vec<_> = passed.iter().map(|one| (one.hold, ReleaseReason::Reorg)).collect();
    head.release(tx, &gone).await
}

async fn open(tx: &mut Tx<'_>, which: Which) -> Result<Vec<OpenDeposit>, Error> {
    let rows = sqlx::query!(
        "select h.block_number, block_hash, debit_account_id, credit_account_id, atoms, depositor,
            tx_hash, log_index, l1_block_number, l1_block_hash, previous_hold
        from seen_deposit s
        join hold h using (block_number)
        join journal_block b using (block_number)
        where not exists (select from hold_end e where e.hold_block = h.block_number)
            and ($1::bigint is null or l1_block_number > $1)
            and ($2::bigint is null or l1_block_number <= $2)
            and ($3::bytea is null or (tx_hash, log_index) = ($3, $4::bigint))
        order by h.block_number",
        which.after.map(lookup),
        which.upto.map(lookup),
        which.log.map(|log| log.tx_hash.to_vec()),
        which.log.map(|log| lookup(log.log_index)),
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let reserved = Move {
                debit: HOLD.account(row.debit_account_id)?,
                credit: HOLD.account(row.credit_account_id)?,
                atoms: HOLD.atoms(row.atoms)?,
                recipient: None,
            };
            let block = HOLD.block(row.block_number)?;
            let hold = OpenHold { block, hash: HOLD.b256(&row.block_hash)?, held: reserved };
            let seen = SeenDeposit {
                depositor: HOLD.address(&row.depositor)?,
                log: HOLD.log(&row.tx_hash, row.log_index)?,
                block: HOLD.l1_block(row.l1_block_number, &row.l1_block_hash)?,
                previous: row.previous_hold.map(|block| HOLD.block(block)).transpose()?,
            };
            Ok(OpenDeposit { hold, seen })
        })
        .collect()
}

/// What became of a log before.
struct Past {
    /// Its last hold.
    hold: Option<crate::BlockNumber>,
    is_booked: bool,
}

async fn pasts(tx: &mut Tx<'_>, new: &[NewHold<'_>]) -> Result<Vec<Past>, Error> {
    let logs: Vec<L1LogId> = new.iter().filter_map(|one| Some(one.seen?.log)).collect();
    let rows = sqlx::query!(
        r#"select (
                select max(s.block_number) from seen_deposit s
                where (s.tx_hash, s.log_index) = (l.tx_hash, l.log_index)
            ) as hold, exists (
                select from l1_log b where (b.tx_hash, b.log_index) = (l.tx_hash, l.log_index)
            ) as "is_booked!"
        from unnest($1::bytea[], $2::bigint[]) with ordinality l (tx_hash, log_index, place)
        order by place"#,
        &logs.iter().map(|log| log.tx_hash.to_vec()).collect::<Vec<_>>(),
        &logs.iter().map(|log| lookup(log.log_index)).collect::<Vec<_>>(),
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let hold = row.hold.map(|block| HOLD.block(block)).transpose()?;
            Ok(Past { hold, is_booked: row.is_booked })
        })
        .collect()
}

/// The hold of the deposit that a log is, if it is one.
fn deposit_of(log: &L1Log) -> Option<NewHold<'static>> {
    let L1Event::Deposited { rollup, asset, depositor, atoms } = log.event else { return None };
    let (debit, credit) = (Account::Custody { asset }, Account::Cell { rollup, asset });
    let held = Move { debit, credit, atoms, recipient: None };
    let seen = SeenDeposit { depositor, log: log.id, block: log.block, previous: None };
    Some(NewHold { held, cause: CAUSE, seen: Some(seen) })
}

fn without_past(seen: SeenDeposit) -> SeenDeposit {
    SeenDeposit { previous: None, ..seen }
}
