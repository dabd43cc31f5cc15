//! `netfold audit`: recomputes everything; joins a running cluster, or starts the parts of one that
//! is not running, or takes the database and the L1 that are named, or restores a dump.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ledger::Role;
use serde_json::json;

use crate::audit::{self, Audit, Dump, Options};
use crate::cli::AuditArguments;
use crate::output::Output;
use crate::parts::{Database, Node};
use crate::running::Running;
use crate::services;
use crate::state_folder::StateFolder;

pub(super) fn run(arguments: &AuditArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let state = &arguments.state.state;
    if let Some(dump) = &arguments.dump {
        return audit_dump(arguments, dump, output);
    }
    let replica = arguments.read.read_url.clone();
    if let Some(url) = replica.or_else(|| arguments.database_url.clone()) {
        let l1 = arguments.l1.l1_rpc_url.clone().filter(|_| !arguments.ledger_only);
        return audit(arguments, &url, l1.as_deref(), output);
    }
    if StateFolder::is_held(state) {
        let running = Running::find(state)?;
        let l1 = (!arguments.ledger_only).then_some(running.l1_rpc_url.as_str());
        return audit(arguments, &running.database_url, l1, output);
    }
    audit_at_rest(arguments, state, output)
}

fn audit_at_rest(
    arguments: &AuditArguments,
    state: &Path,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let state = StateFolder::open(state)?;
    let database = Database::start(None, &arguments.program, state.postgres())?;
    let node =
        if arguments.ledger_only { None } else { Some(Node::start(&arguments.l1, state.l1())?) };
    let l1_rpc_url = node.as_ref().map(Node::url);
    let outcome = audit(arguments, &database.url(), l1_rpc_url.as_deref(), output);
    if let Some(node) = node {
        node.stop()?;
    }
    database.stop()?;
    outcome
}

fn audit_dump(
    arguments: &AuditArguments,
    dump: &Path,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let restored = Dump::restore(dump, arguments.program.pg_bin.clone(), &runtime)?;
    drop(runtime);
    let l1 = arguments.l1.l1_rpc_url.clone().filter(|_| !arguments.ledger_only);
    let source = Source { url: &restored.url(), dump: Some(restored.sha256()) };
    let outcome = audit_source(arguments, &source, l1.as_deref(), output);
    restored.remove()?;
    outcome
}

fn audit(
    arguments: &AuditArguments,
    database_url: &str,
    l1_rpc_url: Option<&str>,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    audit_source(arguments, &Source { url: database_url, dump: None }, l1_rpc_url, output)
}

/// What is audited.
struct Source<'a> {
    url: &'a str,
    /// The SHA-256 of the dump that it is.
    dump: Option<&'a str>,
}

fn audit_source(
    arguments: &AuditArguments,
    source: &Source<'_>,
    l1_rpc_url: Option<&str>,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        let ledger = services::connect(source.url, Role::Read).await?;
        let l1 = match (l1_rpc_url, ledger.domain().await?) {
            (Some(url), Some(adoption)) => {
                let key = services::reading_key(&arguments.l1)?;
                Some(services::connect_l1(&adoption, url, &key).await?)
            }
            _ => None,
        };
        let options = Options {
            checkpoint: arguments.checkpoint.clone(),
            archive: arguments.archive.clone(),
            json: arguments.json,
        };
        audit::run(&ledger, l1.as_ref(), &options).await
    })?;
    report(&found, arguments, (source, began.elapsed()), output)?;
    Ok(match found {
        found if found.drift() > 0 => ExitCode::from(DRIFT),
        found if found.report.interrupted => ExitCode::from(INTERRUPTED),
        _ => ExitCode::SUCCESS,
    })
}

fn report(
    found: &Audit,
    arguments: &AuditArguments,
    (source, took): (&Source<'_>, Duration),
    output: &mut Output,
) -> anyhow::Result<()> {
    let faults: Vec<String> = found.faults().collect();
    let memory = peak_memory_mib();
    if arguments.json {
        return output.json(&json!({
            "blocks": found.report.blocks,
            "transfers": found.report.transfers,
            "epochs": found.report.epochs,
            "events": found.report.events,
            "resumed_at": found.resumed_at,
            "interrupted": found.report.interrupted,
            "l1_compared": found.l1.is_some(),
            "dump_sha256": source.dump,
            "drift": found.drift(),
            "faults": faults,
            "notes": found.notes().collect::<Vec<_>>(),
            "seconds": took.as_secs(),
            "peak_memory_mib": memory,
        }));
    }
    if let Some(sha256) = source.dump {
        output.line(format_args!("the dump of SHA-256 {sha256}"))?;
    }
    output.line(format_args!(
        "{} journal blocks, {} transfers and {} epochs recomputed; {}",
        found.report.blocks,
        found.report.transfers,
        found.report.epochs,
        if found.l1.is_some() { "compared with L1" } else { "L1 left out" }
    ))?;
    if let Some(block) = found.resumed_at {
        output.line(format_args!(
            "resumed after block {block}: of what lies up to there, the last hashes were compared and \
             rows counted; nothing was read again"
        ))?;
    }
    if let Some(memory) = memory {
        output.line(format_args!("{} s, {memory} MiB of memory at most", took.as_secs()))?;
    }
    for fault in faults {
        output.line(format_args!("FAULT: {fault}"))?;
    }
    for note in found.notes() {
        output.line(format_args!("note: {note}"))?;
    }
    if found.report.interrupted {
        output.line("interrupted: the same command goes on from here")?;
    } else {
        output.line(format_args!("drift {}", found.drift()))?;
    }
    Ok(())
}

/// The most memory that this process has held, where the system tells.
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024)
}

/// Exit codes of this command alone.
const DRIFT: u8 = 3;
const INTERRUPTED: u8 = 4;
