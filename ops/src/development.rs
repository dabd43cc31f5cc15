//! The development cluster: contract, tokens, assets and rollups on a development chain.
//!
//! **Invariant**: everything here is found before it is made, so that a start that was cut short is
//! finished by the next one; and a key or an asset that is not the registered one is refused.
//!
//! The accounts are the publicly known ones of every development chain: whatever they own is worth
//! nothing. A chain that is none is refused by the verifier, whose key is insecure.

use std::collections::BTreeMap;
use std::path::Path;

use alloy_primitives::Address;
use anyhow::{Context as _, ensure};
use domain::{Asset, DomainId, LiquidityState, RollupId, SigningKey};
use engine::l1::{L1, SignerKey};
use ledger::Adoption;

use crate::keys;
use crate::scenario::Scenario;

/// Who does what on the development chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Account {
    /// Deploys and registers.
    Owner,
    /// Settles.
    Engine,
    /// Claims for the recipients.
    Claimant,
    /// Deposits; they are counted from 0.
    Depositor(usize),
}

impl Account {
    /// The account's publicly known key.
    ///
    /// # Errors
    /// Never, as a test shows.
    pub fn key(self) -> anyhow::Result<SignerKey> {
        let position = match self {
            Self::Owner => 0,
            Self::Engine => 1,
            Self::Claimant => 2,
            Self::Depositor(number) => 3_usize.saturating_add(number),
        };
        let key = PUBLIC_KEYS.iter().cycle().nth(position).context("there are keys")?;
        Ok(key.parse()?)
    }
}

/// Whether a chain id is one of a development chain, as a verifier with an insecure key has it.
#[must_use]
pub fn is_development_chain(chain_id: u64) -> bool {
    matches!(chain_id, 31337 | 1337)
}

/// Deploys the contract with its verifier.
///
/// # Errors
/// Whatever the L1 fails with; off development chains the verifier's refusal.
pub async fn deploy(rpc_url: &str) -> anyhow::Result<Adoption> {
    let genesis_digest = LiquidityState::genesis().digest();
    let owner = Account::Owner.key()?;
    let settler = Account::Engine.key()?.address();
    let deployed = L1::deploy(rpc_url, &owner, DomainId::new(DOMAIN), genesis_digest, settler);
    let (l1, deployment) = deployed.await.context("the contract could not be deployed")?;
    let identity = l1.identity().await?;
    let deployed_at_block = deployment.l1_tx.block.number;
    Ok(Adoption { identity, genesis_digest, deployed_at_block })
}

/// The scenario's assets and rollups on L1, registered where they are not yet. The rollups' keys
/// are those in `folder`, made where they are missing.
///
/// # Errors
/// When what is registered is something else, or the L1 fails.
pub async fn register(
    owner: &L1,
    scenario: &Scenario,
    folder: &Path,
) -> anyhow::Result<(Vec<Asset>, BTreeMap<RollupId, SigningKey>)> {
    let assets = register_assets(owner, scenario).await?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("could not create {}", folder.display()))?;
    let mut signing_keys = BTreeMap::new();
    let registered = owner.latest().await?.rollup_count().await?;
    for rollup in scenario.rollups() {
        let file = folder.join(format!("rollup-{rollup}.key"));
        let key = keys::read_or_generate(&file)?;
        let found = if rollup.number() > registered {
            let (id, _) = owner.register_rollup(key.public()).await?;
            ensure!(
                id == rollup,
                "L1 registered rollup {rollup} as {id}: somebody else registers too"
            );
            key.public()
        } else {
            owner.latest().await?.rollup(rollup).await?.key
        };
        ensure!(
            found == key.public(),
            "{} is not the key that rollup {rollup} is registered with on L1: put that key back, or \
             choose another --state",
            file.display()
        );
        signing_keys.insert(rollup, key);
    }
    Ok((assets, signing_keys))
}

async fn register_assets(owner: &L1, scenario: &Scenario) -> anyhow::Result<Vec<Asset>> {
    let registered = owner.latest().await?.asset_count().await?;
    let mut assets = Vec::new();
    for (id, wanted) in scenario.assets() {
        let (decimals, ledger_decimals) = (wanted.token_decimals, wanted.ledger_decimals);
        let asset = if id.number() <= registered {
            owner.latest().await?.asset(id).await?
        } else {
            let token = if wanted.native {
                Address::ZERO
            } else {
                let name = format!("Development {}", wanted.symbol);
                owner.deploy_token(&name, &wanted.symbol, decimals).await?
            };
            owner.register_asset(token, decimals, ledger_decimals).await?.0
        };
        ensure!(
            asset.id() == id
                && asset.token_decimals() == decimals
                && asset.ledger_decimals() == ledger_decimals
                && (asset.token() == Address::ZERO) == wanted.native,
            "asset {id} of the scenario is {}, on L1 it is {asset:?}: choose another --state",
            wanted.symbol
        );
        assets.push(asset);
    }
    Ok(assets)
}

/// The deployment's only domain.
const DOMAIN: u32 = 1;

/// The first ten keys of the mnemonic "test test test test test test test test test test test junk",
/// which every development chain funds.
const PUBLIC_KEYS: [&str; 10] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
    "dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
    "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Every role has a key of its own, and no two of them share an account's nonces.
    #[test]
    fn accounts_differ() {
        let roles = [Account::Owner, Account::Engine, Account::Claimant, Account::Depositor(0)];
        let mut addresses: Vec<_> =
            roles.iter().map(|role| role.key().unwrap().address()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), roles.len());
    }
}
