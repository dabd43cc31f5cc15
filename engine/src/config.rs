//! What an operator decides about the engine.

use std::time::Duration;

use domain::limits::MAX_BATCHES_PER_EPOCH;

/// What an operator decides about the engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Config {
    /// How many blocks must stand on top of a block before its logs are booked and before an epoch
    /// settled in it is final. 0 trusts the head: for development chains, which have no reorgs.
    pub confirmations: u64,
    /// When the open epoch is sealed.
    pub seal: SealPolicy,
    /// How long an idle loop waits before it looks again, if nothing wakes it earlier.
    pub poll: Duration,
    /// Blocks asked for in one `eth_getLogs`: nodes refuse long ranges.
    pub block_range: u64,
    /// Who folds and proves.
    pub proving: Proving,
}

/// Who folds and proves. In either case one process at a time, whatever is started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Proving {
    /// The engine itself.
    Here,
    /// A process of its own: the engine waits for the proofs and verifies them. It finds a batch that
    /// cannot be proven when it seals, no earlier.
    Elsewhere,
}

/// When the open epoch is sealed; besides, by command at any time. An epoch without operations is
/// sealed only to keep the settler's grace on L1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SealPolicy {
    /// At this age of the epoch.
    pub every: Duration,
    /// At this number of batches.
    pub batches: u64,
}

impl Config {
    /// For a development chain: the head is trusted, everything is looked at often.
    #[must_use]
    pub fn development() -> Self {
        Self { confirmations: 0, poll: Duration::from_millis(250), ..Self::default() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            // Two epochs of Ethereum's consensus: a finalized block.
            confirmations: 64,
            seal: SealPolicy::default(),
            poll: Duration::from_secs(2),
            block_range: 2_000,
            proving: Proving::Here,
        }
    }
}

impl Default for SealPolicy {
    fn default() -> Self {
        // Three quarters of what an epoch can hold: posting goes on while the sealing is noticed.
        let batches = u64::try_from(MAX_BATCHES_PER_EPOCH / 4 * 3).unwrap_or(u64::MAX);
        Self { every: Duration::from_mins(10), batches }
    }
}
