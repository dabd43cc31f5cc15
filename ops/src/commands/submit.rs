//! `netfold submit`: posts a signed batch.

use std::process::ExitCode;

use crate::cli::SubmitArguments;
use crate::input;
use crate::output::Output;

pub(super) async fn run(
    arguments: &SubmitArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let body = input::read(&arguments.file)?;
    let answer = arguments.url.client()?.post("/v1/batches", body).await?;
    output.json(&answer)?;
    Ok(ExitCode::SUCCESS)
}
