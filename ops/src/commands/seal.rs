//! `netfold epoch seal`: has the open epoch sealed.

use std::process::ExitCode;

use crate::cli::UrlArguments;
use crate::output::Output;

pub(super) async fn run(arguments: &UrlArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let answer = arguments.client()?.post("/v1/epochs/seal", Vec::new()).await?;
    output.json(&answer)?;
    Ok(ExitCode::SUCCESS)
}
