//! Stable error codes: the part of a problem that programs match on.
//!
//! **Invariant:** a code is never renamed and never means something else; the snapshot of the
//! `OpenAPI` document shows every change.

use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident => $status:ident, $title:literal;)*) => {
        /// What went wrong, for programs.
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// The status that it answers with.
            #[must_use]
            pub(crate) const fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)*
                }
            }

            /// What went wrong, for people, the same for every occurrence.
            #[must_use]
            pub(crate) const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }
        }
    };
}

codes! {
    /// The body is no JSON.
    MalformedJson => BAD_REQUEST, "The body is not JSON";
    /// An object of the body names a field twice.
    DuplicateField => BAD_REQUEST, "A field is given twice";
    /// A field that the request does not have.
    UnknownField => BAD_REQUEST, "A field is not known";
    /// A field that the request must have.
    MissingField => BAD_REQUEST, "A field is missing";
    /// A field of the wrong JSON type.
    WrongType => BAD_REQUEST, "A field has the wrong type";
    /// A field of the right type whose value is outside its form.
    InvalidValue => BAD_REQUEST, "A value is not of the expected form";
    /// The body was not received to its end.
    BodyInterrupted => BAD_REQUEST, "The body ended early";
    /// The body is larger than accepted.
    BodyTooLarge => PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body is announced as something else than JSON.
    UnsupportedMediaType => UNSUPPORTED_MEDIA_TYPE, "The body must be application/json";
    /// A parameter that the path or query has in another form.
    InvalidParameter => BAD_REQUEST, "A parameter is not of the expected form";
    /// A query parameter that the resource does not have.
    UnknownParameter => BAD_REQUEST, "A query parameter is not known";
    /// A query parameter that is given twice.
    DuplicateParameter => BAD_REQUEST, "A query parameter is given twice";
    /// A cursor that this list never gave out.
    InvalidCursor => BAD_REQUEST, "The cursor is not one of this list";
    /// An idempotency key outside its form.
    InvalidIdempotencyKey => BAD_REQUEST, "The idempotency key is not of the expected form";
    /// The caller's idempotency key stands for another request.
    IdempotencyKeyReused => CONFLICT, "The idempotency key stands for another request";
    /// The request needs an API key, and none came.
    ApiKeyMissing => UNAUTHORIZED, "An API key is needed";
    /// The API key was never added.
    ApiKeyUnknown => UNAUTHORIZED, "The API key is not known";
    /// The API key was revoked.
    ApiKeyRevoked => UNAUTHORIZED, "The API key is revoked";
    /// The API key does not allow the request; `scope` is what would.
    ScopeMissing => FORBIDDEN, "The API key does not allow this";
    /// The caller asks more often than it may; the header `retry-after` says when to go on.
    RateLimited => TOO_MANY_REQUESTS, "Too many requests from this caller";
    /// No such path.
    RouteNotFound => NOT_FOUND, "There is nothing at this path";
    /// The path has no such method.
    MethodNotAllowed => METHOD_NOT_ALLOWED, "The path does not take this method";
    /// No such rollup.
    RollupNotFound => NOT_FOUND, "No such rollup";
    /// No such batch.
    BatchNotFound => NOT_FOUND, "No such batch";
    /// No such transfer.
    TransferNotFound => NOT_FOUND, "No such transfer";
    /// No such exit.
    ExitNotFound => NOT_FOUND, "No such exit";
    /// No such epoch.
    EpochNotFound => NOT_FOUND, "No such epoch";
    /// No such webhook.
    WebhookNotFound => NOT_FOUND, "No such webhook";
    /// The api was started without what webhooks are signed with.
    WebhooksOff => CONFLICT, "This api tells no webhooks";
    /// As many webhooks are told of events as may be at once.
    TooManyWebhooks => CONFLICT, "There are too many webhooks";
    /// A webhook was to start after an event that has not happened yet.
    EventNotReached => CONFLICT, "The event has not happened yet";
    /// The transfers that are asked for are in an archive file.
    Archived => GONE, "It is in the archive";
    /// The epoch has no aggregated proof yet.
    ProofNotReady => NOT_FOUND, "The epoch has no aggregated proof yet";
    /// The epoch is open, or was sealed before books were kept.
    BooksNotFound => NOT_FOUND, "The epoch has no closed books";
    /// The epoch has not come so far yet.
    EpochNotReady => CONFLICT, "The epoch has not come so far yet";
    /// The epoch is sealed: what it is cannot be simulated any more.
    EpochSealed => CONFLICT, "The epoch is sealed";
    /// The exit's epoch has not settled yet: `epoch` and `epoch_status` say how far it is.
    ExitNotSettled => CONFLICT, "The exit is not settled yet";
    /// The batch of the exit was evicted; nothing of it will settle.
    ExitReversed => CONFLICT, "The exit was reversed";
    /// The books have not come to the block or moment that `as_of` names; on a replica, not yet.
    AsOfNotReached => CONFLICT, "The books have not come so far yet";
    /// An amount is a JSON number or another type, not a string.
    AmountNotAString => UNPROCESSABLE_ENTITY, "An amount must be a decimal string";
    /// An amount is below zero.
    AmountNegative => UNPROCESSABLE_ENTITY, "An amount is negative";
    /// An amount has an exponent.
    AmountHasExponent => UNPROCESSABLE_ENTITY, "An amount has an exponent";
    /// An amount is no plain decimal number.
    AmountNotANumber => UNPROCESSABLE_ENTITY, "An amount is not a plain decimal number";
    /// An amount is finer than its asset's ledger unit.
    AmountTooManyDecimals => UNPROCESSABLE_ENTITY, "An amount has too many decimals";
    /// An amount or a sum is above `2^96 - 1` atoms.
    AmountTooLarge => UNPROCESSABLE_ENTITY, "An amount is too large";
    /// An amount is zero.
    AmountZero => UNPROCESSABLE_ENTITY, "An amount is zero";
    /// The rollup is not registered.
    UnknownRollup => UNPROCESSABLE_ENTITY, "The rollup is not registered";
    /// The asset is not registered.
    UnknownAsset => UNPROCESSABLE_ENTITY, "The asset is not registered";
    /// The rollup is registered already.
    AlreadyRegistered => CONFLICT, "The rollup is already registered";
    /// The batch is not signed by its rollup's registered key.
    SignatureInvalid => FORBIDDEN, "The signature is not the rollup's";
    /// The signature is not in its one canonical form.
    SignatureMalleable => UNPROCESSABLE_ENTITY, "The signature is not canonical";
    /// The key is no usable point of the curve.
    KeyInvalid => UNPROCESSABLE_ENTITY, "The key is not usable";
    /// The height is not the rollup's next one.
    HeightOutOfOrder => CONFLICT, "The height is not the next one";
    /// The batch does not continue the rollup's last L2 root.
    PreviousRootMismatch => CONFLICT, "The previous root is not the rollup's last root";
    /// The exit root does not follow from the exits.
    ExitRootMismatch => UNPROCESSABLE_ENTITY, "The exit root does not follow from the exits";
    /// The lanes are not the sums of what is listed.
    LanesDiffer => UNPROCESSABLE_ENTITY, "The lanes differ from the listed transfers and exits";
    /// The lanes are not in order, each once.
    LanesOutOfOrder => UNPROCESSABLE_ENTITY, "The lanes are not in ascending order";
    /// More lanes than a batch may have.
    TooManyLanes => UNPROCESSABLE_ENTITY, "The batch has too many lanes";
    /// More transfers and exits than a batch may list.
    TooManyTransfers => UNPROCESSABLE_ENTITY, "The batch lists too many transfers and exits";
    /// A transfer to the sending rollup or to L1.
    BadDestination => UNPROCESSABLE_ENTITY, "A transfer cannot go there";
    /// A cell would fall below zero.
    Overdraft => UNPROCESSABLE_ENTITY, "The cell holds too little";
    /// A part of the cell's balance is held, and what is left is too little.
    AmountHeld => UNPROCESSABLE_ENTITY, "A part of what the cell holds may not be moved";
    /// The rollup's exit tree has no room left.
    ExitTreeFull => UNPROCESSABLE_ENTITY, "The exit tree is full";
    /// The epoch would need more steps than one may have.
    TooManySteps => SERVICE_UNAVAILABLE, "The epoch has no step left";
    /// The epoch takes no more batches; the next one will.
    EpochFull => SERVICE_UNAVAILABLE, "The epoch is full";
    /// Another batch is booked at this height.
    BatchConflict => CONFLICT, "Another batch is booked at this height";
    /// This batch was evicted because it cannot be proven.
    BatchUnprovable => CONFLICT, "This batch was evicted and cannot come back";
    /// The ledger has adopted no domain yet.
    DomainNotAdopted => SERVICE_UNAVAILABLE, "The ledger is not bound to an L1 contract yet";
    /// The ledger belongs to another domain.
    DomainChanged => INTERNAL_SERVER_ERROR, "The ledger belongs to another domain";
    /// Somebody else settled an epoch with another state: the books end before it.
    SettledElsewhere => CONFLICT, "L1 has settled another state than the ledger's";
    /// The database cannot be reached at the moment.
    DatabaseUnavailable => SERVICE_UNAVAILABLE, "The database cannot be reached";
    /// The replica that lists and sums are read from cannot be reached at the moment.
    ReplicaUnavailable => SERVICE_UNAVAILABLE, "The replica cannot be reached";
    /// Too many requests at once.
    Overloaded => SERVICE_UNAVAILABLE, "Too many requests at once";
    /// The answer took too long.
    Timeout => SERVICE_UNAVAILABLE, "The answer took too long";
    /// A defect on this side.
    Internal => INTERNAL_SERVER_ERROR, "Something failed on our side";
}

impl Code {
    /// Whether the same request may succeed later, unchanged.
    #[must_use]
    pub(crate) fn retryable(self) -> bool {
        matches!(self.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
    }
}
