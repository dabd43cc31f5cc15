//! Several batches in one request.
//!
//! **Invariant:** each is booked or refused for itself, in the order in which they stand, and answered at
//! its place. They have one idempotency key: sent again, what was booked is answered again, and what was
//! refused is tried again.

use axum::{Extension, Json, extract::State as Extracted};
use domain::Batch;
use serde::Serialize;
use utoipa::ToSchema;

use super::{BatchRequest, Booked, Outcome, read};
use crate::{
    State,
    access::Caller,
    error::{Bodies, Error, KeyHeader, ProblemBody, Problems, Reused},
    idempotency::KeyedJson,
    json::Field,
    layers::ShownId,
};

/// Several batches.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) struct BatchesRequest {
    /// In the order in which they are to be booked.
    #[schema(min_items = 1, max_items = 100)]
    batches: Vec<BatchRequest>,
}

/// What became of several batches.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchesAnswer {
    /// One for each batch, in their order.
    results: Vec<BatchResult>,
}

/// What became of one of several batches: it is booked, or there is a problem with it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchResult {
    /// The status that it would have been answered with alone.
    #[schema(example = 201)]
    status: u16,
    /// Whether it was booked before; absent for a refused one.
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
    /// The booked batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    booked: Option<Booked>,
    /// Why it is not booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemBody>,
}

/// Post several signed batches
///
/// Each is booked or refused for itself, in their order, as if it had been posted alone: one that is refused
/// takes none with it, but those that continue it. The API key must allow all of them. An `idempotency-key` is that of the whole request: sent
/// again with the same body, batches that were booked answer as they did first, those that were refused are
/// tried again.
#[utoipa::path(
    post, path = "/v1/batches/bulk", operation_id = "post_batches", tag = "batches",
    params(KeyHeader),
    request_body = BatchesRequest,
    security((), ("api_key" = ["submit:{rollup}"])),
    responses(
        (status = 200, description = "What became of each", body = BatchesAnswer),
        Problems, Reused, Bodies,
    ),
)]
pub(crate) async fn post_many(
    Extracted(state): Extracted<State>,
    Extension(caller): Extension<Caller>,
    Extension(ShownId(id)): Extension<ShownId>,
    KeyedJson { body, request }: KeyedJson,
) -> Result<Json<BatchesAnswer>, Error> {
    let assets = state.assets().await?;
    let items = read_items(body)?;
    let read: Vec<_> = items.into_iter().map(|item| read(&caller, item, &assets)).collect();
    let read = read.into_iter().map(refused_whole).collect::<Result<Vec<_>, Error>>()?;
    let good: Vec<_> =
        (0_u16..).zip(&read).filter_map(|(nth, one)| Some((nth, one.as_ref().ok()?))).collect();
    let mut answers = state.ledger().post_batches(&good, request.as_ref()).await.into_iter();
    let mut results = Vec::with_capacity(read.len());
    for one in &read {
        let outcome = match one {
            // The key is that of the request: the whole is refused.
            Ok(_) => match answers.next().unwrap_or(Err(ledger::Error::Stopped)) {
                Err(reused @ ledger::Error::IdempotencyKeyReused { .. }) => {
                    return Err(reused.into());
                }
                Ok(answered) => Outcome::of(&state, &answered, &assets).await,
                Err(error) => Err(error.into()),
            },
            Err(refused) => {
                results.push(BatchResult::problem(refused, &id));
                continue;
            }
        };
        results.push(match outcome {
            Ok(Outcome { status, replayed, booked }) => BatchResult {
                status: status.as_u16(),
                replayed: Some(replayed),
                booked: Some(booked),
                problem: None,
            },
            Err(error) => BatchResult::problem(&error, &id),
        });
    }
    Ok(Json(BatchesAnswer { results }))
}

/// Nothing of a request is booked that its caller may not ask for as a whole.
fn refused_whole(read: Result<Batch, Error>) -> Result<Result<Batch, Error>, Error> {
    match read {
        Err(error @ Error::Access(_)) => Err(error),
        read => Ok(read),
    }
}

/// The batches of a body, each still to be read.
pub(crate) fn read_items(body: Field) -> Result<Vec<Field>, Error> {
    let mut body = body.object()?;
    let field = body.take("batches")?;
    let refused = field.invalid("a list of 1 to 100 batches");
    let items = field.list()?;
    body.finish()?;
    if (1..=MOST_BATCHES).contains(&items.len()) { Ok(items) } else { Err(refused.into()) }
}

impl BatchResult {
    fn problem(error: &Error, id: &str) -> Self {
        let problem = error.told().body(id);
        let status = problem.status;
        Self { status, replayed: None, booked: None, problem: Some(problem) }
    }
}

/// Most batches of one request; the schema numbers them.
const MOST_BATCHES: usize = 100;
