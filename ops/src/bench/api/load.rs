//! Clients that ask, wait for the answer, and ask again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::future::try_join_all;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::Value;

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// To book a batch.
    Post,
    /// Nothing that anybody knows.
    Health,
    /// A sealed epoch.
    Epoch,
    /// A batch with its transfers.
    Batch,
    /// One transfer.
    Transfer,
    /// One cell.
    Balance,
    /// All cells.
    Cells,
    /// A page of a list.
    Page,
}

/// A request, made before anything is timed.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) kind: Kind,
    pub(super) path: String,
    pub(super) body: Option<Arc<[u8]>>,
}

/// How long an answer took, read to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) kind: Kind,
    pub(super) took: Duration,
}

impl Ask {
    pub(super) fn get(kind: Kind, path: String) -> Self {
        Self { kind, path, body: None }
    }
}

/// A client for each list goes through it once, or over and over for a time.
pub(super) async fn drive(
    client: &Client,
    url: &str,
    lists: Vec<Vec<Ask>>,
    time: Option<Duration>,
) -> anyhow::Result<Vec<Asked>> {
    let began = Instant::now();
    let clients = lists.into_iter().map(|asks| {
        let (client, url) = (client.clone(), url.to_owned());
        tokio::spawn(async move {
            let mut asked = Vec::new();
            loop {
                for ask in &asks {
                    if time.is_some_and(|time| began.elapsed() >= time) {
                        return anyhow::Ok(asked);
                    }
                    let asking = Instant::now();
                    answer(&client, &url, ask).await?;
                    asked.push(Asked { kind: ask.kind, took: asking.elapsed() });
                }
                if time.is_none() || asks.is_empty() {
                    return Ok(asked);
                }
            }
        })
    });
    let mut all = Vec::new();
    for done in try_join_all(clients).await? {
        all.extend(done?);
    }
    Ok(all)
}

/// Asks for one thing after the other at a pace, for a time or to the end of the list.
pub(super) async fn paced(
    client: &Client,
    url: &str,
    asks: &[Ask],
    pace: Duration,
    time: Duration,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut ticks = tokio::time::interval(pace);
    for ask in asks {
        ticks.tick().await;
        if began.elapsed() >= time {
            break;
        }
        answer(client, url, ask).await?;
    }
    Ok(())
}

/// The answers themselves, one after the other.
pub(super) async fn answers(
    client: &Client,
    url: &str,
    lists: &[Vec<Ask>],
) -> anyhow::Result<Vec<Value>> {
    let mut answers = Vec::new();
    for ask in lists.iter().flatten() {
        answers.push(serde_json::from_slice(&answer(client, url, ask).await?)?);
    }
    Ok(answers)
}

async fn answer(client: &Client, url: &str, ask: &Ask) -> anyhow::Result<Vec<u8>> {
    let address = format!("{url}{}", ask.path);
    let request = match &ask.body {
        None => client.get(address),
        Some(body) => {
            client.post(address).header(CONTENT_TYPE, "application/json").body(body.to_vec())
        }
    };
    let answer = request.send().await.with_context(|| format!("no answer to {}", ask.path))?;
    let status = answer.status();
    let bytes = answer.bytes().await.with_context(|| format!("half an answer to {}", ask.path))?;
    let told = || String::from_utf8_lossy(&bytes).into_owned();
    ensure!(status.is_success(), "{}: {status}: {}", ask.path, told());
    Ok(bytes.to_vec())
}
