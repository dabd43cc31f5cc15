//! The wire form of every error: RFC 9457 problem details.
//!
//! **Invariant:** an error answer of this API is always `application/problem+json` with a stable
//! `code` and the request's id. A problem travels through the layers as a response extension; the
//! outermost layer, which knows the request id, writes the body.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Code;
use crate::json::Place;

/// The media type of problems.
pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What a problem says besides its code, before the request id is known.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(super) code: Code,
    pub(super) detail: String,
    pub(super) param: Option<String>,
    pub(super) value: Option<Value>,
    pub(super) item: Option<usize>,
    pub(super) more: Map<String, Value>,
    /// What `www-authenticate` says.
    pub(super) challenge: Option<String>,
    /// The seconds that `retry-after` says.
    retry_after_s: Option<u64>,
}

/// An error answer (RFC 9457, `application/problem+json`). Match on `code`; everything else is for
/// people and may change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// A name for the kind of problem: `urn:netfold:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(rename = "type", example = "urn:netfold:problem:amount_too_many_decimals")]
    pub kind: String,
    /// The kind in words, the same for every occurrence.
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// This occurrence in words, and what to do about it.
    pub detail: String,
    /// What went wrong, for programs.
    pub code: Code,
    /// Which field, path or query parameter is to blame: `transfers[3].amount`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    /// The offending value as it was received, shortened when long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The position in its list of the item that is to blame, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<usize>,
    /// The request's id, also in the `x-request-id` header and in the log.
    pub request_id: String,
    /// Whether the same request may succeed later, unchanged.
    pub retryable: bool,
    /// What the code says more: for `overdraft` the cell's balance, for `height_out_of_order` the
    /// next height.
    #[serde(flatten)]
    #[schema(ignore)]
    pub more: Map<String, Value>,
}

impl Problem {
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        // What is not there at the moment may be there in the next.
        let is_away = code.status() == StatusCode::SERVICE_UNAVAILABLE;
        Self {
            code,
            detail: detail.into(),
            param: None,
            value: None,
            item: None,
            more: Map::new(),
            challenge: None,
            retry_after_s: is_away.then_some(1),
        }
    }

    /// A defect on this side, about which an answer says nothing.
    pub(super) fn internal() -> Self {
        Self::new(Code::Internal, "the log has the cause under this request id")
    }

    /// The database is away; nothing was written, or what was written answers a repetition.
    pub(super) fn unavailable() -> Self {
        Self::new(Code::DatabaseUnavailable, "send the same again: a write takes effect once")
    }

    pub(super) fn place(mut self, place: &Place) -> Self {
        self.param = Some(shorten(&place.path));
        self.item = place.item;
        self
    }

    pub(super) fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(super) fn value(mut self, value: impl Into<Value>) -> Self {
        self.value = Some(match value.into() {
            Value::String(text) => Value::String(shorten(&text)),
            other => other,
        });
        self
    }

    pub(super) fn item(mut self, item: usize) -> Self {
        self.item = Some(item);
        self
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn challenge(mut self, challenge: String) -> Self {
        self.challenge = Some(challenge);
        self
    }

    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The code.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// This occurrence in words.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// What the answer says.
    pub(crate) fn body(self, request_id: &str) -> ProblemBody {
        ProblemBody {
            kind: format!("urn:netfold:problem:{}", self.code),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: self.detail,
            code: self.code,
            param: self.param,
            value: self.value,
            item: self.item,
            request_id: request_id.to_owned(),
            retryable: self.code.retryable(),
            more: self.more,
        }
    }

    /// The answer itself.
    pub(crate) fn write(mut self, request_id: &str) -> Response {
        let status = self.code.status();
        let challenge = self.challenge.take().and_then(|text| HeaderValue::try_from(text).ok());
        let retry_after_s = self.retry_after_s;
        let body = self.body(request_id);
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// What is shown of a long text: its first 120 characters.
pub(super) fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

const SHOWN: usize = 120;
