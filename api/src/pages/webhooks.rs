//! Of `/jobs`: who is told of events, and whether they get through.
//!
//! **Invariant:** an address is shown to no more than its host, and that only to who may operate: the page may be
//! public, and whom a rollup's partners listen at is not.

use axum::http::Uri;
use time::OffsetDateTime;

use super::{clock::Moment, clock::age, figure::group};
use crate::{
    State,
    error::Error,
    webhooks::{Delivery, DeliveryOutcome, Webhook, WebhookState, shown},
};

/// Somebody who is told.
pub(super) struct WebhookRow {
    pub(super) id: String,
    pub(super) host: Option<String>,
    pub(super) wants: String,
    /// For people.
    pub(super) state: &'static str,
    /// A pill's class.
    pub(super) tone: &'static str,
    pub(super) why: String,
    pub(super) position: String,
    pub(super) behind: String,
    pub(super) last: Option<LastRow>,
}

/// What came of the last post.
pub(super) struct LastRow {
    pub(super) words: String,
    pub(super) event: String,
    pub(super) at: Moment,
}

/// All that are not revoked, newest first.
pub(super) async fn read(
    state: &State,
    may_operate: bool,
    now: OffsetDateTime,
) -> Result<Vec<WebhookRow>, Error> {
    let webhooks = state.ledger().webhooks().await?;
    let row = |webhook| WebhookRow::of(shown(webhook, state), may_operate, now);
    Ok(webhooks.iter().map(row).collect())
}

impl WebhookRow {
    fn of(webhook: Webhook, may_operate: bool, now: OffsetDateTime) -> Self {
        let (state, tone, why) = state_of(&webhook, now);
        let host = webhook.url.parse::<Uri>().ok();
        let host = host.and_then(|uri| uri.host().map(str::to_owned));
        let wants = webhook.events.map(|events| events.join(", "));
        Self {
            id: webhook.id,
            host: host.filter(|_| may_operate),
            wants: wants.unwrap_or_else(|| "every event".to_owned()),
            state,
            tone,
            why,
            position: group(&webhook.position.to_string()),
            behind: group(&webhook.behind.to_string()),
            last: webhook.last_delivery.as_ref().map(LastRow::of),
        }
    }
}

fn state_of(webhook: &Webhook, now: OffsetDateTime) -> (&'static str, &'static str, String) {
    let failures = match webhook.failures_in_a_row {
        1 => "its last post failed".to_owned(),
        many => format!("{} posts in a row failed", group(&many.to_string())),
    };
    match (webhook.state, webhook.waiting_since) {
        (WebhookState::Delivering, None) => ("told", "good", "everything that it wants".to_owned()),
        (WebhookState::Delivering, Some(since)) => {
            ("on its way", "proving", format!("the next event has waited for {}", age(since, now)))
        }
        (WebhookState::Retrying, _) => {
            let again = webhook.next_attempt_at.map(Moment::of);
            let again = again.map_or_else(
                || "tried again by an api that tells webhooks".to_owned(),
                |at| format!("tried again at {}", at.time),
            );
            ("fails", "sealed", format!("{failures}; {again}"))
        }
        (WebhookState::GivenUp, _) => {
            let resume = format!("`netfold webhook resume {}`", webhook.id);
            ("stopped", "wrong", format!("{failures}; once it answers: {resume}"))
        }
        (WebhookState::Revoked, _) => ("revoked", "sealed", "it is told nothing more".to_owned()),
    }
}

impl LastRow {
    fn of(last: &Delivery) -> Self {
        let status = last.status.map(|status| format!(" with status {status}"));
        let status = status.unwrap_or_default();
        let words = match last.outcome {
            DeliveryOutcome::Delivered => format!("taken{status}"),
            DeliveryOutcome::Refused => format!("refused{status}"),
            DeliveryOutcome::Unreachable => "nobody answers there".to_owned(),
            DeliveryOutcome::Untrusted => "its certificate is not good".to_owned(),
            DeliveryOutcome::TimedOut => "no answer in time".to_owned(),
            DeliveryOutcome::Forbidden => "it leads to where the api may not post".to_owned(),
        };
        Self { words, event: group(&last.event.to_string()), at: Moment::of(last.at) }
    }
}
