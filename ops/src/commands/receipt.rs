//! `netfold receipt`: downloads what proves a settled exit, and checks it before it is kept.

use std::process::ExitCode;

use anyhow::Context as _;
use api::evidence::Receipt;

use crate::cli::ReceiptArguments;
use crate::output::Output;
use crate::progress::say;

pub(super) async fn run(
    arguments: &ReceiptArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let (rollup, index) = (arguments.rollup, arguments.index);
    let path = format!("/v1/exits/{rollup}/{index}/receipt");
    let answer = arguments.url.client()?.read(&path).await?;
    let receipt = Receipt::read(&serde_json::to_vec(&answer)?);
    let receipt = receipt.context("the api's receipt is REFUSED: it does not prove the exit")?;
    let text = serde_json::to_string_pretty(&receipt)?;
    match &arguments.out {
        None => output.line(text)?,
        Some(file) => {
            let shown = file.display();
            std::fs::write(file, text + "\n")
                .with_context(|| format!("could not write {shown}"))?;
            say(format_args!(
                "The receipt is in {shown}: netfold verify {shown} says what it proves."
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}
