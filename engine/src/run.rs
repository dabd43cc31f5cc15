//! Runs the engine: four lanes that meet in the ledger alone; or the one that folds and proves, by itself.
//!
//! **Invariant:** a lane retries what is transient, with a bounded pause and a line in the log, and
//! ends the engine with anything else.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use folding::Params;
use ledger::{Adoption, Ledger, TurnKind, TurnNumber};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::accept::Accepting;
use crate::advance::{prove_next, settle_next};
use crate::ahead::Ahead;
use crate::config::{Config, Proving};
use crate::context::{Context, Progress, Worker};
use crate::desk::Desk;
use crate::error::Error;
use crate::evict::evict;
use crate::grace::GraceWatch;
use crate::l1::L1;
use crate::milestone::Observer;
use crate::mirror::{Tail, mirror};
use crate::seal::seal_when_due;
use crate::turn;

/// Makes the ledger belong to the contract, or finds that it does.
///
/// # Errors
/// The ledger's refusal, with both identities, if it belongs to another one.
pub async fn adopt(ledger: &Ledger, l1: &L1, deployed_at_block: u64) -> Result<Adoption, Error> {
    let adoption = Adoption {
        identity: l1.identity().await?,
        genesis_digest: domain::LiquidityState::genesis().digest(),
        deployed_at_block,
    };
    ledger.adopt_domain(&adoption).await?;
    Ok(adoption)
}

/// Runs the engine until it is told to stop, or meets an error that waiting does not mend.
///
/// # Errors
/// The first error that is not transient. What was recorded stands: a restart goes on from there.
pub async fn run(
    config: Config,
    ledger: Ledger,
    l1: L1,
    params: Params,
    observer: Observer,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let adoption = ledger.domain().await?.ok_or(Error::NoDomain)?;
    l1.check(&adoption.identity).await?;
    check_domain(&ledger, &params).await?;
    l1.check_settler().await?;
    let context = Context {
        config,
        ledger,
        l1,
        params: Arc::new(params),
        identity: adoption.identity,
        deployed_at_block: adoption.deployed_at_block,
        observer,
        shutdown,
    };
    info!(
        chain_id = context.identity.chain_id, settlement = %context.identity.settlement,
        domain_id = %context.identity.domain_id, signer = %context.l1.signer(),
        key_id = %context.params.key_id(), proving = ?context.config.proving, "engine starts"
    );
    let worker = context.worker();
    let work = |_: TurnNumber| Box::pin(work(&context, &worker));
    let ended = turn::in_turn(&worker, TurnKind::Engine, work).await;
    match &ended {
        Ok(()) => info!("engine stopped"),
        Err(fault) => error!(error = %Chain(fault), "engine ends"),
    }
    ended
}

/// Folds and proves what an engine seals, until it is told to stop, or meets an error that waiting does not
/// mend. It needs the ledger, as [`ledger::Role::Prover`], and nothing of L1. It offers what it makes: the engine
/// compares steps with its own plan, verifies proofs, and records what is right.
///
/// # Errors
/// The first error that is not transient. What was recorded stands: a restart goes on from there, and repeats
/// one step at most.
pub async fn run_prover(
    poll: Duration,
    ledger: Ledger,
    params: Params,
    observer: Observer,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let identity = check_domain(&ledger, &params).await?.identity;
    let (params, desk) = (Arc::new(params), Desk::Offers);
    let worker = Worker { ledger, params, identity, desk, observer, shutdown, poll };
    info!(
        chain_id = identity.chain_id, domain_id = %identity.domain_id,
        key_id = %worker.params.key_id(), "prover starts"
    );
    let ended = turn::in_turn(&worker, TurnKind::Prover, |turn| {
        let worker = &worker;
        Box::pin(async move {
            let (waker, wake) = watch::channel(());
            let lane = Lane::Prove { worker, turn, ahead: None, evicts: None };
            tokio::try_join!(
                Box::pin(listen(worker, waker)),
                Box::pin(follow(worker, lane, wake))
            )?;
            Ok(())
        })
    })
    .await;
    match &ended {
        Ok(()) => info!("prover stopped"),
        Err(fault) => error!(error = %Chain(fault), "prover ends"),
    }
    ended
}

/// The domain of the books, if it is one that can be proven with these parameters and goes on.
async fn check_domain(ledger: &Ledger, params: &Params) -> Result<Adoption, Error> {
    let adoption = ledger.domain().await?.ok_or(Error::NoDomain)?;
    let expected = B256::from(params.settlement_verifying_key().id().digest());
    let found = adoption.identity.verification_key_id;
    if found != expected {
        return Err(Error::VerificationKeyDiffers { expected, found });
    }
    match ledger.foreign_settlement().await? {
        Some(foreign) => Err(foreign.into()),
        None => Ok(adoption),
    }
}

/// Runs all lanes until they are told to stop, or one of them fails.
async fn work(context: &Context, worker: &Worker) -> Result<(), Error> {
    let (waker, wake) = watch::channel(());
    tokio::try_join!(
        Box::pin(listen(worker, waker)),
        Box::pin(follow(worker, Lane::Mirror(context, None), wake.clone())),
        Box::pin(follow(worker, Lane::Seal(context, GraceWatch::default()), wake.clone())),
        Box::pin(prove(context, worker, &wake)),
        Box::pin(follow(worker, Lane::Settle(context), wake.clone())),
    )?;
    Ok(())
}

