//! `/rollups`: who takes part.

use askama::Template;
use axum::{extract::State as Extracted, response::Response};

use super::{
    clock::Moment,
    frame::{Frame, answer},
    names::{Names, shorten},
};
use crate::{State, error::Error, extract::Parameters};

#[derive(Template)]
#[template(path = "rollups.html")]
struct Rollups {
    frame: Frame,
    rows: Vec<Row>,
}

/// A rollup in the list.
struct Row {
    id: u16,
    name: String,
    batches: u64,
    exits: u64,
    root: String,
    registered_at: Moment,
}

pub(crate) async fn rollups(
    Extracted(state): Extracted<State>,
    query: Result<Parameters, Error>,
) -> Response {
    answer(read(&state, query).await)
}

async fn read(state: &State, query: Result<Parameters, Error>) -> Result<Rollups, Error> {
    query?.finish()?;
    let names = Names::new(state.settings());
    let rows = state.ledger().rollups().await?.into_iter().map(|rollup| Row {
        id: rollup.rollup.number(),
        name: names.rollup(rollup.rollup),
        batches: rollup.next_height.number(),
        exits: rollup.exits,
        root: shorten(&rollup.root.to_string()),
        registered_at: Moment::of(rollup.registered_at),
    });
    Ok(Rollups { frame: Frame::live("rollups"), rows: rows.collect() })
}
