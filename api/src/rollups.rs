//! `/v1/rollups`: the domain's participants.

use axum::{
    Json,
    extract::{Path, State as Extracted},
};
use domain::RollupId;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    State,
    cells::Cell,
    error::{Error, Missing, NotFound, Problems},
    extract::{Parameters, number},
    page::Page,
};

/// A registered rollup.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct Rollup {
    /// Its id.
    pub rollup: u16,
    /// The key that its batches are checked by.
    pub key: Key,
    /// The height of its next batch.
    pub next_height: u64,
    /// The L2 root that its next batch has to continue.
    pub root: String,
    /// The root of its exit tree; 32 zero bytes before its first batch.
    pub exit_root: String,
    /// How many exits it has had; the index of the next one.
    pub exits: u64,
    /// What its batches are believed by.
    pub evidence: EvidenceClass,
    /// When the ledger booked its registration.
    #[serde(with = "time::serde::rfc3339")]
    pub registered_at: OffsetDateTime,
}

/// What a rollup's batches are believed by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EvidenceClass {
    /// The rollup's own signature, for its own cells alone: of its L2 nothing is proven.
    Signature,
}

/// A point of `BabyJubJub` in circomlib's form.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Key {
    /// First coordinate, 32 bytes big-endian.
    pub x: String,
    /// Second coordinate, 32 bytes big-endian.
    pub y: String,
}

/// A rollup with its cells.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RollupAnswer {
    /// The rollup.
    #[serde(flatten)]
    pub rollup: Rollup,
    /// Its cells.
    pub cells: Vec<Cell>,
}

/// List the rollups
#[utoipa::path(
    get, path = "/v1/rollups", operation_id = "list_rollups", tag = "rollups",
    responses((status = 200, description = "All of them", body = Page<Rollup>), Problems),
)]
pub(crate) async fn list(
    Extracted(state): Extracted<State>,
    query: Parameters,
) -> Result<Json<Page<Rollup>>, Error> {
    query.finish()?;
    let rollups = state.ledger().rollups().await?;
    Ok(Json(Page::whole(rollups.iter().map(Rollup::of).collect())))
}

/// Read one rollup: what its next batch has to continue, and its cells
#[utoipa::path(
    get, path = "/v1/rollups/{rollup}", operation_id = "read_rollup", tag = "rollups",
    params(("rollup" = u16, Path, maximum = 65535, description = "Its id")),
    responses(
        (status = 200, description = "The rollup", body = RollupAnswer), Problems, Missing,
    ),
)]
pub(crate) async fn one(
    Extracted(state): Extracted<State>,
    Path(rollup): Path<String>,
    query: Parameters,
) -> Result<Json<RollupAnswer>, Error> {
    query.finish()?;
    let rollup = RollupId::new(number("rollup", &rollup)?);
    let found = state.ledger().rollup(rollup).await?.ok_or(NotFound::Rollup { rollup })?;
    let cells = state.ledger().cells().await?;
    let assets = state.assets().await?;
    let own = cells.iter().filter(|cell| cell.rollup == rollup);
    let cells = own.map(|cell| Cell::of(cell, &assets)).collect();
    Ok(Json(RollupAnswer { rollup: Rollup::of(&found), cells }))
}

impl Rollup {
    fn of(rollup: &ledger::Rollup) -> Self {
        Self {
            rollup: rollup.rollup.number(),
            key: Key { x: rollup.key.x().to_string(), y: rollup.key.y().to_string() },
            next_height: rollup.next_height.number(),
            root: rollup.root.to_string(),
            exit_root: rollup.exit_root.to_string(),
            exits: rollup.exits,
            // No batch carries anything else.
            evidence: EvidenceClass::Signature,
            registered_at: rollup.registered_at,
        }
    }
}
