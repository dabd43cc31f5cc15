//! `netfold claim`: pays an exit on L1. Anybody may; the money goes to the exit's recipient.

use std::path::Path;
use std::process::ExitCode;

use alloy_primitives::{Address, B256};
use anyhow::{Context as _, bail, ensure};
use api::evidence::{KitExit, KitHead};
use domain::{AssetId, Atoms, Claim, EpochNumber, ExitIndex, ExitRoot, RollupId};
use engine::l1::{L1, ProvenClaim, SignerKey};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::ClaimArguments;
use crate::exit_kit;
use crate::input;
use crate::on_l1;
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

/// Exits with the contract that pays them.
struct Payable {
    chain_id: u64,
    settlement: Address,
    claims: Vec<ProvenClaim>,
}

pub(super) async fn run(
    arguments: &ClaimArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let exit = arguments.rollup.zip(arguments.index);
    match (&arguments.kit, exit) {
        (Some(kit), exit) => from_kit(arguments, kit, exit, output).await?,
        (None, Some(exit)) => {
            let payable = from_api(arguments, exit).await?;
            pay_one(arguments, &payable, output).await?;
        }
        (None, None) => bail!("name the exit: ROLLUP INDEX"),
    }
    Ok(ExitCode::SUCCESS)
}

async fn from_api(arguments: &ClaimArguments, exit: (u16, u32)) -> anyhow::Result<Payable> {
    let (rollup, index) = exit;
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
    let WireL1Tx { chain_id, to: settlement } = wire.l1_tx;
    Ok(Payable { chain_id, settlement, claims: vec![claim] })
}

/// Claims from a kit, which is read to its end before anything is sent.
async fn from_kit(
    arguments: &ClaimArguments,
    kit: &Path,
    exit: Option<(u16, u32)>,
    output: &mut Output,
) -> anyhow::Result<()> {
    ensure!(
        exit.is_some() || kit != Path::new("-"),
        "--all reads the kit twice, which stdin cannot: name a file"
    );
    let mut wanted = Vec::new();
    let head = exit_kit::read(input::open(kit)?.as_mut(), kit, |head, one| {
        if exit == Some((one.rollup.number(), one.index.number())) {
            wanted.push(proven(head, one));
        }
        Ok(())
    })?;
    let (chain_id, settlement) = (head.domain.chain_id, head.domain.settlement);
    let mut payable = Payable { chain_id, settlement, claims: wanted };
    if let Some((rollup, index)) = exit {
        ensure!(
            !payable.claims.is_empty(),
            "exit {rollup}/{index} is not of epoch {}: take the exit-kit of its own epoch",
            head.epoch.epoch
        );
        return pay_one(arguments, &payable, output).await;
    }
    let l1 = connect(arguments, &payable).await?;
    let (send, mut groups) = tokio::sync::mpsc::channel(1);
    let file = kit.to_owned();
    // Read again while it is paid, so that a kit of any size takes no more memory.
    let reading = tokio::task::spawn_blocking(move || {
        let mut group = Vec::new();
        exit_kit::read(input::open(&file)?.as_mut(), &file, |head, one| {
            group.push(proven(head, one));
            if group.len() == GROUP {
                send.blocking_send(std::mem::take(&mut group)).context("paying ended")?;
            }
            Ok(())
        })?;
        if !group.is_empty() {
            send.blocking_send(group).context("paying ended")?;
        }
        anyhow::Ok(())
    });
    let (mut paid, mut credited, mut l1_txs) = (0_usize, 0_usize, 0_usize);
    while let Some(group) = groups.recv().await {
        payable.claims = group;
        let receipt = l1.claim_many(&payable.claims).await?;
        paid = paid.saturating_add(receipt.paid);
        credited = credited.saturating_add(receipt.credited);
        l1_txs = l1_txs.saturating_add(1);
    }
    reading.await??;
    let epoch = head.epoch.epoch.number();
    output.json(&json!({
        "epoch": epoch, "exits": head.exits, "paid": paid, "credited": credited, "l1_txs": l1_txs,
    }))
}

async fn pay_one(
    arguments: &ClaimArguments,
    payable: &Payable,
    output: &mut Output,
) -> anyhow::Result<()> {
    let claim = payable.claims.first().context("there is an exit to claim")?;
    let receipt = connect(arguments, payable).await?.claim(claim).await?;
    output.json(&json!({
        "rollup": claim.claim.rollup,
        "index": claim.claim.index,
        "recipient": claim.claim.recipient,
        "tx_hash": receipt.l1_tx.tx_hash,
        "gas_used": receipt.l1_tx.gas_used,
        "credited": receipt.credited > 0,
    }))
}

async fn connect(arguments: &ClaimArguments, payable: &Payable) -> anyhow::Result<L1> {
    let key: SignerKey = arguments.l1_private_key.parse()?;
    on_l1::connect(&arguments.l1_rpc_url, payable.chain_id, payable.settlement, &key).await
}

fn proven(head: &KitHead, exit: &KitExit) -> ProvenClaim {
    ProvenClaim { epoch: head.epoch.epoch, claim: exit.claim(), path: exit.path.clone() }
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

/// Some 60 k gas each, and their paths.
const GROUP: usize = 20;
