//! Times for people, all in UTC.

use std::time::Duration;

use time::{
    OffsetDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

/// A moment, for people and for machines.
pub(super) struct Moment {
    /// `14:02:11`, or with its day when it is given in full.
    pub(super) time: String,
    /// `2026-11-22 14:02:11 UTC`.
    pub(super) full: String,
    /// RFC 3339.
    pub(super) machine: String,
}

impl Moment {
    pub(super) fn of(at: OffsetDateTime) -> Self {
        let at = at.to_offset(time::UtcOffset::UTC);
        Self {
            time: at.format(TIME).unwrap_or_default(),
            full: at.format(FULL).unwrap_or_default(),
            machine: at.format(&Rfc3339).unwrap_or_default(),
        }
    }
}

/// The time between two moments, in whole seconds; nothing when they are the other way round.
pub(super) fn between(since: OffsetDateTime, now: OffsetDateTime) -> Duration {
    let seconds = now.unix_timestamp().saturating_sub(since.unix_timestamp());
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// How long ago, in the coarsest unit that says something: `3 min`.
pub(super) fn age(since: OffsetDateTime, now: OffsetDateTime) -> String {
    let seconds = between(since, now).as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

const TIME: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]:[second]");
const FULL: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
