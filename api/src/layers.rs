//! What every request passes: its id, its log line, its bounds.
//!
//! **Invariant:** every answer carries `x-request-id`; every error is a problem with that id in it;
//! one request is one line in the log; no request runs without bounds on its time and number.

use std::{
    any::Any,
    cell::Cell,
    time::{Duration, Instant},
};

use axum::{
    extract::{Request, State as Extracted},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response as Answer},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestId, MakeRequestUuid, RequestId},
};
use tracing::Instrument;

use crate::{
    State,
    access::AskedWith,
    error::{Error, NotFound, Problem},
    pages,
};

/// The header that says how far the books were.
const JOURNAL_BLOCK: HeaderName = HeaderName::from_static("journal-block");

/// The header of the request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The request's id, for answers that hold problems.
#[derive(Clone, Debug)]
pub(crate) struct ShownId(pub(crate) String);

/// Gives the request its id, writes its problem if it has one, and its line in the log.
pub(crate) async fn identify(mut request: Request, next: Next) -> Answer {
    let id = request_id(&request);
    let shown = id.to_str().unwrap_or("").to_owned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", id = %shown);
    request.extensions_mut().insert(ShownId(shown.clone()));
    async move {
        let start = Instant::now();
        let mut answer = next.run(request).await;
        let key = answer.extensions_mut().remove::<AskedWith>().map(|with| with.0.to_string());
        if let Some(problem) = answer.extensions_mut().remove::<Problem>() {
            let allow = answer.headers().get(header::ALLOW).cloned();
            answer = problem.write(&shown);
            if let Some(allow) = allow {
                answer.headers_mut().insert(header::ALLOW, allow);
            }
        }
        protect(answer.headers_mut(), &path);
        answer.headers_mut().insert(REQUEST_ID, id);
        let took_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let status = answer.status().as_u16();
        tracing::info!(%method, path, status, took_ms, key, "answered");
        answer
    }
    .instrument(span)
    .await
}

/// The id that the caller gave, when it is short and plain, else a new one.
fn request_id(request: &Request) -> HeaderValue {
    let plain = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        (1..=64).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    };
    let given = request.headers().get(REQUEST_ID).filter(plain).cloned();
    given.unwrap_or_else(|| {
        let made = MakeRequestUuid.make_request_id(request);
        made.map_or(HeaderValue::from_static("unknown"), RequestId::into_header_value)
    })
}

/// Tells browsers to load nothing from elsewhere, to guess no types and to embed us nowhere.
fn protect(headers: &mut axum::http::HeaderMap, path: &str) {
    let policy = if path.starts_with("/docs") { DOCS_POLICY } else { POLICY };
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// Refuses more requests at once than the settings allow, at once and not after a queue.
pub(crate) async fn limit_requests(
    Extracted(state): Extracted<State>,
    request: Request,
    next: Next,
) -> Result<Answer, Error> {
    let _permit = state.request_permit()?;
    Ok(next.run(request).await)
}

/// Ends requests that take too long to begin their answer. What was being written is undone by the
/// database or had been committed; either way the same request again takes effect once.
pub(crate) async fn limit_time(
    Extracted(limit): Extracted<Duration>,
    request: Request,
    next: Next,
) -> Result<Answer, Error> {
    let answer = tokio::time::timeout(limit, next.run(request)).await;
    answer.map_err(|_| Error::Timeout { limit_s: limit.as_secs() })
}

/// Says in the answer how far the books were when it was read, if it was read where that can be behind.
pub(crate) async fn tell_journal_block(request: Request, next: Next) -> Answer {
    let answer = async {
        let mut answer = next.run(request).await;
        if let Some(block) = noted_journal_block() {
            answer.headers_mut().insert(JOURNAL_BLOCK, HeaderValue::from(block));
        }
        answer
    };
    REACHED.scope(Cell::new(None), answer).await
}

/// Notes that this request reads the books up to a block, at least.
pub(crate) fn note_journal_block(block: u64) {
    // Outside of a request nobody asks.
    let _noted = REACHED.try_with(|reached| reached.set(Some(block)));
}

/// What was noted in this request.
pub(crate) fn noted_journal_block() -> Option<u64> {
    REACHED.try_with(Cell::get).ok().flatten()
}

tokio::task_local! {
    static REACHED: Cell<Option<u64>>;
}

/// Answers a panic as `internal`, without its message, which goes to the log.
pub(crate) fn catch_panic() -> CatchPanicLayer<AnswerPanic> {
    let answer: AnswerPanic = panicked;
    CatchPanicLayer::custom(answer)
}

type AnswerPanic = fn(Box<dyn Any + Send>) -> Answer;

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn panicked(panic: Box<dyn Any + Send>) -> Answer {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("");
    tracing::error!(panic = text, "a handler panicked");
    Error::Panicked.into_response()
}

/// A page for who asks for one, a problem for everybody else.
pub(crate) async fn route_not_found(uri: Uri, headers: HeaderMap) -> Answer {
    let error = Error::from(NotFound::Route { path: uri.path().to_owned() });
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    let wants_page = accepted.is_some_and(|accepted| accepted.contains("text/html"));
    if wants_page && !uri.path().starts_with("/v1/") {
        pages::failure(&error)
    } else {
        error.into_response()
    }
}

pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> Error {
    NotFound::Method { method, path: uri.path().to_owned() }.into()
}

const POLICY: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

/// Swagger UI sets styles from its scripts and shows its icons as data.
const DOCS_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, middleware, routing::get};

    async fn ask(path: &str) -> (u16, serde_json::Value) {
        let limit = Duration::from_millis(50);
        let router = Router::new()
            .route("/panic", get(async || -> &str { panic!("a secret") }))
            .route("/hang", get(async || std::future::pending::<&str>().await))
            .layer(middleware::from_fn_with_state(limit, limit_time))
            .layer(catch_panic())
            .layer(middleware::from_fn(identify));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let answer = reqwest::get(format!("http://{address}{path}")).await.unwrap();
        let answer = (answer.status().as_u16(), answer.json().await.unwrap());
        server.abort();
        answer
    }

    /// A handler that panics or hangs is answered as a problem that says nothing of its cause.
    #[tokio::test]
    async fn panics_and_hangs_are_problems() {
        let (status, problem) = ask("/panic").await;
        assert_eq!((status, &problem["code"]), (500, &"internal".into()));
        assert!(!problem.to_string().contains("secret"));
        assert!(problem["request_id"].as_str().is_some_and(|id| id.len() == 36));
        let (status, problem) = ask("/hang").await;
        assert_eq!((status, &problem["code"]), (503, &"timeout".into()));
        assert_eq!(problem["retryable"], true);
    }
}
