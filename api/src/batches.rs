//! `/v1/batches`: posting signed batches, and reading the booked ones.
//!
//! **Invariant:** a batch is booked whole, with all its transfers, or refused with nothing written.
//! The same batch again answers as the first did: its height names it, and an idempotency key may.

mod bulk;
mod request;

use axum::{
    Extension, Json,
    extract::{Path, State as Extracted},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{AssetId, Atoms, Batch, EpochNumber, Height, RollupId};
use ledger::{Answered, BatchFilter, BlockNumber, Eviction, Posted, PostedBatch, Scope};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

pub(crate) use bulk::{__path_post_many, post_many, read_items};
pub use request::{BatchRequest, ExitRequest, LaneRequest, SignatureRequest, TransferRequest};
pub(crate) use request::{TrialRequest, read_trial};

use crate::{
    State,
    access::Caller,
    error::{Error, Gone, KeyHeader, Missing, NotFound, Problems, Refusals},
    extract::{Parameters, number},
    idempotency::{KeyedJson, REPLAYED},
    json::Field,
    money::{Amount, Assets},
    page::{Page, PageQuery},
};

/// A booked batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Booked {
    /// Whose transition.
    pub rollup: u16,
    /// Its number among the rollup's batches.
    pub height: u64,
    /// The journal block that holds it.
    pub block: u64,
    /// The epoch that it settles in.
    pub epoch: u64,
    /// The digest that was signed.
    pub digest: String,
    /// When it was booked.
    #[serde(with = "time::serde::rfc3339")]
    pub posted_at: OffsetDateTime,
    /// What the rollup's cells that it debited held after it; absent once the batch's list is archived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balances: Option<Vec<Balance>>,
}

/// What a cell holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Balance {
    /// The asset.
    pub asset: u16,
    /// How much.
    #[serde(flatten)]
    pub amount: Amount,
}

/// A booked batch, in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchSummary {
    /// Whose transition.
    pub rollup: u16,
    /// Its number among the rollup's batches.
    pub height: u64,
    /// Which batch of that height, from 1: all before it were evicted.
    pub attempt: u32,
    /// The journal block that holds it.
    pub block: u64,
    /// The epoch that it settles in, or was evicted from.
    pub epoch: u64,
    /// The digest that was signed.
    pub digest: String,
    /// The L2 root that it continues.
    pub previous_root: String,
    /// The L2 root that it leads to.
    pub new_root: String,
    /// The root of the rollup's exit tree after it.
    pub exit_root: String,
    /// The totals per (asset, destination).
    pub lanes: Vec<LaneTotal>,
    /// How many transfers it lists.
    pub transfers: u32,
    /// How many exits it lists.
    pub exits: u32,
    /// The signature over the digest.
    pub signature: SignatureRequest,
    /// When it was booked.
    #[serde(with = "time::serde::rfc3339")]
    pub posted_at: OffsetDateTime,
    /// That it was evicted; absent while it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eviction: Option<BatchEviction>,
}

/// Why a batch does not stand any more. Its height is free: it may be posted again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchEviction {
    /// Why it had to go.
    pub reason: String,
    /// The journal block that reverses it.
    pub reversal: u64,
    /// The batch that could not be proven; for that one, itself.
    pub cause: BatchCause,
    /// When it was reversed.
    #[serde(with = "time::serde::rfc3339")]
    pub evicted_at: OffsetDateTime,
}

/// The batch that could not be proven.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchCause {
    /// Whose transition.
    pub rollup: u16,
    /// Its number among the rollup's batches.
    pub height: u64,
    /// Which batch of that height, from 1.
    pub attempt: u32,
}

/// The total of a batch in one (asset, destination).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LaneTotal {
    /// The asset.
    pub asset: u16,
    /// The destination rollup; 0 is L1.
    pub destination: u16,
    /// How much.
    #[serde(flatten)]
    pub amount: Amount,
}

/// A booked batch with the request that posted it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchAnswer {
    /// What is booked.
    #[serde(flatten)]
    pub summary: BatchSummary,
    /// The batch as it can be posted again, amounts with all their decimals.
    pub request: BatchRequest,
    /// The batches of its height that were evicted before it, newest first; absent without any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<BatchSummary>,
}

