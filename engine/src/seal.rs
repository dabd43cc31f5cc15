//! Decides when the open epoch is sealed, and that it can be proven then.
//!
//! **Invariant:** an epoch without operations is never sealed, whatever asks for it, but to keep the
//! settler's grace: nothing else would have to be proven or settled. Nor is one ever sealed with a step
//! that was not checked.

use std::time::Duration;

use domain::limits::MAX_STEPS_PER_EPOCH;
use domain::{EpochNumber, StepOutput};
use ledger::{OpenEpoch, OpenOperations, SealReason};
use time::OffsetDateTime;
use tracing::info;

use crate::config::SealPolicy;
use crate::context::{Context, Progress};
use crate::error::Error;
use crate::grace::GraceWatch;
use crate::milestone::Milestone;
use crate::provable::Checks;
use crate::prove::blocking;

/// Seals the open epoch if it is due.
pub(crate) async fn seal_when_due(
    context: &Context,
    grace: &mut GraceWatch,
) -> Result<Progress, Error> {
    let open = context.ledger.open_epoch().await?;
    let commanded = context.ledger.pending_seal_request().await?.is_some();
    let now = OffsetDateTime::now_utc();
    let due = if commanded { Some(SealReason::Command) } else { due(&open, context, now) };
    let reason = match due.filter(|_| open.operations > 0) {
        Some(reason) => reason,
        None if Box::pin(grace.is_due(context, open.epoch)).await? => SealReason::Grace,
        None => return Ok(Progress::Idle),
    };
    let Some(sealed) = Box::pin(seal_checked(context, open.epoch, reason)).await? else {
        return Ok(Progress::Idle);
    };
    if reason == SealReason::Grace {
        grace.sealed();
    }
    let ledger::Sealed { epoch, batches, operations, .. } = sealed;
    info!(
        %epoch, ?reason, batches, operations, opening_digest = %sealed.opening_digest,
        closing_digest = %sealed.closing_digest, l1_cutoff = sealed.l1_cutoff.number,
        "epoch sealed"
    );
    context.reached(&Milestone::Sealed { epoch, reason, batches, operations });
    Ok(Progress::Moved)
}

/// Checks every step of the open epoch that was not folded ahead, and seals it.
///
/// Most is checked while others go on posting. Then the lock of the books is taken, and what was
/// posted meanwhile is checked under it if it changed a few steps at most: the last one, as a rule, and
/// where it emits. Else the lock is let go and the rest checked without it, a few times over.
async fn seal_checked(
    context: &Context,
    epoch: EpochNumber,
    reason: SealReason,
) -> Result<Option<ledger::Sealed>, Error> {
    let mut checks = None;
    for most_under_lock in MOST_UNDER_LOCK {
        // Before the operations: what is folded begins the plan of all that is read later.
        let folded = context.ledger.steps(epoch).await?;
        let folded = folded.into_iter().map(|step| step.output).collect();
        let open = Box::pin(context.ledger.open_operations()).await?;
        if open.epoch != epoch {
            return Ok(None);
        }
        let before = checks
            .take()
            .unwrap_or_else(|| Checks::new(context.identity.word(), epoch, open.opening.clone()));
        let (mut known, _) = check(before, open, folded, MAX_STEPS_PER_EPOCH).await?;
        let mut sealing = Box::pin(context.ledger.begin_seal()).await?;
        if known.last_block() == Some(sealing.last_block()) {
            return Ok(Box::pin(sealing.seal(reason)).await?);
        }
        let open = Box::pin(sealing.operations()).await?;
        let all;
        let work = check(known, open, Vec::new(), most_under_lock);
        (known, all) = Box::pin(sealing.keep_during(KEEP_EVERY, work)).await??;
        if all {
            return Ok(Box::pin(sealing.seal(reason)).await?);
        }
        checks = Some(known);
    }
    Ok(None)
}

async fn check(
    mut checks: Checks,
    open: OpenOperations,
    folded: Vec<StepOutput>,
    most_steps: usize,
) -> Result<(Checks, bool), Error> {
    let open = Box::new(open);
    blocking(move || {
        let all = checks.go_on(&open, &folded, most_steps)?;
        Ok((checks, all))
    })
    .await
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

/// How many steps are checked, at most, while nobody can post, each time that the lock is taken: a
/// step takes some tenths of a second of a core. Whatever is left the last time is checked then:
/// postings that keep changing many steps, as only an epoch without steps to spare has them, do not put
/// the seal off.
const MOST_UNDER_LOCK: [usize; 4] = [3, 3, 3, MAX_STEPS_PER_EPOCH];
/// Postgres takes the lock from whoever is silent for a minute.
const KEEP_EVERY: Duration = Duration::from_secs(5);

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
