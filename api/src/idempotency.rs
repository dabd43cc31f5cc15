//! `Idempotency-Key`: what a caller calls a write, so that it takes effect once.
//!
//! **Invariant:** a key is its caller's own, whose name is their API key's public part, or nothing; and it stands
//! for a request to the byte: method, path with its query, body. Whether it is known is for the ledger to say,
//! in the db_tx that writes.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderName},
};
use ledger::{IdempotencyKey, KeyedRequest};

use crate::{
    access::Caller,
    error::{Error, ParameterError},
    extract::{check_media_type, read_bytes},
    json::{Field, Json},
};

/// The header.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that the answer is the one that the request got when it was first sent.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A write, with its key if one came.
pub(crate) struct Keyed {
    /// Its key.
    pub(crate) request: Option<KeyedRequest>,
    bytes: Bytes,
}

/// A write whose body is JSON, as [`crate::extract::JsonBody`] reads it, with its key if one came.
pub(crate) struct KeyedJson {
    /// Its body.
    pub(crate) body: Field,
    /// Its key.
    pub(crate) request: Option<KeyedRequest>,
}

impl<S: Send + Sync> FromRequest<S> for Keyed {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let key = key(request.headers())?;
        let caller = request.extensions().get::<Caller>().and_then(Caller::key);
        let asked = format!("{} {}", request.method(), request.uri());
        let bytes = read_bytes(request, state).await?;
        let request = key.map(|key| KeyedRequest::new(caller, key, &asked, &bytes));
        Ok(Self { request, bytes })
    }
}

impl<S: Send + Sync> FromRequest<S> for KeyedJson {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        check_media_type(request.headers())?;
        let Keyed { request, bytes } = Keyed::from_request(request, state).await?;
        Ok(Self { body: Field::body(Json::read(&bytes)?), request })
    }
}

/// The one key that came, if one did.
fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ParameterError> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(first) = given.next() else { return Ok(None) };
    let refused = |value: String| ParameterError::IdempotencyKey { value };
    if given.next().is_some() {
        return Err(refused("more than one".to_owned()));
    }
    let text = || String::from_utf8_lossy(first.as_bytes()).into_owned();
    let key = first.to_str().ok().and_then(|key| key.parse().ok());
    key.map(Some).ok_or_else(|| refused(text()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    /// One key of visible characters is read; two, none and what is not ASCII are refused.
    #[test]
    fn one_key_is_read() {
        let read = |values: &[&'static [u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
            }
            key(&headers).map(|key| key.map(|key| key.to_string()))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b"one"]), Ok(Some("one".to_owned())));
        for wrong in [&[&b""[..]][..], &[b"a b"], &[b"one", b"one"], &[b"\xc3\xa9"]] {
            assert!(matches!(read(wrong), Err(ParameterError::IdempotencyKey { .. })), "{wrong:?}");
        }
    }
}
