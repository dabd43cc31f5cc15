//! What the handlers share: the ledger, the bounds, and what is known of sealed epochs.
//!
//! **Invariant:** nothing here is the truth. Everything can be lost at any moment and is read from
//! the ledger again; what is kept of an epoch is kept only once it is sealed and cannot change.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{AssetId, EpochNumber, RollupId, plan_steps};
use ledger::{AsOf, EpochStatus, EventNumber, FlowFilter, Ledger};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    access::{Access, KnownKeys},
    epochs::{AssetFlow, flows},
    error::Error,
    kept::Kept,
    layers::note_journal_block,
    metrics::Requests,
    money::Assets,
    rate::{Limiter, RateLimits},
    webhooks::WebhookSettings,
};

/// The bounds of a server, and what its pages know besides the ledger.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is asked of whoever asks.
    pub access: Access,
    /// How often callers may ask.
    pub rate: RateLimits,
    /// The longest that an answer may take to begin.
    pub request_timeout: Duration,
    /// Most requests that are answered at once.
    pub max_requests: usize,
    /// Most event streams that are open at once.
    pub max_streams: usize,
    /// How long an event stream goes on before it ends and its reader comes back, perhaps to another server.
    pub stream_time: Duration,
    /// How long requests may go on after the server was asked to stop.
    pub drain_timeout: Duration,
    /// How webhooks are told of events; without it nobody is, and none can be added.
    pub webhooks: Option<WebhookSettings>,
    /// How often the engine seals, if by schedule.
    pub seal_every: Option<Duration>,
    /// What people call the assets; without a name an asset shows as its id.
    pub asset_names: BTreeMap<AssetId, String>,
    /// What people call the rollups; without a name a rollup shows as its id.
    pub rollup_names: BTreeMap<RollupId, String>,
}

/// What the handlers share.
#[derive(Clone)]
pub struct State(Arc<Shared>);

struct Shared {
    ledger: Ledger,
    replica: Option<Ledger>,
    settings: Settings,
    keys: KnownKeys,
    kept: Kept,
    limiter: Limiter,
    bell: watch::Sender<u64>,
    closing: watch::Sender<bool>,
    requests: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    costly: Arc<Semaphore>,
    sealed: Mutex<BTreeMap<EpochNumber, SealedEpoch>>,
    http_requests: Requests,
}

/// What cannot change any more about a sealed epoch.
#[derive(Clone, Default)]
struct SealedEpoch {
    planned_steps: Option<u32>,
    flows: Option<Arc<[AssetFlow]>>,
}

/// Wakes a stream when something was booked.
pub(crate) struct Pulse {
    bell: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
}

/// Simulations and receipts that are worked on at once: a quarter of the connections.
const COSTLY_AT_ONCE: usize = 4;

impl Default for Settings {
    fn default() -> Self {
        Self {
            access: Access::default(),
            rate: RateLimits::default(),
            request_timeout: Duration::from_secs(15),
            max_requests: 512,
            max_streams: 256,
            stream_time: Duration::from_hours(1),
            drain_timeout: Duration::from_secs(10),
            webhooks: None,
            seal_every: None,
            asset_names: BTreeMap::new(),
            rollup_names: BTreeMap::new(),
        }
    }
}

impl State {
    /// Serves this ledger, connected as [`ledger::Role::Api`].
    #[must_use]
    pub fn new(ledger: Ledger, settings: Settings) -> Self {
        Self::build(ledger, None, settings)
    }

    /// The same, with lists that grow and sums read from a replica of it.
    #[must_use]
    pub fn with_replica(ledger: Ledger, replica: Ledger, settings: Settings) -> Self {
        Self::build(ledger, Some(replica), settings)
    }

    fn build(ledger: Ledger, replica: Option<Ledger>, settings: Settings) -> Self {
        Self(Arc::new(Shared {
            kept: Kept::new(&ledger),
            ledger,
            replica,
            keys: KnownKeys::default(),
            limiter: Limiter::new(settings.rate.clone(), settings.access == Access::Open),
            bell: watch::Sender::new(0),
            closing: watch::Sender::new(false),
            requests: Arc::new(Semaphore::new(settings.max_requests)),
            streams: Arc::new(Semaphore::new(settings.max_streams)),
            costly: Arc::new(Semaphore::new(COSTLY_AT_ONCE)),
            sealed: Mutex::default(),
            http_requests: Requests::default(),
            settings,
        }))
    }

    /// The ledger itself: for writing, and for what is read by its name or decided by.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// The replica, if there is one.
    pub(crate) fn replica(&self) -> Option<&Ledger> {
        self.0.replica.as_ref()
    }

    /// Where lists that grow and sums are read, so that reading them disturbs no posting: the replica
    /// if there is one, and nothing in its place. The answer says how far it is, which is looked at
    /// first: it shows that and may show more.
    pub(crate) async fn reads(&self) -> Result<&Ledger, Error> {
        let reads = self.replica().unwrap_or_else(|| self.ledger());
        note_journal_block(reads.reached().await?.number());
        Ok(reads)
    }

