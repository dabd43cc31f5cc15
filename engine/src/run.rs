//! Runs the engine: four lanes that meet in the ledger alone.
//!
//! **Invariant:** a lane retries what is transient, with a bounded pause and a line in the log, and
//! ends the engine with anything else.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use folding::Params;
use ledger::{Adoption, Ledger};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::advance::{prove_next, settle_next};
use crate::ahead::Ahead;
use crate::config::Config;
use crate::context::{Context, Progress};
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
    let expected = B256::from(params.settlement_verifying_key().id().digest());
    let found = adoption.identity.verification_key_id;
    if found != expected {
        return Err(Error::VerificationKeyDiffers { expected, found });
    }
    if let Some(foreign) = ledger.foreign_settlement().await? {
        return Err(foreign.into());
    }
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
        key_id = %context.params.key_id(), "engine starts"
    );
    let ended = turn::in_turn(&context, || Box::pin(work(&context))).await;
    match &ended {
        Ok(()) => info!("engine stopped"),
        Err(fault) => error!(error = %Chain(fault), "engine ends"),
    }
    ended
}

/// Runs all lanes until they are told to stop, or one of them fails.
async fn work(context: &Context) -> Result<(), Error> {
    let (waker, wake) = watch::channel(());
    tokio::try_join!(
        Box::pin(listen(context, waker)),
        Box::pin(follow(context, Lane::Mirror(None), wake.clone())),
        Box::pin(follow(context, Lane::Seal(GraceWatch::default()), wake.clone())),
        Box::pin(follow(context, Lane::Prove(None), wake.clone())),
        Box::pin(follow(context, Lane::Settle, wake)),
    )?;
    Ok(())
}

/// Each does one thing over and over.
enum Lane {
    /// With the newest blocks that it has looked at.
    Mirror(Option<Tail>),
    Seal(GraceWatch),
    /// With what it keeps of the open epoch. It goes with the turn: another engine may fold next.
    Prove(Option<Ahead>),
    Settle,
}

impl Lane {
    fn name(&self) -> &'static str {
        match self {
            Self::Mirror(_) => "mirror",
            Self::Seal(_) => "seal",
            Self::Prove(_) => "prove",
            Self::Settle => "settle",
        }
    }

    async fn work(&mut self, context: &Context) -> Result<Progress, Error> {
        let worked = match self {
            Self::Mirror(held) => mirror(context, held).await,
            Self::Seal(grace) => seal_when_due(context, grace).await,
            Self::Prove(ahead) => prove_next(context, ahead).await,
            Self::Settle => settle_next(context).await,
        };
        match worked {
            // The epoch goes on without it.
            Err(Error::Unprovable(found)) => {
                warn!(error = %Chain(&found), "evicting a batch");
                Box::pin(evict(context, &found)).await?;
                Ok(Progress::Moved)
            }
            worked => worked,
        }
    }
}

async fn follow(
    context: &Context,
    mut lane: Lane,
    mut wake: watch::Receiver<()>,
) -> Result<(), Error> {
    let mut pause = FIRST_PAUSE;
    while !context.shutdown.is_cancelled() {
        wake.mark_unchanged();
        match lane.work(context).await {
            Ok(Progress::Moved) => pause = FIRST_PAUSE,
            Ok(Progress::Idle) => {
                pause = FIRST_PAUSE;
                tokio::select! {
                    () = context.shutdown.cancelled() => {}
                    _ = wake.changed() => {}
                    () = tokio::time::sleep(context.config.poll) => {}
                }
            }
            Err(error) if error.is_transient() => {
                let retry_in_ms = pause.as_millis();
                let lane = lane.name();
                warn!(lane, error = %Chain(&error), retry_in_ms, "waiting to try again");
                tokio::select! {
                    () = context.shutdown.cancelled() => {}
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
async fn listen(context: &Context, waker: watch::Sender<()>) -> Result<(), Error> {
    let wake_always = async {
        let mut listener = context.ledger.listen().await?;
        loop {
            listener.changed().await?;
            waker.send_replace(());
        }
    };
    let heard: Result<(), ledger::Error> = tokio::select! {
        () = context.shutdown.cancelled() => Ok(()),
        heard = wake_always => heard,
    };
    if let Err(error) = heard {
        warn!(error = %Chain(&error), "no wake-ups from the ledger any more, polling");
    }
    context.shutdown.cancelled().await;
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
