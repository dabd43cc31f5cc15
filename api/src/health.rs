//! `/v1/health` and `/v1/ready`: for whoever restarts and routes.
//!
//! **Invariant:** `health` says that the process answers and asks nobody; `ready` says that a batch
//! posted now would be booked, and that lists can be read.

use axum::{Json, extract::State as Extracted};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    State,
    error::{Error, Problems},
    extract::Parameters,
    identity::L1BlockRef,
};

/// The process answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `live`.
    pub status: &'static str,
    /// The version of this binary.
    pub version: &'static str,
}

/// A batch posted now would be booked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ready {
    /// Always `ready`; anything else is a problem.
    pub status: &'static str,
    /// The epoch that a batch would be booked in.
    pub open_epoch: u64,
    /// The last L1 block that the engine has booked: compare it with L1 to see how far behind it
    /// is. Absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l1_cursor: Option<L1BlockRef>,
    /// The replica that lists and sums are read from; absent if they are read where batches are booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica: Option<Replica>,
}

/// How far a replica is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Replica {
    /// The last journal block that it has.
    pub journal_block: u64,
    /// How many the ledger has that it has not.
    pub blocks_behind: u64,
}

/// Tell whether the process answers
#[utoipa::path(
    get, path = "/v1/health", operation_id = "read_health", tag = "operation",
    responses((status = 200, description = "It does", body = Health)),
)]
pub(crate) async fn live() -> Json<Health> {
    Json(Health { status: "live", version: env!("CARGO_PKG_VERSION") })
}

/// Tell whether a batch would be booked
#[utoipa::path(
    get, path = "/v1/ready", operation_id = "read_readiness", tag = "operation",
    responses((status = 200, description = "It would", body = Ready), Problems),
)]
pub(crate) async fn ready(
    Extracted(state): Extracted<State>,
    query: Parameters,
) -> Result<Json<Ready>, Error> {
    query.finish()?;
    let ledger = state.ledger();
    ledger.ping().await?;
    ledger.domain().await?.ok_or(Error::DomainNotAdopted)?;
    if let Some(foreign) = ledger.foreign_settlement().await? {
        return Err(ledger::Error::SettledElsewhere { epoch: foreign.epoch }.into());
    }
    let open = ledger.open_epoch().await?;
    let cursor = ledger.l1_cursor().await?;
    Ok(Json(Ready {
        status: "ready",
        open_epoch: open.epoch.number(),
        l1_cursor: cursor.map(L1BlockRef::of),
        replica: replica(&state).await?,
    }))
}

/// How far the replica is, which must answer if there is one.
async fn replica(state: &State) -> Result<Option<Replica>, Error> {
    let Some(replica) = state.replica() else { return Ok(None) };
    let found = replica.reached().await?.number();
    let all = state.ledger().reached().await?.number();
    let blocks_behind = all.saturating_sub(found);
    Ok(Some(Replica { journal_block: found, blocks_behind }))
}
