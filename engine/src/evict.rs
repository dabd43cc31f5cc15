//! Taking a batch that cannot be proven out of the open epoch.
//!
//! **Invariant:** only the very batch that was found goes, with what stands on it. The ledger holds to
//! that by its digest, so two lanes may find the same one, and whatever was booked in its place is
//! left alone.

use tracing::{info, warn};

use crate::context::Context;
use crate::error::Error;
use crate::milestone::Milestone;
use crate::provable::Unprovable;
use crate::run::Chain;

/// Evicts a batch, if it still stands in the open epoch.
pub(crate) async fn evict(context: &Context, found: &Unprovable) -> Result<(), Error> {
    let Unprovable { epoch, rollup, height, .. } = *found;
    let digest = found.batch.digest(context.identity.word());
    let reason: String = Chain(&found.reason).to_string().chars().take(MOST_WORDS).collect();
    let evicted = match context.ledger.evict(rollup, height, digest, &reason).await {
        Ok(evicted) => evicted,
        // Another lane was first.
        Err(gone @ (ledger::Error::BatchEvicted { .. } | ledger::Error::BatchSealed { .. })) => {
            info!(%epoch, %rollup, %height, why = %gone, "nothing is left to evict");
            return Ok(());
        }
        Err(fault) => return Err(fault.into()),
    };
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
