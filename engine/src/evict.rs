//! Taking a batch that cannot be proven out of the open epoch.
//!
//! **Invariant:** only the very batch that was found goes, with what stands on it. Its height is free
//! afterwards, and two lanes may find the same batch: so one at a time, each looks whether that batch
//! still stands, and whatever was booked in its place is left alone.

use domain::Operation;
use tracing::warn;

use crate::context::Context;
use crate::error::Error;
use crate::milestone::Milestone;
use crate::provable::Unprovable;
use crate::run::Chain;

/// Evicts a batch, if it still stands in the open epoch.
pub(crate) async fn evict(context: &Context, found: &Unprovable) -> Result<(), Error> {
    let Unprovable { epoch, rollup, height, .. } = *found;
    let _one_at_a_time = context.evicting.lock().await;
    let open = Box::pin(context.ledger.open_operations()).await?;
    let stands = open
        .operations
        .iter()
        .any(|operation| matches!(operation, Operation::Batch(batch) if batch == &found.batch));
    if open.epoch != epoch || !stands {
        return Ok(());
    }
    let reason: String = Chain(&found.reason).to_string().chars().take(MOST_WORDS).collect();
    let evicted = context.ledger.evict(rollup, height, &reason).await?;
    for one in &evicted {
        let (batch, cause) = (one.batch, one.cause);
        warn!(
            %epoch, rollup = %batch.rollup, height = %batch.height, attempt = batch.attempt,
            reason = one.reason, cause_rollup = %cause.rollup, cause_height = %cause.height,
            "batch evicted"
        );
    }
    context.reached(&Milestone::Evicted { epoch, rollup, height, batches: evicted.len() });
    Ok(())
}

/// Characters of a reason that the ledger takes.
const MOST_WORDS: usize = 1_000;
