//! `netfold keygen`: a settlement key for a rollup.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::KeygenArguments;
use crate::keys;
use crate::output::Output;
use crate::progress::tell;

pub(super) fn run(arguments: &KeygenArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let key = keys::generate(&arguments.file)?.public();
    let (x, y) = (key.x().to_string(), key.y().to_string());
    output.json(&json!({ "x": x, "y": y }))?;
    tell(format_args!("The secret is in {}: keep a copy of it.", arguments.file.display()));
    tell(format_args!("Register the public key on L1: netfold rollup add {x} {y}"));
    Ok(ExitCode::SUCCESS)
}
