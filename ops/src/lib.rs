//! The command `netfold`: the composition root.
//!
//! **Invariant**: this crate decides nothing about money. It finds and starts what the parts need
//! (a database, an L1, keys, parameters), hands it to them, and tells people in sentences what
//! came of it.
//!
//! What `netfold` exits with: 0, the job is done; 1, it is not, and stderr says why and what to do;
//! 2, the arguments or the configuration file are wrong. `netfold audit` has two more: 3, drift; 4, interrupted with its checkpoint kept.

pub mod anvil;
pub mod audit;
mod bench;
mod cli;
pub mod client;
mod commands;
pub mod development;
pub mod drill;
pub mod drive;
mod exit_kit;
pub mod finish;
pub mod guarded;
pub mod input;
pub mod keys;
mod on_l1;
pub mod output;
mod parts;
pub mod postgres;
pub mod progress;
pub mod running;
pub mod scenario;
mod services;
mod settings;
pub mod state_folder;
pub mod summary;
mod table;
pub mod unsigned;
mod up;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use cli::Cli;
use output::Output;
use settings::Configured;

/// Runs the command with the arguments of this process.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = std::env::args_os().collect::<Vec<_>>();
    let configured = match Configured::new(Cli::command(), &arguments) {
        Ok(configured) => configured,
        Err(error) => {
            progress::tell(format_args!("netfold: {error:#}"));
            return ExitCode::from(2);
        }
    };
    let parsed = configured.command.clone().try_get_matches_from(arguments);
    let matches = parsed.unwrap_or_else(|error| error.exit());
    if let Err(error) = configured.check(&matches) {
        progress::tell(format_args!("netfold: {error:#}"));
        return ExitCode::from(2);
    }
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let run = |mut output| commands::run(cli, &configured, &mut output);
    match Output::take().and_then(run) {
        Ok(code) => code,
        Err(error) => {
            progress::tell(format_args!("netfold: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
