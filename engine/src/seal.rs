//! Decides when the open epoch is sealed.
//!
//! **Invariant:** an epoch without operations is never sealed, whatever asks for it: nothing would
//! have to be proven or settled.

use std::time::Duration;

use ledger::{OpenEpoch, SealReason};
use time::OffsetDateTime;
use tracing::info;

use crate::config::SealPolicy;
use crate::context::{Context, Progress};
use crate::error::Error;
use crate::milestone::Milestone;

/// Seals the open epoch if it is due.
pub(crate) async fn seal_when_due(context: &Context) -> Result<Progress, Error> {
    let open = context.ledger.open_epoch().await?;
    let commanded = context.ledger.pending_seal_request().await?.is_some();
    let now = OffsetDateTime::now_utc();
    let due = if commanded { Some(SealReason::Command) } else { due(&open, context, now) };
    let Some(reason) = due.filter(|_| open.operations > 0) else { return Ok(Progress::Idle) };
    let Some(sealed) = context.ledger.seal(reason).await? else { return Ok(Progress::Idle) };
    let ledger::Sealed { epoch, batches, operations, .. } = sealed;
    info!(
        %epoch, ?reason, batches, operations, opening_digest = %sealed.opening_digest,
        closing_digest = %sealed.closing_digest, l1_cutoff = sealed.l1_cutoff.number,
        "epoch sealed"
    );
    context.reached(&Milestone::Sealed { epoch, reason, batches, operations });
    Ok(Progress::Moved)
}

fn due(open: &OpenEpoch, context: &Context, now: OffsetDateTime) -> Option<SealReason> {
    due_by_policy(context.config.seal, open.batches, age(open.opened_at, now))
}

fn due_by_policy(policy: SealPolicy, batches: u64, age: Duration) -> Option<SealReason> {
    if batches >= policy.batches {
        Some(SealReason::Size)
    } else if age >= policy.every {
        Some(SealReason::Schedule)
    } else {
        None
    }
}

/// Zero if the clocks of database and engine disagree the wrong way.
fn age(opened_at: OffsetDateTime, now: OffsetDateTime) -> Duration {
    let nanos = now.unix_timestamp_nanos().saturating_sub(opened_at.unix_timestamp_nanos());
    Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(batches: u64, seconds: u64, reason: Option<&str>) {
        let policy = SealPolicy { every: Duration::from_mins(1), batches: 10 };
        let due = due_by_policy(policy, batches, Duration::from_secs(seconds));
        assert_eq!(due.map(|due| format!("{due:?}")).as_deref(), reason);
    }

    /// An epoch is sealed at its size or at its age, whichever comes first.
    #[test]
    fn size_and_schedule() {
        check(9, 59, None);
        check(10, 0, Some("Size"));
        check(0, 60, Some("Schedule"));
        check(10, 60, Some("Size"));
    }

    /// A database clock ahead of ours does not seal.
    #[test]
    fn clocks_that_disagree() {
        let now = OffsetDateTime::UNIX_EPOCH;
        assert_eq!(age(now + Duration::from_hours(1), now), Duration::ZERO);
        assert_eq!(age(now, now + Duration::from_hours(1)), Duration::from_hours(1));
    }
}
