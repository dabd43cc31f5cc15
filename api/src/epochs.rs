//! `/v1/epochs`: from open to final, with the proof to download.

mod books;
mod exit_kit;
mod flows;
mod wire;

use axum::{
    Extension, Json,
    extract::{Path, State as Extracted},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::EpochNumber;
use ledger::Scope;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

pub(crate) use books::{__path_books, books};
pub(crate) use exit_kit::{__path_exit_kit, exit_kit};
pub(crate) use flows::{AssetFlow, flows};
use wire::{Epoch, EpochAnswer, Position, Step, Steps};
pub(crate) use wire::{EpochFlow, EpochState};

use crate::{
    State,
    access::Caller,
    error::{Error, KeyHeader, Missing, NotFound, Problems, Reused},
    events::Happening,
    extract::{Parameters, number},
    idempotency::Keyed,
    page::{Page, PageQuery},
};

/// A request to seal the open epoch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SealRequested {
    /// The epoch to be sealed.
    pub epoch: u64,
    /// Who asked first.
    pub requested_by: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub requested_at: OffsetDateTime,
}

/// The bytes of a proof file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its description is used")]
struct ProofFile(Vec<u8>);

/// List epochs, newest first
#[utoipa::path(
    get, path = "/v1/epochs", operation_id = "list_epochs", tag = "epochs",
    params(
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "100 if absent"),
    ),
    responses((status = 200, description = "A page", body = Page<Epoch>), Problems),
)]
pub(crate) async fn list(
    Extracted(state): Extracted<State>,
    mut query: Parameters,
) -> Result<Json<Page<Epoch>>, Error> {
    let page = PageQuery::<EpochNumber>::take("epochs", &mut query)?;
    query.finish()?;
    let rows = state.reads().await?.epochs(page.before, page.limit).await?;
    Ok(Json(page.page(rows, |epoch| epoch.epoch, |epoch| Epoch::of(&epoch))))
}

/// Read one epoch: its life so far, its steps, what it nets
#[utoipa::path(
    get, path = "/v1/epochs/{epoch}", operation_id = "read_epoch", tag = "epochs",
    params(("epoch" = u64, Path, description = "Its number, from 1")),
    responses((status = 200, description = "The epoch", body = EpochAnswer), Problems, Missing),
)]
pub(crate) async fn one(
    Extracted(state): Extracted<State>,
    Path(epoch): Path<String>,
    query: Parameters,
) -> Result<Json<EpochAnswer>, Error> {
    query.finish()?;
    let epoch = EpochNumber::new(number("epoch", &epoch)?);
    let life = state.ledger().epoch_life(epoch).await?.ok_or(NotFound::Epoch { epoch })?;
    let planned = state.planned_steps(&life.epoch).await?;
    let assets = state.assets().await?;
    let moved = match &life.flows {
        Some(open) => flows(open).into(),
        None => state.flows(&life.epoch).await?,
    };
    let told = life.logged.as_ref().and_then(|logged| logged.books);
    Ok(Json(EpochAnswer {
        epoch: Epoch::of(&life.epoch),
        steps: Steps { folded: life.epoch.steps, planned },
        step_outputs: life.steps.iter().map(Step::of).collect(),
        timeline: life.timeline.iter().map(|entry| Happening::of(entry.at, &entry.event)).collect(),
        flows: moved.iter().map(|flow| EpochFlow::of(flow, &assets)).collect(),
        positions: life.positions.iter().map(|cell| Position::of(cell, &assets)).collect(),
        books_on_l1: told.map(|digest| digest.to_string()),
    }))
}

/// Download an epoch's aggregated proof
///
/// The file that `netfold verify` checks without a database or a network.
#[utoipa::path(
    get, path = "/v1/epochs/{epoch}/proof", operation_id = "read_proof", tag = "epochs",
    params(("epoch" = u64, Path, description = "Its number, from 1")),
    responses(
        (status = 200, description = "The proof file", body = ProofFile,
            content_type = "application/octet-stream"),
        Problems, Missing,
    ),
)]
pub(crate) async fn proof(
    Extracted(state): Extracted<State>,
    Path(epoch): Path<String>,
    query: Parameters,
) -> Result<Response, Error> {
    query.finish()?;
    let (number, _) = find(&state, &epoch).await?;
    let proof = state.ledger().proof(number).await?;
    let proof = proof.ok_or(NotFound::Proof { epoch: number })?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"epoch-{number}.proof\"")),
    ];
    Ok((headers, proof.bytes).into_response())
}

/// Ask for the open epoch to be sealed
///
/// The engine seals it at its next turn; an epoch without operations is not sealed. Asking again
/// answers the first request. With an `idempotency-key` the same request stands for the same epoch for good:
/// sent again after that was sealed, it asks for nothing.
#[utoipa::path(
    post, path = "/v1/epochs/seal", operation_id = "request_seal", tag = "epochs",
    params(KeyHeader),
    security((), ("api_key" = ["operate"])),
    responses(
        (status = 202, description = "The engine will look at it", body = SealRequested,
            headers(("location" = String, description = "The epoch"))),
        Problems, Reused,
    ),
)]
pub(crate) async fn seal(
    Extracted(state): Extracted<State>,
    Extension(caller): Extension<Caller>,
    query: Parameters,
    Keyed { request, .. }: Keyed,
) -> Result<Response, Error> {
    caller.require(Scope::Operate)?;
    query.finish()?;
    let request = state.ledger().request_seal_by_key(caller.key(), request.as_ref()).await?;
    let location = format!("/v1/epochs/{}", request.epoch);
    let answer = Json(SealRequested {
        epoch: request.epoch.number(),
        requested_by: request.requested_by,
        requested_at: request.requested_at,
    });
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], answer).into_response())
}

async fn find(state: &State, text: &str) -> Result<(EpochNumber, ledger::Epoch), Error> {
    let epoch = EpochNumber::new(number("epoch", text)?);
    let found = state.ledger().epoch(epoch).await?.ok_or(NotFound::Epoch { epoch })?;
    Ok((epoch, found))
}
