//! What every lane of the engine works with.

use std::sync::Arc;

use domain::DomainIdentity;
use folding::Params;
use ledger::Ledger;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
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

/// Whether a lane has more to do at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// Something was done: look again.
    Moved,
    /// There is nothing to do until something changes.
    Idle,
}

impl Context {
    /// Tells the observer of something that is durable now.
    pub(crate) fn reached(&self, milestone: &Milestone) {
        (self.observer)(milestone);
    }
}
