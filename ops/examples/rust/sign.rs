//! Signs a rollup's next batch in Rust and posts it: of Netfold it uses the crate `domain` alone.
//!
//! ```sh
//! cargo run --release -p api --example sign -- keygen rollup.key
//! cargo run --release -p api --example sign -- print http://127.0.0.1:8080 rollup.key batch.json
//! cargo run --release -p api --example sign -- post http://127.0.0.1:8080 rollup.key batch.json
//! ```
//!
//! `keygen` prints the public key, with which the rollup is registered on L1. batch.json is the one that
//! `../javascript/sign.mjs` takes. `NETFOLD_API_KEY` is sent along, where the api asks for a key.

use std::{
    error::Error,
    fs::{self, File},
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    process::ExitCode,
};

use alloy_primitives::{Address, B256, hex};
use domain::{
    AssetId, Atoms, Batch, BatchParts, Claim, Exit, ExitIndex, ExitRoot, ExitTree, Height, L2Root,
    RollupId, SettlementKey, SigningKey, Transfer, Word,
};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What a rollup wants to move.
#[derive(Deserialize)]
struct Wanted {
    rollup: u16,
    new_root: B256,
    #[serde(default)]
    transfers: Vec<WantedTransfer>,
    #[serde(default)]
    exits: Vec<WantedExit>,
}

#[derive(Deserialize)]
struct WantedTransfer {
    to: u16,
    asset: u16,
    amount: String,
    recipient: Address,
}

#[derive(Deserialize)]
struct WantedExit {
    asset: u16,
    amount: String,
    recipient: Address,
}

/// An answer of `/v1/rollups/{rollup}`, as far as it is needed.
#[derive(Deserialize)]
struct Rollup {
    key: SettlementKey,
    next_height: u64,
    root: B256,
}

#[derive(Deserialize)]
struct Asset {
    asset: u16,
    ledger_decimals: u8,
}

