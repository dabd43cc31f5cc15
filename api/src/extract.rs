//! What a request is read by: its JSON body, its query, its path.
//!
//! **Invariant:** a handler gets typed values or the request is refused with the parameter's name
//! and the offending value; no query parameter is ignored.

use std::{collections::BTreeMap, str::FromStr};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Query, Request, rejection::BytesRejection},
    http::{HeaderMap, header, request::Parts},
};

use crate::{
    error::{BodyError, Error, ParameterError},
    json::{Field, Json, parse_bytes},
};

/// Most bytes of a body: a batch of 1,000 transfers has about 130 kB.
pub const BODY_LIMIT: usize = 512 * 1024;

/// A body of `application/json`, at most [`BODY_LIMIT`] bytes, with no name given twice.
pub(crate) struct JsonBody(pub(crate) Field);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        check_media_type(request.headers())?;
        let bytes = read_bytes(request, state).await?;
        Ok(Self(Field::body(Json::read(&bytes)?)))
    }
}

/// The body, at most [`BODY_LIMIT`] bytes.
pub(crate) async fn read_bytes<S: Send + Sync>(
    request: Request,
    state: &S,
) -> Result<Bytes, BodyError> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if let BytesRejection::FailedToBufferBody(
            axum::extract::rejection::FailedToBufferBody::LengthLimitError(_),
        ) = rejection
        {
            BodyError::TooLarge { limit: BODY_LIMIT }
        } else {
            BodyError::Interrupted
        }
    })
}

/// `application/json`, whatever its parameters.
pub(crate) fn check_media_type(headers: &HeaderMap) -> Result<(), BodyError> {
    let found = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = found.unwrap_or("").split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(BodyError::UnsupportedMediaType { found: found.map(str::to_owned) })
    }
}

/// The query parameters of a request, to be taken one by one.
pub(crate) struct Parameters(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| ParameterError::Invalid {
            param: "query",
            expected: "percent-encoded name=value pairs",
            value: parts.uri.query().unwrap_or("").to_owned(),
        })?;
        let mut parameters = BTreeMap::new();
        for (name, value) in pairs {
            if parameters.contains_key(&name) {
                return Err(ParameterError::Duplicate { param: name }.into());
            }
            parameters.insert(name, value);
        }
        Ok(Self(parameters))
    }
}

impl Parameters {
    /// Takes an id or another number: at most what a column holds, as the document says.
    pub(crate) fn number<T: FromStr>(
        &mut self,
        param: &'static str,
    ) -> Result<Option<T>, ParameterError> {
        let Some(text) = self.0.remove(param) else { return Ok(None) };
        number::<i64>(param, &text)?;
        number(param, &text).map(Some)
    }

    /// Takes a parameter as it is.
    pub(crate) fn text(&mut self, param: &'static str) -> Option<String> {
        self.0.remove(param)
    }

    /// Takes an L1 address.
    pub(crate) fn address(
        &mut self,
        param: &'static str,
    ) -> Result<Option<alloy_primitives::Address>, ParameterError> {
        let address = |text: String| match parse_bytes(&text) {
            Some(bytes) => Ok(alloy_primitives::Address::new(bytes)),
            None => Err(ParameterError::Invalid {
                param,
                expected: "0x and 40 hex digits",
                value: text,
            }),
        };
        self.0.remove(param).map(address).transpose()
    }

    /// Forgets parameters without a value: fields of a form that were left empty.
    pub(crate) fn drop_empty(&mut self) {
        self.0.retain(|_, value| !value.is_empty());
    }

    /// Every parameter has been taken; what is left is unknown.
    pub(crate) fn finish(mut self) -> Result<(), ParameterError> {
        match self.0.pop_first() {
            Some((param, value)) => Err(ParameterError::Unknown { param, value }),
            None => Ok(()),
        }
    }
}

/// Reads a number in its one form: no sign, no leading zero, in range.
pub(crate) fn number<T: FromStr>(param: &'static str, text: &str) -> Result<T, ParameterError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    let refused = || ParameterError::Invalid {
        param,
        expected: "a whole number in range",
        value: text.into(),
    };
    if !canonical {
        return Err(refused());
    }
    text.parse().map_err(|_| refused())
}
