//! `netfold contracts verifier`: the on-chain verifier's constants, made from the verification key.

use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::cli::VerifierArguments;
use crate::input;
use crate::output::Output;
use crate::services;

pub(super) async fn verifier(
    arguments: &VerifierArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let folder = arguments.parameters.folder(&arguments.state.state);
    let params = services::parameters(&arguments.parameters, folder).await?;
    let source = params.settlement_verifying_key().to_solidity();
    let Some(file) = &arguments.file else {
        output.bytes(source.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    let shown = file.display();
    if arguments.check {
        if input::read(file)? != source.as_bytes() {
            bail!(
                "{shown} is not made from this verification key: run `netfold contracts verifier \
                 {shown}` and commit it with the change that made another key"
            );
        }
        output.line(format_args!("{shown} is made from this verification key"))?;
    } else {
        std::fs::write(file, &source).with_context(|| format!("could not write {shown}"))?;
        output.line(format_args!("{shown} is written"))?;
    }
    Ok(ExitCode::SUCCESS)
}