    /// As [`Self::reads`], for a state of the books. A moment is looked for in the database itself: a replica
    /// that is behind would take what it has of it for all.
    pub(crate) async fn reads_at(&self, as_of: AsOf) -> Result<&Ledger, Error> {
        match as_of {
            AsOf::Time(_) => Ok(self.ledger()),
            AsOf::Now | AsOf::Epoch(_) | AsOf::Block(_) => self.reads().await,
        }
    }

    /// Keys that were looked up lately.
    pub(crate) fn keys(&self) -> &KnownKeys {
        &self.0.keys
    }

    /// Answers that are kept.
    pub(crate) fn kept(&self) -> &Kept {
        &self.0.kept
    }

    /// The buckets of all callers.
    pub(crate) fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The times of the requests that were answered.
    pub(crate) fn http_requests(&self) -> &Requests {
        &self.0.http_requests
    }

    /// The registered assets.
    pub(crate) async fn assets(&self) -> Result<Assets, Error> {
        Ok(Assets::new(self.ledger().assets().await?))
    }

    /// A place among the requests that are answered at once.
    pub(crate) fn request_permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        let limit = self.0.settings.max_requests;
        Arc::clone(&self.0.requests).try_acquire_owned().map_err(|_| Error::Overloaded { limit })
    }

    /// A place among the open event streams.
    pub(crate) fn stream_permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        let limit = self.0.settings.max_streams;
        Arc::clone(&self.0.streams).try_acquire_owned().map_err(|_| Error::Overloaded { limit })
    }

    /// Room for a request that reads and computes over the whole state; those hold connections of the pool.
    pub(crate) fn costly_permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        let limit = COSTLY_AT_ONCE;
        Arc::clone(&self.0.costly).try_acquire_owned().map_err(|_| Error::Overloaded { limit })
    }

    /// The newest event.
    pub(crate) async fn last_event(&self) -> Result<EventNumber, Error> {
        Ok(self.ledger().last_event().await?)
    }

    /// What an epoch moves per asset, gross and net.
    pub(crate) async fn flows(&self, epoch: &ledger::Epoch) -> Result<Arc<[AssetFlow]>, Error> {
        if let Some(flows) = self.known(epoch.epoch).flows {
            return Ok(flows);
        }
        let only = Some(epoch.epoch);
        let filter = FlowFilter { from_epoch: only, to_epoch: only, asset: None };
        let flows: Arc<[AssetFlow]> = flows(&self.ledger().flows(&filter).await?).into();
        if epoch.sealed.is_some() {
            let known = Arc::clone(&flows);
            self.learn(epoch.epoch, |sealed| sealed.flows = Some(known));
        }
        Ok(flows)
    }

    /// The steps that a sealed epoch needs; `None` while it is open.
    pub(crate) async fn planned_steps(&self, epoch: &ledger::Epoch) -> Result<Option<u32>, Error> {
        if let Some(proof) = epoch.settlement_proof.as_ref().or(epoch.proof.as_ref()) {
            return Ok(Some(proof.steps));
        }
        if epoch.status == EpochStatus::Open {
            return Ok(None);
        }
        if let Some(steps) = self.known(epoch.epoch).planned_steps {
            return Ok(Some(steps));
        }
        let operations = self.ledger().operations_of(epoch.epoch).await?.operations;
        let steps = u32::try_from(plan_steps(&operations)?.len()).unwrap_or(u32::MAX);
        self.learn(epoch.epoch, |sealed| sealed.planned_steps = Some(steps));
        Ok(Some(steps))
    }

    /// Wakes when something is booked after this call.
    pub(crate) fn pulse(&self) -> Pulse {
        Pulse { bell: self.0.bell.subscribe(), closing: self.0.closing.subscribe() }
    }

    /// Wakes every stream.
    pub(crate) fn ring(&self) {
        self.0.bell.send_modify(|rung| *rung = rung.wrapping_add(1));
    }

    /// Ends every stream, so that the server can stop.
    pub(crate) fn close(&self) {
        self.0.closing.send_replace(true);
    }

    fn known(&self, epoch: EpochNumber) -> SealedEpoch {
        let sealed = self.0.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        sealed.get(&epoch).cloned().unwrap_or_default()
    }

    fn learn(&self, epoch: EpochNumber, change: impl FnOnce(&mut SealedEpoch)) {
        let mut sealed = self.0.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        change(sealed.entry(epoch).or_default());
        while sealed.len() > KNOWN_EPOCHS {
            sealed.pop_first();
        }
    }
}

impl Pulse {
    /// Waits until the server is closing.
    pub(crate) async fn closed(&mut self) {
        // An error means that the server is gone.
        let _closing = self.closing.wait_for(|closing| *closing).await;
    }

    /// Whether the server is closing.
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits for a pulse, at most this long; `false` when the server is closing.
    pub(crate) async fn wait(&mut self, at_most: Duration) -> bool {
        if self.is_closing() {
            return false;
        }
        tokio::select! {
            _ = self.closing.changed() => false,
            _ = self.bell.changed() => true,
            () = tokio::time::sleep(at_most) => true,
        }
    }
}

/// Most epochs of which something is kept.
const KNOWN_EPOCHS: usize = 256;
