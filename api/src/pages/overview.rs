//! `/`: the state of the cluster in words and numbers.

use askama::Template;
use axum::{extract::State as Extracted, response::Response};
use ledger::{BatchFilter, FlowFilter};
use time::OffsetDateTime;

use super::{
    answers::{Answers, Facts},
    batches::BatchRow,
    card::{EpochCard, latest_epochs},
    frame::{Frame, answer, latest},
    matrix::Matrix,
    names::Names,
    ribbons::{Ribbons, ribbons},
};
use crate::{State, error::Error, extract::Parameters};

/// The page.
#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    domain: Option<DomainLine>,
    answers: Answers,
    matrix: Matrix,
    flows: Vec<Ribbons>,
    /// The first and the last epoch that the flows are of.
    span: Option<(u64, u64)>,
    epochs: Vec<EpochCard>,
    batches: Vec<BatchRow>,
    totals: ledger::Totals,
}

/// What the cluster is bound to.
struct DomainLine {
    id: u32,
    chain_id: u64,
    settlement: String,
    l1_block: Option<u64>,
}

pub(crate) async fn overview(
    Extracted(state): Extracted<State>,
    query: Result<Parameters, Error>,
) -> Response {
    answer(read(&state, query).await)
}

async fn read(state: &State, query: Result<Parameters, Error>) -> Result<Overview, Error> {
    query?.finish()?;
    let ledger = state.ledger();
    let adoption = ledger.domain().await?;
    let l1_cursor = ledger.l1_cursor().await?;
    let assets = state.assets().await?;
    let names = Names::new(state.settings());
    let rollups = ledger.rollups().await?;
    // Before the ledger is bound there are no books to read.
    let cells = if adoption.is_some() { ledger.cells().await? } else { Vec::new() };
    let trial_balance = ledger.trial_balance().await?;
    let epochs = latest_epochs(state, EPOCHS).await?;
    let first = epochs.last().map(|oldest| oldest.epoch.epoch);
    let filter = FlowFilter { from_epoch: first, ..FlowFilter::default() };
    let flows = ledger.flows(&filter).await?;
    let facts = Facts {
        now: OffsetDateTime::now_utc(),
        bound: adoption.is_some(),
        l1_block: l1_cursor.map(|block| block.number),
        trial_balance: &trial_balance,
        journal_head: ledger.journal_head().await?,
        epochs: &epochs,
        seal_request: if adoption.is_some() { ledger.pending_seal_request().await? } else { None },
        seal_every: state.settings().seal_every,
        equivocations: ledger.equivocations(latest(5)).await?,
        foreign_settlement: ledger.foreign_settlement().await?,
    };
    let batches = ledger.batches(&BatchFilter::default(), None, latest(8)).await?;
    Ok(Overview {
        frame: Frame::live("overview"),
        domain: adoption.map(|adoption| DomainLine {
            id: adoption.identity.domain_id.number(),
            chain_id: adoption.identity.chain_id,
            settlement: adoption.identity.settlement.to_string(),
            l1_block: l1_cursor.map(|block| block.number),
        }),
        answers: Answers::of(&facts, &names),
        matrix: Matrix::of(&rollups, &cells, &trial_balance, &assets, &names),
        flows: ribbons(&flows, &assets, &names),
        span: first
            .zip(epochs.first())
            .map(|(first, last)| (first.number(), last.epoch.epoch.number())),
        epochs: epochs.iter().map(|epoch| EpochCard::of(epoch, &assets, &names)).collect(),
        batches: batches.iter().map(|batch| BatchRow::of(batch, &assets, &names)).collect(),
        totals: ledger.totals().await?,
    })
}

/// How many epochs the page shows.
const EPOCHS: u16 = 5;
