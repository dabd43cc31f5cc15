//! From proven to submitted: compares, signs, writes the intent, sends.
//!
//! **Invariant (SINGLE_JOB):** the signed l1_tx and its hash are in the ledger before any node sees
//! it. Whatever happens afterwards, what may have landed is known by its hash.

use alloy_primitives::B256;
use domain::{EpochNumber, EpochStatement, StepOutput};
use folding::SettlementProof;
use ledger::{NewSubmission, Submission};
use tracing::{info, warn};

use crate::advance::{Outcome, Proven, Stage, Submitted};
use crate::compare::{self, Accounts};
use crate::confirm::{record_settlement, settled_by_anyone, settled_on_l1};
use crate::context::{Context, Worker};
use crate::error::Error;
use crate::milestone::Milestone;
use crate::prove::{blocking, plan};

/// Submits a proven epoch, unless L1 has settled it already.
pub(crate) async fn submit(context: &Context, proven: Proven) -> Result<Outcome, Error> {
    let Proven { seal } = proven;
    let epoch = seal.epoch;
    if let Some(found) = settled_by_anyone(context, &seal).await? {
        return record_settlement(context, seal, found).await;
    }
    let view = context.l1.latest().await?;
    let settled = view.epoch().await?.map_or(0, EpochNumber::number);
    if settled >= epoch.number() {
        // Somebody else was faster; the mirror books it once it is deep enough.
        info!(%epoch, settled, "L1 has settled the epoch already");
        return Ok(Outcome::Waiting);
    }
    if settled.saturating_add(1) != epoch.number() {
        return Err(Error::L1Behind { epoch, settled });
    }
    let (expected, found) = (seal.opening_digest, view.state_digest().await?);
    if expected != found {
        return Err(Error::OpeningDiffers { epoch, expected, found });
    }
    let submission = match write_intent(context, &seal).await {
        // Settled by somebody else between the look and the signing.
        Err(Error::SettleRefused { .. }) if settled_on_l1(context, epoch).await? => {
            return Ok(Outcome::Waiting);
        }
        written => written?,
    };
    send(context, &submission).await;
    Ok(Outcome::to(Stage::Submitted(Submitted { seal, submission })))
}

/// Signs the settlement and records it. Nothing is sent.
async fn write_intent(context: &Context, seal: &ledger::Sealed) -> Result<Submission, Error> {
    let epoch = seal.epoch;
    let not_proven = || Error::from(ledger::Error::NotProven { epoch });
    let proof = context.ledger.settlement_proof(epoch).await?.ok_or_else(not_proven)?;
    let proof = SettlementProof::new(proof.bytes);
    let (proof, outputs) = Box::pin(agreed_settlement(&context.worker(), seal, proof)).await?;
    let books = pinned_books(context, seal).await?;
    let prepared = context.l1.prepare_settle(epoch, &outputs, books, proof.as_bytes()).await?;
    let intent = NewSubmission {
        sender: prepared.sender,
        nonce: prepared.nonce,
        tx_hash: prepared.tx_hash,
        raw_tx: prepared.raw_tx,
    };
    let submission = context.ledger.record_submission(epoch, &intent).await?;
    let Submission { attempt, tx_hash, nonce, .. } = submission;
    info!(%epoch, attempt, %tx_hash, nonce, steps = outputs.len(), %books, "settlement signed");
    context.reached(&Milestone::IntentWritten { epoch, attempt, tx_hash });
    Ok(submission)
}

/// Verifies a settlement proof as the contract will, of the steps that are recorded, and compares it with plan
/// and ledger. Returns it with what L1 is to be told.
pub(crate) async fn agreed_settlement(
    worker: &Worker,
    seal: &ledger::Sealed,
    proof: SettlementProof,
) -> Result<(SettlementProof, Vec<StepOutput>), Error> {
    let epoch = seal.epoch;
    let records = worker.ledger.steps(epoch).await?;
    let statement = EpochStatement {
        identity: worker.identity,
        epoch,
        opening_digest: seal.opening_digest,
        outputs: records.iter().map(|record| record.output.clone()).collect(),
    };
    let key = worker.params.settlement_verifying_key().clone();
    let (proof, proven) = blocking(move || {
        proof.verify(&key, &statement)?;
        Ok((proof, compare::Proven::settlement(&statement)?))
    })
    .await?;
    let plan = plan(worker, epoch).await?;
    let outputs = Accounts {
        identity: &worker.identity,
        seal,
        positions: &worker.ledger.positions(epoch).await?,
        records: &records,
        planned: &plan.steps,
        closing: &plan.closing,
        proven: &proven,
    }
    .agree()?;
    Ok((proof, outputs))
}

/// The digest of the books, from their rows: none is signed that they do not make any more. Zero for an
/// epoch that was sealed before books were kept.
async fn pinned_books(context: &Context, seal: &ledger::Sealed) -> Result<B256, Error> {
    let books = context.ledger.books(seal.epoch).await?;
    Ok(books.map(|books| books.digest()).unwrap_or_default())
}

/// Hands the signed l1_tx to the node. A failure is no news about its outcome: it may have landed,
/// and it is looked up by its hash before it is sent again.
pub(crate) async fn send(context: &Context, submission: &Submission) {
    let Submission { epoch, tx_hash, .. } = *submission;
    match context.l1.send_raw(&submission.raw_tx).await {
        Ok(()) => info!(%epoch, %tx_hash, "settlement sent"),
        Err(error) => warn!(%epoch, %tx_hash, ?error, "settlement sent, outcome unknown"),
    }
    context.reached(&Milestone::Sent { epoch, tx_hash });
}
