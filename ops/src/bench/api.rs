//! What the REST interface answers here, and what bounds it: a real api in a process of its own, on a scratch
//! Postgres, asked over loopback by clients that each wait for an answer before they ask again.
//!
//! **Invariant:** every figure is of this run; an answer that is no success fails the run; what the figures are
//! held against (health, which asks nobody, and the ledger without HTTP) took its turn between them.

mod figures;
mod load;
mod server;
mod usage;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::api::BatchRequest;
use anyhow::Context as _;
use domain::Batch;
use domain::limits::MAX_TRANSFERS_PER_BATCH;
use futures_util::future::try_join_all;
use reqwest::Client;
use serde_json::Value;

use super::books::{Books, Spread, assets};
use super::clock;
use crate::progress::Stage;
pub(crate) use figures::Figures;
use figures::{Level, PostLevel, ReadLevel};
use load::{Ask, Asked, Kind};
use server::Server;
use usage::{Meter, Processes};

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Seconds of reading at each level.
    pub(crate) seconds: u64,
    /// Batches that each rollup posts at each level.
    pub(crate) posts: usize,
}

/// Measures everything on an empty database of that server.
///
/// # Errors
/// When a part fails, or a request is refused.
pub(crate) async fn measure(
    url: &str,
    postgres: u32,
    folder: &Path,
    effort: Effort,
) -> anyhow::Result<Figures> {
    let mut books = Books::new(url).await?;
    let server = Server::start(url, &folder.join("api.log")).await?;
    let bench = Bench {
        client: Client::builder().timeout(PATIENCE).build()?,
        processes: Processes { api: server.id(), postgres },
        url: server.url.clone(),
    };
    // The first of each rollup meet a process that has just begun, and connections without plans.
    let first = posting(&books.signed(1, MAX_TRANSFERS_PER_BATCH)?)?;
    load::answers(&bench.client, &bench.url, &first).await?;
    let (mut posts, mut verifying) = (Vec::new(), Vec::new());
    let stage = Stage::of("Posting batches of 1,000 transfers", LEVELS.len());
    for clients in LEVELS {
        let direct = books.signed(effort.posts, MAX_TRANSFERS_PER_BATCH)?;
        if let Some(batch) = direct.first().and_then(|batches| batches.first()) {
            let began = Instant::now();
            books.verify(batch)?;
            verifying.push(began.elapsed());
        }
        let direct = bench.without_http(&books, direct, clients).await?;
        let work = books.signed(effort.posts, MAX_TRANSFERS_PER_BATCH)?;
        let over_http = bench.level(clients, posting(&work)?, None).await?;
        posts.push(PostLevel::new(&over_http.0, &direct.0, MAX_TRANSFERS_PER_BATCH));
        // An epoch takes only so many batches.
        books.seal().await?;
        stage.advance();
    }
    stage.done("Batches were posted");
    let small = posting(&books.signed(1, TRANSFERS_READ)?)?;
    let booked = load::answers(&bench.client, &bench.url, &small).await?;
    let (mix, health) = (mix(&booked)?, vec![Ask::get(Kind::Health, "/v1/health".to_owned())]);
    let time = Some(Duration::from_secs(effort.seconds));
    let mut reads = Vec::new();
    let stage = Stage::of("Reading", READ_LEVELS.len().saturating_add(1));
    for clients in READ_LEVELS {
        let (floor, _) = bench.level(clients, vec![health.clone(); clients], time).await?;
        // Each begins elsewhere, so that they do not ask for the same at the same moment.
        let turned = |nth: usize| {
            let mut mine = mix.clone();
            mine.rotate_left(nth.wrapping_mul(7).checked_rem(mix.len()).unwrap_or_default());
            mine
        };
        let lists = (0..clients).map(turned).collect();
        let (level, asked) = bench.level(clients, lists, time).await?;
        reads.push(ReadLevel::new(level, &floor, &asked));
        stage.advance();
    }
    let beside = bench.reads_beside_posts(&mut books, &mix, effort.seconds).await?;
    stage.advance();
    stage.done("Everything was read");
    server.stop()?;
    verifying.sort_unstable();
    let verifying = verifying.get(verifying.len() / 2).copied().unwrap_or_default();
    Figures::new(posts, reads, beside, clock::milliseconds(verifying))
}

/// What asks, and whom.
struct Bench {
    client: Client,
    processes: Processes,
    url: String,
}

impl Bench {
    /// So many clients go through the lists, each list in its order: once, or over and over for a time.
    async fn level(
        &self,
        clients: usize,
        lists: Vec<Vec<Ask>>,
        time: Option<Duration>,
    ) -> anyhow::Result<(Level, Vec<Asked>)> {
        let meter = Meter::start(self.processes)?;
        let asked = load::drive(&self.client, &self.url, shared_out(lists, clients), time).await?;
        let usage = meter.usage()?;
        let level = Level::new(clients, &asked, usage);
        Ok((level, asked))
    }

