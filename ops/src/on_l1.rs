//! The contract on a node that somebody names, and the settlement that a file names compared with it.
//!
//! **Invariant**: what is told as found on L1 was read from the named node; nothing of it is taken from the
//! file.

use alloy_primitives::{Address, B256, keccak256};
use anyhow::{Context as _, ensure};
use api::evidence::{AssetRecord, BoundDomain, EpochRecord, SettlementRecord};
use domain::{ExitRoot, RollupId};
use engine::l1::{L1, MinedLogs, SignerKey, View};

use crate::development::Account;

/// A settlement as L1 has it.
#[derive(Debug)]
pub(crate) struct OnL1 {
    /// The contract as of the newest block.
    pub(crate) view: View,
    /// Blocks on top of the settlement's.
    pub(crate) depth: u64,
}

/// The contract of a domain, if the node serves the domain's chain.
pub(crate) async fn connect(
    rpc_url: &str,
    chain_id: u64,
    settlement: Address,
    key: &SignerKey,
) -> anyhow::Result<L1> {
    let served = L1::chain_id_at(rpc_url).await?;
    ensure!(
        served == chain_id,
        "the domain is on chain {chain_id}, the node serves chain {served}: name the right L1 node"
    );
    Ok(L1::connect(rpc_url, settlement, key).await?)
}

/// Finds the settlement on L1: the contract with its key, the l1_tx in its block with its logs, and the exit
/// roots that it left in the contract's storage.
pub(crate) async fn find(
    rpc_url: &str,
    domain: &BoundDomain,
    epoch: &EpochRecord,
    settlement: &SettlementRecord,
    rollups: &[RollupId],
) -> anyhow::Result<OnL1> {
    // It reads only; the account pays nothing.
    let l1 = L1::connect_recorded(rpc_url, &domain.identity(), &Account::Claimant.key()?).await?;
    let tx_hash = settlement.tx_hash;
    let mined = l1.logs_of(tx_hash).await?;
    let mined = mined.with_context(|| format!("L1 has no mined l1_tx {tx_hash}"))?;
    ensure!(mined.succeeded, "l1_tx {tx_hash} failed on L1");
    let (said, found) = (settlement.block, mined.block);
    ensure!(
        (said.number, said.hash) == (found.number, found.hash),
        "l1_tx {tx_hash} is in L1's block {} ({}), not in {} ({})",
        found.number,
        found.hash,
        said.number,
        said.hash,
    );
    for log in &settlement.logs {
        let there =
            mined.logs.iter().any(|(topics, data)| (topics, data) == (&log.topics, &log.data));
        ensure!(there, "l1_tx {tx_hash} has not the log {} of the file", log.event);
    }
    let number = epoch.epoch;
    ensure!(
        settles(&mined, number.number(), epoch.closing_digest.to_bytes()),
        "l1_tx {tx_hash} does not settle epoch {number} with state {}",
        epoch.closing_digest,
    );
    let head = l1.head().await?;
    let view = l1.at(head);
    for rollup in rollups {
        let closed = epoch.closing.rollups.iter().find(|one| one.rollup == *rollup);
        let stored = view.exit_root(number, *rollup).await?;
        ensure!(
            stored.is_some() && stored == closed.map(|one| one.exit_root),
            "the contract has exit root {} for rollup {rollup} in epoch {number}, the file another",
            stored.unwrap_or(ExitRoot::UNSET),
        );
    }
    Ok(OnL1 { view, depth: head.number.saturating_sub(found.number) })
}

/// Compares assets with the registered ones.
pub(crate) async fn check_assets(view: &View, assets: &[AssetRecord]) -> anyhow::Result<()> {
    for asset in assets {
        let registered = view.asset(asset.asset).await?;
        ensure!(
            registered == asset.read()?,
            "asset {} is registered on L1 as another than the file says",
            asset.asset
        );
    }
    Ok(())
}

fn settles(mined: &MinedLogs, epoch: u64, digest: B256) -> bool {
    let event = keccak256("EpochSettled(uint64,bytes32,uint256,bytes32)");
    let number = B256::from(alloy_primitives::U256::from(epoch));
    mined.logs.iter().any(|(topics, data)| {
        topics.as_slice() == [event, number] && data.get(..32) == Some(digest.as_slice())
    })
}
