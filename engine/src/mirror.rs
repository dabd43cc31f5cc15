//! Mirrors L1's logs into the ledger.
//!
//! **Invariant (EXACTLY_ONCE):** a log is booked once, in L1 order, and only when `confirmations`
//! blocks stand on top of it. Logs and cursor are written in one db_tx, so a crash between reading
//! and booking repeats the reading. A booked block that is no longer on the chain stops the engine:
//! what was booked from it may be backed by nothing. So does an epoch that somebody else settled with
//! another state: the ledger's books end before it.
//!
//! What L1 shows after that is not trusted with any effect: its deposits are held, so that they can be
//! seen, until their block is deep enough or gone. What is held follows L1's newest blocks as they are,
//! so a crash or a missed reorg is made good by looking again.

use domain::l1::{L1Block, L1Event, L1Log};
use domain::{EpochNumber, Word};
use ledger::{BookedLogs, HeldDeposits};
use tracing::{debug, info, warn};

use crate::context::{Context, Progress};
use crate::error::{AnswerFault, Error};
use crate::milestone::Milestone;
use crate::run::Chain;

/// Blocks whose logs are to be booked next: all after the cursor, up to `to`.
struct Range {
    from: u64,
    to: L1Block,
}

/// L1's newest block, and the first one that is not booked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Tail {
    from: u64,
    tip: L1Block,
}

/// Books the next range of blocks, if there is one; otherwise holds what comes after. `held` is the
/// tail that the holds were made for last, so that an unchanged one is not read again.
pub(crate) async fn mirror(context: &Context, held: &mut Option<Tail>) -> Result<Progress, Error> {
    let tail = tail(context).await?;
    if let Some(range) = next_range(context, tail).await? {
        book_logs(context, range).await?;
        return Ok(Progress::Moved);
    }
    if tail.from <= tail.tip.number && *held != Some(tail) {
        match hold_deposits(context, tail).await {
            // What is not final may go as it came. If it stays, booking it is the error.
            Err(fault @ Error::MalformedLog { .. }) => {
                warn!(error = %Chain(&fault), tip = tail.tip.number, "no deposits are held");
            }
            held => held?,
        }
        *held = Some(tail);
    }
    Ok(Progress::Idle)
}

async fn book_logs(context: &Context, Range { from, to }: Range) -> Result<(), Error> {
    let logs = read_logs(context, from, to).await?;
    let booked = match context.ledger.record_l1_block_range(&logs, to).await {
        Err(ledger::Error::NotSealed { epoch } | ledger::Error::SettledOtherwise { epoch, .. }) => {
            return Err(settled_elsewhere(context, epoch, &logs).await?);
        }
        Err(ledger::Error::BooksDiffer { epoch, sealed: ours, settled: theirs }) => {
            let found = settlement_of(epoch, &logs);
            let (log, _) = found.ok_or(ledger::Error::NotSealed { epoch })?;
            let tx_hash = log.id.tx_hash;
            return Err(Error::BooksDiffer { epoch, ours, theirs, tx_hash });
        }
        booked => booked?,
    };
    log(from, to, &booked);
    context.reached(&Milestone::LogsBooked { upto: to, booked });
    Ok(())
}

/// Has the ledger hold the deposits that L1 shows in blocks which are not deep enough, and let go of
/// those that it shows no more.
async fn hold_deposits(context: &Context, Tail { from, tip }: Tail) -> Result<(), Error> {
    let logs = read_logs(context, from, tip).await?;
    let HeldDeposits { held, released, passed_over } =
        context.ledger.hold_seen_deposits(&logs, tip).await?;
    if held == 0 && released == 0 {
        return Ok(());
    }
    info!(tip = tip.number, block_hash = %tip.hash, held, released, passed_over, "deposits held");
    context.reached(&Milestone::DepositsHeld { tip, held, released });
    Ok(())
}

