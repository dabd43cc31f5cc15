//! `netfold archive`: moves the transfers of old epochs into files, or checks such files.
//!
//! **Invariant**: it acts as the owner of the database, as `netfold migrate` does; the engine and the api
//! cannot. What it drops is in a file that was complete before.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use domain::EpochNumber;
use ledger::archive::{ArchiveOrder, ArchiveSummary, Archived, Reader};
use ledger::{Ledger, Role};
use serde_json::json;

use crate::cli::ArchiveArguments;
use crate::output::Output;
use crate::parts::Database;
use crate::running::Running;
use crate::services;
use crate::state_folder::StateFolder;

pub(super) fn run(arguments: &ArchiveArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let Some(folder) = arguments.out.as_deref() else { return check(arguments, output) };
    let state = &arguments.state.state;
    if let Some(url) = &arguments.database_url {
        return archive(arguments, folder, url, output);
    }
    if StateFolder::is_held(state) {
        return archive(arguments, folder, &Running::find(state)?.database_url, output);
    }
    let state = StateFolder::open(state)?;
    let database = Database::start(None, &arguments.program, state.postgres())?;
    let outcome = archive(arguments, folder, &database.url(), output);
    database.stop()?;
    outcome
}

fn archive(
    arguments: &ArchiveArguments,
    folder: &Path,
    database_url: &str,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let order = match arguments.through {
        Some(epoch) => ArchiveOrder::Through(EpochNumber::new(epoch)),
        None => ArchiveOrder::Keep(arguments.keep),
    };
    let mut done = Vec::new();
    let outcome = runtime()?.block_on(async {
        let ledger = services::connect(database_url, Role::Owner).await?;
        let mut told = |archived: &Archived| done.push(archived.clone());
        ledger.archive(folder, order, &mut told).await.context("the archiving stopped")
    });
    for one in &done {
        report(arguments, one, output)?;
    }
    outcome?;
    if done.is_empty() && !arguments.json {
        output.line(format_args!("there is nothing to archive"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn report(
    arguments: &ArchiveArguments,
    Archived { range, file }: &Archived,
    output: &mut Output,
) -> anyhow::Result<()> {
    if arguments.json {
        return output.json(&json!({
            "file": file,
            "first_epoch": range.first_epoch,
            "last_epoch": range.last_epoch,
            "first_block": range.first_block,
            "last_block": range.last_block,
            "transfers": range.transfers,
            "sha256": range.digest,
        }));
    }
    output.line(format_args!(
        "{}: {} transfers of epochs {} to {}, sha256 {}",
        file.display(),
        range.transfers,
        range.first_epoch,
        range.last_epoch,
        range.digest
    ))?;
    Ok(())
}

fn check(arguments: &ArchiveArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let ranges = match &arguments.database_url {
        None => None,
        Some(url) => Some(runtime()?.block_on(async {
            let ledger: Ledger = services::connect(url, Role::Read).await?;
            anyhow::Ok(ledger.archived_ranges().await?)
        })?),
    };
    let mut wrong = false;
    for file in &arguments.check {
        let found = Reader::open(file).and_then(Reader::finish);
        let summary = found.with_context(|| format!("{} is REFUSED", file.display()))?;
        let recorded = ranges.as_ref().map(|ranges| {
            ranges.iter().any(|range| {
                range.first_epoch == summary.head.first_epoch && range.digest == summary.digest
            })
        });
        wrong |= recorded == Some(false);
        found_in(arguments, file, &summary, recorded, output)?;
    }
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn found_in(
    arguments: &ArchiveArguments,
    file: &Path,
    summary: &ArchiveSummary,
    recorded: Option<bool>,
    output: &mut Output,
) -> anyhow::Result<()> {
    let head = &summary.head;
    if arguments.json {
        return output.json(&json!({
            "file": file,
            "first_epoch": head.first_epoch,
            "last_epoch": head.last_epoch,
            "first_block": head.first_block,
            "last_block": head.last_block,
            "last_block_hash": summary.last_hash,
            "transfers": summary.transfers,
            "sha256": summary.digest,
            "recorded": recorded,
        }));
    }
    output.line(format_args!(
        "{}: {} transfers of epochs {} to {}, up to block {} with hash {}; {}",
        file.display(),
        summary.transfers,
        head.first_epoch,
        head.last_epoch,
        head.last_block,
        summary.last_hash,
        match recorded {
            None => "compared with no database",
            Some(true) => "the ledger has archived it",
            Some(false) => "REFUSED: the ledger has archived no such file",
        }
    ))?;
    Ok(())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
