//! How often each caller may ask: a bucket of requests for each key, and for each address of who sends none.
//!
//! **Invariant:** who asks too often is refused and keeps nobody else waiting; a refused request costs its caller
//! nothing; and however many callers there are, what is kept of them is bounded ([`table::MOST_CALLERS`]). A caller is
//! told by what they cannot make up: a key that is right, else the address of the connection ([`address`]).

pub(crate) mod address;
mod table;

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ledger::ApiKeyId;

pub use address::{Network, NetworkError};
use table::Table;

/// How often callers may ask.
#[derive(Clone, Debug)]
pub struct RateLimits {
    /// Whoever shows a good key, each key for itself; and everybody, each address for itself, where no keys are
    /// asked for.
    pub keys: Rates,
    /// Whoever shows none, each address for itself.
    pub addresses: Rates,
    /// For how long a caller who was quiet before may ask as fast as they can: what a bucket holds is so much time's
    /// worth of requests.
    pub burst: Duration,
    /// Proxies whose word is taken for whom they pass on, in `x-forwarded-for`; nobody else's is.
    pub trusted_proxies: Vec<Network>,
}

/// Requests a second; no bound without a number.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Of those that read.
    pub reads: Option<NonZeroU32>,
    /// Of those that write, or have a body to compute on.
    pub writes: Option<NonZeroU32>,
}

/// What a request asks for, as far as its rate goes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    /// It reads.
    Read,
    /// It writes, or has a body.
    Write,
    /// It shows a key that was not seen before, which costs a look into the database.
    UnseenKey,
}

/// How a caller is told from others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Who {
    /// By their key.
    Key(ApiKeyId),
    /// By where they ask from.
    Address(IpAddr),
}

/// A caller asked more often than they may.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "more than {per_second} {} a second come {}: wait {wait_s} s, then ask at most so often{}",
    kind.words(), who.words(), who.advice()
)]
pub(crate) struct TooOften {
    /// Who.
    pub(crate) who: Who,
    /// What for.
    pub(crate) kind: Kind,
    /// How often they may.
    pub(crate) per_second: u32,
    /// When the same request is taken, at the earliest.
    pub(crate) wait_s: u64,
}

/// How many requests were refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    /// `key` or `address`.
    pub(crate) caller: &'static str,
    /// `read`, `write` or `unseen_key`.
    pub(crate) kind: &'static str,
    /// How many since this process began.
    pub(crate) count: u64,
}

/// The buckets of all callers.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: RateLimits,
    /// Whether everybody has the rates of keys: where none is asked for, nobody can show one.
    is_open: bool,
    keys: Mutex<Table<ApiKeyId>>,
    addresses: Mutex<Table<IpAddr>>,
    refused: Vec<(Refusal, AtomicU64)>,
}

/// What refusals are counted by.
type Refusal = (&'static str, Kind);

impl Default for RateLimits {
    /// More than anybody needs who means well: of a key 1,000 a second, of an address 100 reads and 20 writes, and ten
    /// seconds' worth of that at once.
    fn default() -> Self {
        let rates = |reads, writes| Rates {
            reads: NonZeroU32::new(reads),
            writes: NonZeroU32::new(writes),
        };
        Self {
            keys: rates(1000, 1000),
            addresses: rates(100, 20),
            burst: Duration::from_secs(10),
            trusted_proxies: Vec::new(),
        }
    }
}

impl Limiter {
    /// Nobody has asked yet.
    pub(crate) fn new(limits: RateLimits, is_open: bool) -> Self {
        let refused = COUNTED.map(|refusal| (refusal, AtomicU64::new(0))).into();
        let (keys, addresses) = (Mutex::default(), Mutex::default());
        Self { limits, is_open, keys, addresses, refused }
    }

    /// Whose word is taken for whom they pass on.
    pub(crate) fn trusted_proxies(&self) -> &[Network] {
        &self.limits.trusted_proxies
    }

    /// Takes a request out of a caller's bucket.
    pub(crate) fn take(&self, who: Who, kind: Kind, now: Instant) -> Result<(), TooOften> {
        let Some(rate) = self.rate(who, kind) else { return Ok(()) };
        let cost = Duration::from_secs(1).checked_div(rate.get()).unwrap_or_default();
        let room = self.limits.burst.max(cost);
        let taken = match who {
            Who::Key(id) => locked(&self.keys).take(id, kind, cost, room, now),
            Who::Address(address) => {
                locked(&self.addresses).take(address::network(address), kind, cost, room, now)
            }
        };
        taken.map_err(|wait| {
            self.count(who, kind);
            // Rounded up: whoever waits so long is not refused again.
            let wait_s = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
            TooOften { who, kind, per_second: rate.get(), wait_s }
        })
    }

    /// What was refused so far.
    pub(crate) fn refused(&self) -> Vec<Refused> {
        let told = |((caller, kind), count): &(Refusal, AtomicU64)| Refused {
            caller,
            kind: kind.name(),
            count: count.load(Ordering::Relaxed),
        };
        self.refused.iter().map(told).collect()
    }

    fn rate(&self, who: Who, kind: Kind) -> Option<NonZeroU32> {
        let rates = match who {
            Who::Address(_) if !self.is_open => self.limits.addresses,
            Who::Address(_) | Who::Key(_) => self.limits.keys,
        };
        match kind {
            Kind::Read | Kind::UnseenKey => rates.reads,
            Kind::Write => rates.writes,
        }
    }

    fn count(&self, who: Who, kind: Kind) {
        let counted = (who.name(), kind);
        if let Some((_, count)) = self.refused.iter().find(|(refusal, _)| *refusal == counted) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Address(_) => "address",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Key(_) => "with this api key",
            Self::Address(_) => "from this address without an api key",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Key(_) => {
                ", post several batches by /v1/batches/bulk, and follow /v1/events instead of asking again"
            }
            Self::Address(_) => ", or send an api key, which has a bound of its own",
        }
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::UnseenKey => "unseen_key",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Read => "requests that read",
            Self::Write => "requests that write",
            Self::UnseenKey => "requests with a key that was not seen before",
        }
    }
}

fn locked<T>(table: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keys are never looked at as unseen by their own bucket: it is not known yet whose they are.
const COUNTED: [Refusal; 5] = [
    ("key", Kind::Read),
    ("key", Kind::Write),
    ("address", Kind::Read),
    ("address", Kind::Write),
    ("address", Kind::UnseenKey),
];

#[cfg(test)]
#[path = "rate/tests.rs"]
mod tests;
