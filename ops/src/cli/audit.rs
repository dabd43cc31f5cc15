//! The arguments of `netfold audit`.

use std::path::PathBuf;

use clap::Args;

use super::{L1Arguments, PostgresProgram, ReadArguments, StateArguments};

#[derive(Debug, Args)]
#[command(after_help = AUDIT_EXIT_CODES)]
pub(crate) struct AuditArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(flatten)]
    pub(crate) program: PostgresProgram,
    /// A database instead of the state folder's.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// A dump instead of a database: a file or folder of pg_dump. It is restored into a server of its
    /// own, where it may run what that may: take it from nobody you would not let do that.
    #[arg(long, value_name = "FILE")]
    pub(crate) dump: Option<PathBuf>,
    /// Keep what is recomputed in this file, and go on from it the next time. What lies below is then
    /// counted, and not read again.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Read transfers that were archived from the files in this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) archive: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) read: ReadArguments,
    #[command(flatten)]
    pub(crate) l1: L1Arguments,
    /// Print what was found as JSON, and the progress as a line of JSON a second on stderr.
    #[arg(long)]
    pub(crate) json: bool,
    /// Leave L1 out.
    #[arg(long)]
    pub(crate) ledger_only: bool,
}

const AUDIT_EXIT_CODES: &str = "Exit codes: 0, no drift; 1, it could not run, and stderr says why; \
    2, the arguments are wrong; 3, drift: the first wrong row is named; 4, interrupted, and the \
    checkpoint is kept.";
