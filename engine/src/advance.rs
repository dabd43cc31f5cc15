//! The life of an epoch, one arm per state.
//!
//! **Invariant:** an epoch's state is the last row that it has in the ledger. Each arm reads what
//! the one before wrote and writes one new row, so an engine that is killed anywhere goes on from
//! the last row, and an epoch only ever moves along these arms:
//!
//! ```text
//! sealed ──▶ proven ──▶ submitted ──▶ settled ──▶ final
//!              ▲ nonce      ▲ reorg       │
//!              └── spent ───┴─────────────┘
//! ```
//!
//! Epochs are proven as soon as they are sealed, by the lane that folds the open one ahead while none
//! is; but they are submitted strictly in order, each only when the
//! one before is final: there is one live L1 job. The aggregated proof is beside this life: it is
//! made of the same checkpoints when no epoch waits for its settlement proof.

use domain::EpochNumber;
use ledger::{EpochStatus, Ledger, TurnNumber};
use tracing::warn;

use crate::ahead::{Ahead, fold_ahead};
use crate::confirm::{confirm, finalise};
use crate::context::{Context, Progress, Worker};
use crate::desk::{Desk, ProofKind};
use crate::error::Error;
use crate::prove::{aggregate, prove};
use crate::run::Chain;
use crate::submit::submit;

/// Where an epoch stands, with what exists then.
#[derive(Debug)]
pub(crate) enum Stage {
    Sealed(Sealed),
    Proven(Proven),
    Submitted(Submitted),
    Settled(Settled),
    Final,
}

/// Order and content are fixed.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) seal: ledger::Sealed,
}

/// There is a verified settlement proof.
#[derive(Debug)]
pub(crate) struct Proven {
    pub(crate) seal: ledger::Sealed,
}

/// There is a signed l1_tx that may have landed.
#[derive(Debug)]
pub(crate) struct Submitted {
    pub(crate) seal: ledger::Sealed,
    pub(crate) submission: ledger::Submission,
}

/// L1 has settled it, in a block that may still be dropped.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) seal: ledger::Sealed,
    pub(crate) settlement: ledger::Settlement,
}

/// What an arm came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A row was written: the epoch stands there now.
    Advanced(Box<Stage>),
    /// Nothing to do until L1, or somebody, moves.
    Waiting,
}

impl Outcome {
    pub(crate) fn to(stage: Stage) -> Self {
        Self::Advanced(Box::new(stage))
    }
}

/// Takes an epoch one state further. A sealed one waits for the lane that proves.
pub(crate) async fn advance(context: &Context, stage: Stage) -> Result<Outcome, Error> {
    match stage {
        Stage::Proven(proven) => submit(context, proven).await,
        Stage::Submitted(submitted) => confirm(context, submitted).await,
        Stage::Settled(settled) => finalise(context, settled).await,
        Stage::Sealed(_) | Stage::Final => Ok(Outcome::Waiting),
    }
}

/// As [`prove_something`]. A prover whose offers the engine has withdrawn, or whose fold is no more the beginning
/// of the plan, begins the epoch anew; the plan comes from the ledger, so that is the prover's own affair.
pub(crate) async fn prove_next(
    worker: &Worker,
    turn: TurnNumber,
    ahead: &mut Option<Ahead>,
) -> Result<Progress, Error> {
    match Box::pin(prove_something(worker, turn, ahead)).await {
        Err(error)
            if worker.desk == Desk::Offers
                && let Some(epoch) = begun_in_vain(&error) =>
        {
            warn!(%epoch, error = %Chain(&error), "folding the epoch from its first step");
            *ahead = None;
            worker.ledger.withdraw_offers(epoch).await?;
            Ok(Progress::Idle)
        }
        done => done,
    }
}

