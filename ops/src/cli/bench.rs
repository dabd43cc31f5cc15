//! The arguments of `netfold bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ParameterArguments, PostgresProgram, StateArguments};

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Constraints and matrix entries of the step circuit, part by part.
    Circuit(BenchCircuitArguments),
    /// Times, sizes, memory and L1 gas of folding and proving; takes a few minutes.
    Proof(BenchProofArguments),
    /// Transfers a second into the ledger, held against other ways; takes a few minutes.
    Ledger(BenchLedgerArguments),
    /// Latencies and rates of the REST interface, and what bounds them; takes a minute or two.
    Api(BenchApiArguments),
}

#[derive(Debug, Args)]
pub(crate) struct BenchCircuitArguments {
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchProofArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(flatten)]
    pub(crate) parameters: ParameterArguments,
    /// The program anvil [default: contracts/node_modules, then PATH].
    #[arg(long, value_name = "FILE", env = "NETFOLD_ANVIL_BIN")]
    pub(crate) anvil_bin: Option<PathBuf>,
    /// End with one JSON object on stdout.
    #[arg(long)]
    pub(crate) json: bool,
    /// How often a step is folded each way; figures are medians.
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=50))]
    pub(crate) rounds: u8,
    /// Numbers of steps to measure the L1 gas of, each with a proof of its own, but for 2: that is the sealed
    /// epoch that is measured in any case.
    #[arg(long, value_name = "K", num_args = 1.., value_delimiter = ',', default_values_t = [1, 8, 32])]
    #[arg(value_parser = steps)]
    pub(crate) steps: Vec<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchLedgerArguments {
    #[command(flatten)]
    pub(crate) program: PostgresProgram,
    /// How often everything is measured; figures are medians.
    #[arg(long, value_name = "NUMBER", default_value_t = 5, conflicts_with = "growth")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=50))]
    pub(crate) rounds: u8,
    /// Instead, let the journal grow to so many transfers, tell the rate on the way, and audit it.
    #[arg(long, value_name = "TRANSFERS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    pub(crate) growth: Option<u64>,
    /// Draw the growth into this file, as SVG.
    #[arg(long, value_name = "FILE", requires = "growth")]
    pub(crate) chart: Option<PathBuf>,
    /// End with one JSON object on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

fn steps(text: &str) -> Result<usize, String> {
    let limit = domain::limits::MAX_STEPS_PER_EPOCH;
    let refused = || format!("an epoch has 1 to {limit} steps");
    let steps = text.trim().parse().map_err(|_| refused())?;
    if (1..=limit).contains(&steps) { Ok(steps) } else { Err(refused()) }
}

#[derive(Debug, Args)]
pub(crate) struct BenchApiArguments {
    #[command(flatten)]
    pub(crate) program: PostgresProgram,
    /// Seconds of reading at each number of clients.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) seconds: u8,
    /// Batches that each of the 16 rollups posts at each number of clients.
    #[arg(long, value_name = "NUMBER", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=50))]
    pub(crate) posts: u8,
    /// End with one JSON object on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}
