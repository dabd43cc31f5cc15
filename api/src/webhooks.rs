//! `/v1/webhooks`: who is told of events, by signed posts to their own address.
//!
//! **Invariant:** what webhooks are told comes from the ledger's event log alone, in its order; a webhook's secret
//! is told when it is added, to whoever adds it, and kept nowhere.

mod backoff;
mod delivery;
mod reach;
mod request;
mod sender;
mod settings;
mod signature;
mod wire;

use axum::{
    Extension, Json,
    extract::{Path, State as Extracted},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use ledger::{AttemptNumber, NewWebhook, Scope, WebhookId};

pub use reach::Reach;
pub(crate) use sender::send;
pub use settings::{WebhookSettings, WebhookSettingsError};
pub use signature::{WebhookMaster, WebhookMasterError};

use crate::{
    State,
    access::Caller,
    error::{Created, Error, KeyHeader, Missing, NotFound, ParameterError, Problems, Reused},
    extract::Parameters,
    idempotency::{Keyed, KeyedJson, REPLAYED},
    page::{Page, PageQuery},
};
use request::WebhookRequest;
use wire::Added;
pub(crate) use wire::{Delivery, DeliveryOutcome, Webhook, WebhookState, of as shown};

/// Add a webhook
///
/// From now on, or from the event after `after`, each event that it wants is posted to `url`, in order, until it is
/// answered with 2xx within ten seconds: `type`, `timestamp` and the `Event` as `data`. Posts are signed by the
/// scheme of Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`) with the secret that this
/// answer shows once. A post may come more than once, with the same `webhook-id`. What fails is tried again after
/// one second, twice as long each time up to an hour, and given up after three days; redirects are not followed.
///
/// With an `idempotency-key` a webhook is added once: the same request with the same key answers with the same
/// webhook as it is by then, and for a day, until something was delivered, with its secret once more.
#[utoipa::path(
    post, path = "/v1/webhooks", operation_id = "add_webhook", tag = "webhooks",
    params(KeyHeader),
    request_body = WebhookRequest,
    security((), ("api_key" = ["operate"])),
    responses(
        (status = 201, description = "Added", body = Added,
            headers(
                ("location" = String, description = "Where the webhook is from now on"),
                ("idempotent-replayed" = String,
                    description = "`true` if it was added when this key was sent first"),
            )),
        Problems, Created,
    ),
)]
pub(crate) async fn add(
    Extracted(state): Extracted<State>,
    Extension(caller): Extension<Caller>,
    query: Parameters,
    KeyedJson { body, request }: KeyedJson,
) -> Result<Response, Error> {
    caller.require(Scope::Operate)?;
    query.finish()?;
    let settings = state.settings().webhooks.as_ref().ok_or(Error::WebhooksOff)?;
    let asked = request::read(body, settings.reach)?;
    let id = WebhookId::from_random(rand::random());
    let new = NewWebhook {
        id,
        url: &asked.url,
        events: asked.events.as_ref(),
        after: asked.after,
        secret_digest: settings.master.secret(id).digest(),
    };
    let added = state.ledger().add_webhook(&new, caller.key(), request.as_ref()).await?;
    let location = format!("/v1/webhooks/{}", added.id);
    let secret = settings.master.secret(added.id);
    // Of one that was added before, the sender's own secret may be another by now; and what somebody has used is
    // theirs alone, whoever has got hold of the API key since.
    let shown_until = added.added_at.checked_add(SECRET_SHOWN_FOR);
    let is_fresh =
        added.delivered_at.is_none() && shown_until.is_some_and(|until| added.now < until);
    let is_ours = secret.digest() == added.secret_digest;
    let secret = (is_fresh && is_ours).then(|| secret.expose());
    let answer = Added { webhook: wire::of(&added, &state), secret };
    let mut answer =
        (StatusCode::CREATED, [(header::LOCATION, location)], Json(answer)).into_response();
    if added.id != id {
        answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(answer)
}

/// List webhooks that are not revoked, newest first
///
/// There are at most 100, all in one answer.
#[utoipa::path(
    get, path = "/v1/webhooks", operation_id = "list_webhooks", tag = "webhooks",
    security((), ("api_key" = ["operate"])),
    responses((status = 200, description = "All of them", body = Page<Webhook>), Problems),
)]
pub(crate) async fn list(
    Extracted(state): Extracted<State>,
    Extension(caller): Extension<Caller>,
    query: Parameters,
) -> Result<Json<Page<Webhook>>, Error> {
    caller.require(Scope::Operate)?;
    query.finish()?;
    let webhooks = state.ledger().webhooks().await?;
    Ok(Json(Page::whole(webhooks.iter().map(|webhook| wire::of(webhook, &state)).collect())))
}

