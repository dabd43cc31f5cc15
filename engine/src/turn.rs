//! One engine at a time: the others wait for their turn.
//!
//! **Invariant:** an engine works only while it holds the ledger's engine lock. One that loses it
//! drops what it is at, which every restart could find so, and waits again.

use std::time::Duration;

use ledger::EngineLock;
use tracing::{info, warn};

use crate::context::Context;
use crate::error::Error;
use crate::run::Chain;

/// Waits for the books, works on them, and starts over when the lock was lost.
pub(crate) async fn in_turn<T: Future<Output = Result<(), Error>>>(
    context: &Context,
    work: impl Fn() -> T,
) -> Result<(), Error> {
    while let Some(mut lock) = await_turn(context).await? {
        info!("this engine has the books");
        // The lock goes after the work, however that ends.
        match tokio::try_join!(work(), hold(context, &mut lock)) {
            Err(lost @ Error::LockLost(_)) => {
                warn!(error = %Chain(&lost), "waiting for the books again");
            }
            Err(fault) => return Err(fault),
            Ok(_) => {
                if let Err(error) = lock.release().await {
                    // Then it was lost, and is free all the same.
                    info!(error = %Chain(&error), "the engine's lock was not released");
                }
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The engine's lock; `None` when told to stop while another engine has it.
async fn await_turn(context: &Context) -> Result<Option<EngineLock>, Error> {
    let mut told = false;
    while !context.shutdown.is_cancelled() {
        match context.ledger.lock_engine().await.map_err(Error::from) {
            Ok(Some(lock)) => return Ok(Some(lock)),
            Ok(None) if !told => {
                warn!("another engine works on these books: waiting until it ends");
                told = true;
            }
            Ok(None) => {}
            Err(error) if error.is_transient() => {
                warn!(error = %Chain(&error), "waiting to try again");
            }
            Err(error) => return Err(error),
        }
        pause(context).await;
    }
    Ok(None)
}

/// Notices the loss of the lock: from then on another engine may work on the books.
async fn hold(context: &Context, lock: &mut EngineLock) -> Result<(), Error> {
    while !context.shutdown.is_cancelled() {
        match tokio::time::timeout(ANSWER_PATIENCE, lock.check()).await {
            Ok(Ok(())) => pause(context).await,
            Ok(Err(error)) => return Err(Error::LockLost(Some(Box::new(error)))),
            Err(_) => return Err(Error::LockLost(None)),
        }
    }
    Ok(())
}

async fn pause(context: &Context) {
    tokio::select! {
        () = context.shutdown.cancelled() => {}
        () = tokio::time::sleep(context.config.poll) => {}
    }
}

/// Less than Postgres itself waits before it gives up a silent connection and its lock.
const ANSWER_PATIENCE: Duration = Duration::from_secs(15);