/// The logs of the blocks `from..=to`, which are all of one chain.
async fn read_logs(context: &Context, from: u64, to: L1Block) -> Result<Vec<L1Log>, Error> {
    let mut logs = Vec::new();
    let (mut first, most) = (from, context.config.block_range.max(1));
    while first <= to.number {
        let last = first.saturating_add(most).saturating_sub(1).min(to.number);
        logs.extend(context.l1.logs(first, last).await?);
        first = last.saturating_add(1);
    }
    // The hash of the last block covers all before it: if it still stands, so does what was read.
    if context.l1.block(to.number).await? != Some(to) {
        return Err(Error::ChainMoved { number: to.number });
    }
    if let Some(log) = logs.iter().find(|log| log.block.number == to.number && log.block != to) {
        let fault = AnswerFault::Removed;
        let (tx_hash, log_index) = (log.id.tx_hash, log.id.log_index);
        return Err(Error::MalformedLog { tx_hash, log_index, fault });
    }
    Ok(logs)
}

/// Writes down that an epoch which these logs settle is not the ledger's own, so that everybody can
/// read it, a restart included. Nothing of the range is booked.
async fn settled_elsewhere(
    context: &Context,
    epoch: EpochNumber,
    logs: &[L1Log],
) -> Result<Error, Error> {
    let (log, settled) = settlement_of(epoch, logs).ok_or(ledger::Error::NotSealed { epoch })?;
    let ledger = &context.ledger;
    let foreign = ledger.record_foreign_settlement(epoch, log.id.tx_hash, log.block, settled);
    Ok(foreign.await?.into())
}

/// The log that settles an epoch, and the state that it settles.
fn settlement_of(epoch: EpochNumber, logs: &[L1Log]) -> Option<(&L1Log, Word)> {
    logs.iter().find_map(|log| match log.event {
        L1Event::EpochSettled { epoch: settled, state_digest, .. } if settled == epoch => {
            Some((log, state_digest))
        }
        _ => None,
    })
}

async fn tail(context: &Context) -> Result<Tail, Error> {
    let tip = context.l1.head().await?;
    let cursor = context.ledger.l1_cursor().await?;
    if let Some(cursor) = cursor {
        check_cursor(context, cursor, tip.number).await?;
    }
    let from = cursor.map_or(context.deployed_at_block, |cursor| cursor.number.saturating_add(1));
    Ok(Tail { from, tip })
}

async fn next_range(context: &Context, Tail { from, tip }: Tail) -> Result<Option<Range>, Error> {
    let Some(deep_enough) = tip.number.checked_sub(context.config.confirmations) else {
        return Ok(None);
    };
    let last = from.saturating_add(context.config.block_range.max(1)).saturating_sub(1);
    let to = last.min(deep_enough);
    if to < from {
        return Ok(None);
    }
    let moved = Error::ChainMoved { number: to };
    let to = context.l1.block(to).await?.ok_or(moved)?;
    Ok(Some(Range { from, to }))
}

async fn check_cursor(context: &Context, cursor: L1Block, head: u64) -> Result<(), Error> {
    let behind = Error::HeadBehindCursor { head, cursor: cursor.number };
    let found = context.l1.block(cursor.number).await?.ok_or(behind)?;
    if found == cursor {
        return Ok(());
    }
    let (number, recorded, found) = (cursor.number, cursor.hash, found.hash);
    Err(Error::BookedBlockDropped { number, recorded, found })
}

fn log(from: u64, to: L1Block, booked: &BookedLogs) {
    let BookedLogs { assets, rollups, deposits, settlements, claims, already_booked } = *booked;
    let blocks = (from, to.number);
    if [assets, rollups, deposits, settlements, claims].iter().all(|count| *count == 0) {
        debug!(?blocks, block_hash = %to.hash, already_booked, "no news from L1");
    } else {
        info!(
            ?blocks, block_hash = %to.hash, assets, rollups, deposits, settlements, claims,
            already_booked, "L1 logs booked"
        );
    }
}
