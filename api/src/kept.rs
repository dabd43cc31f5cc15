//! Answers that are kept: what was read is answered again as long as nothing has happened since.
//!
//! **Invariant:** an answer leaves again only after the ledger, asked later than the request came, has named the same
//! last event as it did before that answer was read. Everything that a kept resource shows changes with an event, in
//! one database transaction; so no answer is older than its request, whoever writes. What is archived meanwhile
//! is no event, and may be told until the next one. (`announced.rs` in the ledger's tests has every table.)

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody as _, to_bytes},
    extract::{Request, State as Extracted},
    http::{HeaderMap, Method, StatusCode},
    middleware::Next,
    response::{IntoResponse as _, Response as Answer},
};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use ledger::{EventHead, EventTip, Ledger};

use crate::{
    State,
    error::Error,
    etag::mark,
    layers::{note_journal_block, noted_journal_block},
};

/// The kept answers of a server.
pub(crate) struct Kept {
    head: Arc<Head>,
    answers: Mutex<Answers>,
}

/// Whoever asks for the last event while somebody else does asks together with all who come meanwhile, next.
struct Head {
    reader: tokio::sync::Mutex<EventHead>,
    /// The question that has not been put yet.
    next: Mutex<Option<Question>>,
}

/// `None` where the ledger could not be asked.
type Question = Shared<BoxFuture<'static, Option<EventTip>>>;

/// What was answered while one event was the last.
#[derive(Default)]
struct Answers {
    /// Its log up to it, too: after another database has taken the place of the one before, its events are others.
    tip: Option<EventTip>,
    by_path: HashMap<String, KeptAnswer>,
    /// Of all of them.
    bytes: usize,
}

/// An answer, which every clone shares.
#[derive(Clone)]
struct KeptAnswer {
    headers: HeaderMap,
    body: Bytes,
    /// How far the books were, if it says so.
    journal_block: Option<u64>,
}

