//! Answers that are kept: what was read is answered again as long as nothing has happened since.
//!
//! **Invariant:** an answer leaves again only after the ledger, asked later than the request came, has named the same
//! last event as it did before that answer was read. Everything that a kept resource shows changes with an event, in
//! one database transaction; so no answer is older than its request, whoever writes. What is archived meanwhile
//! is no event, and may be told until the next one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
use ledger::{EventHead, EventNumber, Ledger};

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
type Question = Shared<BoxFuture<'static, Option<EventNumber>>>;

/// What was answered while one event was the last.
struct Answers {
    event: EventNumber,
    by_path: HashMap<String, KeptAnswer>,
    /// Of all bodies.
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

/// Most bytes that are kept of bodies, and of one.
const MOST_BYTES: usize = 32 << 20;
const LONGEST: usize = 256 << 10;
/// Most answers that are kept.
const MOST_ANSWERS: usize = 16_384;

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
    let Some(event) = kept.head.last_event().await else { return next.run(request).await };
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    if let Some(known) = kept.find(event, &path) {
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
    let known = KeptAnswer { headers: parts.headers.clone(), body: body.clone(), journal_block };
    kept.keep(event, path, known);
    Answer::from_parts(parts, Body::from(body))
}

impl Kept {
    pub(crate) fn new(ledger: &Ledger) -> Self {
        let reader = tokio::sync::Mutex::new(ledger.event_head());
        let head = Arc::new(Head { reader, next: Mutex::default() });
        let answers = Answers { event: EventNumber::START, by_path: HashMap::new(), bytes: 0 };
        Self { head, answers: Mutex::new(answers) }
    }

    fn find(&self, event: EventNumber, path: &str) -> Option<KeptAnswer> {
        let answers = lock(&self.answers);
        if answers.event == event { answers.by_path.get(path).cloned() } else { None }
    }

    fn keep(&self, event: EventNumber, path: String, answer: KeptAnswer) {
        lock(&self.answers).keep(event, path, answer);
    }
}

impl Answers {
    fn keep(&mut self, event: EventNumber, path: String, answer: KeptAnswer) {
        if event < self.event {
            return;
        }
        let bytes = answer.body.len().saturating_add(path.len());
        let full =
            self.bytes.saturating_add(bytes) > MOST_BYTES || self.by_path.len() >= MOST_ANSWERS;
        if event > self.event || full {
            self.by_path.clear();
            (self.event, self.bytes) = (event, 0);
        }
        if self.by_path.insert(path, answer).is_none() {
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }
}

impl Head {
    /// The last event, as it is after this call.
    async fn last_event(self: &Arc<Self>) -> Option<EventNumber> {
        let question = {
            let mut next = lock(&self.next);
            let ask = || {
                let head = Arc::downgrade(self);
                async move { head.upgrade()?.ask().await }.boxed().shared()
            };
            next.get_or_insert_with(ask).clone()
        };
        question.await
    }

    async fn ask(&self) -> Option<EventNumber> {
        let mut reader = self.reader.lock().await;
        // Whoever comes from here on has to ask again: what is answered now may be of before.
        lock(&self.next).take();
        // Whatever keeps it from answering, the read that is asked for will meet and tell.
        reader.last_event().await.ok()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: usize) -> KeptAnswer {
        let body = Bytes::from(vec![b'x'; body]);
        KeptAnswer { headers: HeaderMap::new(), body, journal_block: None }
    }

    /// Answers of one event go when the next is seen, those of a past one are not taken, and they are bounded.
    #[test]
    fn what_is_kept_is_of_one_event_and_bounded() {
        let of = |event, paths: &[&str]| {
            let mut answers =
                Answers { event: EventNumber::START, by_path: HashMap::new(), bytes: 0 };
            answers.keep(EventNumber::new(5), "/a".to_owned(), answer(10));
            for path in paths {
                answers.keep(EventNumber::new(event), (*path).to_owned(), answer(20));
            }
            let mut kept: Vec<_> = answers.by_path.into_keys().collect();
            kept.sort();
            (answers.event.number(), kept, answers.bytes)
        };
        let owned =
            |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        assert_eq!(of(5, &["/b", "/b"]), (5, owned(&["/a", "/b"]), 34));
        assert_eq!(of(6, &["/b"]), (6, owned(&["/b"]), 22));
        assert_eq!(of(4, &["/b"]), (5, owned(&["/a"]), 12));
        let mut answers = Answers { event: EventNumber::START, by_path: HashMap::new(), bytes: 0 };
        for number in 0..=MOST_BYTES / LONGEST {
            answers.keep(EventNumber::new(1), format!("/{number}"), answer(LONGEST));
            assert!(answers.bytes <= MOST_BYTES);
        }
        assert!(answers.by_path.len() < MOST_BYTES / LONGEST);
    }
}
