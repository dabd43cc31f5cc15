//! The task that tells webhooks.
//!
//! **Invariant:** of all processes one sends, the one that has the lock; each webhook is told by a task of its own, so
//! that a slow one keeps nobody else waiting, and one event after the other. A server that stops records what it has
//! just posted; what a process that died had posted and not recorded is posted again by the next: at least once, with
//! the same id.

use std::{collections::BTreeMap, time::Duration};

use ledger::{EngineLock, Event, EventNumber, PageLimit, Webhook, WebhookId};
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::task::{AbortHandle, JoinSet};

use super::{
    WebhookSettings, backoff,
    delivery::{self, Message},
    wire::{WebhookState, state_of},
};
use crate::{State, error::Error, events};

/// Tells all webhooks, until the server stops, whenever this process has the lock. Without settings it does nothing.
pub(crate) async fn send(state: &State) {
    let Some(settings) = state.settings().webhooks.clone() else { return };
    loop {
        match state.ledger().lock_webhooks().await {
            Ok(Some(lock)) => lead(state, &settings, lock).await,
            // Another process sends.
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "webhooks wait for the ledger"),
        }
        if stops_within(state, LOOK).await {
            return;
        }
    }
}

/// Whether the server is to stop, now or within so long.
async fn stops_within(state: &State, wait: Duration) -> bool {
    tokio::time::timeout(wait, state.pulse().closed()).await.is_ok()
}

/// Keeps a task for each webhook, as long as the lock is held and the server runs. The tasks end with this call:
/// cut off with the lock, or by themselves when the server stops.
async fn lead(state: &State, settings: &WebhookSettings, mut lock: EngineLock) {
    let mut tasks = JoinSet::new();
    let mut running: BTreeMap<WebhookId, AbortHandle> = BTreeMap::new();
    loop {
        if lock.check().await.is_err() {
            tracing::warn!(
                "webhooks may be another process' by now: the lock's connection is lost"
            );
            return;
        }
        while tasks.try_join_next().is_some() {}
        running.retain(|_, task| !task.is_finished());
        match state.ledger().webhooks().await {
            Ok(webhooks) => {
                for webhook in webhooks {
                    running.entry(webhook.id).or_insert_with(|| {
                        tasks.spawn(tell(state.clone(), settings.clone(), webhook.id))
                    });
                }
            }
            Err(error) => tracing::warn!(%error, "the webhooks cannot be read"),
        }
        if stops_within(state, LOOK).await {
            break;
        }
    }
    while !tasks.is_empty() {
        let ended = tokio::time::timeout(LOOK, tasks.join_next()).await;
        if ended.is_err() && lock.check().await.is_err() {
            return;
        }
    }
}

/// What to do after a turn.
enum Next {
    /// There may be more.
    GoOn,
    /// Nothing is to be told at the moment.
    Listen,
    /// Nothing is to be tried for so long.
    Wait(Duration),
    /// The webhook is revoked.
    End,
}

/// Tells one webhook, until it is revoked or the server stops.
async fn tell(state: State, settings: WebhookSettings, id: WebhookId) {
    if !is_ours(&state, &settings, id).await {
        return state.pulse().closed().await;
    }
    let mut seen = EventNumber::START;
    let mut pause = LOOK;
    loop {
        // Taken before reading, so that what is committed meanwhile still wakes.
        let mut pulse = state.pulse();
        if pulse.is_closing() {
            return;
        }
        let next = match turn(&state, &settings, id, &mut seen).await {
            Ok(next) => {
                pause = LOOK;
                next
            }
            Err(error) => {
                // What was posted may not have been recorded: it must not be posted again and again.
                tracing::warn!(webhook = %id, %error, ?pause, "a webhook waits for the ledger");
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = pulse.closed() => return,
                }
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                Next::GoOn
            }
        };
        match next {
            Next::GoOn => {}
            Next::Listen => {
                if !pulse.wait(POLL).await {
                    return;
                }
            }
            // Looked at in between: it may be resumed or revoked.
            Next::Wait(wait) => {
                if stops_within(&state, wait.min(LOOK)).await {
                    return;
                }
            }
            Next::End => return,
        }
    }
}

