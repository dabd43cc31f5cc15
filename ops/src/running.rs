//! What a running `netfold up` leaves in its state folder, for commands that want to join it.
//!
//! **Invariant**: the file is believed only while its writer lives, that is, while the folder is
//! locked; only the owner can read it, since a database address may hold a password.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// The addresses of a running cluster.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Running {
    /// The database.
    pub database_url: String,
    /// The L1 node.
    pub l1_rpc_url: String,
    /// The api.
    pub url: String,
}

impl Running {
    /// Leaves the addresses in the state folder.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn leave(&self, state: &Path) -> anyhow::Result<()> {
        let file = state.join(FILE);
        let unfinished = state.join("running.new");
        let mut opened = File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&unfinished)
            .with_context(|| format!("could not write {}", file.display()))?;
        serde_json::to_writer(&mut opened, self)?;
        opened.flush()?;
        fs::rename(&unfinished, &file)
            .with_context(|| format!("could not write {}", file.display()))
    }

    /// The addresses that the process which holds the state folder has left there.
    ///
    /// # Errors
    /// When there are none, because it is still starting.
    pub fn find(state: &Path) -> anyhow::Result<Self> {
        let file = state.join(FILE);
        let text = fs::read(&file).with_context(|| {
            format!("the netfold that uses {} is still starting: try again", state.display())
        })?;
        serde_json::from_slice(&text).with_context(|| format!("{}", file.display()))
    }

    /// Takes them away at the end.
    pub fn clear(state: &Path) {
        // Left behind, they are not believed.
        let _ = fs::remove_file(state.join(FILE));
    }
}

const FILE: &str = "running.json";
