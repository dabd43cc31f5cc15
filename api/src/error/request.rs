//! Requests that say nothing the API understands: their bodies, parameters and paths.

use axum::http::Method;
use domain::{AmountError, Atoms, EpochNumber, ExitIndex, Height, RollupId, limits::MAX_DECIMALS};
use ledger::{TransferId, WebhookId};
use serde_json::Value;

use super::{Code, Problem, problem::shorten};
use crate::json::Place;

/// Why a body is refused before its meaning is looked at.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum BodyError {
    /// The body is no JSON.
    #[error("the body is not JSON: reading stopped at line {line}, column {column}")]
    Malformed {
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// An object of the body names a field twice.
    #[error("an object names a field twice, up to line {line}, column {column}")]
    DuplicateField {
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// A field that the request does not have.
    #[error("there is no field {place}; leave it out")]
    UnknownField {
        /// The field.
        place: Place,
    },
    /// A field that the request must have.
    #[error("the field {place} is missing")]
    MissingField {
        /// The field.
        place: Place,
    },
    /// A field of the wrong JSON type.
    #[error("{place} must be {expected}, not {found}")]
    WrongType {
        /// The field.
        place: Place,
        /// The type that it must have.
        expected: &'static str,
        /// The type that it has.
        found: &'static str,
        /// The value.
        value: Value,
    },
    /// A field of the right type whose value is outside its form.
    #[error("{place} must be {expected}")]
    InvalidValue {
        /// The field.
        place: Place,
        /// The form that it must have.
        expected: &'static str,
        /// The value.
        value: Value,
    },
    /// The body was not received to its end.
    #[error("the body ended before its announced length; send it again")]
    Interrupted,
    /// The body is larger than accepted.
    #[error("the body is larger than {limit} bytes; cut the batch into several")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
    /// The body is announced as something else than JSON.
    #[error("send the body with content-type: application/json")]
    UnsupportedMediaType {
        /// What it is announced as.
        found: Option<String>,
    },
}

/// Why an amount of a body is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum MoneyError {
    /// An amount that is no string.
    #[error("{place} must be a decimal string: \"1.5\", not 1.5")]
    NotAString {
        /// The field.
        place: Place,
        /// The value.
        value: Value,
    },
    /// An amount of nothing.
    #[error("{place} moves nothing; leave the item out")]
    Zero {
        /// The field.
        place: Place,
        /// The value.
        text: String,
    },
    /// A string that is no amount.
    #[error("{place} is refused")]
    Unreadable {
        /// Why.
        #[source]
        error: AmountError,
        /// The field.
        place: Place,
        /// The value.
        text: String,
    },
}

/// Why a path or query is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum ParameterError {
    /// A path or query parameter outside its form.
    #[error("{param} must be {expected}")]
    Invalid {
        /// The parameter.
        param: &'static str,
        /// The form that it must have.
        expected: &'static str,
        /// The value.
        value: String,
    },
    /// A query parameter that the resource does not have.
    #[error("this resource has no query parameter {param}; leave it out")]
    Unknown {
        /// The parameter.
        param: String,
        /// Its value.
        value: String,
    },
    /// A query parameter given twice.
    #[error("the query parameter {param} is given twice; give it once")]
    Duplicate {
        /// The parameter.
        param: String,
    },
    /// An idempotency key outside its form.
    #[error("send one idempotency-key of 1 to 255 visible ASCII characters, such as a UUID")]
    IdempotencyKey {
        /// What came.
        value: String,
    },
    /// A cursor that this list never gave out.
    #[error("this list never gave out that cursor; start without one")]
    Cursor {
        /// The cursor.
        cursor: String,
    },
}

