//! Every way a request can fail, and the one place that knows status codes.
//!
//! **Invariant:** each refusal of `domain` and `ledger` has its own code here; the matches are
//! exhaustive, so that a new refusal does not compile until it has one. Nothing internal leaves in
//! an answer: a defect is logged with the request id and answered as `internal`.

mod code;
mod documented;
mod problem;
mod refusal;
mod request;

use axum::response::{IntoResponse, Response};
use domain::{EpochNumber, ExitIndex, KeyError, Refusal, RollupId};
use ledger::BlockNumber;

pub(crate) use code::Code;
pub(crate) use documented::{
    Bodies, Created, Gone, KeyHeader, Missing, NotYet, Problems, Refusals, Reused, Sealed,
    Unreached,
};
pub(crate) use problem::Problem;
pub(crate) use problem::ProblemBody;
pub(crate) use request::{BodyError, MoneyError, NotFound, ParameterError};

use crate::{
    access::AccessError, epochs::EpochState, evidence::Fault, json::Place, rate::TooOften,
};

/// Why a request is refused or fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Whoever asks may not, or has not shown that they may.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Whoever asks does so too often.
    #[error(transparent)]
    TooOften(#[from] TooOften),
    /// The body is refused before its meaning is looked at.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// An amount of the body is refused.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The path or query is refused.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// What is asked for is not there.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// A field that is no part of a signature.
    #[error("{place} is refused")]
    Key {
        /// Why.
        #[source]
        error: KeyError,
        /// The field.
        place: Place,
    },
    /// A rule that one field of the body breaks.
    #[error("{place} is refused")]
    RefusedField {
        /// The rule.
        #[source]
        refusal: Refusal,
        /// The field.
        place: Place,
    },
    /// A rule that the batch breaks.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What proves an exit is not there: its epoch has not settled.
    #[error(
        "exit {rollup}/{index} settles with epoch {epoch}, which is {status}; its receipt is there once L1 \
         has settled that epoch"
    )]
    ExitNotSettled {
        /// The rollup.
        rollup: RollupId,
        /// The exit's number.
        index: ExitIndex,
        /// Its epoch.
        epoch: EpochNumber,
        /// How far that is.
        status: EpochState,
    },
    /// What proves an exit will never be there: its batch was evicted.
    #[error(
        "exit {rollup}/{index} was reversed with its batch by journal block {by}; it is never paid"
    )]
    ExitReversed {
        /// The rollup.
        rollup: RollupId,
        /// The exit's number.
        index: ExitIndex,
        /// The block that reversed it.
        by: BlockNumber,
    },
    /// A file that would not stand its own check.
    #[error("what was made does not stand its own check")]
    Evidence(#[from] Fault),
    /// The ledger has adopted no domain yet.
    #[error("the ledger is not bound to an L1 contract yet; start the engine")]
    DomainNotAdopted,
    /// The ledger refused or failed.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// What is asked for is of the open epoch, and this one is not open any more.
    #[error("epoch {epoch} is sealed; /v1/epochs/{epoch} says what it is")]
    EpochSealed {
        /// The epoch.
        epoch: EpochNumber,
    },
    /// Nobody would tell webhooks.
    #[error("this api tells no webhooks: the operator starts it with NETFOLD_WEBHOOK_SECRET")]
    WebhooksOff,
    /// Too many requests at once.
    #[error("more than {limit} requests are being answered; try again")]
    Overloaded {
        /// The bound.
        limit: usize,
    },
    /// The answer took too long.
    #[error("no answer within {limit_s} s; sending the same again is safe")]
    Timeout {
        /// The bound.
        limit_s: u64,
    },
    /// A page that could not be rendered.
    #[error("a page could not be rendered")]
    Render(#[from] askama::Error),
    /// A handler panicked.
    #[error("a handler panicked")]
    Panicked,
}

impl Error {
    /// The answer to it.
    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::Access(error) => refusal::of_access(error),
            Self::TooOften(error) => Problem::new(Code::RateLimited, self.to_string())
                .with("limit_per_second", error.per_second)
                .retry_after(error.wait_s),
            Self::Body(error) => error.problem(),
            Self::Money(error) => error.problem(),
            Self::Parameter(error) => error.problem(),
            Self::NotFound(error) => error.problem(),
            Self::Key { error, place } => refusal::of_key(*error).place(place),
            Self::RefusedField { refusal, place } => refusal::of_refusal(*refusal).place(place),
            Self::Refused(refusal) => refusal::of_refusal(*refusal),
            Self::ExitNotSettled { index, epoch, status, .. } => {
                Problem::new(Code::ExitNotSettled, self.to_string())
                    .param("index")
                    .value(index.number())
                    .with("epoch", epoch.number())
                    .with("epoch_status", status.word())
            }
            Self::ExitReversed { index, by, .. } => {
                Problem::new(Code::ExitReversed, self.to_string())
                    .param("index")
                    .value(index.number())
                    .with("reversed_by", by.number())
            }
            Self::DomainNotAdopted => Problem::new(Code::DomainNotAdopted, self.to_string()),
            Self::Ledger(error) => refusal::of_ledger(error),
            Self::EpochSealed { epoch } => Problem::new(Code::EpochSealed, self.to_string())
                .param("epoch")
                .value(epoch.number()),
            Self::WebhooksOff => Problem::new(Code::WebhooksOff, self.to_string()),
            Self::Overloaded { limit } => {
                Problem::new(Code::Overloaded, self.to_string()).with("limit", *limit)
            }
            Self::Timeout { limit_s } => {
                Problem::new(Code::Timeout, self.to_string()).with("limit_s", *limit_s)
            }
            Self::Evidence(_) | Self::Render(_) | Self::Panicked => Problem::internal(),
        }
    }
}

impl Error {
    /// The answer to it, with what only the log is told.
    pub(crate) fn told(&self) -> Problem {
        let problem = self.problem();
        if problem.code().status().is_server_error() {
            tracing::error!(code = %problem.code(), error = %chain(self), "request failed");
        }
        problem
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.told().into_response()
    }
}

/// An error and what caused it, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
