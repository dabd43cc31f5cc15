//! `netfold bench`: the figures of this machine and this circuit, measured now.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, ensure};
use domain::limits::BATCHES_PER_STEP;
use folding::{CircuitPart, CircuitSize, circuit_parts};
use serde_json::{Value, json};

use crate::bench;
use crate::bench::api::Effort;
use crate::bench::ledger::Growth;
use crate::cli::{
    BenchApiArguments, BenchCircuitArguments, BenchLedgerArguments, BenchProofArguments,
};
use crate::output::Output;
use crate::postgres::{Postgres, Settings};
use crate::progress::{Stage, tell};
use crate::services;

pub(super) fn circuit(
    arguments: &BenchCircuitArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let parts = circuit_parts()?;
    let flat = CircuitSize::of_flat_step()?;
    let recursive = CircuitSize::measure()?;
    let per_batch = flat.constraints.checked_div(BATCHES_PER_STEP).unwrap_or_default();
    if arguments.json {
        let part = |part: &CircuitPart| {
            json!({
                "name": part.name, "constraints": part.constraints, "nonzeros": part.nonzeros,
            })
        };
        let size = |size: &CircuitSize| {
            json!({
                "constraints": size.constraints,
                "variables": size.variables,
                "nonzeros": size.nonzeros,
            })
        };
        output.json(&json!({
            "parts": parts.iter().map(part).collect::<Vec<_>>(),
            "flat_step": size(&flat),
            "recursive_step": size(&recursive),
            "batches_per_step": BATCHES_PER_STEP,
            "constraints_per_batch": per_batch,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output.line(format_args!(
        "{:<44} {:>11} {:>10}",
        "part of the step", "constraints", "non-zeros"
    ))?;
    let mut row = |name: &str, constraints: usize, nonzeros: usize| {
        output.line(format_args!("{name:<44} {constraints:>11} {nonzeros:>10}"))
    };
    for part in &parts {
        row(&part.name, part.constraints, part.nonzeros)?;
    }
    row("flat step", flat.constraints, flat.nonzeros)?;
    row("recursive step, with Nova's own", recursive.constraints, recursive.nonzeros)?;
    output.line(format_args!(
        "{per_batch} constraints a batch, {BATCHES_PER_STEP} batches a step; {} and {} variables",
        flat.variables, recursive.variables
    ))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn proof(
    arguments: &BenchProofArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = arguments.parameters.folder(&arguments.state.state);
    let params = runtime.block_on(services::parameters(&arguments.parameters, folder))?;
    let figures = bench::run(arguments, &params, &runtime)?;
    if arguments.json {
        tell(format_args!("\n{}\n", figures.table()));
        output.json(&figures)?;
    } else {
        output.line(figures.table())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Audits a database as anybody would: by a process of its own, whose memory is the audit's alone.
fn audit(database_url: &str) -> anyhow::Result<Value> {
    let stage = Stage::begin("Auditing what grew");
    let program = std::env::current_exe().context("could not find this program")?;
    let audit = Command::new(program)
        .args(["audit", "--ledger-only", "--json"])
        .env("DATABASE_URL", database_url)
        // Of another database, should the caller have a replica.
        .env_remove("DATABASE_READ_URL")
        .output()
        .context("could not start the audit")?;
    ensure!(audit.status.success(), "the audit failed: {}", String::from_utf8_lossy(&audit.stderr));
    stage.done("What grew was audited");
    serde_json::from_slice(&audit.stdout).context("the audit's answer")
}

/// The audit's figures in a line.
fn told(audit: &Value) -> String {
    format!(
        "audited: {} transfers in {} s, {} MiB of memory at most, drift {}",
        audit["transfers"], audit["seconds"], audit["peak_memory_mib"], audit["drift"]
    )
}

pub(super) fn ledger(
    arguments: BenchLedgerArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = bench::scratch_folder();
    let settings = Settings { folder: folder.clone(), programs: arguments.program.pg_bin };
    let postgres = Postgres::start(&settings)?;
    let outcome = match arguments.growth {
        None => {
            let rounds = usize::from(arguments.rounds);
            let url = postgres.url();
            // As a task, which the api's handlers are.
            let compared = runtime.spawn(async move { bench::ledger::compare(&url, rounds).await });
            let figures = runtime.block_on(compared)?;
            figures.map(|figures| (figures.table(), json!(figures)))
        }
        Some(most) => {
            let growth = runtime.block_on(bench::ledger::grow(&postgres.url(), most));
            growth.and_then(|growth| {
                if let Some(file) = &arguments.chart {
                    std::fs::write(file, bench::ledger::draw(&growth))
                        .with_context(|| format!("could not write {}", file.display()))?;
                }
                let audit = audit(&postgres.url())?;
                let table = format!("{}\n{}", Growth::chart(&growth), told(&audit));
                Ok((table, json!({ "growth": growth, "audit": audit })))
            })
        }
    };
    // Connections go before their server.
    drop(runtime);
    postgres.stop()?;
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("could not remove {}", folder.display()))?;
    let (table, figures) = outcome?;
    if arguments.json {
        tell(format_args!("\n{table}\n"));
        output.json(&figures)?;
    } else {
        output.line(table)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn api(arguments: BenchApiArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = bench::scratch_folder();
    let settings = Settings { folder: folder.clone(), programs: arguments.program.pg_bin };
    let postgres = Postgres::start(&settings)?;
    let effort = Effort { seconds: arguments.seconds.into(), posts: usize::from(arguments.posts) };
    let (url, server) = (postgres.url(), postgres.id());
    let outcome = runtime.block_on(bench::api::measure(&url, server, &folder, effort));
    // Connections go before their server.
    drop(runtime);
    postgres.stop()?;
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("could not remove {}", folder.display()))?;
    let figures = outcome?;
    if arguments.json {
        eprintln!("\n{}\n", figures.table());
        output.json(&figures)?;
    } else {
        output.line(figures.table())?;
    }
    Ok(ExitCode::SUCCESS)
}
