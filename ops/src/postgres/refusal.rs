//! Why no database is running: one sentence each, which says what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// A refusal of the embedded Postgres.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No `initdb` and `postgres` were found anywhere.
    #[error(
        "no PostgreSQL server programs were found: install them (Debian and Ubuntu: apt-get install -y \
         postgresql), name their folder with --pg-bin, or set DATABASE_URL to a running server"
    )]
    NoPrograms,
    /// The folder named by the operator has no working `initdb` and `postgres`.
    #[error(
        "{folder} has no working initdb and postgres: name the folder that has both with --pg-bin"
    )]
    NamedProgramsUnusable {
        /// The folder named.
        folder: PathBuf,
    },
    /// The programs lie where the user who is to run them cannot go.
    #[error(
        "user {uid}, who runs Postgres for root, cannot enter {barrier}: put the programs of {folder} \
         elsewhere, or start netfold as an ordinary user"
    )]
    ProgramsOutOfReach {
        /// The programs' folder.
        folder: PathBuf,
        /// The folder that cannot be entered.
        barrier: PathBuf,
        /// The user.
        uid: u32,
    },
    /// The data was made by another major version than the programs found.
    #[error(
        "the database in {data} was made by PostgreSQL {made_by} and only PostgreSQL {found} was found: \
         install postgresql-{made_by}, name its programs with --pg-bin, or choose another --state"
    )]
    OtherMajor {
        /// The data directory.
        data: PathBuf,
        /// The version that made it.
        made_by: u32,
        /// The version found.
        found: u32,
    },
    /// A folder is in the data directory's place that is none.
    #[error("{data} is no PostgreSQL data directory: move it away or choose another --state")]
    NotACluster {
        /// The folder.
        data: PathBuf,
    },
    /// Another user's database.
    #[error(
        "the database in {data} belongs to user {uid}: start netfold as that user or choose another --state"
    )]
    ForeignOwner {
        /// The data directory.
        data: PathBuf,
        /// Its owner.
        uid: u32,
    },
    /// The folder that the state folder names is gone.
    #[error(
        "{record} says that the database is in {location}, which is gone: restore that folder, or \
         choose another --state to begin anew"
    )]
    LocationLost {
        /// The file that names it.
        record: PathBuf,
        /// The folder named.
        location: PathBuf,
    },
    /// No folder was found that the server's user can enter.
    #[error(
        "user {uid}, who runs Postgres for root, can enter neither {wanted} nor /var/lib/netfold nor the \
         temporary folder: choose a --state that every user can enter"
    )]
    NoReachableFolder {
        /// The folder wanted.
        wanted: PathBuf,
        /// The user.
        uid: u32,
    },
    /// The short socket folder belongs to somebody else.
    #[error("{folder} belongs to another user: remove it, or choose a --state with a shorter path")]
    ForeignSocketFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// Another server runs on the same data and does not end.
    #[error(
        "process {pid} still runs the database in {data}: end it (kill -INT {pid}) or choose another --state"
    )]
    InUse {
        /// The data directory.
        data: PathBuf,
        /// The server's process id.
        pid: String,
    },
    /// Another server holds the socket.
    #[error("another server holds the socket of {folder}: end it or choose another --state")]
    SocketTaken {
        /// The database's folder.
        folder: PathBuf,
    },
    /// The disk is full.
    #[error(
        "no space is left on the disk of {folder}: free some and start again; nothing was lost"
    )]
    DiskFull {
        /// The database's folder.
        folder: PathBuf,
    },
    /// The server ended for a reason that only its log knows.
    #[error("postgres ended ({status}) saying {said:?}: see {log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// Its last words.
        said: String,
        /// The log, or the folder where there is none.
        log: PathBuf,
    },
    /// The server runs and accepts no connections.
    #[error("postgres did not become ready within {seconds} s: see {log}")]
    NotReady {
        /// How long was waited.
        seconds: u64,
        /// The log.
        log: PathBuf,
    },
    /// The operating system refused.
    #[error("could not {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Refusal {
    /// For `map_err`: names what was tried on which path, and a full disk for what it is.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { folder: path }
            }
            _ => Self::Io { action, path, source },
        }
    }
}

/// The refusal that the log of an ended server tells.
pub(super) fn of_log(log: &Path, folder: &Path, status: ExitStatus) -> Refusal {
    let text = std::fs::read(log).unwrap_or_default();
    of_text(&String::from_utf8_lossy(&text), log, folder, status)
}

/// A full disk has no room for a log either: then it is asked itself.
fn is_full(folder: &Path) -> bool {
    let probe = folder.join("room");
    let written = std::fs::write(&probe, vec![0; 1 << 16]);
    // Only a left-over of 64 KiB, overwritten by the next question.
    let _ = std::fs::remove_file(&probe);
    let full = |kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    written.is_err_and(|error| full(error.kind()))
}

/// A program's stderr is all there is to tell its failures apart by; it runs in the C locale, and
/// the words looked for are the C library's and Postgres' own of many years. What is not
/// recognised is quoted.
pub(super) fn of_text(said: &str, log: &Path, folder: &Path, status: ExitStatus) -> Refusal {
    let told = said.contains("No space left on device") || said.contains("Disk quota exceeded");
    if told || is_full(folder) {
        return Refusal::DiskFull { folder: folder.to_path_buf() };
    }
    if said.contains(".s.PGSQL.") && said.contains("already exists")
        || said.contains("Address already in use")
    {
        return Refusal::SocketTaken { folder: folder.to_path_buf() };
    }
    let telling = |line: &&str| ["FATAL", "PANIC", "error"].iter().any(|word| line.contains(word));
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.iter().rev().copied().find(telling).or(lines.last().copied());
    Refusal::Ended {
        status,
        said: last.unwrap_or("nothing").trim().to_owned(),
        log: log.to_path_buf(),
    }
}