/// The epoch, if its fold leads nowhere.
fn begun_in_vain(error: &Error) -> Option<EpochNumber> {
    match error {
        Error::PartsDiffer { epoch, .. } => Some(*epoch),
        Error::Ledger(error) => match **error {
            ledger::Error::StepOutOfOrder { epoch, .. } => Some(epoch),
            _ => None,
        },
        _ => None,
    }
}

/// Proves the oldest epoch that is sealed and not proven; without one, folds a step of the open epoch
/// ahead; without one, aggregates the oldest that is proven and not aggregated. In this order, because
/// money waits for the first, will wait for the second, and never for the third. One thing at a time,
/// so that a newly sealed epoch waits for one step or one aggregated proof at most. What is offered already
/// waits for the engine.
async fn prove_something(
    worker: &Worker,
    turn: TurnNumber,
    ahead: &mut Option<Ahead>,
) -> Result<Progress, Error> {
    for epoch in worker.ledger.unfinished_epochs().await? {
        if let Stage::Sealed(sealed) = load(&worker.ledger, epoch).await?
            && !worker.has_offered(epoch, ProofKind::Settlement).await?
        {
            let fold = ahead.take().and_then(|ahead| ahead.into_fold(epoch));
            return Ok(match Box::pin(prove(worker, turn, sealed, fold)).await? {
                Outcome::Advanced(_) => Progress::Moved,
                Outcome::Waiting => Progress::Idle,
            });
        }
    }
    if Box::pin(fold_ahead(worker, turn, ahead)).await? == Progress::Moved {
        return Ok(Progress::Moved);
    }
    for epoch in worker.ledger.unaggregated_epochs().await? {
        if worker.has_offered(epoch, ProofKind::Aggregated).await? {
            continue;
        }
        let unknown = || Error::from(ledger::Error::NotSealed { epoch });
        let row = worker.ledger.epoch(epoch).await?.ok_or_else(unknown)?;
        let seal = row.sealed.ok_or_else(unknown)?;
        let done = Box::pin(aggregate(worker, turn, seal)).await?;
        return Ok(if done { Progress::Moved } else { Progress::Idle });
    }
    Ok(Progress::Idle)
}

/// Takes the oldest epoch that is not final as far as it goes, unless it waits for its proof.
pub(crate) async fn settle_next(context: &Context) -> Result<Progress, Error> {
    let Some(epoch) = context.ledger.unfinished_epochs().await?.into_iter().next() else {
        return Ok(Progress::Idle);
    };
    let mut stage = load(&context.ledger, epoch).await?;
    while !context.shutdown.is_cancelled() {
        stage = match advance(context, stage).await? {
            Outcome::Advanced(next) => *next,
            Outcome::Waiting => return Ok(Progress::Idle),
        };
        if matches!(stage, Stage::Final) {
            return Ok(Progress::Moved);
        }
    }
    Ok(Progress::Idle)
}

/// Reads where an epoch stands.
async fn load(ledger: &Ledger, epoch: EpochNumber) -> Result<Stage, Error> {
    let unknown = || Error::from(ledger::Error::NotSealed { epoch });
    let row = ledger.epoch(epoch).await?.ok_or_else(unknown)?;
    let seal = row.sealed.ok_or_else(unknown)?;
    Ok(match row.status {
        EpochStatus::Open => return Err(unknown()),
        EpochStatus::Sealed | EpochStatus::Proving { .. } => Stage::Sealed(Sealed { seal }),
        EpochStatus::Proven => Stage::Proven(Proven { seal }),
        EpochStatus::Submitted { .. } => match ledger.live_submission(epoch).await? {
            Some(submission) => Stage::Submitted(Submitted { seal, submission }),
            None => Stage::Proven(Proven { seal }),
        },
        EpochStatus::Settled => match row.settlement {
            Some(settlement) => Stage::Settled(Settled { seal, settlement }),
            None => return Err(ledger::Error::NotSettled { epoch }.into()),
        },
        EpochStatus::Final => Stage::Final,
    })
}
