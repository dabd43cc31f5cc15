//! Crash drills: dying at a chosen point, to show that nothing is lost there.
//!
//! **Invariant**: a [`Drill`] exists on development chains alone. Elsewhere an engine that dies on
//! purpose would keep real money waiting.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::ensure;
use engine::{Milestone, Observer};

use crate::development::is_development_chain;
use crate::progress::tell;

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

/// A crash that is allowed to happen.
#[derive(Clone, Debug)]
pub struct Drill(CrashPoint);

impl Drill {
    /// The drill on the chain with that id.
    ///
    /// # Errors
    /// When the chain is no development chain.
    pub fn on_chain(point: CrashPoint, chain_id: u64) -> anyhow::Result<Self> {
        ensure!(
            is_development_chain(chain_id),
            "--crash-at is for development chains, and this is chain {chain_id}: leave it out \
             (NETFOLD_CRASH_AT too), or name a development L1 with L1_RPC_URL"
        );
        Ok(Self(point))
    }
}

/// An observer that logs every milestone and, if there is a drill, ends the process at one of them:
/// at once, without unwinding, as by `kill -9`.
#[must_use]
pub fn observer(drill: Option<Drill>) -> Observer {
    let seen = AtomicU32::new(0);
    Arc::new(move |milestone: &Milestone| {
        tracing::info!(?milestone, "reached");
        let Some(Drill(CrashPoint { kind, number })) = &drill else { return };
        if milestone.kind() == kind
            && seen.fetch_add(1, Ordering::Relaxed).saturating_add(1) == *number
        {
            tell(format_args!("netfold: a drill ends this process at {kind}:{number}"));
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

    /// Only a development chain has drills; elsewhere the sentence names the chain and the way out.
    #[test]
    fn development_chains_only() {
        let drill = |chain_id| Drill::on_chain("Sent".parse().unwrap(), chain_id);
        assert!(drill(31337).is_ok() && drill(1337).is_ok());
        for chain_id in [1, 10, 11_155_111] {
            let refused = drill(chain_id).unwrap_err().to_string();
            assert!(refused.contains(&format!("chain {chain_id}: leave it out")), "{refused}");
        }
    }
}