/// Post a signed batch
///
/// The batch is booked with all its transfers in one database transaction, or refused and nothing
/// is written. Posting the same batch again answers 200 with `idempotent-replayed: true` and the
/// first answer; another batch at the same height is refused as `batch_conflict`, and when it is
/// signed, both signatures are kept as evidence. Where the last batch was evicted the height is free:
/// one that went with another may be posted again, one that could not be proven itself is refused as
/// `batch_unprovable`, for good.
///
/// With an `idempotency-key` the answer is kept with the batch, in the same database transaction: the same
/// request with the same key is answered the same for good, with `idempotent-replayed: true`, even if
/// the batch was evicted since. A refusal is not kept.
#[utoipa::path(
    post, path = "/v1/batches", operation_id = "post_batch", tag = "batches",
    params(KeyHeader),
    request_body = BatchRequest,
    security((), ("api_key" = ["submit:{rollup}"])),
    responses(
        (status = 201, description = "Booked", body = Booked,
            headers(
                ("location" = String, description = "Where the batch is from now on"),
                ("idempotent-replayed" = String,
                    description = "`true` if it was booked when this key was sent first"),
            )),
        (status = 200, description = "Booked before; the first answer again", body = Booked,
            headers(("idempotent-replayed" = String, description = "`true`"))),
        Problems, Refusals,
    ),
)]
pub(crate) async fn post(
    Extracted(state): Extracted<State>,
    Extension(caller): Extension<Caller>,
    KeyedJson { body, request }: KeyedJson,
) -> Result<Response, Error> {
    let assets = state.assets().await?;
    let batch = read(&caller, body, &assets)?;
    let answers = state.ledger().post_batches(&[(0, &batch)], request.as_ref()).await;
    let answered = answers.into_iter().next().unwrap_or(Err(ledger::Error::Stopped))?;
    let Outcome { status, replayed, booked } = Outcome::of(&state, &answered, &assets).await?;
    let location = format!("/v1/batches/{}/{}", booked.rollup, booked.height);
    let mut answer = (status, Json(booked)).into_response();
    if status == StatusCode::CREATED
        && let Ok(location) = HeaderValue::try_from(location)
    {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    if replayed {
        answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(answer)
}

/// Reads a batch that the caller may post.
fn read(caller: &Caller, body: Field, assets: &Assets) -> Result<Batch, Error> {
    let parts = request::read_batch(body, assets)?;
    caller.require(Scope::Submit(parts.rollup))?;
    Ok(Batch::new(parts)?)
}

/// What a batch that is booked is answered with.
struct Outcome {
    status: StatusCode,
    replayed: bool,
    booked: Booked,
}

impl Outcome {
    async fn of(state: &State, answered: &Answered, assets: &Assets) -> Result<Self, Error> {
        let Answered { posted, again } = answered;
        let balances = balances_after(state, posted, assets).await?;
        let status = if posted.replayed { StatusCode::OK } else { StatusCode::CREATED };
        let replayed = *again || posted.replayed;
        Ok(Self { status, replayed, booked: Booked::of(posted, balances) })
    }
}

/// List batches, evicted ones too, newest first
#[utoipa::path(
    get, path = "/v1/batches", operation_id = "list_batches", tag = "batches",
    params(
        ("rollup" = Option<u16>, Query, maximum = 65535, description = "Only this rollup's"),
        ("epoch" = Option<u64>, Query, description = "Only this epoch's"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "100 if absent"),
    ),
    responses(
        (status = 200, description = "A page", body = Page<BatchSummary>),
        Problems,
    ),
)]
pub(crate) async fn list(
    Extracted(state): Extracted<State>,
    mut query: Parameters,
) -> Result<Json<Page<BatchSummary>>, Error> {
    let page = PageQuery::<BlockNumber>::take("batches", &mut query)?;
    let filter = BatchFilter {
        rollup: query.number("rollup")?.map(RollupId::new),
        epoch: query.number("epoch")?.map(EpochNumber::new),
    };
    query.finish()?;
    let rows = state.reads().await?.batches(&filter, page.before, page.limit).await?;
    let assets = state.assets().await?;
    let wire = |batch| BatchSummary::of(&batch, &assets);
    Ok(Json(page.page(rows, |batch| batch.block, wire)))
}

