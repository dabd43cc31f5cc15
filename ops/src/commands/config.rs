//! `netfold config show`: what options come to, and where from.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::error::ErrorKind;
use serde_json::{Value, json};

use crate::cli::ConfigShowArguments;
use crate::output::Output;
use crate::settings::{Configured, Origin, Setting};
use crate::table;

pub(super) fn show(
    arguments: &ConfigShowArguments,
    configured: &Configured,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let settings = if arguments.command.is_empty() {
        configured.shared()
    } else {
        of_command(&arguments.command, configured)?
    };
    if arguments.json {
        output.json(&settings.iter().map(|one| wire(one, configured)).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = settings.iter().map(|one| {
        let value = one.value.clone().unwrap_or_else(|| "(secret)".to_owned());
        vec![one.name.clone(), value, origin(one, configured)]
    });
    table::print(&["option", "value", "from"], &rows.collect::<Vec<_>>(), output)?;
    Ok(ExitCode::SUCCESS)
}

/// The settings that a command line would have. What it lacks is no fault here.
fn of_command(words: &[OsString], configured: &Configured) -> anyhow::Result<Vec<Setting>> {
    let line = || std::iter::once(OsString::from("netfold")).chain(words.iter().cloned());
    let command = &configured.command;
    let matches = match command.clone().try_get_matches_from(line()) {
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => {
            command.clone().ignore_errors(true).try_get_matches_from(line())
        }
        parsed => parsed,
    };
    Ok(configured.settings(&matches.context("this is no command line of netfold")?))
}

fn origin(setting: &Setting, configured: &Configured) -> String {
    match setting.origin {
        Origin::Flag => "flag".to_owned(),
        Origin::Environment => {
            format!("environment {}", setting.variable.as_deref().unwrap_or_default())
        }
        Origin::File => match &configured.file {
            Some(file) => format!("file {}", file.display()),
            None => "file".to_owned(),
        },
        Origin::Default => "default".to_owned(),
        Origin::Unset => match &setting.variable {
            Some(variable) => format!("unset (environment {variable})"),
            None => "unset".to_owned(),
        },
    }
}

fn wire(setting: &Setting, configured: &Configured) -> Value {
    let word = match setting.origin {
        Origin::Flag => "flag",
        Origin::Environment => "environment",
        Origin::File => "file",
        Origin::Default => "default",
        Origin::Unset => "unset",
    };
    let file = configured.file.as_ref().filter(|_| setting.origin == Origin::File);
    json!({
        "option": setting.name,
        "value": setting.value.as_ref().filter(|_| setting.origin != Origin::Unset),
        "secret": setting.value.is_none(),
        "origin": word,
        "variable": setting.variable,
        "file": file.map(|file| file.display().to_string()),
    })
}
