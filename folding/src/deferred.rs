//! What takes seconds to make, made when it is first needed.
//!
//! **Invariant:** a value is handed out whole or not at all, and it is the same every time. Whether the
//! files that it is made of are what was written has been checked before: what is put off is their
//! decoding.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::Error;

/// A value that is made when it is first asked for.
pub(crate) struct Deferred<T> {
    made: OnceLock<T>,
    /// Goes, with what it holds, once the value is there.
    recipe: Mutex<Option<Arc<Recipe<T>>>>,
}

type Recipe<T> = dyn Fn() -> Result<T, Error> + Send + Sync;

impl<T> Deferred<T> {
    /// One that is there already.
    pub(crate) fn made(value: T) -> Self {
        Self { made: OnceLock::from(value), recipe: Mutex::new(None) }
    }

    /// One that is made by `recipe`, the same however often.
    pub(crate) fn new(recipe: impl Fn() -> Result<T, Error> + Send + Sync + 'static) -> Self {
        Self { made: OnceLock::new(), recipe: Mutex::new(Some(Arc::new(recipe))) }
    }

    /// The value.
    ///
    /// # Errors
    /// What the recipe fails with; the next call tries again.
    pub(crate) fn get(&self) -> Result<&T, Error> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let recipe = || self.recipe.lock().unwrap_or_else(PoisonError::into_inner);
        let known = recipe().clone();
        // Without the lock: recipes use all threads of the pool, and those that waited for the lock here
        // would be missing there for ever. Two that come together make the same twice.
        if let Some(known) = known {
            drop(self.made.set(known()?));
            *recipe() = None;
        }
        // The recipe goes after the value has come.
        self.made.get().ok_or(Error::KeyMalformed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// It is made at the first call and not again; a failure is told, and tried again; what it was made
    /// of goes.
    #[test]
    fn made_once_and_when_needed() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let deferred = Deferred::new(move || match counted.fetch_add(1, Ordering::SeqCst) {
            0 => Err(Error::NoSteps),
            call => Ok(call),
        });
        assert_eq!(calls.load(Ordering::SeqCst), 0);
        assert!(matches!(deferred.get(), Err(Error::NoSteps)));
        assert_eq!((*deferred.get().unwrap(), *deferred.get().unwrap()), (1, 1));
        assert_eq!((calls.load(Ordering::SeqCst), Arc::strong_count(&calls)), (2, 1));
        assert_eq!(*Deferred::made(7).get().unwrap(), 7);
    }
}
