//! From sealed to proven: folds the steps that are left, compresses, verifies, records.
//!
//! **Invariant:** a checkpoint is recorded after every step, so that a killed engine repeats at most
//! one step; and only a proof that verifies as a stranger would verify it is ever recorded.
//!
//! Folding is synchronous and takes both cores: it runs on tokio's blocking threads, one step per
//! task, so that the rest of the engine goes on and a shutdown waits for one step at most.

use std::time::Instant;

use domain::{EpochNumber, StepContext, Word};
use folding::{EpochProof, Fold, Params, Plan, StepWitness};
use ledger::{NewProof, TurnNumber};
use tracing::{info, warn};

use crate::advance::{Outcome, Proven, Sealed, Stage};
use crate::compare::{self, Accounts, check_plan};
use crate::context::Worker;
use crate::desk::{Desk, Made, ProofKind};
use crate::error::{Error, Part, Side};
use crate::milestone::Milestone;

/// Proves a sealed epoch. Waits, with all checkpoints recorded, when the engine is to stop.
/// What was folded `ahead` may come along; else it is resumed from its checkpoint.
pub(crate) async fn prove(
    worker: &Worker,
    turn: TurnNumber,
    sealed: Sealed,
    ahead: Option<Box<Fold>>,
) -> Result<Outcome, Error> {
    let Sealed { seal } = sealed;
    let epoch = seal.epoch;
    let began = Instant::now();
    let plan = plan(worker, epoch).await?;
    // Before minutes of proving, not after: what cannot be proven is an incident already.
    check_plan(&seal, &plan.steps, &plan.closing)?;
    let fold = match ahead {
        Some(fold) => fold,
        None => resume(worker, epoch, seal.opening_digest).await?,
    };
    check_folded(epoch, &plan.steps, &fold)?;
    info!(%epoch, steps = plan.steps.len(), folded_ahead = fold.steps(), "epoch planned");
    let Some(fold) = fold_steps(worker, turn, &seal, fold, plan.steps).await? else {
        return Ok(Outcome::Waiting);
    };
    let steps = step_number(fold.steps());
    let compressing = Instant::now();
    let bytes = blocking(move || Ok(fold.settlement_proof()?.as_bytes().to_vec())).await?;
    worker.reached(&Milestone::Compressed { epoch, bytes: bytes.len() });
    let size = bytes.len();
    let proof = NewProof { closing_digest: seal.closing_digest, steps, bytes };
    let took = compressing.elapsed();
    worker.hand_in_proof(Made { epoch, turn, took }, ProofKind::Settlement, &proof).await?;
    info!(
        %epoch, steps, bytes = size, seconds = began.elapsed().as_secs(),
        closing_digest = %seal.closing_digest, "epoch proven"
    );
    worker.reached(&Milestone::Proven { epoch, steps, bytes: size });
    Ok(Outcome::to(Stage::Proven(Proven { seal })))
}

/// Makes the aggregated proof of an epoch that L1 has its proof of already. Nobody's money waits for
/// it, so it comes after every settlement proof that could be made. `false` when told to stop.
pub(crate) async fn aggregate(
    worker: &Worker,
    turn: TurnNumber,
    seal: ledger::Sealed,
) -> Result<bool, Error> {
    let epoch = seal.epoch;
    let began = Instant::now();
    let plan = plan(worker, epoch).await?;
    let fold = resume(worker, epoch, seal.opening_digest).await?;
    check_folded(epoch, &plan.steps, &fold)?;
    let Some(fold) = fold_steps(worker, turn, &seal, fold, plan.steps.clone()).await? else {
        return Ok(false);
    };
    let steps = step_number(fold.steps());
    let compressing = Instant::now();
    let bytes = blocking(move || Ok(fold.finish()?.0.to_bytes())).await?;
    // What is offered is verified by the engine, which records it.
    let bytes = match worker.desk {
        Desk::Books => Box::pin(agreed_aggregated(worker, &seal, &plan, bytes)).await?,
        Desk::Offers => bytes,
    };
    let size = bytes.len();
    let proof = NewProof { closing_digest: seal.closing_digest, steps, bytes };
    let took = compressing.elapsed();
    worker.hand_in_proof(Made { epoch, turn, took }, ProofKind::Aggregated, &proof).await?;
    info!(%epoch, steps, bytes = size, seconds = began.elapsed().as_secs(), "epoch aggregated");
    worker.reached(&Milestone::Aggregated { epoch, steps, bytes: size });
    Ok(true)
}

