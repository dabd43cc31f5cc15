//! `netfold webhook`: who is told of events, by whoever may operate.
//!
//! **Invariant**: it asks an api, which alone knows what webhooks' secrets follow from; a secret is shown when it is
//! made, and kept nowhere.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::epoch::text;
use crate::cli::{WebhookAddArguments, WebhookCommand, WebhookListArguments, WebhookOneArguments};
use crate::output::Output;
use crate::progress::say;
use crate::table;

pub(super) async fn run(command: &WebhookCommand, output: &mut Output) -> anyhow::Result<ExitCode> {
    match command {
        WebhookCommand::Add(arguments) => add(arguments, output).await?,
        WebhookCommand::List(arguments) => list(arguments, output).await?,
        WebhookCommand::Revoke(arguments) => {
            let client = arguments.url.client()?;
            let revoked = client.delete(&format!("/v1/webhooks/{}", arguments.id)).await?;
            show(arguments, &revoked, output)?;
        }
        WebhookCommand::Resume(arguments) => {
            let client = arguments.url.client()?;
            let path = format!("/v1/webhooks/{}/resume", arguments.id);
            show(arguments, &client.post(&path, Vec::new()).await?, output)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(arguments: &WebhookAddArguments, output: &mut Output) -> anyhow::Result<()> {
    let mut asked = json!({"url": arguments.address});
    if let Value::Object(fields) = &mut asked {
        if !arguments.events.is_empty() {
            let names = arguments.events.iter().map(ToString::to_string).collect::<Vec<_>>();
            fields.insert("events".to_owned(), names.into());
        }
        if let Some(after) = arguments.after {
            fields.insert("after".to_owned(), after.into());
        }
    }
    let body = serde_json::to_vec(&asked)?;
    let added = arguments.url.client()?.post("/v1/webhooks", body).await?;
    if arguments.json {
        return output.json(&added);
    }
    output.line(text(&added, "/secret"))?;
    let (id, after) = (text(&added, "/id"), text(&added, "/after"));
    say(format_args!("Webhook {id} is told what happens after event {after}."));
    say(
        "This is its secret, which is shown this once: its receiver checks posts by it, as Standard Webhooks.",
    );
    Ok(())
}

async fn list(arguments: &WebhookListArguments, output: &mut Output) -> anyhow::Result<()> {
    let answer = arguments.url.client()?.read("/v1/webhooks").await?;
    if arguments.json {
        return output.json(&answer);
    }
    let items = answer.get("items").and_then(Value::as_array).context("the api gave no list")?;
    if items.is_empty() {
        say("There are no webhooks: add one by `netfold webhook add URL`.");
        return Ok(());
    }
    let rows = items.iter().map(row).collect::<Vec<_>>();
    table::print(&HEAD, &rows, output)?;
    let is_given_up = |item: &&Value| text(item, "/state") == "given_up";
    for item in items.iter().filter(is_given_up) {
        let id = text(item, "/id");
        say(format_args!(
            "Webhook {id} was given up: once it answers, `netfold webhook resume {id}`."
        ));
    }
    Ok(())
}

fn show(
    arguments: &WebhookOneArguments,
    webhook: &Value,
    output: &mut Output,
) -> anyhow::Result<()> {
    if arguments.json {
        return output.json(webhook);
    }
    Ok(table::print(&HEAD, &[row(webhook)], output)?)
}

fn row(webhook: &Value) -> Vec<String> {
    let events = webhook.get("events").and_then(Value::as_array);
    let names =
        |events: &Vec<Value>| events.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
    vec![
        text(webhook, "/id"),
        text(webhook, "/state"),
        text(webhook, "/position"),
        text(webhook, "/behind"),
        text(webhook, "/last_delivery/outcome"),
        events.map_or_else(|| "all".to_owned(), names),
        text(webhook, "/url"),
    ]
}

const HEAD: [&str; 7] = ["id", "state", "position", "behind", "last", "events", "url"];
