//! The embedded Postgres: found, initialised, run and stopped without any administration.
//!
//! **Invariant**: what is running listens on a unix socket in a folder that only its own user can
//! enter, on no network address; it syncs what it commits; its pages carry checksums; and it ends
//! with this process. A server that somebody else runs, Debian's cluster `main` included, is never
//! touched.
//!
//! It knows no SQL and opens no connection: readiness is read where `pg_ctl` reads it, in
//! `postmaster.pid`. Schema and roles belong to the ledger.

mod access;
mod binaries;
mod cluster;
mod home;
mod refusal;
mod restore;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::guarded::{Guarded, RunAs};
use binaries::Binaries;
use home::Home;
pub use refusal::Refusal;
pub use restore::{DumpForm, DumpRefusal};

/// What the embedded Postgres needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of the database within the state folder; created when it is missing.
    pub folder: PathBuf,
    /// Folder with `initdb` and `postgres`, when they are not to be searched for.
    pub programs: Option<PathBuf>,
}

/// A running Postgres, stopped when dropped.
#[derive(Debug)]
pub struct Postgres {
    server: Guarded,
    programs: Binaries,
    home: Home,
    socket: PathBuf,
    log: PathBuf,
}

impl Postgres {
    /// Starts the server, making its data directory first when there is none, and returns once it
    /// accepts connections.
    ///
    /// # Errors
    /// A [`Refusal`], whose sentence says what to do.
    pub fn start(settings: &Settings) -> Result<Self, Refusal> {
        let home = Home::settle(&settings.folder)?;
        let data = home.folder.join("data");
        let made_by = cluster::major_of(&data)?;
        let programs = Binaries::find(settings.programs.as_deref(), made_by)?;
        programs.check_reach(home.run_as)?;
        if let Some(major) = made_by.filter(|major| *major != programs.major) {
            return Err(Refusal::OtherMajor { data, made_by: major, found: programs.major });
        }
        let socket = home.socket_folder()?;
        if made_by.is_none() {
            cluster::initialise(&programs, &home, &data)?;
        }
        cluster::await_predecessor(&data)?;
        let log = home.folder.join("log");
        let server = spawn(&programs, &home, &data, &socket, &log)?;
        let mut postgres = Self { server, programs, home, socket, log };
        postgres.await_ready(&data)?;
        Ok(postgres)
    }

    /// The address for clients: over the socket, as the cluster's owner, to the database `netfold`.
    #[must_use]
    pub fn url(&self) -> String {
        let host = percent_encoded(&self.socket.to_string_lossy());
        format!("postgres://{OWNER}@localhost/{DATABASE}?host={host}")
    }

    /// Where the data directory and the log are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.home.folder
    }

    /// The server's process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// Why the data is not inside the state folder, when it is not: a sentence for the operator.
    #[must_use]
    pub fn notice(&self) -> Option<String> {
        self.home.notice()
    }

    /// Finds that the server has not ended by itself.
    ///
    /// # Errors
    /// What its log says that it ended of.
    pub fn check(&mut self) -> Result<(), Refusal> {
        let ended = self.server.ended().map_err(Refusal::io("watch", &self.log))?;
        match ended {
            None => Ok(()),
            Some(status) => Err(refusal::of_log(&self.log, &self.home.folder, status)),
        }
    }

    /// Disconnects all clients, writes a checkpoint and ends the server.
    ///
    /// # Errors
    /// When the operating system cannot tell how it ended.
    pub fn stop(mut self) -> io::Result<ExitStatus> {
        self.server.stop()
    }

    fn await_ready(&mut self, data: &Path) -> Result<(), Refusal> {
        let began = Instant::now();
        while began.elapsed() < START_PATIENCE {
            if cluster::is_ready(data, self.server.id()) {
                return Ok(());
            }
            let ended = self.server.ended().map_err(Refusal::io("watch", data))?;
            if let Some(status) = ended {
                return Err(refusal::of_log(&self.log, &self.home.folder, status));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(Refusal::NotReady { seconds: START_PATIENCE.as_secs(), log: self.log.clone() })
    }
}

fn spawn(
    programs: &Binaries,
    home: &Home,
    data: &Path,
    socket: &Path,
    log: &Path,
) -> Result<Guarded, Refusal> {
    // The log of the start before is kept: after a crash it is what one wants to read.
    if log.exists() {
        let previous = log.with_extension("previous");
        std::fs::rename(log, &previous).map_err(Refusal::io("move", log))?;
    }
    let file = File::create(log).map_err(Refusal::io("create", log))?;
    let mut arguments = vec!["-D".into(), data.as_os_str().to_owned()];
    arguments.extend(["-k".into(), socket.as_os_str().to_owned()]);
    for setting in SERVER_SETTINGS {
        arguments.extend(["-c".into(), (*setting).into()]);
    }
    let run_as: Option<RunAs> = home.run_as;
    Guarded::spawn(&programs.folder.join("postgres"), arguments, run_as, &file, STOP_PATIENCE)
        .map_err(Refusal::io("start postgres for", data))
}

/// Keeps a folder's name from being read as part of the address.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
        if plain {
            encoded.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The cluster's owner, a superuser of this server alone.
const OWNER: &str = "netfold";
/// The database of the ledger.
const DATABASE: &str = "netfold";
/// Crash recovery after a power cut may take a while.
const START_PATIENCE: Duration = Duration::from_mins(2);
/// A checkpoint on a slow disk too.
const STOP_PATIENCE: Duration = Duration::from_mins(1);
/// Given on the command line, where they win over whatever the data directory says.
const SERVER_SETTINGS: &[&str] = &[
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "port=5432",
    "fsync=on",
    "full_page_writes=on",
    "synchronous_commit=on",
    "max_connections=200",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_destination=stderr",
    "logging_collector=off",
];
