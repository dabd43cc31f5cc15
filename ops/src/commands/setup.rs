//! `netfold setup check`: is a powers-of-tau file what it says, before anybody relies on it?

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use folding::{Params, PowersOfTau, SettlementVerifyingKey, Setup, SetupKind};
use serde_json::{Value, json};

use crate::cli::SetupCheckArguments;
use crate::output::Output;
use crate::progress::Stage;

/// Exit code 0 only for powers that a contract with money may rest on: sound, of a ceremony, and
/// enough of them.
pub(super) fn check(
    arguments: &SetupCheckArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let params = arguments.parameters.folder(&arguments.state.state);
    let path = match (&arguments.path, &arguments.parameters.ptau_dir) {
        (Some(path), _) | (None, Some(path)) => path.clone(),
        (None, None) => params.join(format!("{}-powers", SetupKind::InsecureDevelopment.name())),
    };
    let needed = Params::powers_needed()?;
    let mut checked = Vec::new();
    for file in files(&path)? {
        let stage = Stage::begin(format!("Checking {}", file.display()));
        checked.push((file.clone(), folding::check_powers_of_tau(&file, needed)));
        stage.done(file.display());
    }
    let sound = checked.iter().all(|(_, found)| found.is_ok());
    let enough = checked
        .iter()
        .filter_map(|(_, found)| found.as_ref().ok())
        .any(|found| found.suffices(needed) && found.kind == SetupKind::PowersOfTau);
    let public = checked.iter().filter_map(|(_, found)| found.as_ref().ok()).any(is_public);
    let usable = sound && enough && !public;
    if arguments.json {
        let files: Vec<Value> =
            checked.iter().map(|(file, found)| value(file, found, needed, &params)).collect();
        output.json(&json!({ "needed_power": needed, "usable": usable, "files": files }))?;
    } else {
        for (file, found) in &checked {
            tell(file, found, needed, &params, output)?;
        }
        output.line(if usable {
            format!("usable: sound, of a ceremony, and at least the 2^{needed} powers needed")
        } else {
            format!("NOT USABLE for a chain with money: that takes sound powers of a ceremony, 2^{needed} of them")
        })?;
    }
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The file itself, or the powers-of-tau files of a folder in the order of their names.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let shown = path.display();
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).with_context(|| format!("could not read {shown}"))? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "ptau") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("{shown} has no file that ends in .ptau");
    }
    Ok(files)
}

type Found = Result<PowersOfTau, folding::Error>;

fn is_public(found: &PowersOfTau) -> bool {
    found.kind == SetupKind::InsecureDevelopment
}

/// The key that was made from these powers, if it is in the folder of parameters.
fn key_made_from(found: &PowersOfTau, params: &Path) -> Option<String> {
    let setup = match found.kind {
        SetupKind::InsecureDevelopment => Setup::InsecureDevelopment,
        SetupKind::PowersOfTau => Setup::PowersOfTau(found.path.parent()?.to_owned()),
    };
    let key = SettlementVerifyingKey::load(params, &setup).ok()?;
    found.made(&key).then(|| key.id().to_string())
}

fn value(file: &Path, found: &Found, needed: u32, params: &Path) -> Value {
    match found {
        Ok(found) => json!({
            "file": file,
            "sound": true,
            "setup": found.kind,
            "power": found.power,
            "points": found.points,
            "checked": found.checked,
            "enough": found.suffices(needed),
            "bytes": found.bytes,
            "sha256": hex::encode(found.sha256),
            "settlement_key": key_made_from(found, params),
        }),
        Err(error) => json!({ "file": file, "sound": false, "fault": error.to_string() }),
    }
}

fn tell(
    file: &Path,
    found: &Found,
    needed: u32,
    params: &Path,
    output: &mut Output,
) -> anyhow::Result<()> {
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            output.line(format_args!("{error}"))?;
            return Ok(());
        }
    };
    output.line(file.display())?;
    output.line(format_args!(
        "  2^{} powers of one tau on BN254; checked the first {} by pairing",
        found.power, found.checked
    ))?;
    output.line(format_args!("  sha256 {}, {} bytes", hex::encode(found.sha256), found.bytes))?;
    if is_public(found) {
        output.line(
            "  INSECURE: the development setup, whose secret everybody knows: anybody can forge",
        )?;
    } else {
        output.line(
            "  not the development setup; whether anybody knows its tau is for its ceremony to say",
        )?;
    }
    if !found.suffices(needed) {
        output.line(format_args!("  TOO FEW: this program's circuit takes 2^{needed}"))?;
    }
    match key_made_from(found, params) {
        Some(id) => output.line(format_args!("  the settlement key made from it: {id}"))?,
        None => output.line(format_args!("  no key made from it in {}", params.display()))?,
    }
    Ok(())
}