/// Read one batch
///
/// The one that stands at its height, or the last that was evicted, with the reason.
#[utoipa::path(
    get, path = "/v1/batches/{rollup}/{height}", operation_id = "read_batch", tag = "batches",
    params(
        ("rollup" = u16, Path, maximum = 65535, description = "Whose batch"),
        ("height" = u64, Path, description = "Its number among the rollup's batches"),
    ),
    responses(
        (status = 200, description = "The batch, as it can be posted again", body = BatchAnswer),
        Problems, Missing, Gone,
    ),
)]
pub(crate) async fn one(
    Extracted(state): Extracted<State>,
    Path((rollup, height)): Path<(String, String)>,
    query: Parameters,
) -> Result<Json<BatchAnswer>, Error> {
    query.finish()?;
    let rollup = RollupId::new(number("rollup", &rollup)?);
    let height = Height::new(number("height", &height)?);
    let found = state.ledger().batch(rollup, height).await?;
    let detail = found.ok_or(NotFound::Batch { rollup, height })?;
    let assets = state.assets().await?;
    let request = BatchRequest::of(detail.batch.parts(), &assets);
    let earlier = detail.earlier.iter().map(|batch| BatchSummary::of(batch, &assets)).collect();
    let summary = BatchSummary::of(&detail.posted, &assets);
    Ok(Json(BatchAnswer { summary, request, earlier }))
}

/// The balances that the batch left in the cells it debited, read from the journal, so that a
/// replay answers as the first did; none once they are archived.
async fn balances_after(
    state: &State,
    posted: &Posted,
    assets: &Assets,
) -> Result<Option<Vec<Balance>>, Error> {
    let balances = match state.ledger().balances_after(posted).await {
        Ok(balances) => balances,
        Err(ledger::Error::Archived { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let wire = |(asset, atoms)| Balance::of(asset, atoms, assets);
    Ok(Some(balances.into_iter().map(wire).collect()))
}

impl Balance {
    pub(crate) fn of(asset: AssetId, atoms: Atoms, assets: &Assets) -> Self {
        Self { asset: asset.number(), amount: assets.amount(asset, atoms) }
    }
}

impl Booked {
    fn of(posted: &Posted, balances: Option<Vec<Balance>>) -> Self {
        Self {
            rollup: posted.rollup.number(),
            height: posted.height.number(),
            block: posted.block.number(),
            epoch: posted.epoch.number(),
            digest: posted.digest.to_string(),
            posted_at: posted.posted_at,
            balances,
        }
    }
}

impl BatchSummary {
    fn of(batch: &PostedBatch, assets: &Assets) -> Self {
        let lanes = batch.lanes.iter().map(|lane| LaneTotal {
            asset: lane.asset.number(),
            destination: lane.destination.number(),
            amount: assets.amount(lane.asset, lane.atoms),
        });
        Self {
            rollup: batch.rollup.number(),
            height: batch.height.number(),
            attempt: batch.attempt,
            block: batch.block.number(),
            epoch: batch.epoch.number(),
            digest: batch.digest.to_string(),
            previous_root: batch.previous_root.to_string(),
            new_root: batch.new_root.to_string(),
            exit_root: batch.exit_root.to_string(),
            lanes: lanes.collect(),
            transfers: batch.transfers,
            exits: batch.exits,
            signature: SignatureRequest::of(&batch.signature),
            posted_at: batch.posted_at,
            eviction: batch.eviction.as_ref().map(BatchEviction::of),
        }
    }
}

impl BatchEviction {
    fn of(eviction: &Eviction) -> Self {
        let cause = eviction.cause;
        Self {
            reason: eviction.reason.clone(),
            reversal: eviction.reversal.number(),
            cause: BatchCause {
                rollup: cause.rollup.number(),
                height: cause.height.number(),
                attempt: cause.attempt,
            },
            evicted_at: eviction.evicted_at,
        }
    }
}