/// What is not there.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum NotFound {
    /// No such path.
    #[error("there is nothing at {path}; /openapi.json lists every path")]
    Route {
        /// The path.
        path: String,
    },
    /// The path has no such method.
    #[error("{path} does not take {method}; the header `allow` lists what it takes")]
    Method {
        /// The method.
        method: Method,
        /// The path.
        path: String,
    },
    /// No such rollup.
    #[error("rollup {rollup} is not registered")]
    Rollup {
        /// The id.
        rollup: RollupId,
    },
    /// No such batch.
    #[error("rollup {rollup} has no batch at height {height}")]
    Batch {
        /// The rollup.
        rollup: RollupId,
        /// The height.
        height: Height,
    },
    /// No such transfer.
    #[error("the journal has no transfer {id}")]
    Transfer {
        /// The id.
        id: TransferId,
    },
    /// No such exit.
    #[error("rollup {rollup} has no exit {index}")]
    Exit {
        /// The rollup.
        rollup: RollupId,
        /// The index.
        index: ExitIndex,
    },
    /// No such epoch.
    #[error("there is no epoch {epoch}")]
    Epoch {
        /// The number.
        epoch: EpochNumber,
    },
    /// The epoch is open, or was sealed before books were kept.
    #[error("epoch {epoch} has no closed books: it is open, or older than they are")]
    Books {
        /// The number.
        epoch: EpochNumber,
    },
    /// No such webhook.
    #[error("there is no webhook {id}")]
    Webhook {
        /// Its name.
        id: WebhookId,
    },
    /// The epoch has no aggregated proof yet.
    #[error("epoch {epoch} has no aggregated proof yet; its `proof` is there when it has")]
    Proof {
        /// The number.
        epoch: EpochNumber,
    },
}

impl BodyError {
    pub(super) fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::Malformed { line, column } => Problem::new(Code::MalformedJson, detail)
                .with("line", *line)
                .with("column", *column),
            Self::DuplicateField { line, column } => Problem::new(Code::DuplicateField, detail)
                .with("line", *line)
                .with("column", *column),
            Self::UnknownField { place } => Problem::new(Code::UnknownField, detail).place(place),
            Self::MissingField { place } => Problem::new(Code::MissingField, detail).place(place),
            Self::WrongType { place, value, .. } => {
                Problem::new(Code::WrongType, detail).place(place).value(value.clone())
            }
            Self::InvalidValue { place, value, .. } => {
                Problem::new(Code::InvalidValue, detail).place(place).value(value.clone())
            }
            Self::Interrupted => Problem::new(Code::BodyInterrupted, detail),
            Self::TooLarge { limit } => {
                Problem::new(Code::BodyTooLarge, detail).with("limit", *limit)
            }
            Self::UnsupportedMediaType { found } => {
                Problem::new(Code::UnsupportedMediaType, detail)
                    .param("content-type")
                    .value(found.clone())
            }
        }
    }
}

impl MoneyError {
    pub(super) fn problem(&self) -> Problem {
        match self {
            Self::NotAString { place, value } => {
                Problem::new(Code::AmountNotAString, self.to_string())
                    .place(place)
                    .value(value.clone())
            }
            Self::Zero { place, text } => {
                Problem::new(Code::AmountZero, self.to_string()).place(place).value(text.as_str())
            }
            Self::Unreadable { error, place, text } => {
                of_amount(error, text).place(place).value(text.as_str())
            }
        }
    }
}

/// An amount that cannot be read; the commonest mistakes have codes of their own.
fn of_amount(error: &AmountError, text: &str) -> Problem {
    match error {
        AmountError::TooLarge => Problem::new(
            Code::AmountTooLarge,
            format!("{error}; the bound holds for every amount and every balance"),
        ),
        AmountError::TooManyDecimals { decimals, .. } => Problem::new(
            Code::AmountTooManyDecimals,
            format!("the asset is counted in {decimals} decimals; nothing is rounded"),
        )
        .with("decimals", *decimals),
        AmountError::NotANumber { .. } => {
            let (code, detail) = match text.strip_prefix('-') {
                Some(rest) if Atoms::parse_decimal(rest, MAX_DECIMALS).is_ok() => {
                    (Code::AmountNegative, "an amount is never negative")
                }
                _ if has_exponent(text) => {
                    (Code::AmountHasExponent, "write every digit out: \"1000\", not \"1e3\"")
                }
                _ => (
                    Code::AmountNotANumber,
                    "write digits and at most one point: no sign, blank, leading zero or word",
                ),
            };
            Problem::new(code, detail)
        }
        AmountError::NotAtoms { .. } => Problem::new(Code::AmountNotANumber, error.to_string()),
    }
}

