//! `netfold epoch`: seals the open one, shows all, downloads exit-kits.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use crate::cli::{
    EpochCommand, EpochListArguments, EpochShowArguments, ExitKitArguments, UrlArguments,
};
use crate::exit_kit;
use crate::output::Output;
use crate::progress::say;
use crate::table;

pub(super) async fn run(command: &EpochCommand, output: &mut Output) -> anyhow::Result<ExitCode> {
    match command {
        EpochCommand::Seal(arguments) => seal(arguments, output).await?,
        EpochCommand::Show(arguments) => show(arguments, output).await?,
        EpochCommand::List(arguments) => list(arguments, output).await?,
        EpochCommand::ExitKit(arguments) => download(arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn seal(arguments: &UrlArguments, output: &mut Output) -> anyhow::Result<()> {
    let answer = arguments.client()?.post("/v1/epochs/seal", Vec::new()).await?;
    output.json(&answer)
}

async fn list(arguments: &EpochListArguments, output: &mut Output) -> anyhow::Result<()> {
    let path = format!("/v1/epochs?limit={}", arguments.limit);
    let answer = arguments.list.url.client()?.read(&path).await?;
    if arguments.list.json {
        return output.json(&answer);
    }
    let items = answer.get("items").and_then(Value::as_array).context("the api gave no list")?;
    let rows = items.iter().map(|epoch| {
        [
            text(epoch, "/epoch"),
            text(epoch, "/status"),
            text(epoch, "/batches"),
            text(epoch, "/transfers"),
            moment(epoch, "/opened_at"),
            moment(epoch, "/sealed/sealed_at"),
            text(epoch, "/settlement/gas_used"),
            text(epoch, "/settlement/tx_hash"),
        ]
        .to_vec()
    });
    let head = ["epoch", "status", "batches", "transfers", "opened", "sealed", "gas", "settled by"];
    table::print(&head, &rows.collect::<Vec<_>>(), output)?;
    Ok(())
}

async fn show(arguments: &EpochShowArguments, output: &mut Output) -> anyhow::Result<()> {
    let path = format!("/v1/epochs/{}", arguments.epoch);
    let epoch = arguments.list.url.client()?.read(&path).await?;
    if arguments.list.json {
        return output.json(&epoch);
    }
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let steps = format!("{} of {}", text(&epoch, "/steps/folded"), text(&epoch, "/steps/planned"));
    let settled = format!(
        "{} in block {}, {} gas",
        text(&epoch, "/settlement/tx_hash"),
        text(&epoch, "/settlement/block/number"),
        text(&epoch, "/settlement/gas_used")
    );
    let settled = if epoch.pointer("/settlement").is_some() { settled } else { NOTHING.to_owned() };
    let mut rows = vec![
        row("status", text(&epoch, "/status")),
        row("batches", text(&epoch, "/batches")),
        row("transfers", text(&epoch, "/transfers")),
        row("opened", moment(&epoch, "/opened_at")),
        row("sealed", moment(&epoch, "/sealed/sealed_at")),
        row("steps folded", steps),
        row("settled by", settled),
        row("final", moment(&epoch, "/final_at")),
        row("opening state", text(&epoch, "/opening_digest")),
        row("closing state", text(&epoch, "/sealed/closing_digest")),
        row("books", text(&epoch, "/sealed/books")),
        row("proof", text(&epoch, "/proof/url")),
    ];
    for flow in epoch.get("flows").and_then(Value::as_array).into_iter().flatten() {
        let amounts = format!(
            "{} gross, {} net, {} to L1",
            text(flow, "/gross/amount"),
            text(flow, "/net/amount"),
            text(flow, "/exited/amount")
        );
        rows.push(row(&format!("asset {}", text(flow, "/asset")), amounts));
    }
    table::print(&["epoch", &arguments.epoch.to_string()], &rows, output)?;
    Ok(())
}

/// Written as it comes, checked, and only then put in its place.
async fn download(arguments: &ExitKitArguments) -> anyhow::Result<()> {
    let path = format!("/v1/epochs/{}/exit-kit", arguments.epoch);
    let shown = arguments.out.display();
    let unwritable = || format!("could not write {shown}");
    let part = arguments.out.with_added_extension("part");
    let mut file = File::create(&part).with_context(unwritable)?;
    let client = arguments.url.client()?;
    client.download(&path, |bytes| Ok(file.write_all(bytes)?)).await?;
    file.sync_all().with_context(unwritable)?;
    let mut opened = BufReader::new(File::open(&part).with_context(unwritable)?);
    let head = exit_kit::read(&mut opened, &part, |_, _| Ok(()))?;
    std::fs::rename(&part, &arguments.out).with_context(unwritable)?;
    say(format_args!("{} exits of epoch {} are in {shown}.", head.exits, head.epoch.epoch));
    Ok(())
}

/// A value of an answer as text.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => NOTHING.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A moment, to the second.
fn moment(value: &Value, pointer: &str) -> String {
    let text = text(value, pointer);
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}

const NOTHING: &str = "-";
