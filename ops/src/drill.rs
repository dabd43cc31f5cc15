//! Crash drills: dying at a chosen point, to show that nothing is lost there.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use engine::{Milestone, Observer};

/// The n-th milestone of a kind, written `Kind` or `Kind:n`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CrashPoint {
    kind: String,
    number: u32,
}

impl FromStr for CrashPoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, number) = text.split_once(':').unwrap_or((text, "1"));
        let number = number.parse().map_err(|_| format!("{number:?} is no number"))?;
        Ok(Self { kind: kind.to_owned(), number })
    }
}

/// An observer that logs every milestone and, if asked to, ends the process at one of them: at
/// once, without unwinding, as by `kill -9`.
#[must_use]
pub fn observer(crash_at: Option<CrashPoint>) -> Observer {
    let seen = AtomicU32::new(0);
    Arc::new(move |milestone: &Milestone| {
        tracing::info!(?milestone, "reached");
        let Some(CrashPoint { kind, number }) = &crash_at else { return };
        if milestone.kind() == kind
            && seen.fetch_add(1, Ordering::Relaxed).saturating_add(1) == *number
        {
            eprintln!("netfold: a drill ends this process at {kind}:{number}");
            std::process::abort();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A point is a kind and a number, the first if it is left out.
    #[test]
    fn points() {
        let check = |text: &str, kind: &str, number| {
            assert_eq!(text.parse(), Ok(CrashPoint { kind: kind.to_owned(), number }));
        };
        check("Sent", "Sent", 1);
        check("StepFolded:3", "StepFolded", 3);
        assert!("Sent:x".parse::<CrashPoint>().is_err());
    }
}
