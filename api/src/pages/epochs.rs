//! `/epochs`: every epoch, newest first.

use askama::Template;
use axum::{extract::State as Extracted, response::Response};
use domain::EpochNumber;
use ledger::Epoch;

use super::{
    card::status,
    clock::{Moment, age},
    figure::{group, thousandths},
    frame::{Frame, answer},
};
use crate::{State, error::Error, extract::Parameters, page::PageQuery};

#[derive(Template)]
#[template(path = "epochs.html")]
struct Epochs {
    frame: Frame,
    rows: Vec<EpochRow>,
    next: Option<String>,
}

/// An epoch in the list.
struct EpochRow {
    number: u64,
    status: &'static str,
    opened_at: Moment,
    batches: u64,
    transfers: u64,
    /// Its transfers in thousandths of the most that an epoch of the page has.
    share: u16,
    steps: u32,
    gas: Option<String>,
    /// From sealed to settled.
    took: Option<String>,
    proof: bool,
}

pub(crate) async fn epochs(
    Extracted(state): Extracted<State>,
    query: Result<Parameters, Error>,
) -> Response {
    answer(read(&state, query).await)
}

async fn read(state: &State, query: Result<Parameters, Error>) -> Result<Epochs, Error> {
    let mut query = query?;
    let page = PageQuery::<EpochNumber>::take("epochs", &mut query)?;
    query.finish()?;
    let rows = state.reads().await?.epochs(page.before, page.limit).await?;
    let most = rows.iter().map(|epoch| epoch.transfers).max().unwrap_or(0);
    let page_of = page.page(rows, |epoch| epoch.epoch, |epoch| EpochRow::of(&epoch, most));
    let frame = if page.before.is_none() { Frame::live("epochs") } else { Frame::still("epochs") };
    Ok(Epochs { frame, rows: page_of.items, next: page_of.next_cursor })
}

impl EpochRow {
    fn of(epoch: &Epoch, most: u64) -> Self {
        let sealed_at = epoch.sealed.as_ref().map(|sealed| sealed.sealed_at);
        let settled_at = epoch.settlement.as_ref().map(|made| made.recorded_at);
        Self {
            number: epoch.epoch.number(),
            status: status(epoch.status),
            opened_at: Moment::of(epoch.opened_at),
            batches: epoch.batches,
            transfers: epoch.transfers,
            share: thousandths(u128::from(epoch.transfers), u128::from(most)),
            steps: epoch.steps,
            gas: epoch.settlement.as_ref().map(|made| group(&made.gas_used.to_string())),
            took: sealed_at.zip(settled_at).map(|(from, to)| age(from, to)),
            proof: epoch.proof.is_some(),
        }
    }
}
