//! From submitted to settled to final: looks, and sends again only what may not have arrived.
//!
//! **Invariant:** unknown is not failed. An l1_tx without a receipt is looked up by its hash and
//! sent again as the same bytes; a new one is signed only once its nonce is spent otherwise, deep
//! enough that it can never land. A failed one is not sent again at all.

use alloy_primitives::B256;
use domain::EpochNumber;
use ledger::{GasPrice, Ledger, NewSettlement, Sealed, SettlementFee, SupersedeReason};
use tracing::{info, warn};

use crate::advance::{Outcome, Proven, Settled, Stage, Submitted};
use crate::context::Context;
use crate::error::Error;
use crate::l1::{L1, MinedL1Tx, SettlementReceipt};
use crate::milestone::Milestone;
use crate::submit::send;

/// Finds out what became of the signed l1_tx.
pub(crate) async fn confirm(context: &Context, submitted: Submitted) -> Result<Outcome, Error> {
    let Submitted { seal, submission } = submitted;
    let epoch = seal.epoch;
    // Before looking for receipts: if the nonce is spent by now and no receipt is found afterwards,
    // another l1_tx has spent it.
    let nonce_spent = nonce_spent(context, &submission).await?;
    if let Some(found) = settled_by_anyone(context, &seal).await? {
        return record_settlement(context, seal, found).await;
    }
    let receipt = context.l1.settlement_receipt(epoch, submission.tx_hash).await?;
    if let Some(SettlementReceipt::Failed { l1_tx }) = receipt {
        return failed(context, &submission, l1_tx).await;
    }
    if receipt.is_some() {
        // Mined between the two looks: the next look records it.
        return Ok(Outcome::to(Stage::Submitted(Submitted { seal, submission })));
    }
    if nonce_spent {
        let (attempt, reason) = (submission.attempt, SupersedeReason::NonceSpent);
        context.ledger.supersede_submission(epoch, attempt, reason).await?;
        warn!(%epoch, attempt, tx_hash = %submission.tx_hash, nonce = submission.nonce,
            "another l1_tx spent the settlement's nonce: it can never land, a new one follows");
        context.reached(&Milestone::Superseded { epoch, attempt, reason });
        return Ok(Outcome::to(Stage::Proven(Proven { seal })));
    }
    if !settled_on_l1(context, epoch).await? && !context.l1.knows(submission.tx_hash).await? {
        info!(%epoch, tx_hash = %submission.tx_hash, "L1 does not know the settlement, sending it again");
        send(context, &submission).await;
    }
    Ok(Outcome::Waiting)
}

/// Makes a settled epoch final, or takes it back if its block was dropped.
pub(crate) async fn finalise(context: &Context, settled: Settled) -> Result<Outcome, Error> {
    let Settled { seal, settlement } = settled;
    let epoch = seal.epoch;
    let block = settlement.block;
    let head = context.l1.head().await?;
    if context.l1.block(block.number).await? != Some(block) {
        context.ledger.record_reorg(epoch, head).await?;
        warn!(%epoch, block = block.number, block_hash = %block.hash, tx_hash = %settlement.tx_hash,
            "a reorg dropped the settlement, looking for it again");
        context.reached(&Milestone::Reorged { epoch, dropped: block });
        return Ok(Outcome::to(match context.ledger.live_submission(epoch).await? {
            Some(submission) => Stage::Submitted(Submitted { seal, submission }),
            None => Stage::Proven(Proven { seal }),
        }));
    }
    if head.number < block.number.saturating_add(context.config.confirmations) {
        return Ok(Outcome::Waiting);
    }
    context.ledger.record_final(epoch, head).await?;
    info!(%epoch, block = block.number, head = head.number, "epoch final");
    context.reached(&Milestone::Final { epoch });
    Ok(Outcome::to(Stage::Final))
}

/// Lets an epoch whose settlement was mined and failed be signed anew, once its cause is mended: for
/// an operator, never done by the engine itself.
///
/// # Errors
/// [`Error::NotFailed`] unless the epoch's live l1_tx was mined and failed.
pub async fn retry_failed(ledger: &Ledger, l1: &L1, epoch: EpochNumber) -> Result<(), Error> {
    let submission = ledger.live_submission(epoch).await?;
    let submission = submission.ok_or(Error::NotFailed { epoch })?;
    match l1.settlement_receipt(epoch, submission.tx_hash).await? {
        Some(SettlementReceipt::Failed { .. }) => {
            let (attempt, reason) = (submission.attempt, SupersedeReason::Reverted);
            ledger.supersede_submission(epoch, attempt, reason).await?;
            info!(%epoch, attempt, tx_hash = %submission.tx_hash, "failed settlement released");
            Ok(())
        }
        Some(SettlementReceipt::Settled { .. }) | None => Err(Error::NotFailed { epoch }),
    }
}

