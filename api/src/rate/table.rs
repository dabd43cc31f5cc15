//! The buckets of callers of one kind.
//!
//! **Invariant:** there are never more than [`MOST_CALLERS`] of them, and none is forgotten before it is full again,
//! so that nobody asks more often by having others push them out. Whoever finds no place shares one bucket with
//! all who find none.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
    time::{Duration, Instant},
};

use super::Kind;

/// Most buckets that are kept of callers of one kind: some megabytes.
pub(super) const MOST_CALLERS: usize = 32 * 1024;

/// For each caller and kind of request, when the bucket is full again. That is all there is to know of a bucket: what it
/// lacks is what flows in until then. The map's hashes begin at random, so nobody can choose addresses that collide.
#[derive(Debug)]
pub(super) struct Table<Id> {
    places: HashMap<(Id, Kind), Instant>,
    shared: BTreeMap<Kind, Instant>,
    swept_at: Option<Instant>,
}

impl<Id> Default for Table<Id> {
    fn default() -> Self {
        Self { places: HashMap::new(), shared: BTreeMap::new(), swept_at: None }
    }
}

impl<Id: Copy + Eq + Hash> Table<Id> {
    /// Takes a request out of a bucket, if it is in it; else how long until it is.
    pub(super) fn take(
        &mut self,
        id: Id,
        kind: Kind,
        cost: Duration,
        room: Duration,
        now: Instant,
    ) -> Result<(), Duration> {
        let has_place = self.has_place((id, kind), now);
        let kept = if has_place { self.places.get(&(id, kind)) } else { self.shared.get(&kind) };
        let lacking = kept.map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now));
        let lacking = lacking.saturating_add(cost);
        if let Some(wait) = lacking.checked_sub(room).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        let full_at = now.checked_add(lacking).unwrap_or(now);
        if has_place {
            self.places.insert((id, kind), full_at);
        } else {
            self.shared.insert(kind, full_at);
        }
        Ok(())
    }

    fn has_place(&mut self, place: (Id, Kind), now: Instant) -> bool {
        if self.places.len() < MOST_CALLERS || self.places.contains_key(&place) {
            return true;
        }
        // Looking through all of them at every request would be dear just when there are too many.
        let swept_lately = |at: Instant| now.saturating_duration_since(at) < SWEEP_EVERY;
        if self.swept_at.is_some_and(swept_lately) {
            return false;
        }
        self.swept_at = Some(now);
        self.places.retain(|_, full_at| *full_at > now);
        self.places.len() < MOST_CALLERS
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }
}

/// How often what is full again is looked for, at most.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
