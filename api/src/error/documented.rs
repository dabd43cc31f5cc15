//! The error answers as the `OpenAPI` document names them, and the header that all writes share.

use utoipa::{IntoParams, IntoResponses};

use super::ProblemBody;

/// What a write may be sent with.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) struct KeyHeader {
    /// What the caller calls this request: another one with it is refused
    #[param(rename = "idempotency-key", min_length = 1, max_length = 255, pattern = "^[!-~]+$")]
    idempotency_key: Option<String>,
}

/// What any request may be answered with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) enum Problems {
    /// A parameter is refused; `param` and `value` say which.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(ProblemBody),
    /// No API key that is good, where one is needed; the header `www-authenticate` says how to send one.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(ProblemBody),
    /// The API key lacks the scope that `scope` names.
    #[response(status = 403, content_type = "application/problem+json")]
    ScopeMissing(ProblemBody),
    /// The caller asks more often than it may; the header `retry-after` says when to go on.
    #[response(status = 429, content_type = "application/problem+json")]
    RateLimited(ProblemBody),
    /// Something failed on our side; the log has the cause under the `request_id`.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemBody),
    /// Not at the moment; the header `retry-after` says when to try again.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

/// What a request for one thing may be answered with besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) enum Missing {
    /// There is no such thing.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
}

/// What a request for transfers may be answered with besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) enum Gone {
    /// The transfers are in an archive file: of epochs through `archived_through`.
    #[response(status = 410, content_type = "application/problem+json")]
    Archived(ProblemBody),
}

/// What a request for something of a settled epoch may be answered with besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) enum NotYet {
    /// Its epoch has not settled yet, or what is asked for never will.
    #[response(status = 409, content_type = "application/problem+json")]
    NotSettled(ProblemBody),
}

/// What a request for the books as they stood may be answered with besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) enum Unreached {
    /// There is no such epoch.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
    /// The epoch is not sealed, or the block or moment has not come.
    #[response(status = 409, content_type = "application/problem+json")]
    NotReached(ProblemBody),
}

/// What may be answered besides to who adds something that is no batch.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) enum Created {
    /// It cannot be added at the moment; `code` says why.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(ProblemBody),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody),
    /// The body is not announced as JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(ProblemBody),
}

/// What a posted batch may be answered with besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) enum Refusals {
    /// The signature is not by the rollup's registered key, or the API key lacks the scope that `scope` names.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// Not the rollup's next batch, another one is booked at this height, or this one was evicted
    /// because it cannot be proven; or the idempotency key stands for another request.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(ProblemBody),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody),
    /// The body is not announced as JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(ProblemBody),
    /// A rule refuses the batch; nothing was written.
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(ProblemBody),
}

/// What a write may be answered with besides, for its idempotency key.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) enum Reused {
    /// The idempotency key stands for another request.
    #[response(status = 409, content_type = "application/problem+json")]
    Reused(ProblemBody),
    /// The body is too large: its digest is kept with the key.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody),
}

/// What a request with a body may be answered with besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) enum Bodies {
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody),
    /// The body is not announced as JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(ProblemBody),
    /// A value of the body means nothing here.
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(ProblemBody),
}

/// What a request for the open epoch may be answered with besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) enum Sealed {
    /// The epoch is not open any more.
    #[response(status = 409, content_type = "application/problem+json")]
    Sealed(ProblemBody),
}
