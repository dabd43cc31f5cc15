//! One engine at a time, and one prover: the others wait for their turn.
//!
//! **Invariant:** an engine works only while it holds the ledger's engine lock, and whoever folds and proves,
//! an engine or a process of its own, only while it holds the prover's. One that loses its lock
//! drops what it is at, which every restart could find so, and waits again.

use std::time::Duration;

use ledger::{EngineLock, TurnKind, TurnNumber};
use tracing::{info, warn};

use crate::context::Worker;
use crate::error::Error;
use crate::run::Chain;

/// Waits for the lock, works in the turn that begins with it, and starts over when it was lost.
pub(crate) async fn in_turn<T: Future<Output = Result<(), Error>>>(
    worker: &Worker,
    kind: TurnKind,
    work: impl Fn(TurnNumber) -> T,
) -> Result<(), Error> {
    while let Some((mut lock, turn)) = await_turn(worker, kind).await? {
        info!(?kind, "this process has its turn");
        // The lock goes after the work, however that ends.
        match tokio::try_join!(work(turn), hold(worker, &mut lock)) {
            Err(lost @ Error::LockLost(_)) => {
                warn!(?kind, error = %Chain(&lost), "waiting for the next turn");
            }
            Err(fault) => return Err(fault),
            Ok(_) => {
                if let Err(error) = lock.release().await {
                    // Then it was lost, and is free all the same.
                    info!(?kind, error = %Chain(&error), "the lock was not released");
                }
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The lock and the turn; `None` when told to stop while another process has it.
async fn await_turn(
    worker: &Worker,
    kind: TurnKind,
) -> Result<Option<(EngineLock, TurnNumber)>, Error> {
    let mut told = false;
    while !worker.shutdown.is_cancelled() {
        match begin(worker, kind).await {
            Ok(Some(begun)) => return Ok(Some(begun)),
            Ok(None) if !told => {
                warn!(?kind, "another process has this turn: waiting until it ends");
                told = true;
            }
            Ok(None) => {}
            Err(error) if error.is_transient() => {
                warn!(?kind, error = %Chain(&error), "waiting to try again");
            }
            Err(error) => return Err(error),
        }
        worker.pause().await;
    }
    Ok(None)
}

async fn begin(worker: &Worker, kind: TurnKind) -> Result<Option<(EngineLock, TurnNumber)>, Error> {
    let lock = match kind {
        TurnKind::Engine => worker.ledger.lock_engine().await?,
        TurnKind::Prover => worker.ledger.lock_prover().await?,
    };
    let Some(mut lock) = lock else { return Ok(None) };
    let turn = worker.ledger.begin_turn(&mut lock, &process_name()).await?;
    Ok(Some((lock, turn)))
}

/// Host and process, for people.
fn process_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "unknown host" } else { host.trim() };
    format!("{host}, process {}", std::process::id())
}

/// Notices the loss of the lock: from then on another process may have it.
async fn hold(worker: &Worker, lock: &mut EngineLock) -> Result<(), Error> {
    while !worker.shutdown.is_cancelled() {
        match tokio::time::timeout(ANSWER_PATIENCE, lock.check()).await {
            Ok(Ok(())) => worker.pause().await,
            Ok(Err(error)) => return Err(Error::LockLost(Some(Box::new(error)))),
            Err(_) => return Err(Error::LockLost(None)),
        }
    }
    Ok(())
}

/// Less than Postgres itself waits before it gives up a silent connection and its lock.
const ANSWER_PATIENCE: Duration = Duration::from_secs(15);