/// Whether the text is a number with an exponent: `1e3`, `-2.5E-7`.
fn has_exponent(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa = mantissa.trim_start_matches(['-', '+']);
    digits(exponent.trim_start_matches(['-', '+'])) && mantissa.split('.').all(digits)
}

impl ParameterError {
    pub(super) fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::Invalid { param, value, .. } => {
                Problem::new(Code::InvalidParameter, detail).param(*param).value(value.as_str())
            }
            Self::Unknown { param, value } => Problem::new(Code::UnknownParameter, detail)
                .param(shorten(param))
                .value(value.as_str()),
            Self::Duplicate { param } => {
                Problem::new(Code::DuplicateParameter, detail).param(shorten(param))
            }
            Self::IdempotencyKey { value } => Problem::new(Code::InvalidIdempotencyKey, detail)
                .param("idempotency-key")
                .value(value.as_str()),
            Self::Cursor { cursor } => {
                Problem::new(Code::InvalidCursor, detail).param("cursor").value(cursor.as_str())
            }
        }
    }
}

impl NotFound {
    pub(super) fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::Route { path } => Problem::new(Code::RouteNotFound, detail).value(path.as_str()),
            Self::Method { method, .. } => {
                Problem::new(Code::MethodNotAllowed, detail).value(method.as_str())
            }
            Self::Rollup { rollup } => {
                Problem::new(Code::RollupNotFound, detail).param("rollup").value(rollup.number())
            }
            Self::Batch { height, .. } => {
                Problem::new(Code::BatchNotFound, detail).param("height").value(height.number())
            }
            Self::Transfer { id } => {
                Problem::new(Code::TransferNotFound, detail).param("id").value(id.to_string())
            }
            Self::Exit { index, .. } => {
                Problem::new(Code::ExitNotFound, detail).param("index").value(index.number())
            }
            Self::Webhook { id } => {
                Problem::new(Code::WebhookNotFound, detail).param("id").value(id.to_string())
            }
            Self::Epoch { epoch } => {
                Problem::new(Code::EpochNotFound, detail).param("epoch").value(epoch.number())
            }
            Self::Books { epoch } => {
                Problem::new(Code::BooksNotFound, detail).param("epoch").value(epoch.number())
            }
            Self::Proof { epoch } => {
                Problem::new(Code::ProofNotReady, detail).param("epoch").value(epoch.number())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commonest ways to write an amount wrongly are told apart.
    #[test]
    fn unreadable_amounts_have_their_own_codes() {
        for (text, code) in [
            ("-1", Code::AmountNegative),
            ("-0.5", Code::AmountNegative),
            ("1e3", Code::AmountHasExponent),
            ("-2.5E-7", Code::AmountHasExponent),
            ("NaN", Code::AmountNotANumber),
            ("Infinity", Code::AmountNotANumber),
            ("", Code::AmountNotANumber),
            ("01", Code::AmountNotANumber),
            ("+1", Code::AmountNotANumber),
            ("1,5", Code::AmountNotANumber),
            ("0x10", Code::AmountNotANumber),
            ("e", Code::AmountNotANumber),
        ] {
            let Err(error) = Atoms::parse_decimal(text, 6) else { panic!("{text:?} is read") };
            assert_eq!(of_amount(&error, text).code(), code, "{text:?}");
        }
    }
}
