//! The arguments of `netfold rollup` and `netfold asset`.

use std::path::PathBuf;

use alloy_primitives::{Address, B256};
use clap::{Args, Subcommand};

use super::UrlArguments;

#[derive(Debug, Subcommand)]
pub(crate) enum RollupCommand {
    /// Register a rollup on L1, as the contract's owner, and wait until the ledger knows it.
    Add(RollupAddArguments),
    /// Show the registered rollups.
    List(RegisteredArguments),
    /// End the deposits for a rollup on L1, as the contract's owner, for good. What its cells hold moves on, settles and
    /// is claimed as before.
    Revoke(RevokeArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AssetCommand {
    /// Register an asset on L1, as the contract's owner, and wait until the ledger knows it.
    Add(AssetAddArguments),
    /// Show the registered assets.
    List(RegisteredArguments),
    /// End the deposits of an asset on L1, as the contract's owner, for good. What is held of it moves on, settles and
    /// is claimed as before.
    Revoke(RevokeArguments),
}

/// What is shown as a table or as JSON.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) url: UrlArguments,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is registered, and whether L1 still takes deposits for it.
#[derive(Debug, Args)]
pub(crate) struct RegisteredArguments {
    #[command(flatten)]
    pub(crate) list: ListArguments,
    /// An L1 node, to say what is revoked: the ledger, which is asked without one, does not know.
    #[arg(long, value_name = "URL")]
    pub(crate) l1_rpc_url: Option<String>,
}

/// What only the contract's owner may do.
#[derive(Debug, Args)]
pub(crate) struct OwnerArguments {
    #[command(flatten)]
    pub(crate) url: UrlArguments,
    /// The L1 node.
    #[arg(long, value_name = "URL", env = "L1_RPC_URL", hide_env_values = true)]
    pub(crate) l1_rpc_url: String,
    /// Private key of the contract's owner.
    #[arg(long, value_name = "HEX", env = "L1_PRIVATE_KEY", hide_env_values = true)]
    pub(crate) l1_private_key: String,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How something is registered.
#[derive(Debug, Args)]
pub(crate) struct RegisterArguments {
    #[command(flatten)]
    pub(crate) owner: OwnerArguments,
    /// Seconds to wait for the ledger, which books L1's blocks once they are deep enough.
    #[arg(long, value_name = "SECONDS", default_value_t = 1_800)]
    pub(crate) wait: u64,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArguments {
    #[command(flatten)]
    pub(crate) owner: OwnerArguments,
    /// Its id, as `list` shows it.
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) id: u16,
}

#[derive(Debug, Args)]
pub(crate) struct RollupAddArguments {
    #[command(flatten)]
    pub(crate) register: RegisterArguments,
    /// The rollup's key file, instead of the public key.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key_x", "key_y"])]
    pub(crate) key: Option<PathBuf>,
    /// First coordinate of the rollup's public key, as `netfold keygen` prints it.
    #[arg(required_unless_present = "key")]
    pub(crate) key_x: Option<B256>,
    /// Second coordinate.
    #[arg(required_unless_present = "key")]
    pub(crate) key_y: Option<B256>,
}

#[derive(Debug, Args)]
pub(crate) struct AssetAddArguments {
    #[command(flatten)]
    pub(crate) register: RegisterArguments,
    /// Decimals of the ledger's unit, at most the token's [default: the token's].
    #[arg(long, value_name = "NUMBER")]
    pub(crate) ledger_decimals: Option<u8>,
    /// The token's ERC-20 contract, or `ether`.
    #[arg(value_parser = token)]
    pub(crate) token: Address,
}

fn token(text: &str) -> Result<Address, String> {
    if text == "ether" {
        return Ok(Address::ZERO);
    }
    let token: Address = text.parse().map_err(|_| "it is 0x and 40 hex digits, or `ether`")?;
    if token == Address::ZERO { Err("say `ether` for Ether".to_owned()) } else { Ok(token) }
}
