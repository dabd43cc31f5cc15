//! What every lane of the engine works with, and the part of it that folding and proving need.

use std::sync::Arc;
use std::time::Duration;

use domain::DomainIdentity;
use folding::Params;
use ledger::Ledger;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::desk::Desk;
use crate::l1::L1;
use crate::milestone::{Milestone, Observer};

/// What every lane of the engine works with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) ledger: Ledger,
    pub(crate) l1: L1,
    pub(crate) params: Arc<Params>,
    pub(crate) identity: DomainIdentity,
    /// No log of the contract is in an earlier block.
    pub(crate) deployed_at_block: u64,
    pub(crate) observer: Observer,
    pub(crate) shutdown: CancellationToken,
}

/// What folding and proving need: neither L1 nor its key nor a policy, so that a process of its own can do
/// both. It also waits for turns with it.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) ledger: Ledger,
    pub(crate) params: Arc<Params>,
    pub(crate) identity: DomainIdentity,
    /// Where it hands in.
    pub(crate) desk: Desk,
    pub(crate) observer: Observer,
    pub(crate) shutdown: CancellationToken,
    /// How long an idle loop waits before it looks again.
    pub(crate) poll: Duration,
}

/// Whether a lane has more to do at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// Something was done: look again.
    Moved,
    /// There is nothing to do until something changes.
    Idle,
}

impl Context {
    /// What folding and proving need of it.
    pub(crate) fn worker(&self) -> Worker {
        Worker {
            ledger: self.ledger.clone(),
            params: Arc::clone(&self.params),
            identity: self.identity,
            desk: Desk::Books,
            observer: Arc::clone(&self.observer),
            shutdown: self.shutdown.clone(),
            poll: self.config.poll,
        }
    }

    /// Tells the observer of something that is durable now.
    pub(crate) fn reached(&self, milestone: &Milestone) {
        (self.observer)(milestone);
    }
}

impl Worker {
    /// Tells the observer of something that is durable now.
    pub(crate) fn reached(&self, milestone: &Milestone) {
        (self.observer)(milestone);
    }

    /// Waits for the time of a poll, or until told to stop.
    pub(crate) async fn pause(&self) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep(self.poll) => {}
        }
    }
}
