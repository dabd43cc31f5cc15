//! A batch as a bridge operator writes it down, and what it takes to sign it.
//!
//! **Invariant**: what is signed is what was written: amounts are exact decimals of their asset,
//! unknown fields are refused, and a field left out is filled in only from an api that was named.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use anyhow::{Context as _, bail};
use domain::{
    Asset, AssetId, Atoms, Batch, BatchParts, Claim, Exit, ExitIndex, ExitRoot, ExitTree, Height,
    L2Root, RollupId, SigningKey, Transfer, Word,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::Client;

/// A batch without lanes and signature, which follow from the rest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsigned {
    rollup: u16,
    height: Option<u64>,
    previous_root: Option<B256>,
    new_root: B256,
    exit_root: Option<B256>,
    #[serde(default)]
    transfers: Vec<UnsignedTransfer>,
    #[serde(default)]
    exits: Vec<UnsignedExit>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnsignedTransfer {
    to: u16,
    asset: u16,
    amount: String,
    recipient: Address,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnsignedExit {
    asset: u16,
    amount: String,
    recipient: Address,
}

/// What a signer must know of the domain.
#[derive(Clone, Debug)]
pub struct SigningContext {
    /// The domain's word, which binds the signature to chain, contract and key.
    pub domain_word: Word,
    /// The assets, for their ledger decimals.
    pub assets: Vec<Asset>,
}

impl Unsigned {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// When it is malformed, or has a field that a batch does not have.
    pub fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        serde_json::from_slice(bytes).context("this is no batch to sign")
    }

    /// Fills in what is missing from an api: the next height, the last root, the exit root.
    ///
    /// # Errors
    /// When the api cannot be asked.
    pub async fn complete(
        mut self,
        client: &Client,
        context: &SigningContext,
    ) -> anyhow::Result<Self> {
        let rollup = self.rollup;
        let answer = client.read(&format!("/v1/rollups/{rollup}")).await?;
        let height = self.height.map_or_else(|| field(&answer, "next_height"), Ok)?;
        self.height = Some(height);
        let root = self.previous_root.map_or_else(|| field(&answer, "root"), Ok)?;
        self.previous_root = Some(root);
        if self.exit_root.is_none() {
            let mut tree = ExitTree::empty();
            let mut claims = earlier_exits(client, rollup).await?;
            claims.sort_by_key(|claim| claim.index);
            // The claims of this batch follow those of the earlier ones.
            let exits = self.read_exits(context)?;
            let next = u32::try_from(claims.len())?;
            for (index, exit) in (next..).zip(exits) {
                let Exit { asset, atoms, recipient } = exit;
                let (rollup, index) = (RollupId::new(rollup), ExitIndex::new(index));
                claims.push(Claim { rollup, index, asset, recipient, atoms });
            }
            for claim in claims {
                tree = tree.append(claim.leaf()).context("the exit tree is full")?;
            }
            self.exit_root = Some(tree.root().bytes());
        }
        Ok(self)
    }

    /// Signs it.
    ///
    /// # Errors
    /// When something is missing, or a rule of the domain refuses the batch.
    pub fn sign(self, key: &SigningKey, context: &SigningContext) -> anyhow::Result<Batch> {
        let rollup = RollupId::new(self.rollup);
        let missing = |name: &str| format!("{name} is missing: add it, or let --url fill it in");
        let transfers = self
            .transfers
            .iter()
            .map(|transfer| {
                let asset = AssetId::new(transfer.asset);
                let atoms = context.atoms(asset, &transfer.amount)?;
                let (to, recipient) = (RollupId::new(transfer.to), transfer.recipient);
                Ok(Transfer { to, asset, atoms, recipient })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let exits = self.read_exits(context)?;
        let lanes = Batch::sum_lanes(rollup, &transfers, &exits)?;
        let mut parts = BatchParts {
            rollup,
            height: Height::new(self.height.with_context(|| missing("height"))?),
            previous_root: L2Root::new(
                self.previous_root.with_context(|| missing("previous_root"))?,
            ),
            new_root: L2Root::new(self.new_root),
            exit_root: ExitRoot::new(self.exit_root.with_context(|| missing("exit_root"))?),
            transfers,
            exits,
            lanes,
            // Replaced at once: the digest does not cover it.
            signature: key.sign(Word::ZERO),
        };
        parts.signature = key.sign(parts.digest(context.domain_word));
        Ok(Batch::new(parts)?)
    }

    fn read_exits(&self, context: &SigningContext) -> anyhow::Result<Vec<Exit>> {
        let read = |exit: &UnsignedExit| {
            let asset = AssetId::new(exit.asset);
            let atoms = context.atoms(asset, &exit.amount)?;
            Ok(Exit { asset, atoms, recipient: exit.recipient })
        };
        self.exits.iter().map(read).collect()
    }
}

impl SigningContext {
    /// Asks an api.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn of(client: &Client) -> anyhow::Result<Self> {
        let domain_word: String = field(&client.read("/v1/domain").await?, "domain_word")?;
        let listed: Vec<WireAsset> = field(&client.read("/v1/assets").await?, "items")?;
        let assets = listed.into_iter().map(|asset| {
            let id = AssetId::new(asset.asset);
            Ok(Asset::new(id, asset.token, asset.token_decimals, asset.ledger_decimals)?)
        });
        Ok(Self {
            domain_word: parse_word(&domain_word)?,
            assets: assets.collect::<anyhow::Result<_>>()?,
        })
    }

    /// Without an api: the word as it is, and `asset=decimals` for each asset.
    ///
    /// # Errors
    /// When one of them is malformed.
    pub fn offline(domain_word: &str, decimals: &[String]) -> anyhow::Result<Self> {
        let mut assets = BTreeMap::new();
        for pair in decimals {
            let parsed = pair.split_once('=').and_then(|(asset, decimals)| {
                Some((asset.parse::<u16>().ok()?, decimals.parse::<u8>().ok()?))
            });
            let Some((asset, decimals)) = parsed else {
                bail!("--decimals {pair}: write ASSET=DECIMALS, such as 1=18");
            };
            // Only the ledger decimals are used; the token's are at least as many.
            let id = AssetId::new(asset);
            assets.insert(id, Asset::new(id, Address::ZERO, decimals, decimals)?);
        }
        Ok(Self { domain_word: parse_word(domain_word)?, assets: assets.into_values().collect() })
    }

    fn atoms(&self, asset: AssetId, amount: &str) -> anyhow::Result<Atoms> {
        let found = self.assets.iter().find(|found| found.id() == asset);
        let found = found.with_context(|| format!("asset {asset} is not registered"))?;
        let decimals = found.ledger_decimals();
        Atoms::parse_decimal(amount, decimals)
            .with_context(|| format!("an amount of asset {asset}"))
    }
}

#[derive(Deserialize)]
struct WireAsset {
    asset: u16,
    token: Address,
    token_decimals: u8,
    ledger_decimals: u8,
}

#[derive(Deserialize)]
struct WireExit {
    index: u32,
    asset: u16,
    atoms: Atoms,
    recipient: Address,
    reversed_by: Option<u64>,
}

async fn earlier_exits(client: &Client, rollup: u16) -> anyhow::Result<Vec<Claim>> {
    let mut claims = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.read(&format!("/v1/exits?rollup={rollup}&limit=1000{cursor}")).await?;
        claims.extend(standing(rollup, field(&page, "items")?));
        match page.get("next_cursor").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(claims),
        }
    }
}

