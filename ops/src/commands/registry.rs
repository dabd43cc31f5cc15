//! `netfold rollup` and `netfold asset`: who takes part, and with what.
//!
//! **Invariant**: L1 is where both are registered and revoked, by the contract's owner; the ledger books what L1 shows.
//! What L1 would refuse, or the domain has no use for, is refused before anything is sent.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, U256};
use anyhow::{Context as _, bail, ensure};
use domain::{Asset, AssetId, Atoms, RollupId, SettlementKey, Word, limits};
use engine::l1::{L1, MinedL1Tx, SignerKey, View};
use serde_json::{Value, json};

use super::epoch::text;
use crate::cli::{
    AssetAddArguments, AssetCommand, OwnerArguments, RegisterArguments, RegisteredArguments,
    RevokeArguments, RollupAddArguments, RollupCommand,
};
use crate::client::Client;
use crate::development::Account;
use crate::keys;
use crate::on_l1;
use crate::output::Output;
use crate::progress::say;
use crate::table;

pub(super) async fn rollup(
    command: &RollupCommand,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    match command {
        RollupCommand::Add(arguments) => add_rollup(arguments, output).await?,
        RollupCommand::List(arguments) => {
            let fields = ["rollup", "next_height", "exits", "root", "key/x", "key/y"];
            list(arguments, Kind::Rollup, &fields, output).await?;
        }
        RollupCommand::Revoke(arguments) => revoke(arguments, Kind::Rollup, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn asset(command: &AssetCommand, output: &mut Output) -> anyhow::Result<ExitCode> {
    match command {
        AssetCommand::Add(arguments) => add_asset(arguments, output).await?,
        AssetCommand::List(arguments) => {
            let fields = ["asset", "token", "token_decimals", "ledger_decimals"];
            list(arguments, Kind::Asset, &fields, output).await?;
        }
        AssetCommand::Revoke(arguments) => revoke(arguments, Kind::Asset, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What is registered.
#[derive(Clone, Copy)]
enum Kind {
    Rollup,
    Asset,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Rollup => "rollup",
            Self::Asset => "asset",
        }
    }

    async fn count(self, view: &View) -> Result<u16, engine::Error> {
        match self {
            Self::Rollup => view.rollup_count().await,
            Self::Asset => view.asset_count().await,
        }
    }

    async fn is_revoked(self, view: &View, id: u16) -> Result<bool, engine::Error> {
        match self {
            Self::Rollup => view.is_rollup_revoked(RollupId::new(id)).await,
            Self::Asset => view.is_asset_revoked(AssetId::new(id)).await,
        }
    }

    async fn revoke(self, l1: &L1, id: u16) -> Result<MinedL1Tx, engine::Error> {
        match self {
            Self::Rollup => l1.revoke_rollup(RollupId::new(id)).await,
            Self::Asset => l1.revoke_asset(AssetId::new(id)).await,
        }
    }
}

async fn list(
    arguments: &RegisteredArguments,
    kind: Kind,
    fields: &[&str],
    output: &mut Output,
) -> anyhow::Result<()> {
    let client = arguments.list.url.client()?;
    let mut answer = client.read(&format!("/v1/{}s", kind.name())).await?;
    let items = answer.get_mut("items").and_then(Value::as_array_mut);
    let items = items.context("the api gave no list")?;
    let mut fields = fields.to_vec();
    if let Some(url) = &arguments.l1_rpc_url {
        // It reads only; the account pays nothing.
        let l1 = connect(&client, url, &Account::Claimant.key()?).await?;
        let view = l1.latest().await?;
        for item in items.iter_mut() {
            let id = item.get(kind.name()).and_then(Value::as_u64).unwrap_or_default();
            let revoked = kind.is_revoked(&view, u16::try_from(id)?).await?;
            if let Value::Object(item) = item {
                item.insert("revoked".to_owned(), json!(revoked));
            }
        }
        fields.push("revoked");
    }
    let row = |item: &Value| {
        fields.iter().map(|field| text(item, &format!("/{field}"))).collect::<Vec<_>>()
    };
    let rows = items.iter().map(row).collect::<Vec<_>>();
    if arguments.list.json {
        return output.json(&answer);
    }
    let head = fields.iter().map(|field| field.replace(['_', '/'], " ")).collect::<Vec<_>>();
    table::print(&head.iter().map(String::as_str).collect::<Vec<_>>(), &rows, output)?;
    Ok(())
}

async fn revoke(
    arguments: &RevokeArguments,
    kind: Kind,
    output: &mut Output,
) -> anyhow::Result<()> {
    let (name, id) = (kind.name(), arguments.id);
    let owner = Owner::connect(&arguments.owner).await?;
    let count = kind.count(&owner.view).await?;
    ensure!(id <= count, "there is no {name} {id}: L1 has {count} (netfold {name} list)");
    ensure!(!kind.is_revoked(&owner.view, id).await?, "{name} {id} is revoked already");
    let l1_tx = kind.revoke(&owner.l1, id).await?;
    let (tx_hash, block) = (l1_tx.tx_hash, l1_tx.block.number);
    let sentence = format!(
        "L1 takes no deposit for {name} {id} any more, by l1_tx {tx_hash} in block {block}. What is there moves on, settles \
         and is claimed as before."
    );
    owner.tell(&json!({ name: id }), &sentence, &l1_tx, output)
}

async fn add_rollup(arguments: &RollupAddArguments, output: &mut Output) -> anyhow::Result<()> {
    let key = match (&arguments.key, arguments.key_x, arguments.key_y) {
        (Some(file), ..) => keys::read(file)?.public(),
        (None, Some(x), Some(y)) => {
            let word = |bytes| Word::from_bytes(bytes).context("no such key can be");
            SettlementKey::new(word(x)?, word(y)?).context("the key is refused")?
        }
        (None, ..) => bail!("name the key: KEY_X KEY_Y, or --key FILE"),
    };
    let owner = Owner::connect(&arguments.register.owner).await?;
    let count = owner.view.rollup_count().await?;
    for id in (1..=count).map(RollupId::new) {
        ensure!(
            owner.view.rollup(id).await?.key != key,
            "rollup {id} is registered with this key: each rollup needs its own (netfold keygen)"
        );
    }
    ensure!(
        usize::from(count) < limits::MAX_ROLLUPS,
        "all {count} rollups that a domain has room for are registered"
    );
    let (id, l1_tx) = owner.l1.register_rollup(key).await?;
    let path = format!("/v1/rollups/{id}");
    let matches = |answer: &Value| text(answer, "/key/x") == key.x().to_string();
    owner
        .await_ledger(&arguments.register, &path, matches, &format!("rollup {id}"), &l1_tx)
        .await?;
    let sentence = registered(&format!("Rollup {id}"), &l1_tx);
    owner.tell(&json!({"rollup": id}), &sentence, &l1_tx, output)
}

async fn add_asset(arguments: &AssetAddArguments, output: &mut Output) -> anyhow::Result<()> {
    let owner = Owner::connect(&arguments.register.owner).await?;
    let token = arguments.token;
    let facts = owner.l1.token(token).await.context("this is no ERC-20 token on that L1")?;
    let count = owner.view.asset_count().await?;
    ensure!(
        usize::from(count) < limits::MAX_ASSETS,
        "all {count} assets that a domain has room for are registered"
    );
    for id in (1..=count).map(AssetId::new) {
        ensure!(
            owner.view.asset(id).await?.token() != token,
            "the token is registered as asset {id}"
        );
    }
    let next = AssetId::new(count.saturating_add(1));
    let decimals = arguments.ledger_decimals.unwrap_or(facts.decimals);
    let asset = Asset::new(next, token, facts.decimals, decimals).context("--ledger-decimals")?;
    check_supply(&asset, facts.supply)?;
    let (asset, l1_tx) = owner.l1.register_asset(token, facts.decimals, decimals).await?;
    let id = asset.id();
    let listed = |answer: &Value| {
        let items = answer.get("items").and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|item| item.get("asset")).any(|found| *found == json!(id))
    };
    let what = format!("asset {id}");
    owner.await_ledger(&arguments.register, "/v1/assets", listed, &what, &l1_tx).await?;
    let told = json!({
        "asset": id, "token": token, "token_decimals": facts.decimals, "ledger_decimals": decimals,
    });
    let what = format!("Asset {id} ({token}, {decimals} ledger decimals)");
    owner.tell(&told, &registered(&what, &l1_tx), &l1_tx, output)
}

fn registered(what: &str, l1_tx: &MinedL1Tx) -> String {
    let (tx_hash, block) = (l1_tx.tx_hash, l1_tx.block.number);
    format!("{what} is registered, by l1_tx {tx_hash} in block {block}, and in the ledger.")
}

/// Amounts of the whole supply have to be amounts of the ledger.
fn check_supply(asset: &Asset, supply: Option<U256>) -> anyhow::Result<()> {
    let Some(supply) = supply else { return Ok(()) };
    let finer = asset.token_decimals().saturating_sub(asset.ledger_decimals());
    let unit = U256::from(10).pow(U256::from(finer));
    let units = supply.checked_div(unit).unwrap_or(supply);
    let fits = u128::try_from(units).is_ok_and(|units| Atoms::new(units).is_ok());
    ensure!(
        fits,
        "the token's supply is more than 2^96 - 1 ledger units, which is what an amount can be: take fewer \
         --ledger-decimals than {}",
        asset.ledger_decimals()
    );
    Ok(())
}

/// The contract of the api's domain, on the L1 that a node serves.
async fn connect(client: &Client, url: &str, key: &SignerKey) -> anyhow::Result<L1> {
    let domain = client.read("/v1/domain").await?;
    let chain = domain.get("chain_id").and_then(Value::as_u64).context("the api's chain")?;
    let settlement: Address = text(&domain, "/settlement").parse().context("the api's contract")?;
    on_l1::connect(url, chain, settlement, key).await
}

/// The contract, through its owner, and the api that shows what became of it.
struct Owner<'a> {
    arguments: &'a OwnerArguments,
    client: Client,
    l1: L1,
    view: View,
}

impl<'a> Owner<'a> {
    async fn connect(arguments: &'a OwnerArguments) -> anyhow::Result<Self> {
        let client = arguments.url.client()?;
        let l1 =
            connect(&client, &arguments.l1_rpc_url, &arguments.l1_private_key.parse()?).await?;
        let view = l1.latest().await?;
        let owner = view.roles().await?.owner;
        ensure!(
            owner == l1.signer(),
            "the contract's owner is {owner}, the key is that of {}: only the owner registers and revokes. If the owner \
             is a contract, have it call registerRollup, registerAsset, revokeRollup or revokeAsset",
            l1.signer()
        );
        Ok(Self { arguments, client, l1, view })
    }

    /// Waits until the ledger shows what L1 has registered.
    async fn await_ledger(
        &self,
        arguments: &RegisterArguments,
        path: &str,
        shows: impl Fn(&Value) -> bool,
        what: &str,
        l1_tx: &MinedL1Tx,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        let patience = Duration::from_secs(arguments.wait);
        say(format_args!(
            "L1 has registered {what} in l1_tx {}; waiting for the ledger.",
            l1_tx.tx_hash
        ));
        loop {
            // Not there yet, or the api is away for a moment: L1 has it in any case.
            if self.client.read(path).await.is_ok_and(|answer| shows(&answer)) {
                return Ok(());
            }
            ensure!(
                began.elapsed() < patience,
                "L1 has registered {what} in l1_tx {}, block {}, but the ledger does not show it after {} s. Do not \
                 add it again: the engine books the block once it is deep enough; look at its log",
                l1_tx.tx_hash,
                l1_tx.block.number,
                patience.as_secs()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn tell(
        &self,
        told: &Value,
        sentence: &str,
        l1_tx: &MinedL1Tx,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        if !self.arguments.json {
            output.line(format_args!("{sentence}"))?;
            return Ok(());
        }
        let mut told = told.clone();
        if let Value::Object(fields) = &mut told {
            fields.insert("tx_hash".to_owned(), json!(l1_tx.tx_hash));
            fields.insert("block".to_owned(), json!(l1_tx.block.number));
            fields.insert("gas_used".to_owned(), json!(l1_tx.gas_used));
        }
        output.json(&told)
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(500);
