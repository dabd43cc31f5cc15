//! Keys that were looked up lately, so that a request costs no way to the database for its key.
//!
//! **Invariant:** a key is believed for [`MAX_AGE`] after it began to be read, and no longer, whatever fails
//! meanwhile. Only keys that are right are kept, so guesses fill nothing; and what was not right before is
//! looked up one at a time, so guesses keep one connection busy at most, and no key that is in use waits for them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use ledger::{ApiKey, ApiKeyId, Ledger};

/// Keys that were looked up lately.
#[derive(Debug, Default)]
pub(crate) struct KnownKeys {
    known: Mutex<BTreeMap<ApiKeyId, Known>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Known {
    key: Arc<ApiKey>,
    digest: B256,
    read_at: Instant,
}

impl KnownKeys {
    /// The key of that hash, revoked or not; none if this one was never added.
    pub(crate) async fn find(
        &self,
        ledger: &Ledger,
        id: ApiKeyId,
        digest: B256,
    ) -> Result<Option<Arc<ApiKey>>, ledger::Error> {
        if let Some(key) = self.fresh(id, digest) {
            return Ok(Some(key));
        }
        // Guesses wait for each other, and nobody whose key is in use waits for them.
        let _turn = if self.was_right(id, digest) { None } else { Some(self.turn.lock().await) };
        // Whoever was before in the queue may have asked for the same.
        if let Some(key) = self.fresh(id, digest) {
            return Ok(Some(key));
        }
        let read_at = Instant::now();
        let found = ledger.api_key(id).await?.filter(|(_, kept)| *kept == digest);
        Ok(found.map(|(key, digest)| self.keep(Known { key: Arc::new(key), digest, read_at })))
    }

    fn fresh(&self, id: ApiKeyId, digest: B256) -> Option<Arc<ApiKey>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(&id)?;
        let is_fresh = found.digest == digest && found.read_at.elapsed() < MAX_AGE;
        is_fresh.then(|| Arc::clone(&found.key))
    }

    /// Whether this key was right when it was read last, however long ago.
    pub(crate) fn was_right(&self, id: ApiKeyId, digest: B256) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&id).is_some_and(|found| found.digest == digest)
    }

    fn keep(&self, found: Known) -> Arc<ApiKey> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KEYS {
            known.retain(|_, old| old.read_at.elapsed() < MAX_AGE);
        }
        let key = Arc::clone(&found.key);
        if known.len() < MOST_KEYS {
            known.insert(key.id, found);
        }
        key
    }
}

/// How long after it was revoked a key may still be taken, at most.
const MAX_AGE: Duration = Duration::from_secs(2);

/// Most keys of which something is kept; more than are in use at once only cost looking.
const MOST_KEYS: usize = 1024;
