//! The command `netfold`: the composition root.
//!
//! **Invariant**: this crate decides nothing about money. It finds and starts what the parts need
//! (a database, an L1, keys, parameters), hands it to them, and tells people in sentences what
//! came of it.
//!
//! What `netfold` exits with: 0, the job is done; 1, it is not, and stderr says why and what to do;
//! 2, the arguments are wrong. `netfold audit` has two more: 3, drift; 4, interrupted with its checkpoint kept.

pub mod anvil;
pub mod audit;
mod bench;
mod cli;
pub mod client;
mod commands;
pub mod development;
pub mod drill;
pub mod drive;
pub mod finish;
pub mod guarded;
pub mod input;
pub mod keys;
pub mod output;
mod parts;
pub mod postgres;
pub mod progress;
pub mod running;
pub mod scenario;
mod services;
pub mod state_folder;
pub mod summary;
pub mod unsigned;
mod up;

use std::process::ExitCode;

use clap::Parser as _;

use cli::Cli;
use output::Output;

/// Runs the command with the arguments of this process.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match Output::take().and_then(|mut output| commands::run(cli, &mut output)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("netfold: {error:#}");
            ExitCode::FAILURE
        }
    }
}