/// A settlement of the epoch that stands on L1: in one of our l1_txs, superseded ones among them, or
/// in somebody else's, which counts once the mirror has booked it.
pub(crate) async fn settled_by_anyone(
    context: &Context,
    seal: &Sealed,
) -> Result<Option<NewSettlement>, Error> {
    let epoch = seal.epoch;
    let mut submissions: Vec<_> = context.ledger.submissions(epoch).await?;
    submissions.sort_by_key(|submission| std::cmp::Reverse(submission.attempt));
    let ours: Vec<_> = submissions.iter().map(|submission| submission.tx_hash).collect();
    let booked = context.ledger.l1_settlement(epoch).await?;
    let booked = booked.map(|booked| booked.log.tx_hash);
    for tx_hash in ours.iter().copied().chain(booked) {
        let receipt = context.l1.settlement_receipt(epoch, tx_hash).await?;
        let Some(SettlementReceipt::Settled { l1_tx, state_digest, books }) = receipt else {
            continue;
        };
        if state_digest != seal.closing_digest {
            let (ours, theirs) = (seal.closing_digest, state_digest);
            return Err(Error::SettledOtherwise { epoch, ours, theirs, tx_hash });
        }
        check_books(seal, tx_hash, books, ours.contains(&tx_hash))?;
        let MinedL1Tx { block, gas_used, payer, gas_price, .. } = l1_tx;
        // A price past the bound is nobody's: what it cost is not known then, and the epoch is settled.
        let fee = GasPrice::new(gas_price).map(|gas_price| SettlementFee { payer, gas_price });
        return Ok(Some(NewSettlement { tx_hash, block, gas_used, state_digest, fee }));
    }
    Ok(None)
}

/// What our own l1_tx said of the books is what was sealed, or the ledger was changed since. Whoever else
/// settles may say anything: the state is the ledger's all the same, so it is told and nothing stops.
fn check_books(seal: &Sealed, tx_hash: B256, theirs: B256, is_ours: bool) -> Result<(), Error> {
    let Sealed { epoch, .. } = *seal;
    let ours = seal.books.unwrap_or_default();
    if theirs == ours {
        return Ok(());
    }
    if is_ours {
        return Err(Error::BooksDiffer { epoch, ours, theirs, tx_hash });
    }
    warn!(%epoch, %tx_hash, %ours, %theirs, "somebody else settled the epoch and named other books");
    Ok(())
}

/// Records that L1 has settled the epoch.
pub(crate) async fn record_settlement(
    context: &Context,
    seal: Sealed,
    found: NewSettlement,
) -> Result<Outcome, Error> {
    let epoch = seal.epoch;
    let settlement = context.ledger.record_settlement(epoch, &found).await?;
    let NewSettlement { tx_hash, block, gas_used, state_digest, .. } = found;
    info!(
        %epoch, %tx_hash, block = block.number, block_hash = %block.hash, gas_used,
        %state_digest, "epoch settled"
    );
    context.reached(&Milestone::Settled { epoch, tx_hash, block, gas_used });
    Ok(Outcome::to(Stage::Settled(Settled { seal, settlement })))
}

/// A mined and failed settlement is an incident, unless somebody else settled the epoch first. While
/// its block can still be dropped, there is hope.
async fn failed(
    context: &Context,
    submission: &ledger::Submission,
    l1_tx: MinedL1Tx,
) -> Result<Outcome, Error> {
    let ledger::Submission { epoch, tx_hash, .. } = *submission;
    let block = l1_tx.block.number;
    let head = context.l1.head().await?.number;
    let shallow = head < block.saturating_add(context.config.confirmations);
    if shallow || settled_on_l1(context, epoch).await? {
        return Ok(Outcome::Waiting);
    }
    let revert = context.l1.replay(&submission.raw_tx, block).await?;
    Err(Error::SettleReverted { epoch, tx_hash, block, revert })
}

/// Whether L1 has settled the epoch, by whomever.
pub(crate) async fn settled_on_l1(context: &Context, epoch: EpochNumber) -> Result<bool, Error> {
    Ok(context.l1.latest().await?.epoch().await? >= Some(epoch))
}

/// Whether the l1_tx's nonce was used, by it or another one, deep enough to stay so.
async fn nonce_spent(context: &Context, submission: &ledger::Submission) -> Result<bool, Error> {
    let head = context.l1.head().await?.number;
    let deep = head.saturating_sub(context.config.confirmations);
    Ok(context.l1.nonce_at(submission.sender, deep).await? > submission.nonce)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Word;
    use ledger::{BlockNumber, SealReason};

    fn check(pinned: Option<u8>, told: u8, is_ours: bool, holds: bool) {
        let block = domain::l1::L1Block { number: 1, hash: B256::ZERO };
        let seal = Sealed {
            epoch: EpochNumber::FIRST,
            reason: SealReason::Command,
            last_block: BlockNumber::new(1),
            last_block_hash: B256::ZERO,
            l1_cutoff: block,
            batches: 0,
            operations: 1,
            transfers: 0,
            opening_digest: Word::ZERO,
            closing_digest: Word::ZERO,
            books: pinned.map(B256::repeat_byte),
            sealed_at: time::OffsetDateTime::UNIX_EPOCH,
        };
        let checked = check_books(&seal, B256::ZERO, B256::repeat_byte(told), is_ours);
        assert_eq!(checked.is_ok(), holds, "{checked:?}");
        assert!(!checked.is_err_and(|error| error.is_transient()));
    }

    /// Our own l1_tx told L1 what was sealed, or nothing of an epoch that was sealed without books; a
    /// stranger's word for them stops nothing.
    #[test]
    fn our_own_books_alone_are_held_to() {
        check(Some(1), 1, true, true);
        check(Some(1), 2, true, false);
        check(Some(1), 0, true, false);
        check(None, 0, true, true);
        check(None, 1, true, false);
        check(Some(1), 2, false, true);
    }
}
