//! The arguments of `netfold archive`.

use std::path::PathBuf;

use clap::Args;

use super::{PostgresProgram, StateArguments};

#[derive(Debug, Args)]
pub(crate) struct ArchiveArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(flatten)]
    pub(crate) program: PostgresProgram,
    /// A database instead of the state folder's, as its owner.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// Archive what ends with or before this epoch [default: what --keep leaves].
    #[arg(long, value_name = "EPOCH", conflicts_with = "keep")]
    pub(crate) through: Option<u64>,
    /// Keep the transfers of so many sealed epochs.
    #[arg(long, value_name = "EPOCHS", default_value_t = 128)]
    pub(crate) keep: u64,
    /// Print what was archived, or found in files, as JSON, a line each.
    #[arg(long)]
    pub(crate) json: bool,
    /// The folder that the files go into.
    #[arg(long, value_name = "DIR", required_unless_present = "check")]
    pub(crate) out: Option<PathBuf>,
    /// Archive nothing: check these files, and compare them with the database if one is named.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["out", "through", "keep"])]
    pub(crate) check: Vec<PathBuf>,
}
