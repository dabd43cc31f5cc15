//! The arguments of `netfold epoch` and `netfold receipt`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::UrlArguments;
use super::registry::ListArguments;

#[derive(Debug, Subcommand)]
pub(crate) enum EpochCommand {
    /// Have the open epoch sealed.
    Seal(UrlArguments),
    /// Show an epoch's life so far.
    Show(EpochShowArguments),
    /// Show the last epochs.
    List(EpochListArguments),
    /// Download what pays every exit of a settled epoch without the operator.
    ExitKit(ExitKitArguments),
}

#[derive(Debug, Args)]
pub(crate) struct EpochShowArguments {
    #[command(flatten)]
    pub(crate) list: ListArguments,
    /// Its number, from 1.
    pub(crate) epoch: u64,
}

#[derive(Debug, Args)]
pub(crate) struct EpochListArguments {
    #[command(flatten)]
    pub(crate) list: ListArguments,
    /// So many at most, the newest first.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
}

#[derive(Debug, Args)]
pub(crate) struct ExitKitArguments {
    #[command(flatten)]
    pub(crate) url: UrlArguments,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The epoch, from 1.
    pub(crate) epoch: u64,
}

#[derive(Debug, Args)]
pub(crate) struct ReceiptArguments {
    #[command(flatten)]
    pub(crate) url: UrlArguments,
    /// The file to write [default: stdout].
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The rollup that the exit left.
    pub(crate) rollup: u16,
    /// The exit's number among the rollup's exits.
    pub(crate) index: u32,
}