/// An entry of `/v1/exits`, as far as it is needed.
#[derive(Deserialize)]
struct EarlierExit {
    index: u32,
    asset: u16,
    atoms: Atoms,
    recipient: Address,
    reversed_by: Option<Value>,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["keygen", file] => keygen(file),
        ["print", url, key, batch] => print(url, key, batch).await,
        ["post", url, key, batch] => post(url, key, batch).await,
        _ => Err("usage: sign keygen FILE | sign print|post URL KEY_FILE batch.json".into()),
    };
    match outcome {
        Ok(told) => {
            println!("{told:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A key is 32 random bytes, as hex in a file that nobody else reads and that is never overwritten.
fn keygen(file: &str) -> Outcome<Value> {
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let mut opened = File::options().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(opened, "{}", hex::encode(seed))?;
    Ok(json!(SigningKey::from_seed(seed).public()))
}

async fn print(url: &str, key: &str, batch: &str) -> Outcome<Value> {
    sign(&Api::new(url), key, batch).await
}

/// The same batch again is answered as the first time: after a lost answer just send it once more.
async fn post(url: &str, key: &str, batch: &str) -> Outcome<Value> {
    let api = Api::new(url);
    let signed = sign(&api, key, batch).await?;
    let request = api.client.post(format!("{url}/v1/batches")).json(&signed);
    api.answer(request).await
}

async fn sign(api: &Api, key_file: &str, batch_file: &str) -> Outcome<Value> {
    let mut seed = [0; 32];
    hex::decode_to_slice(fs::read_to_string(key_file)?.trim(), &mut seed)?;
    let key = SigningKey::from_seed(seed);
    let wanted: Wanted = serde_json::from_slice(&fs::read(batch_file)?)?;

    let domain: Value = api.get("/v1/domain").await?;
    let domain_word: Word =
        serde_json::from_value(domain.get("domain_word").cloned().unwrap_or_default())?;
    let assets: Page<Asset> = api.get("/v1/assets").await?;
    let rollup: Rollup = api.get(&format!("/v1/rollups/{}", wanted.rollup)).await?;
    if rollup.key != key.public() {
        return Err(format!("rollup {} is registered with another key", wanted.rollup).into());
    }
    let decimals = |asset: u16| {
        let found = assets.items.iter().find(|one| one.asset == asset);
        found.map(|one| one.ledger_decimals).ok_or_else(|| format!("no asset {asset}"))
    };
    let read = |asset: u16, amount: &str| -> Outcome<(AssetId, Atoms)> {
        Ok((AssetId::new(asset), Atoms::parse_decimal(amount, decimals(asset)?)?))
    };
    let mut transfers = Vec::new();
    for WantedTransfer { to, asset, amount, recipient } in &wanted.transfers {
        let (asset, atoms) = read(*asset, amount)?;
        transfers.push(Transfer { to: RollupId::new(*to), asset, atoms, recipient: *recipient });
    }
    let mut exits = Vec::new();
    for WantedExit { asset, amount, recipient } in &wanted.exits {
        let (asset, atoms) = read(*asset, amount)?;
        exits.push(Exit { asset, atoms, recipient: *recipient });
    }

    let id = RollupId::new(wanted.rollup);
    let mut parts = BatchParts {
        rollup: id,
        height: Height::new(rollup.next_height),
        previous_root: L2Root::new(rollup.root),
        new_root: L2Root::new(wanted.new_root),
        // Follows from the exits, of this batch too; the signature comes last.
        exit_root: ExitRoot::UNSET,
        lanes: Batch::sum_lanes(id, &transfers, &exits)?,
        transfers,
        exits,
        signature: key.sign(Word::ZERO),
    };
    let mut tree = exit_tree(api, id).await?;
    for claim in Batch::new(parts.clone())?.claims(&tree)? {
        tree = tree.append(claim.leaf()).ok_or(FULL)?;
    }
    parts.exit_root = tree.root();
    parts.signature = key.sign(parts.digest(domain_word));
    wire(&parts, decimals)
}

/// The tree of all the rollup's exits so far. They come newest first; evicted ones are no part of it.
async fn exit_tree(api: &Api, rollup: RollupId) -> Outcome<ExitTree> {
    let mut earlier: Vec<EarlierExit> = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/exits?rollup={}&limit=1000{cursor}", rollup.number());
        let page: Page<EarlierExit> = api.get(&path).await?;
        earlier.extend(page.items.into_iter().filter(|exit| exit.reversed_by.is_none()));
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let mut tree = ExitTree::empty();
    for EarlierExit { index, asset, atoms, recipient, .. } in earlier.into_iter().rev() {
        let (index, asset) = (ExitIndex::new(index), AssetId::new(asset));
        let leaf = Claim { rollup, index, asset, recipient, atoms }.leaf();
        tree = tree.append(leaf).ok_or(FULL)?;
    }
    Ok(tree)
}

/// As it goes over the wire: amounts as people write them.
fn wire(parts: &BatchParts, decimals: impl Fn(u16) -> Result<u8, String>) -> Outcome<Value> {
    let amount = |asset: AssetId, atoms: Atoms| -> Outcome<String> {
        Ok(atoms.to_decimal_string(decimals(asset.number())?))
    };
    let transfer = |one: &Transfer| -> Outcome<Value> {
        let amount = amount(one.asset, one.atoms)?;
        let (to, asset) = (one.to.number(), one.asset.number());
        Ok(json!({"to": to, "asset": asset, "amount": amount, "recipient": one.recipient}))
    };
    let exit = |one: &Exit| -> Outcome<Value> {
        let amount = amount(one.asset, one.atoms)?;
        Ok(json!({"asset": one.asset.number(), "amount": amount, "recipient": one.recipient}))
    };
    let lane = |one: &domain::Lane| -> Outcome<Value> {
        let amount = amount(one.asset, one.atoms)?;
        let (asset, destination) = (one.asset.number(), one.destination.number());
        Ok(json!({"asset": asset, "destination": destination, "amount": amount}))
    };
    Ok(json!({
        "rollup": parts.rollup.number(),
        "height": parts.height.number(),
        "previous_root": parts.previous_root,
        "new_root": parts.new_root,
        "exit_root": parts.exit_root,
        "transfers": parts.transfers.iter().map(transfer).collect::<Outcome<Vec<_>>>()?,
        "exits": parts.exits.iter().map(exit).collect::<Outcome<Vec<_>>>()?,
        "lanes": parts.lanes.iter().map(lane).collect::<Outcome<Vec<_>>>()?,
        "signature": parts.signature,
    }))
}

/// The REST interface.
struct Api {
    client: Client,
    url: String,
    key: Option<String>,
}

impl Api {
    fn new(url: &str) -> Self {
        let key = std::env::var("NETFOLD_API_KEY").ok();
        Self { client: Client::new(), url: url.to_owned(), key }
    }

    async fn get<T: for<'a> Deserialize<'a>>(&self, path: &str) -> Outcome<T> {
        let answer = self.answer(self.client.get(format!("{}{path}", self.url))).await?;
        Ok(serde_json::from_value(answer)?)
    }

    /// An answer, or the problem's stable code and sentence.
    async fn answer(&self, mut request: reqwest::RequestBuilder) -> Outcome<Value> {
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        if status.is_success() {
            return Ok(body);
        }
        let said = |name| body.get(name).cloned().unwrap_or_default();
        Err(format!("{status} {}: {}", said("code"), said("detail")).into())
    }
}

const FULL: &str = "the exit tree is full";