/// Read a webhook: where it is in the order of events, and whether it gets through
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", operation_id = "read_webhook", tag = "webhooks",
    security((), ("api_key" = ["operate"])),
    params(("id" = String, Path, description = "16 hex digits")),
    responses((status = 200, description = "The webhook", body = Webhook), Problems, Missing),
)]
pub(crate) async fn one(
    Extracted(state): Extracted<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    query: Parameters,
) -> Result<Json<Webhook>, Error> {
    caller.require(Scope::Operate)?;
    query.finish()?;
    let id = read_id(&id)?;
    let found = state.ledger().webhook(id).await?.ok_or(NotFound::Webhook { id })?;
    Ok(Json(wire::of(&found, &state)))
}

/// Revoke a webhook, for good
///
/// It is told nothing that is not on its way already. Revoking it again answers the same.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", operation_id = "revoke_webhook", tag = "webhooks",
    security((), ("api_key" = ["operate"])),
    params(
        ("id" = String, Path, description = "16 hex digits"),
        KeyHeader,
    ),
    responses(
        (status = 200, description = "It is revoked", body = Webhook,
            headers(("idempotent-replayed" = String,
                description = "`true` if this key was answered before, and nothing was done"))),
        Problems, Missing, Reused,
    ),
)]
pub(crate) async fn revoke(
    Extracted(state): Extracted<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    query: Parameters,
    Keyed { request, .. }: Keyed,
) -> Result<Response, Error> {
    caller.require(Scope::Operate)?;
    query.finish()?;
    let id = read_id(&id)?;
    let (revoked, again) =
        state.ledger().revoke_webhook(id, caller.key(), request.as_ref()).await?;
    Ok(answered(&revoked, again, &state))
}

/// Have a webhook tried again
///
/// For one that failed, given up or not: it is tried at once, and its failures count from here. One that did not
/// fail stays as it is. Sent again with the same `idempotency-key`, the request leaves alone what has failed since.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/resume", operation_id = "resume_webhook", tag = "webhooks",
    security((), ("api_key" = ["operate"])),
    params(
        ("id" = String, Path, description = "16 hex digits"),
        KeyHeader,
    ),
    responses(
        (status = 200, description = "It goes on", body = Webhook,
            headers(("idempotent-replayed" = String,
                description = "`true` if this key was answered before, and nothing was done"))),
        Problems, Missing, Reused,
    ),
)]
pub(crate) async fn resume(
    Extracted(state): Extracted<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    query: Parameters,
    Keyed { request, .. }: Keyed,
) -> Result<Response, Error> {
    caller.require(Scope::Operate)?;
    query.finish()?;
    let id = read_id(&id)?;
    let (resumed, again) =
        state.ledger().resume_webhook(id, caller.key(), request.as_ref()).await?;
    Ok(answered(&resumed, again, &state))
}

/// List what was posted to a webhook, newest first, and how it was answered
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries", operation_id = "list_webhook_deliveries",
    tag = "webhooks",
    security((), ("api_key" = ["operate"])),
    params(
        ("id" = String, Path, description = "16 hex digits"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "100 if absent"),
    ),
    responses((status = 200, description = "A page", body = Page<Delivery>), Problems, Missing),
)]
pub(crate) async fn deliveries(
    Extracted(state): Extracted<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    mut query: Parameters,
) -> Result<Json<Page<Delivery>>, Error> {
    caller.require(Scope::Operate)?;
    let page = PageQuery::<AttemptNumber>::take("deliveries", &mut query)?;
    query.finish()?;
    let id = read_id(&id)?;
    state.ledger().webhook(id).await?.ok_or(NotFound::Webhook { id })?;
    let rows = state.ledger().webhook_attempts(id, page.before, page.limit).await?;
    Ok(Json(page.page(rows, |attempt| attempt.number, |attempt| Delivery::of(&attempt))))
}

/// A webhook as it is now, and whether its key was answered before.
fn answered(webhook: &ledger::Webhook, again: bool, state: &State) -> Response {
    let mut answer = Json(wire::of(webhook, state)).into_response();
    if again {
        answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    answer
}

/// Whether nothing is tried any more until the webhook is resumed.
pub(crate) fn is_given_up(webhook: &ledger::Webhook, state: &State) -> bool {
    wire::state_of(webhook, state) == wire::WebhookState::GivenUp
}

/// How long whoever lost the answer may ask for the secret again.
const SECRET_SHOWN_FOR: time::Duration = time::Duration::days(1);

fn read_id(text: &str) -> Result<WebhookId, ParameterError> {
    text.parse().map_err(|_| ParameterError::Invalid {
        param: "id",
        expected: "16 hex digits",
        value: text.to_owned(),
    })
}