/// Most bytes that are kept, and of one body.
const MOST_BYTES: usize = 32 << 20;
const LONGEST: usize = 256 << 10;
/// What is counted for an answer's headers.
const OF_HEADERS: usize = 1 << 10;
/// How long the log is waited for before a read goes without. Its connection is then made anew: of one that was lost
/// without a word nothing else would come.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers what is known, and keeps what is read.
pub(crate) async fn answer(
    Extracted(state): Extracted<State>,
    request: Request,
    next: Next,
) -> Answer {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    let kept = state.kept();
    let Some(tip) = kept.head.tip().await else { return next.run(request).await };
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    if let Some(known) = kept.find(tip, &path) {
        if let Some(block) = known.journal_block {
            note_journal_block(block);
        }
        let mut answer = Answer::new(Body::from(known.body));
        *answer.headers_mut() = known.headers;
        return answer;
    }
    let answer = next.run(request).await;
    let journal_block = noted_journal_block();
    // A replica may be behind the event.
    let from_replica = journal_block.is_some() && state.replica().is_some();
    let length = answer.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
    if answer.status() != StatusCode::OK || from_replica || length.is_none_or(|it| it > LONGEST) {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    // It is in memory already.
    let Ok(body) = to_bytes(body, LONGEST).await else {
        return Error::Panicked.into_response();
    };
    mark(&mut parts.headers, &body);
    // A copy has no room to grow into, which the body may have.
    let kept_body = Bytes::copy_from_slice(&body);
    let known = KeptAnswer { headers: parts.headers.clone(), body: kept_body, journal_block };
    kept.keep(tip, path, known);
    Answer::from_parts(parts, Body::from(body))
}

impl Kept {
    pub(crate) fn new(ledger: &Ledger) -> Self {
        let reader = tokio::sync::Mutex::new(ledger.event_head());
        let head = Arc::new(Head { reader, next: Mutex::default() });
        Self { head, answers: Mutex::default() }
    }

    fn find(&self, tip: EventTip, path: &str) -> Option<KeptAnswer> {
        let answers = lock(&self.answers);
        if answers.tip == Some(tip) { answers.by_path.get(path).cloned() } else { None }
    }

    fn keep(&self, tip: EventTip, path: String, answer: KeptAnswer) {
        lock(&self.answers).keep(tip, path, answer);
    }
}

impl Answers {
    fn keep(&mut self, tip: EventTip, path: String, answer: KeptAnswer) {
        if self.tip.is_some_and(|own| tip.number < own.number) {
            return;
        }
        // The headers of each take about the same.
        let beside = path.len().saturating_add(OF_HEADERS);
        let bytes = beside.saturating_add(answer.body.len());
        let full = self.bytes.saturating_add(bytes) > MOST_BYTES;
        if self.tip != Some(tip) || full {
            self.by_path.clear();
            (self.tip, self.bytes) = (Some(tip), 0);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(replaced) = self.by_path.insert(path, answer) {
            let bytes = beside.saturating_add(replaced.body.len());
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }
}

impl Head {
    /// The end of the event log, as it is after this call.
    async fn tip(self: &Arc<Self>) -> Option<EventTip> {
        let question = {
            let mut next = lock(&self.next);
            let ask = || {
                let head = Arc::downgrade(self);
                // A panic would leave all the others waiting who share the question.
                let asked = async move { head.upgrade()?.ask().await };
                AssertUnwindSafe(asked)
                    .catch_unwind()
                    .map(|tip| tip.ok().flatten())
                    .boxed()
                    .shared()
            };
            next.get_or_insert_with(ask).clone()
        };
        question.await
    }

    async fn ask(&self) -> Option<EventTip> {
        let mut reader = self.reader.lock().await;
        // Whoever comes from here on has to ask again: what is answered now may be of before.
        lock(&self.next).take();
        // Whatever keeps it from answering, the read that is asked for will meet and tell.
        tokio::time::timeout(PATIENCE, reader.tip()).await.ok()?.ok()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use ledger::EventNumber;

    use super::*;

    fn answer(body: usize) -> KeptAnswer {
        let body = Bytes::from(vec![b'x'; body]);
        KeptAnswer { headers: HeaderMap::new(), body, journal_block: None }
    }

    fn tip(number: u64, hash: u8) -> EventTip {
        EventTip { number: EventNumber::new(number), hash: B256::repeat_byte(hash) }
    }

    /// Answers of one event go when the next is seen, or another of the same number; those of a past one are not
    /// taken; and they are bounded.
    #[test]
    fn what_is_kept_is_of_one_event_and_bounded() {
        let of = |next: EventTip, paths: &[&str]| {
            let mut answers = Answers::default();
            answers.keep(tip(5, 1), "/a".to_owned(), answer(10));
            for path in paths {
                answers.keep(next, (*path).to_owned(), answer(20));
            }
            let mut kept: Vec<_> = answers.by_path.into_keys().collect();
            kept.sort();
            (answers.tip.unwrap(), kept.concat(), answers.bytes - kept.len() * OF_HEADERS)
        };
        assert_eq!(of(tip(5, 1), &["/b", "/b"]), (tip(5, 1), "/a/b".to_owned(), 34));
        assert_eq!(of(tip(6, 1), &["/b"]), (tip(6, 1), "/b".to_owned(), 22));
        assert_eq!(of(tip(5, 2), &["/b"]), (tip(5, 2), "/b".to_owned(), 22));
        assert_eq!(of(tip(4, 1), &["/b"]), (tip(5, 1), "/a".to_owned(), 12));
        let mut answers = Answers::default();
        for number in 0..=MOST_BYTES / LONGEST {
            answers.keep(tip(1, 1), format!("/{number}"), answer(LONGEST));
            assert!(answers.bytes <= MOST_BYTES);
        }
        assert!(answers.by_path.len() < MOST_BYTES / LONGEST);
    }
}
