//! The arguments of `netfold trust`, `netfold config` and `netfold completions`.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use super::registry::ListArguments;
use super::{ParameterArguments, StateArguments};

#[derive(Debug, Args)]
pub(crate) struct TrustArguments {
    #[command(flatten)]
    pub(crate) list: ListArguments,
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(flatten)]
    pub(crate) parameters: ParameterArguments,
    /// An L1 node, to read the contract itself: roles, verifier, depth.
    #[arg(long, value_name = "URL", env = "L1_RPC_URL", hide_env_values = true)]
    pub(crate) l1_rpc_url: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show what options come to, and where from: flag, environment, file or default.
    Show(ConfigShowArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigShowArguments {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// A command, with flags if you like: all its options are shown [default: what the environment and the
    /// file can give to any].
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}
