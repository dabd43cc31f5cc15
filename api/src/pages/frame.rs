//! What every page has around it, and how a page is answered.
//!
//! **Invariant:** whoever asks for a page gets a page: what is not there, what cannot be read and a
//! ledger that is away are told in words, with the status that the API has for it.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use ledger::PageLimit;
use time::OffsetDateTime;

use super::clock::Moment;
use crate::error::{Error, NotFound};

/// What the layout shows.
pub(super) struct Frame {
    pub(super) now: Moment,
    pub(super) version: &'static str,
    /// The navigation's entry that the page is under.
    pub(super) section: &'static str,
    /// Whether the page follows the event stream.
    pub(super) live: bool,
    /// What stands in the search box.
    pub(super) search: String,
}

impl Frame {
    /// A page that follows what happens.
    pub(super) fn live(section: &'static str) -> Self {
        Self { live: true, ..Self::still(section) }
    }

    /// A page that stays as it is until it is loaded again.
    pub(super) fn still(section: &'static str) -> Self {
        let now = Moment::of(OffsetDateTime::now_utc());
        let version = env!("CARGO_PKG_VERSION");
        Self { now, version, section, live: false, search: String::new() }
    }
}

/// A page that says why there is none.
#[derive(Template)]
#[template(path = "failure.html")]
struct Failure {
    frame: Frame,
    title: &'static str,
    detail: String,
    /// What was asked for is well formed and is not there.
    missing: bool,
}

/// The page while the ledger cannot be read.
#[derive(Template)]
#[template(path = "unavailable.html")]
struct Unavailable {
    frame: Frame,
}

/// The page, or one that says why it cannot be shown.
pub(super) fn answer<P: Template>(page: Result<P, Error>) -> Response {
    let html = page.and_then(|page| Ok(page.render()?));
    match html {
        Ok(html) => (NO_STORE, Html(html)).into_response(),
        Err(error) => failure(&error),
    }
}

/// The page of an error.
pub(crate) fn failure(error: &Error) -> Response {
    let problem = error.problem();
    let mut status = problem.code().status();
    let html = if status.is_server_error() {
        tracing::error!(code = %problem.code(), %error, "a page cannot be shown");
        // Whatever the ledger failed with, reading it again may succeed.
        if matches!(error, Error::Ledger(_)) {
            status = StatusCode::SERVICE_UNAVAILABLE;
        }
        Unavailable { frame: Frame::still("") }.render()
    } else {
        let detail = match error {
            Error::NotFound(NotFound::Route { path }) => format!("There is nothing at {path}."),
            _ => sentence(problem.detail()),
        };
        let title = problem.code().title();
        let missing = status == StatusCode::NOT_FOUND;
        Failure { frame: Frame::still(""), title, detail, missing }.render()
    };
    match html {
        Ok(html) => (status, NO_STORE, Html(html)).into_response(),
        Err(error) => Error::from(error).into_response(),
    }
}

/// A detail of a problem as a sentence.
fn sentence(detail: &str) -> String {
    let mut letters = detail.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// So many of a list, where a page shows only the latest.
pub(super) fn latest(items: u16) -> PageLimit {
    PageLimit::new(items).unwrap_or(PageLimit::MAX)
}

const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];
