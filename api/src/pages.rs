//! The page `/`: the state of the cluster in words and numbers, for people.
//!
//! **Invariant:** the page is whole without JavaScript and asks no other host for anything; with
//! JavaScript it follows the event stream. Every number on it is exact.

mod answers;
mod batches;
mod clock;
mod epochs;
mod figure;
mod matrix;
mod names;

use alloy_primitives::hex;
use askama::Template;
use axum::{
    extract::{Path, State as Extracted},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use ledger::{BatchFilter, EpochStatus, PageLimit};
use rust_embed::Embed;
use time::OffsetDateTime;

use crate::{
    State,
    error::{Error, NotFound},
    extract::Parameters,
};

use answers::{Answers, Facts};
use batches::BatchRow;
use clock::Moment;
use epochs::{EpochCard, Proving};
use matrix::Matrix;
use names::Names;

/// The page.
#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    domain: Option<DomainLine>,
    now: Moment,
    answers: Answers,
    matrix: Matrix,
    epochs: Vec<EpochCard>,
    batches: Vec<BatchRow>,
    totals: ledger::Totals,
    version: &'static str,
}

/// What the cluster is bound to.
struct DomainLine {
    id: u32,
    chain_id: u64,
    settlement: String,
    l1_block: Option<u64>,
}

/// The page while the ledger cannot be read.
#[derive(Template)]
#[template(path = "unavailable.html")]
struct Unavailable {
    now: Moment,
    version: &'static str,
}

/// Files that the page loads, inside the binary.
#[derive(Embed)]
#[folder = "assets/"]
struct Files;

pub(crate) async fn overview(
    Extracted(state): Extracted<State>,
    query: Parameters,
) -> Result<Response, Error> {
    query.finish()?;
    match read(&state).await {
        Ok(page) => Ok((NO_STORE, Html(page.render()?)).into_response()),
        Err(Error::Ledger(error)) => {
            tracing::error!(%error, "the page cannot be read from the ledger");
            let now = Moment::of(OffsetDateTime::now_utc());
            let page = Unavailable { now, version: VERSION }.render()?;
            Ok((StatusCode::SERVICE_UNAVAILABLE, NO_STORE, Html(page)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// A file that the page loads. Browsers ask each time whether it has changed, so that no page meets
/// the style of another version.
pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Error> {
    let file = Files::get(&name);
    let file = file.ok_or_else(|| NotFound::Route { path: format!("/assets/{name}") })?;
    let tag = format!("\"{}\"", hex::encode(file.metadata.sha256_hash()));
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str());
    let caching = [(header::ETAG, tag), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let kind = [(header::CONTENT_TYPE, file.metadata.mimetype().to_owned())];
    Ok((caching, kind, file.data.into_owned()).into_response())
}

async fn read(state: &State) -> Result<Overview, Error> {
    let ledger = state.ledger();
    let adoption = ledger.domain().await?;
    let l1_cursor = ledger.l1_cursor().await?;
    let assets = state.assets().await?;
    let names = Names::new(state.settings());
    let now = OffsetDateTime::now_utc();
    let rollups = ledger.rollups().await?;
    // Before the ledger is bound there are no books to read.
    let cells = if adoption.is_some() { ledger.cells().await? } else { Vec::new() };
    let trial_balance = ledger.trial_balance().await?;
    let proving = proving(state).await?;
    let facts = Facts {
        now,
        bound: adoption.is_some(),
        l1_block: l1_cursor.map(|block| block.number),
        trial_balance: &trial_balance,
        journal_head: ledger.journal_head().await?,
        epochs: &proving,
        seal_request: if adoption.is_some() { ledger.pending_seal_request().await? } else { None },
        seal_every: state.settings().seal_every,
        equivocations: ledger.equivocations(latest(5)).await?,
        foreign_settlement: ledger.foreign_settlement().await?,
    };
    let batches = ledger.batches(&BatchFilter::default(), None, latest(8)).await?;
    Ok(Overview {
        domain: adoption.map(|adoption| DomainLine {
            id: adoption.identity.domain_id.number(),
            chain_id: adoption.identity.chain_id,
            settlement: adoption.identity.settlement.to_string(),
            l1_block: l1_cursor.map(|block| block.number),
        }),
        now: Moment::of(now),
        answers: Answers::of(&facts, &names),
        matrix: Matrix::of(&rollups, &cells, &trial_balance, &assets, &names),
        epochs: proving.iter().map(|epoch| EpochCard::of(epoch, &assets, &names)).collect(),
        batches: batches.iter().map(|batch| BatchRow::of(batch, &assets, &names)).collect(),
        totals: ledger.totals().await?,
        version: VERSION,
    })
}

/// The latest epochs with their progress.
async fn proving(state: &State) -> Result<Vec<Proving>, Error> {
    let mut proving = Vec::new();
    for epoch in state.ledger().epochs(None, latest(5)).await? {
        let last_step_at = match epoch.status {
            EpochStatus::Proving { .. } => {
                let steps = state.ledger().steps(epoch.epoch).await?;
                steps.last().map(|step| step.recorded_at)
            }
            _ => None,
        };
        let submissions = state.ledger().submissions(epoch.epoch).await?;
        let submitted_at = submissions.last().map(|submission| submission.recorded_at);
        proving.push(Proving {
            planned_steps: state.planned_steps(&epoch).await?,
            flows: state.flows(&epoch).await?,
            last_step_at,
            submitted_at,
            epoch,
        });
    }
    Ok(proving)
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// So many of a list, where the page shows only the latest.
fn latest(items: u16) -> PageLimit {
    PageLimit::new(items).unwrap_or(PageLimit::MAX)
}

const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];
