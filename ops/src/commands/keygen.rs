//! `netfold keygen`: a settlement key for a rollup.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::KeygenArguments;
use crate::keys;
use crate::output::Output;

pub(super) fn run(arguments: &KeygenArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let key = keys::generate(&arguments.file)?.public();
    let (x, y) = (key.x().to_string(), key.y().to_string());
    output.json(&json!({ "x": x, "y": y }))?;
    eprintln!("The secret is in {}: keep a copy of it.", arguments.file.display());
    eprintln!("Register the public key on L1: registerRollup({x}, {y})");
    Ok(ExitCode::SUCCESS)
}
