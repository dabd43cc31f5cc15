//! The state folder: everything that `netfold up` keeps, in one place and for one process.
//!
//! **Invariant**: whoever holds a [`StateFolder`] is the only one who does; the kernel lets go of
//! the lock with its process, so nothing stale is ever to be cleared away.

use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// The folder, locked.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    _lock: File,
}

impl StateFolder {
    /// Makes the folder if it is missing, and locks it.
    ///
    /// # Errors
    /// When another process holds it, or it cannot be made.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        fs::create_dir_all(path).with_context(|| {
            format!("could not create the state folder {shown}: choose another --state")
        })?;
        let path = path.canonicalize().with_context(|| format!("could not find {shown}"))?;
        let file = path.join("lock");
        let mut lock = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&file)
            .with_context(|| {
                format!("could not open {}: choose another --state", file.display())
            })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only for the sentence: a process that has not written its id yet is unnamed.
                let _ = lock.read_to_string(&mut holder);
                bail!(
                    "another netfold (process {}) uses the state folder {shown}: end it or choose \
                     another --state",
                    holder.trim()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("could not lock {}", file.display()));
            }
        }
        lock.set_len(0)?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(Self { path, _lock: lock })
    }

    /// Whether a process holds the folder.
    #[must_use]
    pub fn is_held(path: &Path) -> bool {
        let lock = File::open(path.join("lock"));
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The embedded Postgres.
    #[must_use]
    pub fn postgres(&self) -> PathBuf {
        self.path.join("postgres")
    }

    /// The development L1.
    #[must_use]
    pub fn l1(&self) -> PathBuf {
        self.path.join("l1")
    }

    /// The proving parameters, which no deployment changes.
    #[must_use]
    pub fn params(&self) -> PathBuf {
        self.path.join("params")
    }

    /// The proofs of settled epochs, one file each.
    #[must_use]
    pub fn proofs(&self) -> PathBuf {
        self.path.join("proofs")
    }

    /// The development cluster's secret keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.path.join("keys")
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder within this one for a single run, empty. What an earlier run left in it is removed,
    /// its database outside the state folder included.
    ///
    /// # Errors
    /// When it cannot be emptied.
    pub fn fresh_run(&self) -> anyhow::Result<Self> {
        let path = self.path.join("once");
        if path.exists() {
            // Locked first: a run that still goes on keeps its files.
            let earlier = Self::open(&path)?;
            if let Ok(location) = fs::read_to_string(earlier.postgres().join("location")) {
                remove(Path::new(location.trim()))?;
            }
            remove(&path)?;
        }
        Self::open(&path)
    }
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A held folder is refused with its holder's process id, and free again afterwards.
    #[test]
    fn one_holder() {
        let folder = tempfile::tempdir().unwrap();
        let held = StateFolder::open(folder.path()).unwrap();
        let refused = StateFolder::open(folder.path()).unwrap_err().to_string();
        assert!(refused.contains(&format!("(process {})", std::process::id())), "{refused}");
        drop(held);
        StateFolder::open(folder.path()).unwrap();
    }

    /// A fresh run begins empty and leaves the rest of the state folder alone.
    #[test]
    fn a_fresh_run_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(folder.path()).unwrap();
        fs::create_dir(state.params()).unwrap();
        let run = state.fresh_run().unwrap();
        fs::write(run.path().join("left"), "x").unwrap();
        drop(run);
        let run = state.fresh_run().unwrap();
        assert!(!run.path().join("left").exists());
        assert!(state.params().exists());
    }
}