    /// The same reads while a batch of a few transfers is posted again and again, after which nothing that was read
    /// before may be answered once more.
    async fn reads_beside_posts(
        &self,
        books: &mut Books,
        mix: &[Ask],
        seconds: u64,
    ) -> anyhow::Result<ReadLevel> {
        let time = Duration::from_secs(seconds);
        let (clients, health) = (BESIDE, vec![Ask::get(Kind::Health, "/v1/health".to_owned())]);
        let (floor, _) = self.level(clients, vec![health; clients], Some(time)).await?;
        let wanted = time.as_millis().checked_div(PACE.as_millis()).unwrap_or_default();
        let each = usize::try_from(wanted)?.div_ceil(usize::try_from(super::books::POSTERS)?);
        let posts = posting(&books.signed(each, TRANSFERS_READ)?)?.concat();
        let reading = self.level(clients, vec![mix.to_vec(); clients], Some(time));
        let posting = load::paced(&self.client, &self.url, &posts, PACE, time);
        let ((level, asked), ()) = tokio::try_join!(reading, posting)?;
        Ok(ReadLevel::new(level, &floor, &asked))
    }

    /// The same batches as over HTTP, by the ledger's own door.
    async fn without_http(
        &self,
        books: &Books,
        batches: Vec<Vec<Batch>>,
        clients: usize,
    ) -> anyhow::Result<(Level, Vec<Asked>)> {
        let meter = Meter::start(self.processes)?;
        let posters = shared_out(batches, clients).into_iter().map(|batches| {
            let ledger = books.api.clone();
            tokio::spawn(async move {
                let mut asked = Vec::new();
                for batch in batches {
                    let began = Instant::now();
                    ledger.post_batch(&batch).await?;
                    asked.push(Asked { kind: Kind::Post, took: began.elapsed() });
                }
                anyhow::Ok(asked)
            })
        });
        let mut asked = Vec::new();
        for done in try_join_all(posters).await? {
            asked.extend(done?);
        }
        let usage = meter.usage()?;
        Ok((Level::new(clients, &asked, usage), asked))
    }
}

impl Books {
    /// So many signed batches of each rollup, spread over all cells.
    fn signed(&mut self, each: usize, transfers: usize) -> anyhow::Result<Vec<Vec<Batch>>> {
        let rollups = usize::try_from(super::books::POSTERS)?;
        self.batches(each.saturating_mul(rollups), transfers, Spread::Even)
    }
}

/// The requests that post these batches.
fn posting(batches: &[Vec<Batch>]) -> anyhow::Result<Vec<Vec<Ask>>> {
    let assets = assets()?;
    let ask = |batch: &Batch| {
        let body = serde_json::to_vec(&BatchRequest::new(batch.parts(), &assets))?;
        Ok(Ask { kind: Kind::Post, path: "/v1/batches".to_owned(), body: Some(Arc::from(body)) })
    };
    batches.iter().map(|batches| batches.iter().map(ask).collect()).collect()
}

/// Of every batch its epoch, itself, a transfer, a cell, all cells and a page of transfers.
fn mix(booked: &[Value]) -> anyhow::Result<Vec<Ask>> {
    let mut asks = Vec::new();
    for batch in booked {
        let field = |name: &str| {
            let number = batch.get(name).and_then(Value::as_u64);
            number.with_context(|| format!("a booked batch without {name}"))
        };
        let (rollup, height) = (field("rollup")?, field("height")?);
        let (block, epoch) = (field("block")?, field("epoch")?);
        asks.extend([
            // The one before is sealed.
            Ask::get(Kind::Epoch, format!("/v1/epochs/{}", epoch.saturating_sub(1))),
            Ask::get(Kind::Batch, format!("/v1/batches/{rollup}/{height}")),
            Ask::get(Kind::Transfer, format!("/v1/transfers/{block}-0")),
            Ask::get(Kind::Balance, format!("/v1/cells?rollup={rollup}&asset=1")),
            Ask::get(Kind::Cells, "/v1/cells".to_owned()),
            Ask::get(Kind::Page, format!("/v1/batches?rollup={rollup}&limit=20")),
        ]);
    }
    Ok(asks)
}

/// The lists, dealt out to so many.
fn shared_out<T>(lists: Vec<Vec<T>>, clients: usize) -> Vec<Vec<T>> {
    let mut shares: Vec<Vec<T>> = (0..clients).map(|_| Vec::new()).collect();
    for (nth, list) in lists.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(nth.checked_rem(clients).unwrap_or_default()) {
            share.extend(list);
        }
    }
    shares
}

/// Each divides the number of rollups, whose batches come one after the other.
const LEVELS: [usize; 3] = [1, 4, 16];
const READ_LEVELS: [usize; 3] = [1, 16, 64];
/// Clients that read beside whoever posts, and how often that is.
const BESIDE: usize = 16;
const PACE: Duration = Duration::from_millis(50);
/// Of a batch that is read.
const TRANSFERS_READ: usize = 10;
const PATIENCE: Duration = Duration::from_mins(1);