/// Tells one webhook what there is, up to the first failure.
async fn turn(
    state: &State,
    settings: &WebhookSettings,
    id: WebhookId,
    seen: &mut EventNumber,
) -> Result<Next, Error> {
    let ledger = state.ledger();
    let found = ledger.webhook(id).await?;
    let Some(webhook) = found.filter(|webhook| webhook.revoked_at.is_none()) else {
        return Ok(Next::End);
    };
    if webhook.secret_digest != settings.master.secret(id).digest() {
        return Ok(Next::Listen);
    }
    if let Some(wait) = wait(state, settings, &webhook) {
        return Ok(Next::Wait(wait));
    }
    let after = webhook.position.max(*seen);
    let events = ledger.events_after(after, PageLimit::MAX).await?;
    let mut number = webhook.next_attempt();
    for event in events.iter().filter(|event| webhook.wants(event)) {
        let message = message(id, event);
        let secret = settings.master.secret(id);
        let outcome = delivery::post(settings, &webhook, &secret, &message).await;
        let is_live = ledger.record_webhook_attempt(id, number, event.number, outcome).await?;
        number = number.next();
        if !outcome.is_delivered() {
            tracing::warn!(webhook = %id, event = event.number.number(), ?outcome, "a webhook failed");
            return Ok(Next::GoOn);
        }
        tracing::debug!(webhook = %id, event = event.number.number(), "a webhook was told");
        if !is_live || state.pulse().is_closing() {
            return Ok(Next::End);
        }
    }
    let Some(last) = events.last() else { return Ok(Next::Listen) };
    *seen = last.number;
    let told = events.iter().rfind(|event| webhook.wants(event)).map(|event| event.number);
    let position = told.unwrap_or(webhook.position);
    if last.number.number().saturating_sub(position.number()) >= STRETCH {
        ledger.record_webhook_pass(id, last.number).await?;
    }
    let is_full = events.len() >= usize::from(PageLimit::MAX.number());
    Ok(if is_full { Next::GoOn } else { Next::Listen })
}

/// Whether the webhook's secret is the one that it was added with. If it cannot be read, it is looked at when it
/// is told.
async fn is_ours(state: &State, settings: &WebhookSettings, id: WebhookId) -> bool {
    let Ok(Some(webhook)) = state.ledger().webhook(id).await else { return true };
    let is_ours = webhook.secret_digest == settings.master.secret(id).digest();
    if !is_ours {
        tracing::error!(
            webhook = %id,
            "a webhook was added with another NETFOLD_WEBHOOK_SECRET: it is told nothing"
        );
    }
    is_ours
}

/// How long nothing is to be tried; `None` when it is time.
fn wait(state: &State, settings: &WebhookSettings, webhook: &Webhook) -> Option<Duration> {
    if state_of(webhook, state) == WebhookState::GivenUp {
        return Some(LOOK);
    }
    let failed_at = webhook.last_attempt.as_ref().filter(|_| webhook.failures > 0)?.at;
    let due = failed_at.checked_add(backoff::wait(settings, webhook).try_into().ok()?)?;
    #[expect(clippy::arithmetic_side_effects, reason = "times of one database")]
    let wait = Duration::try_from(due - webhook.now).unwrap_or(Duration::ZERO);
    (!wait.is_zero()).then_some(wait)
}

/// What is posted of an event, as Standard Webhooks would have it.
#[derive(Serialize)]
struct Body {
    r#type: String,
    timestamp: String,
    data: events::Event,
}

fn message(id: WebhookId, event: &Event) -> Message {
    let data = events::Event::of(event);
    let body = Body {
        r#type: data.happening.event.to_string(),
        timestamp: data.happening.at.format(&Rfc3339).unwrap_or_default(),
        data,
    };
    Message {
        id: format!("msg_{id}_{}", event.number.number()),
        timestamp: OffsetDateTime::now_utc().unix_timestamp(),
        body: serde_json::to_vec(&body).unwrap_or_default(),
    }
}

/// The longest wait for a ledger that does not answer.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How often it is looked whether somebody else may send, whom to tell, and whether one that failed goes on.
const LOOK: Duration = Duration::from_millis(500);

/// How long is listened at most before it is looked without having been woken.
const POLL: Duration = Duration::from_secs(2);

/// So many events that nobody wanted are passed for good.
const STRETCH: u64 = 1000;
