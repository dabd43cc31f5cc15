//! `netfold key`: keys of the api, by whoever owns the database.

use std::collections::BTreeSet;
use std::process::ExitCode;

use ledger::{ApiKey, ApiKeySecret, Role};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::cli::{KeyAddArguments, KeyCommand, KeyListArguments, KeyRevokeArguments};
use crate::output::Output;
use crate::progress::say;
use crate::services;

pub(super) async fn run(command: &KeyCommand, output: &mut Output) -> anyhow::Result<ExitCode> {
    match command {
        KeyCommand::Add(arguments) => add(arguments, output).await?,
        KeyCommand::List(arguments) => list(arguments, output).await?,
        KeyCommand::Revoke(arguments) => revoke(arguments, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(arguments: &KeyAddArguments, output: &mut Output) -> anyhow::Result<()> {
    let ledger = services::connect(&arguments.database.database_url, Role::Owner).await?;
    let secret = ApiKeySecret::from_random(rand::random(), rand::random());
    let scopes: BTreeSet<_> = arguments.scopes.iter().copied().collect();
    let key = ledger.add_api_key(&secret, &arguments.name, &scopes).await?;
    if arguments.json {
        let mut shown = wire(&key);
        if let Value::Object(fields) = &mut shown {
            fields.insert("key".to_owned(), secret.expose().into());
        }
        output.json(&shown)?;
    } else {
        output.line(secret.expose())?;
        say(format_args!(
            "Key {} may {}. It is shown this once: keep it.",
            key.id,
            scopes_of(&key)
        ));
        say("Send it as --api-key, NETFOLD_API_KEY, or `Authorization: Bearer`.");
    }
    Ok(())
}

async fn list(arguments: &KeyListArguments, output: &mut Output) -> anyhow::Result<()> {
    let ledger = services::connect(&arguments.database.database_url, Role::Owner).await?;
    let keys = ledger.api_keys().await?;
    if arguments.json {
        output.json(&keys.iter().map(wire).collect::<Vec<_>>())?;
        return Ok(());
    }
    for key in &keys {
        output.line(line(key))?;
    }
    if keys.is_empty() {
        say("There are no keys: make one by `netfold key add`.");
    }
    Ok(())
}

async fn revoke(arguments: &KeyRevokeArguments, output: &mut Output) -> anyhow::Result<()> {
    let ledger = services::connect(&arguments.database.database_url, Role::Owner).await?;
    let key = ledger.revoke_api_key(arguments.id).await?;
    if arguments.json { output.json(&wire(&key)) } else { Ok(output.line(line(&key))?) }
}

fn wire(key: &ApiKey) -> Value {
    let moment = |at: time::OffsetDateTime| at.format(&Rfc3339).unwrap_or_default();
    json!({
        "id": key.id.to_string(),
        "name": key.name,
        "scopes": key.scopes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "added_at": moment(key.added_at),
        "revoked_at": key.revoked_at.map(moment),
    })
}

fn line(key: &ApiKey) -> String {
    let state = if key.revoked_at.is_some() { "revoked" } else { "good" };
    format!("{}  {state:<7}  {}  {}", key.id, scopes_of(key), key.name)
}

fn scopes_of(key: &ApiKey) -> String {
    key.scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
