//! `netfold trust`: what has to be believed to rely on a deployment, as the deployment itself shows it: its api,
//! the proofs that it hands out, and, where an L1 node is named, the contract.

mod l1;
mod words;

use std::process::ExitCode;

use anyhow::Context as _;
use folding::{KeyId, ProofFile, SettlementVerifyingKey, Setup};
use serde::Serialize;
use serde_json::Value;

use super::epoch::text;
use crate::cli::TrustArguments;
use crate::client::Client;
use crate::output::Output;
use crate::table;

/// What was found.
#[derive(Debug, Serialize)]
struct Trust {
    domain: Deployment,
    proofs: Proofs,
    finality: Finality,
    rollups: Vec<Member>,
    /// Absent if no L1 node was named.
    l1: Option<l1::Contract>,
    /// What follows from it, in sentences.
    believe: Vec<String>,
}

/// What the deployment is bound to.
#[derive(Debug, Serialize)]
struct Deployment {
    chain_id: u64,
    settlement: String,
    domain_id: u64,
    verification_key_id: String,
    deployed_at_block: u64,
}

/// By what proofs are checked.
#[derive(Debug, Serialize)]
struct Proofs {
    /// Whose secret the setup has: `insecure-development` or `powers-of-tau`; absent if nothing here tells.
    setup: Option<&'static str>,
    /// The key of the deployment, if this program's circuit has made the same.
    settlement_key: Option<String>,
    /// The key that the newest aggregated proof names, and the epoch of that proof.
    aggregated_key: Option<String>,
    aggregated_epoch: Option<u64>,
    /// Of this program, which are the deployment's where the key is.
    curves: Option<[&'static str; 2]>,
    hashes: Option<[&'static str; 3]>,
}

/// How far epochs are.
#[derive(Debug, Serialize)]
struct Finality {
    last_settled: Option<u64>,
    last_final: Option<u64>,
    /// The last L1 block that the ledger has booked.
    l1_cursor: Option<u64>,
    /// How far that is behind the head of L1: what the engine waits for, and its delay.
    blocks_behind: Option<u64>,
}

/// A rollup, and what its L2 state rests on.
#[derive(Debug, Serialize)]
struct Member {
    rollup: u64,
    key_x: String,
    key_y: String,
    /// What its batches are believed by.
    evidence: String,
    batches: u64,
}

pub(super) async fn run(
    arguments: &TrustArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let trust = look(arguments).await?;
    if arguments.list.json {
        output.json(&trust)?;
    } else {
        tell(&trust, output)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn look(arguments: &TrustArguments) -> anyhow::Result<Trust> {
    let client = arguments.list.url.client()?;
    let answer = client.read("/v1/domain").await?;
    let domain = Deployment {
        chain_id: number(&answer, "/chain_id")?,
        settlement: text(&answer, "/settlement"),
        domain_id: number(&answer, "/domain_id")?,
        verification_key_id: text(&answer, "/verification_key_id"),
        deployed_at_block: number(&answer, "/deployed_at_block")?,
    };
    let l1_cursor = number(&answer, "/l1_cursor/number").ok();
    let epochs = client.read("/v1/epochs?limit=1000").await?;
    let epochs = items(&epochs)?;
    let with = |pointer: &str| {
        let found = epochs.iter().find(|epoch| epoch.pointer(pointer).is_some());
        found.and_then(|epoch| number(epoch, "/epoch").ok())
    };
    let proofs = proofs(arguments, &client, &domain, with("/proof")).await?;
    let l1 = match &arguments.l1_rpc_url {
        Some(url) => Some(l1::Contract::read(url, &domain).await?),
        None => None,
    };
    let head = l1.as_ref().map(|l1| l1.head);
    let finality = Finality {
        last_settled: with("/settlement"),
        last_final: with("/final_at"),
        l1_cursor,
        blocks_behind: head.zip(l1_cursor).map(|(head, cursor)| head.saturating_sub(cursor)),
    };
    let rollups = client.read("/v1/rollups").await?;
    let rollups = items(&rollups)?.iter().map(rollup).collect::<anyhow::Result<Vec<_>>>()?;
    let mut trust = Trust { domain, proofs, finality, rollups, l1, believe: Vec::new() };
    trust.believe = words::believe(&trust);
    Ok(trust)
}

fn rollup(answer: &Value) -> anyhow::Result<Member> {
    Ok(Member {
        rollup: number(answer, "/rollup")?,
        key_x: text(answer, "/key/x"),
        key_y: text(answer, "/key/y"),
        evidence: text(answer, "/evidence"),
        batches: number(answer, "/next_height")?,
    })
}

async fn proofs(
    arguments: &TrustArguments,
    client: &Client,
    domain: &Deployment,
    proven: Option<u64>,
) -> anyhow::Result<Proofs> {
    let made = own_key(arguments)
        .filter(|key| domain.verification_key_id == format!("0x{}", hex::encode(key.digest())));
    let aggregated = match proven {
        Some(epoch) => Some(aggregated_key(client, epoch).await?),
        None => None,
    };
    let known = made.is_some();
    Ok(Proofs {
        setup: made.or(aggregated).map(|key| key.kind().name()),
        settlement_key: made.map(|key| key.to_string()),
        aggregated_key: aggregated.map(|key| key.to_string()),
        aggregated_epoch: proven,
        curves: known.then_some(["BN254", "Grumpkin"]),
        hashes: known.then_some([
            "Poseidon (states, batches, folding)",
            "Keccak-256 (exit trees, transcripts, domain)",
            "SHA-256 (keys, books)",
        ]),
    })
}

/// The key that this program's circuit has made here, whatever its setup.
fn own_key(arguments: &TrustArguments) -> Option<KeyId> {
    let folder = arguments.parameters.folder(&arguments.state.state);
    let ceremony = arguments.parameters.ptau_dir.clone().unwrap_or_default();
    let setups = [Setup::PowersOfTau(ceremony), Setup::InsecureDevelopment];
    let keys = setups.iter().filter_map(|setup| SettlementVerifyingKey::load(&folder, setup).ok());
    keys.map(|key| key.id()).next()
}

async fn aggregated_key(client: &Client, epoch: u64) -> anyhow::Result<KeyId> {
    let mut bytes = Vec::new();
    let path = format!("/v1/epochs/{epoch}/proof");
    client
        .download(&path, |more| {
            bytes.extend_from_slice(more);
            Ok(())
        })
        .await?;
    let proof = ProofFile::from_bytes(&bytes);
    match proof.with_context(|| format!("the api's proof of epoch {epoch} is no proof"))? {
        ProofFile::Epoch(proof) => Ok(proof.key_id()),
        ProofFile::History(_) => {
            anyhow::bail!("the api's proof of epoch {epoch} is of another kind")
        }
    }
}

fn tell(trust: &Trust, output: &mut Output) -> anyhow::Result<()> {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let some = |value: Option<String>| value.unwrap_or_else(|| "not known here".to_owned());
    let count =
        |value: Option<u64>| value.map_or_else(|| "none".to_owned(), |number| number.to_string());
    let Trust { domain, proofs, finality, rollups, l1, .. } = trust;
    let mut rows = vec![
        row("L1 chain", domain.chain_id.to_string()),
        row("contract", format!("{} since block {}", domain.settlement, domain.deployed_at_block)),
        row("verification key", domain.verification_key_id.clone()),
        row("setup", some(proofs.setup.map(str::to_owned))),
        row("its key here", some(proofs.settlement_key.clone())),
        row("key of aggregated proofs", some(proofs.aggregated_key.clone())),
        row("curves", some(proofs.curves.map(|names| names.join(", ")))),
        row("hashes", some(proofs.hashes.map(|names| names.join(", ")))),
        row("last settled epoch", count(finality.last_settled)),
        row("last final epoch", count(finality.last_final)),
        row(
            "ledger behind L1",
            some(finality.blocks_behind.map(|blocks| format!("{blocks} blocks"))),
        ),
        row("rollups", rollups.len().to_string()),
    ];
    for rollup in rollups {
        let evidence =
            format!("{} of {}, {} batches", rollup.evidence, rollup.key_x, rollup.batches);
        rows.push(row(&format!("evidence of rollup {}", rollup.rollup), evidence));
    }
    if let Some(l1) = l1 {
        rows.extend(l1.rows().into_iter().map(|(name, value)| row(name, value)));
    }
    table::print(&["what", "value"], &rows, output)?;
    for sentence in &trust.believe {
        output.line(format_args!("believe: {sentence}"))?;
    }
    Ok(())
}

fn items(answer: &Value) -> anyhow::Result<&Vec<Value>> {
    answer.get("items").and_then(Value::as_array).context("the api gave no list")
}

fn number(answer: &Value, pointer: &str) -> anyhow::Result<u64> {
    let found = answer.pointer(pointer).and_then(Value::as_u64);
    found.with_context(|| format!("the api's answer has no {pointer}"))
}
