//! `/v1/events`: what happens, as it happens, from the ledger's own event log.
//!
//! **Invariant:** a reader that comes back with `Last-Event-ID` misses nothing and sees nothing
//! twice, across restarts too: events are numbered without gaps in the database.

mod kind;

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::State as Extracted,
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use ledger::{EventNumber, PageLimit};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use utoipa::ToSchema;

pub(crate) use kind::{Event, EventType, Happening};

use crate::{
    State,
    access::Caller,
    error::{Error, ParameterError, Problems},
    extract::{Parameters, number},
};

/// Follow events (server-sent events)
///
/// Each event has its number as `id`, its type as `event` and an `Event` as JSON in `data`. A
/// reader that reconnects sends the last id as `Last-Event-ID` and goes on right after it.
/// Without it, and without `after`, only what happens from now on is sent. A stream ends after an
/// hour, for instance; readers come back by themselves.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "follow_events", tag = "events",
    params(
        ("after" = Option<u64>, Query, description = "Start after this event; 0 for all"),
        ("Last-Event-ID" = Option<String>, Header, description = "Go on after this event"),
    ),
    responses(
        (status = 200, description = "The stream; its frames", body = Frame,
            content_type = "text/event-stream"),
        Problems,
    ),
)]
pub(crate) async fn follow(
    Extracted(state): Extracted<State>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    mut query: Parameters,
) -> Result<Response, Error> {
    let after = query.number::<u64>("after")?;
    query.finish()?;
    let after = last_event_id(&headers)?.or(after).map(EventNumber::new);
    let permit = state.stream_permit()?;
    let after = match after {
        Some(after) => after,
        None => state.last_event().await?,
    };
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let stream = Sse::new(events(Reader::new(state, caller, after, permit))).keep_alive(keep_alive);
    Ok((NO_BUFFERING, stream).into_response())
}

/// What a reader gets of each event.
#[derive(ToSchema)]
#[schema(as = EventFrame)]
#[expect(dead_code, reason = "only its description is used")]
struct Frame {
    /// The event's number, to come back with.
    id: String,
    /// The event's type.
    event: EventType,
    /// After how many milliseconds to come back.
    retry: u64,
    /// An `Event` as JSON.
    #[schema(content_media_type = "application/json")]
    data: String,
}

/// Where a stream is.
struct Reader {
    state: State,
    caller: Caller,
    after: EventNumber,
    began: Instant,
    waiting: VecDeque<ledger::Event>,
    // Held as long as the stream, so that streams are bounded.
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    fn new(state: State, caller: Caller, after: EventNumber, permit: OwnedSemaphorePermit) -> Self {
        let (began, waiting) = (Instant::now(), VecDeque::new());
        Self { state, caller, after, began, waiting, _permit: permit }
    }

    /// The next event, when there is one; `None` when the stream has to end: its time is over,
    /// the server is closing, the key was revoked or the ledger is away. The reader comes back with its last id.
    async fn next(&mut self) -> Option<ledger::Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                self.after = event.number;
                return Some(event);
            }
            let left = self.state.settings().stream_time.saturating_sub(self.began.elapsed());
            if left.is_zero() || !self.caller.still_stands(&self.state).await {
                return None;
            }
            // Taken before reading, so that what is committed meanwhile still wakes.
            let mut pulse = self.state.pulse();
            match self.state.ledger().events_after(self.after, READ_AHEAD).await {
                Ok(events) => self.waiting.extend(events),
                Err(error) => {
                    tracing::warn!(%error, "an event stream ends: the ledger cannot be read");
                    return None;
                }
            }
            if self.waiting.is_empty() && !pulse.wait(POLL.min(left)).await {
                return None;
            }
        }
    }
}

fn events(reader: Reader) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        let body = Event::of(&event);
        let data = serde_json::to_string(&body).unwrap_or_default();
        let number = event.number.to_string();
        let kind = body.happening.event.to_string();
        let line = sse::Event::default().id(number).event(kind).retry(RETRY).data(data);
        Some((Ok(line), reader))
    })
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ParameterError> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let text = String::from_utf8_lossy(value.as_bytes());
    number("Last-Event-ID", &text).map(Some)
}

const READ_AHEAD: PageLimit = PageLimit::MAX;

/// How long a stream waits at most before it looks without having been woken.
const POLL: Duration = Duration::from_secs(2);

/// Comments that keep proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a reader waits before it comes back.
const RETRY: Duration = Duration::from_secs(2);

/// Tells proxies to pass each event on at once.
const NO_BUFFERING: [(&str, &str); 2] =
    [("cache-control", "no-store"), ("x-accel-buffering", "no")];
