//! Entity tags: what a reader has already is not sent again.
//!
//! **Invariant:** a tag is of the very bytes of the answer, so it needs no rule of what can change: an epoch
//! that is final has the same one for good, and what is still moving has another as soon as it moved.
//!
//! RFC 9110, sections 8.8.3 and 13.1.2.

use axum::{
    body::{Body, HttpBody as _, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response as Answer},
};
use sha2::{Digest as _, Sha256};
use utoipa::openapi::{
    HeaderBuilder, OpenApi, RefOr, ResponseBuilder,
    schema::{ObjectBuilder, Type},
};

use crate::error::Error;

/// Answers that are longer are not held to be tagged.
const LONGEST: usize = 16 << 20;

/// Tags what is read, and answers 304 to whoever has it. Streams have no length yet and go by.
pub(crate) async fn tag(request: Request, next: Next) -> Answer {
    let is_read = request.method() == Method::GET && request.uri().path().starts_with("/v1/");
    let known =
        request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect::<Vec<_>>();
    let answer = next.run(request).await;
    let length = answer.body().size_hint().exact();
    let is_short =
        length.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length <= LONGEST));
    if !is_read || answer.status() != StatusCode::OK || !is_short {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    // It is in memory already.
    let Ok(bytes) = to_bytes(body, LONGEST).await else { return Error::Panicked.into_response() };
    mark(&mut parts.headers, &bytes);
    let tag = parts.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
    let is_known = known.iter().any(|list| names(list, tag));
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Answer::from_parts(parts, Body::empty());
    }
    Answer::from_parts(parts, Body::from(bytes))
}

fn tag_of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    format!("\"{}\"", alloy_primitives::hex::encode(digest.get(..16).unwrap_or_default()))
}

/// Says which tag the bytes have, unless that is said already, and how they may be kept.
pub(crate) fn mark(headers: &mut HeaderMap, bytes: &[u8]) {
    if !headers.contains_key(header::ETAG)
        && let Ok(tag) = HeaderValue::from_str(&tag_of(bytes))
    {
        headers.insert(header::ETAG, tag);
    }
    // Kept by whoever likes, and asked for again before it is used.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
}

/// Whether a list of tags has this one. Weakly compared, as the RFC wants it here.
fn names(list: &HeaderValue, tag: &str) -> bool {
    let list = list.to_str().unwrap_or_default();
    list.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// Tells readers of the document: what is read in one piece has a tag.
pub(crate) fn describe(document: &mut OpenApi) {
    let reads = document
        .paths
        .paths
        .iter_mut()
        .filter_map(|(path, item)| item.get.as_mut().filter(|_| path.starts_with("/v1/")));
    for read in reads {
        let Some(RefOr::T(found)) = read.responses.responses.get_mut("200") else { continue };
        let streams = ["text/event-stream", "application/x-ndjson"];
        if found.content.keys().any(|kind| streams.contains(&kind.as_str())) {
            continue;
        }
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        let etag = HeaderBuilder::new().schema(Some(text));
        let etag = etag.description(Some("The tag of the answer, for `If-None-Match`")).build();
        found.headers.insert("ETag".to_owned(), RefOr::T(etag));
        let same =
            ResponseBuilder::new().description("Nothing changed since the tag that was sent");
        read.responses.responses.insert("304".to_owned(), RefOr::T(same.build()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tag is found in any list that names it, weak or not, and in no other.
    #[test]
    fn lists_name_tags() {
        let tag = tag_of(b"{}");
        let is_named = |list: &str| names(&HeaderValue::from_str(list).unwrap(), &tag);
        for list in ["*", &tag, &format!("\"a\", W/{tag}"), &format!("{tag},\"b\"")] {
            assert!(is_named(list), "{list}");
        }
        for list in ["", "\"\"", tag.trim_matches('"'), &tag_of(b"{ }")] {
            assert!(!is_named(list), "{list}");
        }
    }
}