/// Verifies the bytes of an aggregated proof with nothing but the key, as a stranger would, and compares them
/// with plan and ledger.
pub(crate) async fn agreed_aggregated(
    worker: &Worker,
    seal: &ledger::Sealed,
    plan: &Plan,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, Error> {
    let key = worker.params.verifying_key().clone();
    let (bytes, verified) = blocking(move || {
        let verified = EpochProof::from_bytes(&bytes)?.verify(&key)?;
        Ok((bytes, verified))
    })
    .await?;
    Accounts {
        identity: &worker.identity,
        seal,
        positions: &worker.ledger.positions(seal.epoch).await?,
        records: &worker.ledger.steps(seal.epoch).await?,
        planned: &plan.steps,
        closing: &plan.closing,
        proven: &compare::Proven::aggregated(verified),
    }
    .agree()?;
    Ok(bytes)
}

/// The native plan of an epoch, from the ledger's journal.
pub(crate) async fn plan(worker: &Worker, epoch: EpochNumber) -> Result<Box<Plan>, Error> {
    let operations = Box::new(worker.ledger.operations_of(epoch).await?);
    let step = StepContext { domain_word: worker.identity.word(), epoch };
    blocking(move || {
        let plan = folding::plan(&operations.opening, &operations.operations, step)?;
        Ok(Box::new(plan))
    })
    .await
}

/// The fold as the last checkpoint has it, or a new one.
pub(crate) async fn resume(
    worker: &Worker,
    epoch: EpochNumber,
    opening_digest: Word,
) -> Result<Box<Fold>, Error> {
    let Some((step, checkpoint)) = worker.checkpoint(epoch).await? else {
        return start(worker, epoch, opening_digest).await;
    };
    let params = Params::clone(&worker.params);
    match blocking(move || Ok(Box::new(Fold::resume(&params, &checkpoint)?))).await {
        Ok(fold) => {
            info!(%epoch, step, "folding goes on from the checkpoint");
            Ok(fold)
        }
        Err(error) => {
            // A checkpoint is working data: made with other parameters, it is merely useless.
            warn!(%epoch, step, %error, "checkpoint not usable, folding from the first step");
            start(worker, epoch, opening_digest).await
        }
    }
}

async fn start(
    worker: &Worker,
    epoch: EpochNumber,
    opening_digest: Word,
) -> Result<Box<Fold>, Error> {
    let params = Params::clone(&worker.params);
    let identity = worker.identity;
    blocking(move || Ok(Box::new(Fold::start(&params, identity, epoch, opening_digest)))).await
}

/// What is folded, ahead of the seal or after it, is the beginning of the sealed plan.
fn check_folded(epoch: EpochNumber, steps: &[StepWitness], fold: &Fold) -> Result<(), Error> {
    let mut planned = steps.iter().map(StepWitness::output);
    match fold.outputs().iter().position(|folded| planned.next() != Some(folded)) {
        None => Ok(()),
        Some(position) => {
            let position = position.saturating_add(1);
            let (left, right, part) = (Side::Plan, Side::Proof, Part::Step);
            Err(Error::PartsDiffer { epoch, left, right, part, position })
        }
    }
}

/// Folds what is left, a checkpoint after every step; `None` if told to stop on the way.
async fn fold_steps(
    worker: &Worker,
    turn: TurnNumber,
    seal: &ledger::Sealed,
    mut fold: Box<Fold>,
    steps: Vec<StepWitness>,
) -> Result<Option<Box<Fold>>, Error> {
    let ledger::Sealed { epoch, last_block, .. } = *seal;
    let of = step_number(steps.len());
    let folded = fold.steps();
    for witness in steps.into_iter().skip(folded) {
        if worker.shutdown.is_cancelled() {
            return Ok(None);
        }
        let began = Instant::now();
        let (next, output, checkpoint) = blocking(move || {
            let output = fold.step(&witness)?;
            let checkpoint = fold.checkpoint()?;
            Ok((fold, output, checkpoint))
        })
        .await?;
        fold = next;
        let (step, took) = (step_number(fold.steps()), began.elapsed());
        let made = Made { epoch, turn, took };
        worker.hand_in_step(made, step, &output, &checkpoint, last_block).await?;
        info!(
            %epoch, step, of, state_digest = %output.state_digest, pending = output.pending,
            fold_time_ms = took.as_millis(), "step folded"
        );
        worker.reached(&Milestone::StepFolded { epoch, step, of });
    }
    Ok(Some(fold))
}

pub(crate) fn step_number(steps: usize) -> u32 {
    // At most `MAX_STEPS_PER_EPOCH`.
    u32::try_from(steps).unwrap_or(u32::MAX)
}

/// Runs work that takes a core, away from the tasks that must keep answering.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::ProverEnded)?
}
