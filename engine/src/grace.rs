//! Keeps the settler's grace on L1 from running out while there is nothing to settle.
//!
//! **Invariant:** an epoch is sealed for the grace only by the settler's engine, since nobody else's
//! settlement starts it anew; only when L1 has settled, for good, just the epochs before the open one,
//! so that none waits beside it; and, while it has its turn, not twice within a quarter of the grace,
//! whatever clocks say.

use std::time::{Duration, Instant};

use domain::EpochNumber;
use time::OffsetDateTime;
use tracing::{info, warn};

use crate::context::Context;
use crate::error::Error;
use crate::l1::Grace;

/// What the lane that seals remembers of the grace.
#[derive(Debug, Default)]
pub(crate) struct GraceWatch {
    looked_at: Option<Instant>,
    sealed_at: Option<Instant>,
}

impl GraceWatch {
    /// Whether the open epoch is to be sealed for the grace, whatever it holds. Says so, and warns
    /// when little of it is left. L1 is asked once a minute at most, whether it answers or not.
    pub(crate) async fn is_due(
        &mut self,
        context: &Context,
        open: EpochNumber,
    ) -> Result<bool, Error> {
        if !passed(self.looked_at, LOOK_EVERY) {
            return Ok(false);
        }
        self.looked_at = Some(Instant::now());
        let grace = context.l1.grace().await?;
        if grace.settler != context.l1.signer() {
            warn!(
                settler = %grace.settler, signer = %context.l1.signer(),
                "the contract names another settler: this engine cannot keep the grace, and settles \
                 only once it is over"
            );
            return Ok(false);
        }
        let left = left(&grace, OffsetDateTime::now_utc());
        let unfinished = context.ledger.unfinished_epochs().await?.len();
        let open_to_all_at = day_and_time(grace.open_to_all_at);
        let left_seconds = left.as_secs();
        match gone(grace.seconds, left) {
            Gone::Little => return Ok(false),
            Gone::Half => {}
            Gone::ThreeQuarters => warn!(
                %open_to_all_at, left_seconds, unfinished,
                "little is left of the settler's grace: unless this engine settles an epoch before, \
                 anybody may settle one from then on, and end these books"
            ),
            Gone::All => warn!(
                %open_to_all_at, unfinished,
                "the settler's grace is over: anybody may settle an epoch, and end these books, until \
                 this engine settles one"
            ),
        }
        let settled_up_to_it = grace.epoch == open.previous() && unfinished == 0;
        if !settled_up_to_it || !passed(self.sealed_at, quarter(grace.seconds)) {
            return Ok(false);
        }
        info!(
            epoch = %open, %open_to_all_at, left_seconds,
            "half of the settler's grace has gone without a settlement: sealing the open epoch, even if \
             it holds nothing, because its settlement starts the grace anew"
        );
        Ok(true)
    }

    /// An epoch is sealed for the grace.
    pub(crate) fn sealed(&mut self) {
        self.sealed_at = Some(Instant::now());
    }
}

/// How much of the grace has gone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Gone {
    Little,
    Half,
    ThreeQuarters,
    All,
}

fn gone(seconds: u64, left: Duration) -> Gone {
    if left.is_zero() {
        Gone::All
    } else if left < quarter(seconds) {
        Gone::ThreeQuarters
    } else if left <= Duration::from_secs(seconds / 2) {
        Gone::Half
    } else {
        Gone::Little
    }
}

/// What is left by the later of two clocks: L1's stands still between blocks, ours may be slow.
fn left(grace: &Grace, now: OffsetDateTime) -> Duration {
    let ours = u64::try_from(now.unix_timestamp()).unwrap_or(0);
    Duration::from_secs(grace.open_to_all_at.saturating_sub(ours.max(grace.block_time)))
}

fn quarter(seconds: u64) -> Duration {
    Duration::from_secs(seconds / 4)
}

fn passed(since: Option<Instant>, pause: Duration) -> bool {
    since.is_none_or(|since| since.elapsed() >= pause)
}

/// For people; a time past the calendar's end is none that comes.
fn day_and_time(timestamp: u64) -> OffsetDateTime {
    let timestamp = i64::try_from(timestamp).ok();
    let time = timestamp.map(OffsetDateTime::from_unix_timestamp);
    time.and_then(Result::ok).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The grace is an hour at least.
const LOOK_EVERY: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;

    const WEEK: u64 = 7 * 24 * 60 * 60;
    const OPEN_AT: u64 = 1_800_000_000;

    fn check(ours: u64, block_time: u64, expected: Gone) {
        let grace = Grace {
            settler: Address::ZERO,
            seconds: WEEK,
            open_to_all_at: OPEN_AT,
            epoch: None,
            block_time,
        };
        assert_eq!(gone(WEEK, left(&grace, day_and_time(ours))), expected);
    }

    /// Half of the grace is half of it to the second, by whichever clock is later; so are three
    /// quarters and its end.
    #[test]
    fn halves_and_quarters() {
        let half = OPEN_AT - WEEK / 2;
        let quarter_left = OPEN_AT - WEEK / 4;
        for (time, expected) in [
            (OPEN_AT - WEEK, Gone::Little),
            (half - 1, Gone::Little),
            (half, Gone::Half),
            (quarter_left, Gone::Half),
            (quarter_left + 1, Gone::ThreeQuarters),
            (OPEN_AT - 1, Gone::ThreeQuarters),
            (OPEN_AT, Gone::All),
            (OPEN_AT + WEEK, Gone::All),
        ] {
            check(time, 0, expected);
            check(0, time, expected);
            check(time, time - 1, expected);
        }
    }

    /// L1 is asked, and an epoch sealed, again only after a while.
    #[test]
    fn not_again_at_once() {
        assert!(passed(None, LOOK_EVERY));
        assert!(!passed(Some(Instant::now()), LOOK_EVERY));
        assert!(passed(Some(Instant::now()), Duration::ZERO));
    }
}
