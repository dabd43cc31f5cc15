//! The arguments of `netfold key`, and of everything that sends a key.

use clap::{Args, Subcommand};
use ledger::{ApiKeyId, Scope};

use super::DatabaseArguments;
use crate::client::Client;

/// The key that goes with what is asked of an api.
#[derive(Debug, Args)]
pub(crate) struct KeyArguments {
    /// The api key to send, where the api asks for one.
    #[arg(long = "api-key", value_name = "KEY", env = "NETFOLD_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
}

/// Where the api is.
#[derive(Debug, Args)]
pub(crate) struct UrlArguments {
    /// Address of the api.
    #[arg(long, value_name = "URL", env = "NETFOLD_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) key: KeyArguments,
}

impl UrlArguments {
    /// The api, with the key.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.url)?.with_key(self.key.api_key.as_deref())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; it is shown this once and kept nowhere.
    Add(KeyAddArguments),
    /// Show all keys, revoked ones too.
    List(KeyListArguments),
    /// Revoke a key for good; every api refuses it within two seconds.
    Revoke(KeyRevokeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct KeyAddArguments {
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
    /// What it may be used for: read, submit:ROLLUP, operate, prove. May be repeated; none includes another.
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    pub(crate) scopes: Vec<Scope>,
    /// Whose it is, or what for.
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) name: String,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeyListArguments {
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
    /// Print one JSON array.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeyRevokeArguments {
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// The 16 hex digits after `nf_`, as `netfold key list` shows them.
    pub(crate) id: ApiKeyId,
}

fn name(text: &str) -> Result<String, String> {
    if (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err("a name has 1 to 100 characters, on one line".to_owned())
    }
}

pub(super) fn access(text: &str) -> Result<api::Access, String> {
    match text {
        "open" => Ok(api::Access::Open),
        "public-read" => Ok(api::Access::PublicRead),
        "keys" => Ok(api::Access::Keys),
        _ => Err("it is open, public-read or keys".to_owned()),
    }
}
