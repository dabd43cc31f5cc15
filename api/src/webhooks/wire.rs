//! Webhooks and deliveries as they leave.

use ledger::{Attempt, Outcome};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{backoff, settings::MOST_FAILURES};
use crate::{State, events::EventType};

/// Somebody who is told of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhook {
    /// Its name: 16 hex digits.
    pub id: String,
    /// Where events are posted to.
    pub url: String,
    /// The types of event that it wants; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<EventType>>)]
    pub events: Option<Vec<&'static str>>,
    /// Only what happened after this event is told.
    pub after: u64,
    /// Whether it gets through.
    pub state: WebhookState,
    /// The event up to which it has been told everything that it wants.
    pub position: u64,
    /// How many events there are after its position, wanted or not.
    pub behind: u64,
    /// Since when the first event that it wants has been waiting; absent if none is.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<OffsetDateTime>,
    /// Failures since the last delivery, or since it was last resumed.
    pub failures_in_a_row: u64,
    /// When it is tried again; absent unless it failed and will be.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<OffsetDateTime>,
    /// The last post, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_delivery: Option<Delivery>,
    /// When something was delivered last.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<OffsetDateTime>,
    /// When it was added.
    #[serde(with = "time::serde::rfc3339")]
    pub added_at: OffsetDateTime,
    /// When it was revoked, if it was.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<OffsetDateTime>,
}

/// Whether a webhook gets through.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WebhookState {
    /// Its last post was answered with 2xx, or there was none yet.
    Delivering,
    /// Its last post failed, and is tried again.
    Retrying,
    /// It failed so often that nothing is tried until it is resumed.
    GivenUp,
    /// It is revoked.
    Revoked,
}

/// A webhook that was added, with its secret, which nothing else shows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Added {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// What posts are signed with, as libraries for Standard Webhooks take it; absent from the answer to a request
    /// that is sent again after a day, after something was delivered, or after the api's own secret was changed, which
    /// ends this webhook's deliveries.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^whsec_[0-9a-zA-Z+/]{43}=$")]
    pub secret: Option<String>,
}

/// A post to a webhook, and how it was answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Delivery {
    /// Which post to this webhook, from 1, without gaps.
    pub number: u64,
    /// The event.
    pub event: u64,
    /// What came of it.
    pub outcome: DeliveryOutcome,
    /// The answer's status, if one came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When it was over.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// What came of a post.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryOutcome {
    /// It was answered with 2xx.
    Delivered,
    /// It was answered otherwise, a redirect included.
    Refused,
    /// Nobody answers there.
    Unreachable,
    /// Whoever answers there has no certificate for it.
    Untrusted,
    /// No answer came in time.
    TimedOut,
    /// The name leads to an address that the api may not reach.
    Forbidden,
}

/// A webhook as it leaves.
pub(crate) fn of(webhook: &ledger::Webhook, state: &State) -> Webhook {
    let settings = state.settings().webhooks.as_ref();
    let shown = state_of(webhook, state);
    let next_attempt_at = match (shown, settings, &webhook.last_attempt) {
        (WebhookState::Retrying, Some(settings), Some(last)) => {
            last.at.checked_add(backoff::wait(settings, webhook).try_into().unwrap_or_default())
        }
        _ => None,
    };
    Webhook {
        id: webhook.id.to_string(),
        url: webhook.url.clone(),
        events: webhook.events.as_ref().map(|types| types.iter().map(|one| one.name()).collect()),
        after: webhook.after.number(),
        state: shown,
        position: webhook.position.number(),
        behind: webhook.last_event.number().saturating_sub(webhook.position.number()),
        waiting_since: webhook.waiting_since,
        failures_in_a_row: webhook.failures,
        next_attempt_at,
        last_delivery: webhook.last_attempt.as_ref().map(Delivery::of),
        delivered_at: webhook.delivered_at,
        added_at: webhook.added_at,
        revoked_at: webhook.revoked_at,
    }
}

/// Whether a webhook gets through.
pub(crate) fn state_of(webhook: &ledger::Webhook, state: &State) -> WebhookState {
    let settings = state.settings().webhooks.as_ref();
    let most = settings.map_or(MOST_FAILURES, |settings| settings.most_failures);
    match webhook.failures {
        _ if webhook.revoked_at.is_some() => WebhookState::Revoked,
        0 => WebhookState::Delivering,
        failures if failures < most => WebhookState::Retrying,
        _ => WebhookState::GivenUp,
    }
}

impl Delivery {
    pub(super) fn of(attempt: &Attempt) -> Self {
        let (outcome, status) = match attempt.outcome {
            Outcome::Delivered { status } => (DeliveryOutcome::Delivered, Some(status)),
            Outcome::Refused { status } => (DeliveryOutcome::Refused, Some(status)),
            Outcome::Unreachable => (DeliveryOutcome::Unreachable, None),
            Outcome::Untrusted => (DeliveryOutcome::Untrusted, None),
            Outcome::TimedOut => (DeliveryOutcome::TimedOut, None),
            Outcome::Forbidden => (DeliveryOutcome::Forbidden, None),
        };
        Self {
            number: attempt.number.number(),
            event: attempt.event.number(),
            outcome,
            status,
            at: attempt.at,
        }
    }
}
