//! What a driven scenario came to: proof files verified by strangers, and the numbers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use domain::{EpochNumber, Netting, Operation};
use ledger::{Ledger, PageLimit};

use crate::progress::Stage;
use crate::scenario::Scenario;
use crate::summary::{Details, EpochDetails, Summary, Value};

/// The settled epochs, oldest first.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn settled_epochs(ledger: &Ledger) -> anyhow::Result<Vec<ledger::Epoch>> {
    let mut epochs = ledger.epochs(None, PageLimit::MAX).await?;
    epochs.retain(|epoch| epoch.settlement.is_some());
    epochs.reverse();
    Ok(epochs)
}

/// Waits until every proven epoch has its aggregated proof too.
///
/// # Errors
/// When the ledger cannot be read, or an epoch waits for too long.
pub async fn await_aggregated(ledger: &Ledger) -> anyhow::Result<()> {
    let mut waiting = ledger.unaggregated_epochs().await?;
    let stage = Stage::of("Aggregating the epochs' proofs", waiting.len());
    let mut since = Instant::now();
    while let Some(first) = waiting.first() {
        if since.elapsed() > AGGREGATE_PATIENCE {
            bail!("epoch {first} got no aggregated proof: see the log (--log info)");
        }
        tokio::time::sleep(POLL).await;
        let left = ledger.unaggregated_epochs().await?;
        for _ in left.len()..waiting.len() {
            stage.advance();
            since = Instant::now();
        }
        waiting = left;
    }
    stage.done("Every settled epoch has its aggregated proof");
    Ok(())
}

/// Writes each settled epoch's aggregated proof to a file.
///
/// # Errors
/// When a settled epoch has no aggregated proof, or the disk does not take it.
pub async fn write_proofs(
    ledger: &Ledger,
    epochs: &[ledger::Epoch],
    folder: &Path,
) -> anyhow::Result<Vec<PathBuf>> {
    let create = || format!("could not create {}", folder.display());
    std::fs::create_dir_all(folder).with_context(create)?;
    let mut files = Vec::new();
    for epoch in epochs {
        let number = epoch.epoch;
        let proof = ledger.proof(number).await?;
        let proof = proof.with_context(|| format!("epoch {number} is settled without a proof"))?;
        let file = folder.join(format!("epoch-{number}.proof"));
        std::fs::write(&file, &proof.bytes)
            .with_context(|| format!("could not write {}", file.display()))?;
        files.push(file);
    }
    Ok(files)
}

/// Has each file verified by a process of its own, which knows no database and no L1.
///
/// # Errors
/// The first refusal.
pub fn verify_in_fresh_processes(files: &[PathBuf], params: &Path) -> anyhow::Result<usize> {
    let stage = Stage::of("Verifying proof files in fresh processes", files.len());
    let program = std::env::current_exe().context("the path of netfold itself")?;
    for file in files {
        let mut command = Command::new(&program);
        command.arg("verify").arg(file).arg("--params").arg(params).stdin(Stdio::null());
        for name in ["DATABASE_URL", "L1_RPC_URL", "L1_PRIVATE_KEY"] {
            command.env_remove(name);
        }
        let output = command.output().context("netfold verify could not be started")?;
        if !output.status.success() {
            bail!("netfold verify: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        stage.advance();
    }
    stage.done(format!("{} proof files verified, each in a fresh process", files.len()));
    Ok(files.len())
}

/// The numbers of the settled epochs; drift, proofs and time are the caller's to add.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn summarise(
    ledger: &Ledger,
    scenario: &Scenario,
    epochs: &[ledger::Epoch],
) -> anyhow::Result<(Summary, Details)> {
    let mut summary = Summary { epochs: epochs.len(), ..Summary::default() };
    let mut details = Details::default();
    let mut moved = Moved::default();
    for epoch in epochs {
        let operations = ledger.operations_of(epoch.epoch).await?.operations;
        moved.add(&operations);
        let gas = epoch.settlement.as_ref().map_or(0, |settlement| settlement.gas_used);
        summary.l1_gas.push(gas);
        details.epochs.push(epoch_details(epoch, gas));
    }
    summary.batches = moved.batches;
    summary.transfers = moved.transfers.saturating_add(moved.exits);
    summary.exits = moved.exits;
    summary.claims_paid = ledger.totals().await?.claims_paid;
    let decimal = |atoms: u128, decimals| match domain::Atoms::new(atoms) {
        Ok(atoms) => atoms.to_decimal_string(decimals),
        Err(_) => format!("{atoms} atoms"),
    };
    details.values = scenario
        .assets()
        .map(|(id, asset)| {
            let sum = |of: fn(&Netting, domain::AssetId) -> u128| {
                moved.nettings.iter().fold(0, |sum: u128, net| sum.saturating_add(of(net, id)))
            };
            Value {
                symbol: asset.symbol.clone(),
                gross: decimal(sum(Netting::gross), asset.ledger_decimals),
                net: decimal(sum(Netting::net), asset.ledger_decimals),
            }
        })
        .collect();
    Ok((summary, details))
}

#[derive(Default)]
struct Moved {
    batches: u64,
    transfers: u64,
    exits: u64,
    nettings: Vec<Netting>,
}

impl Moved {
    fn add(&mut self, operations: &[Operation]) {
        let count = |items: usize| u64::try_from(items).unwrap_or(u64::MAX);
        for operation in operations {
            if let Operation::Batch(batch) = operation {
                self.batches = self.batches.saturating_add(1);
                let parts = batch.parts();
                self.transfers = self.transfers.saturating_add(count(parts.transfers.len()));
                self.exits = self.exits.saturating_add(count(parts.exits.len()));
            }
        }
        self.nettings.push(Netting::of(operations));
    }
}

/// Looked at as often as a person would notice.
const POLL: Duration = Duration::from_millis(200);
/// A loaded machine aggregates an epoch within a minute or two.
const AGGREGATE_PATIENCE: Duration = Duration::from_mins(30);

fn epoch_details(epoch: &ledger::Epoch, gas: u64) -> EpochDetails {
    let number: EpochNumber = epoch.epoch;
    let sealed = epoch.sealed.as_ref();
    let proving = epoch.settlement_proof.as_ref().zip(sealed).and_then(|(proof, sealed)| {
        let (began, ended) = (sealed.sealed_at, proof.proven_at);
        let seconds = ended.unix_timestamp().checked_sub(began.unix_timestamp())?;
        u64::try_from(seconds).ok()
    });
    EpochDetails {
        number: number.number(),
        batches: epoch.batches,
        steps: epoch.steps,
        proof_bytes: epoch.proof.as_ref().map_or(0, |proof| proof.bytes),
        proving_seconds: proving.unwrap_or(0),
        gas,
    }
}
