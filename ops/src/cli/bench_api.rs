//! The arguments of `netfold bench api`.

use clap::Args;

use super::PostgresProgram;

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
