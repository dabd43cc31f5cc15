//! `netfold claim`: pays an exit on L1. Anybody may; the money goes to the exit's recipient.

use std::process::ExitCode;

use alloy_primitives::{Address, B256};
use anyhow::{Context as _, ensure};
use domain::{AssetId, Atoms, Claim, EpochNumber, ExitIndex, ExitRoot, RollupId};
use engine::l1::{L1, ProvenClaim, SignerKey};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::ClaimArguments;
use crate::output::Output;

/// An exit's claim, as the api gives it; the path is checked here, the rest by the contract.
#[derive(Debug, Deserialize)]
struct WireClaim {
    epoch: u64,
    rollup: u16,
    index: u32,
    asset: u16,
    recipient: Address,
    atoms: Atoms,
    path: Vec<B256>,
    exit_root: B256,
    l1_tx: WireL1Tx,
}

#[derive(Debug, Deserialize)]
struct WireL1Tx {
    chain_id: u64,
    to: Address,
}

pub(super) async fn run(
    arguments: &ClaimArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let (rollup, index) = (arguments.rollup, arguments.index);
    let path = format!("/v1/exits/{rollup}/{index}");
    let exit = arguments.url.client()?.read(&path).await?;
    let status = exit.get("status").and_then(Value::as_str).unwrap_or("unknown");
    ensure!(
        status == "claimable",
        "exit {rollup}/{index} is {status}: only an exit of a settled epoch can be claimed, and once"
    );
    let wire = exit.get("claim").cloned().context("the api gave no claim")?;
    let wire: WireClaim = serde_json::from_value(wire).context("the api's claim")?;
    let claim = read(&wire);
    ensure!(
        claim.claim.proven_by(&claim.path, ExitRoot::new(wire.exit_root)),
        "the path of exit {rollup}/{index} does not lead to the exit root: the api is wrong"
    );
    let key: SignerKey = arguments.l1_private_key.parse()?;
    let served = L1::chain_id_at(&arguments.l1_rpc_url).await?;
    ensure!(
        served == wire.l1_tx.chain_id,
        "the exit is on chain {}, {} serves chain {served}: name the right L1 node",
        wire.l1_tx.chain_id,
        arguments.l1_rpc_url,
    );
    let l1 = L1::connect(&arguments.l1_rpc_url, wire.l1_tx.to, &key).await?;
    let receipt = l1.claim(&claim).await?;
    output.json(&json!({
        "rollup": rollup,
        "index": index,
        "recipient": wire.recipient,
        "tx_hash": receipt.l1_tx.tx_hash,
        "gas_used": receipt.l1_tx.gas_used,
        "credited": receipt.credited > 0,
    }))?;
    Ok(ExitCode::SUCCESS)
}

fn read(wire: &WireClaim) -> ProvenClaim {
    let claim = Claim {
        rollup: RollupId::new(wire.rollup),
        index: ExitIndex::new(wire.index),
        asset: AssetId::new(wire.asset),
        recipient: wire.recipient,
        atoms: wire.atoms,
    };
    ProvenClaim { epoch: EpochNumber::new(wire.epoch), claim, path: wire.path.clone() }
}