/// Folds and proves in turns of their own; or takes what another process offers, if that is to.
async fn prove(
    context: &Context,
    worker: &Worker,
    wake: &watch::Receiver<()>,
) -> Result<(), Error> {
    if context.config.proving == Proving::Elsewhere {
        let lane = Lane::Accept { worker, accepting: Accepting::default(), evicts: context };
        return Box::pin(follow(worker, lane, wake.clone())).await;
    }
    let work = |turn| {
        let lane = Lane::Prove { worker, turn, ahead: None, evicts: Some(context) };
        Box::pin(follow(worker, lane, wake.clone()))
    };
    turn::in_turn(worker, TurnKind::Prover, work).await
}

/// Each does one thing over and over.
enum Lane<'a> {
    /// With the newest blocks that it has looked at.
    Mirror(&'a Context, Option<Tail>),
    Seal(&'a Context, GraceWatch),
    Prove {
        worker: &'a Worker,
        turn: TurnNumber,
        /// What it keeps of the open epoch. It goes with the turn: another process may fold next.
        ahead: Option<Ahead>,
        /// The engine that evicts what cannot be proven. A prover has none: it waits until the engine finds
        /// the batch, too.
        evicts: Option<&'a Context>,
    },
    /// Takes what a prover offers.
    Accept {
        worker: &'a Worker,
        accepting: Accepting,
        evicts: &'a Context,
    },
    Settle(&'a Context),
}

impl Lane<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Mirror(..) => "mirror",
            Self::Seal(..) => "seal",
            Self::Prove { .. } => "prove",
            Self::Accept { .. } => "accept",
            Self::Settle(_) => "settle",
        }
    }

    async fn work(&mut self) -> Result<Progress, Error> {
        let (worked, evicts) = match self {
            Self::Mirror(context, held) => (mirror(context, held).await, Some(*context)),
            Self::Seal(context, grace) => (seal_when_due(context, grace).await, Some(*context)),
            Self::Prove { worker, turn, ahead, evicts } => {
                (prove_next(worker, *turn, ahead).await, *evicts)
            }
            Self::Accept { worker, accepting, evicts } => {
                (Box::pin(accepting.accept_next(worker)).await, Some(*evicts))
            }
            Self::Settle(context) => (settle_next(context).await, Some(*context)),
        };
        match (worked, evicts) {
            // The epoch goes on without it.
            (Err(Error::Unprovable(found)), Some(context)) => {
                warn!(error = %Chain(&found), "evicting a batch");
                Box::pin(evict(context, &found)).await?;
                Ok(Progress::Moved)
            }
            (worked, _) => worked,
        }
    }
}

async fn follow(
    worker: &Worker,
    mut lane: Lane<'_>,
    mut wake: watch::Receiver<()>,
) -> Result<(), Error> {
    let mut pause = FIRST_PAUSE;
    while !worker.shutdown.is_cancelled() {
        wake.mark_unchanged();
        match lane.work().await {
            Ok(Progress::Moved) => pause = FIRST_PAUSE,
            Ok(Progress::Idle) => {
                pause = FIRST_PAUSE;
                tokio::select! {
                    () = worker.shutdown.cancelled() => {}
                    _ = wake.changed() => {}
                    () = tokio::time::sleep(worker.poll) => {}
                }
            }
            Err(error) if error.is_transient() => {
                let retry_in_ms = pause.as_millis();
                let lane = lane.name();
                warn!(lane, error = %Chain(&error), retry_in_ms, "waiting to try again");
                tokio::select! {
                    () = worker.shutdown.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                }
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Wakes the lanes after each commit. Without it they look at every poll, only later.
async fn listen(worker: &Worker, waker: watch::Sender<()>) -> Result<(), Error> {
    let wake_always = async {
        let mut listener = worker.ledger.listen().await?;
        loop {
            listener.changed().await?;
            waker.send_replace(());
        }
    };
    let heard: Result<(), ledger::Error> = tokio::select! {
        () = worker.shutdown.cancelled() => Ok(()),
        heard = wake_always => heard,
    };
    if let Err(error) = heard {
        warn!(error = %Chain(&error), "no wake-ups from the ledger any more, polling");
    }
    worker.shutdown.cancelled().await;
    Ok(())
}

/// An error and all that caused it, in one line.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    /// A composition root may spawn the engine on any thread.
    #[test]
    fn the_engine_can_be_spawned() {
        fn check<T: Send>(
            _: impl Fn(Config, Ledger, L1, Params, Observer, CancellationToken) -> T,
        ) {
        }
        check(run);
    }

    /// A log line names the whole chain of causes.
    #[test]
    fn causes_are_in_one_line() {
        let error = Error::from(ledger::Error::NotProven { epoch: domain::EpochNumber::FIRST });
        assert!(Chain(&error).to_string().starts_with("the ledger did not take it: "));
    }
}
