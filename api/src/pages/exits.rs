//! `/exits`: what leaves for L1, everybody's or one account's.

use alloy_primitives::Address;
use askama::Template;
use axum::{extract::State as Extracted, response::Response};
use domain::{EpochNumber, RollupId};
use ledger::{ClaimStatus, ExitFilter, PostedExit, TransferId};

use super::{
    clock::Moment,
    frame::{Frame, answer},
    money::Money,
    names::{Names, shorten},
};
use crate::{State, error::Error, extract::Parameters, money::Assets, page::PageQuery};

#[derive(Template)]
#[template(path = "exits.html")]
struct Exits {
    frame: Frame,
    /// What is left out, in words.
    only: Option<String>,
    recipient: String,
    rows: Vec<ExitRow>,
    /// The list's address, up to the cursor.
    path: String,
    next: Option<String>,
}

/// An exit in a list.
pub(super) struct ExitRow {
    pub(super) url: String,
    pub(super) rollup: String,
    pub(super) index: u32,
    pub(super) amount: Money,
    pub(super) recipient: String,
    pub(super) recipient_url: String,
    pub(super) epoch: u64,
    /// `open`, `claimable`, `paid` or `reversed`: also a CSS class.
    pub(super) status: &'static str,
    pub(super) at: Moment,
}

pub(crate) async fn exits(
    Extracted(state): Extracted<State>,
    query: Result<Parameters, Error>,
) -> Response {
    answer(read(&state, query).await)
}

async fn read(state: &State, query: Result<Parameters, Error>) -> Result<Exits, Error> {
    let mut query = query?;
    let page = PageQuery::<TransferId>::take("exits", &mut query)?;
    query.drop_empty();
    let filter = ExitFilter {
        rollup: query.number("rollup")?.map(RollupId::new),
        recipient: query.address("recipient")?,
        epoch: query.number("epoch")?.map(EpochNumber::new),
    };
    query.finish()?;
    let assets = state.assets().await?;
    let names = Names::new(state.settings());
    let found = state.reads().await?.exits(&filter, page.before, page.limit).await?;
    let row = |exit| ExitRow::of(&exit, &assets, &names);
    let listed = page.page(found, |exit| exit.id, row);
    let live = page.before.is_none();
    Ok(Exits {
        frame: if live { Frame::live("exits") } else { Frame::still("exits") },
        only: only(&filter, &names),
        recipient: filter.recipient.map(|address| address.to_string()).unwrap_or_default(),
        rows: listed.items,
        path: path(&filter),
        next: listed.next_cursor,
    })
}

fn only(filter: &ExitFilter, names: &Names<'_>) -> Option<String> {
    let parts = [
        filter.rollup.map(|rollup| format!("out of {}", names.rollup(rollup))),
        filter.recipient.map(|address| format!("to {address}")),
        filter.epoch.map(|epoch| format!("of epoch {epoch}")),
    ];
    let parts = parts.into_iter().flatten().collect::<Vec<_>>();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn path(filter: &ExitFilter) -> String {
    let mut path = "/exits?".to_owned();
    let parts = [
        filter.rollup.map(|rollup| format!("rollup={rollup}&")),
        filter.recipient.map(|address| format!("recipient={address}&")),
        filter.epoch.map(|epoch| format!("epoch={epoch}&")),
    ];
    path.extend(parts.into_iter().flatten());
    path
}

/// Where the exits to an account are listed.
pub(super) fn exits_to(recipient: Address) -> String {
    format!("/exits?recipient={recipient}")
}

/// How far an exit is, in one word.
pub(super) fn status(status: &ClaimStatus) -> &'static str {
    match status {
        ClaimStatus::Open => "open",
        ClaimStatus::Claimable => "claimable",
        ClaimStatus::Paid { .. } => "paid",
        ClaimStatus::Reversed { .. } => "reversed",
    }
}

impl ExitRow {
    pub(super) fn of(exit: &PostedExit, assets: &Assets, names: &Names<'_>) -> Self {
        let claim = exit.claim;
        Self {
            url: format!("/exits/{}/{}", claim.rollup, claim.index),
            rollup: names.rollup(claim.rollup),
            index: claim.index.number(),
            amount: Money::of(claim.asset, claim.atoms, assets, names),
            recipient: shorten(&claim.recipient.to_string()),
            recipient_url: exits_to(claim.recipient),
            epoch: exit.epoch.number(),
            status: status(&exit.status),
            at: Moment::of(exit.posted_at),
        }
    }
}
