//! `netfold audit`: recomputes everything; joins a running cluster, or starts the parts of one that
//! is not running, or takes the database and the L1 that are named.

use std::path::Path;
use std::process::ExitCode;

use ledger::Role;
use serde_json::json;

use crate::audit::{self, Audit};
use crate::cli::AuditArguments;
use crate::output::Output;
use crate::parts::{Database, Node};
use crate::running::Running;
use crate::services;
use crate::state_folder::StateFolder;

pub(super) fn run(arguments: &AuditArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let state = &arguments.state.state;
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

fn audit(
    arguments: &AuditArguments,
    database_url: &str,
    l1_rpc_url: Option<&str>,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        let ledger = services::connect(database_url, Role::Read).await?;
        let l1 = match (l1_rpc_url, ledger.domain().await?) {
            (Some(url), Some(adoption)) => {
                let key = services::reading_key(&arguments.l1)?;
                Some(services::connect_l1(&adoption, url, &key).await?)
            }
            _ => None,
        };
        audit::run(&ledger, l1.as_ref()).await
    })?;
    report(&found, arguments, output)?;
    Ok(if found.drift() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(found: &Audit, arguments: &AuditArguments, output: &mut Output) -> anyhow::Result<()> {
    let faults: Vec<String> = found.faults().collect();
    if arguments.json {
        return output.json(&json!({
            "blocks": found.report.blocks,
            "transfers": found.report.transfers,
            "epochs": found.report.epochs,
            "l1_compared": found.l1.is_some(),
            "drift": found.drift(),
            "faults": faults,
            "notes": found.notes().collect::<Vec<_>>(),
        }));
    }
    output.line(format_args!(
        "{} journal blocks, {} transfers and {} epochs recomputed; {}",
        found.report.blocks,
        found.report.transfers,
        found.report.epochs,
        if found.l1.is_some() { "compared with L1" } else { "L1 left out" }
    ))?;
    for fault in faults {
        output.line(format_args!("FAULT: {fault}"))?;
    }
    for note in found.notes() {
        output.line(format_args!("note: {note}"))?;
    }
    output.line(format_args!("drift {}", found.drift()))?;
    Ok(())
}
