//! `netfold completions`: a shell's completions for this command.

use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionsArguments};
use crate::output::Output;

pub(super) fn run(
    arguments: &CompletionsArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "netfold", &mut script);
    output.bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}