/// Exits of evicted batches are no part of the tree: their numbers are given again.
fn standing(rollup: u16, exits: Vec<WireExit>) -> impl Iterator<Item = Claim> {
    exits.into_iter().filter(|exit| exit.reversed_by.is_none()).map(move |exit| Claim {
        rollup: RollupId::new(rollup),
        index: ExitIndex::new(exit.index),
        asset: AssetId::new(exit.asset),
        recipient: exit.recipient,
        atoms: exit.atoms,
    })
}

fn parse_word(text: &str) -> anyhow::Result<Word> {
    let bytes: B256 = text.parse().context("the domain word is not 32 bytes of hex")?;
    Word::from_bytes(bytes).context("the domain word")
}

fn field<T: DeserializeOwned>(answer: &Value, name: &str) -> anyhow::Result<T> {
    let value = answer.get(name).cloned().unwrap_or_default();
    serde_json::from_value(value).with_context(|| format!("the api's answer has no usable {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> SigningContext {
        let decimals = ["1=18".to_owned(), "2=6".to_owned()];
        SigningContext::offline(&Word::from(5_u64).to_string(), &decimals).unwrap()
    }

    const BATCH: &str = r#"{
        "rollup": 1, "height": 0,
        "previous_root": "0x0000000000000000000000000000000000000000000000000000000000000000",
        "new_root": "0x1111111111111111111111111111111111111111111111111111111111111111",
        "exit_root": "0x2222222222222222222222222222222222222222222222222222222222222222",
        "transfers": [{"to": 2, "asset": 2, "amount": "1.5",
                       "recipient": "0x31bc2a964c8cc585ef366e225ea3a5e2a352c287"}]
    }"#;

    /// A signed batch is what was written, with its lanes, under the key's signature.
    #[test]
    fn signs_what_is_written() {
        let key = SigningKey::from_seed([3; 32]);
        let context = context();
        let batch = Unsigned::parse(BATCH.as_bytes()).unwrap().sign(&key, &context).unwrap();
        let parts = batch.parts();
        assert_eq!(parts.lanes.first().unwrap().atoms, Atoms::new(1_500_000).unwrap());
        assert!(key.public().verifies(batch.digest(context.domain_word), &parts.signature));
    }

    /// An exit of an evicted batch is not of the tree, also where its number was given again.
    #[test]
    fn evicted_exits_are_left_out() {
        let listed = r#"[
            {"index": 1, "asset": 2, "atoms": "7", "recipient": "0x31bc2a964c8cc585ef366e225ea3a5e2a352c287"},
            {"index": 1, "asset": 2, "atoms": "9", "recipient": "0x31bc2a964c8cc585ef366e225ea3a5e2a352c287",
             "reversed_by": 12}
        ]"#;
        let found: Vec<Claim> = standing(3, serde_json::from_str(listed).unwrap()).collect();
        let [one] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((one.rollup, one.atoms), (RollupId::new(3), Atoms::new(7).unwrap()));
    }

    /// What is missing, unknown, inexact or of an unknown asset is refused by name.
    #[test]
    fn refusals() {
        let check = |from: &str, to: &str, told: &str| {
            let text = BATCH.replace(from, to);
            let signed = Unsigned::parse(text.as_bytes())
                .and_then(|batch| batch.sign(&SigningKey::from_seed([3; 32]), &context()));
            let said = format!("{:#}", signed.unwrap_err());
            assert!(said.contains(told), "{said}");
        };
        check("\"height\": 0,", "", "height is missing");
        check("\"height\"", "\"heigth\"", "heigth");
        check("1.5", "1.0000005", "more than 6 decimals");
        check("\"asset\": 2", "\"asset\": 3", "asset 3 is not registered");
        check("\"to\": 2", "\"to\": 1", "rollup");
    }
}
