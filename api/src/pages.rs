//! The pages: the state of the cluster in words and numbers, for people.
//!
//! **Invariant:** a page is whole without JavaScript and asks no other host for anything; with
//! JavaScript it follows the event stream. Every number on it is exact.

mod account;
mod answers;
mod audit;
mod batch;
mod batches;
mod books;
mod card;
mod chart;
mod clock;
mod costs;
mod epoch;
mod epochs;
mod exit;
mod exits;
mod figure;
mod frame;
mod happening;
mod jobs;
mod journey;

mod matrix;
mod money;
mod names;
mod overview;
mod ribbons;
mod rollup;
mod rollups;
mod search;
mod transfer;
mod webhooks;

use alloy_primitives::hex;
use axum::{
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::Embed;

use crate::error::{Error, NotFound};

pub(crate) use account::account;
pub(crate) use audit::audit;
pub(crate) use batch::batch;
pub(crate) use books::ledger;
pub(crate) use costs::costs;
pub(crate) use epoch::epoch;
pub(crate) use epochs::epochs;
pub(crate) use exit::exit;
pub(crate) use exits::exits;
pub(crate) use frame::failure;
pub(crate) use jobs::jobs;
pub(crate) use overview::overview;
pub(crate) use rollup::rollup;
pub(crate) use rollups::rollups;
pub(crate) use search::search;
pub(crate) use transfer::transfer;

/// Files that the pages load, inside the binary.
#[derive(Embed)]
#[folder = "assets/"]
struct Files;

/// A file that a page loads. Browsers ask each time whether it has changed, so that no page meets
/// the style of another version.
pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Error> {
    let file = Files::get(&name);
    let file = file.ok_or_else(|| NotFound::Route { path: format!("/assets/{name}") })?;
    let tag = format!("\"{}\"", hex::encode(file.metadata.sha256_hash()));
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str());
    let caching = [(header::ETAG, tag), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let kind = [(header::CONTENT_TYPE, file.metadata.mimetype().to_owned())];
    Ok((caching, kind, file.data.into_owned()).into_response())
}
