//! `/batches/{rollup}/{height}`: what one rollup signed, and what became of it.

use askama::Template;
use axum::{
    extract::{Path, State as Extracted},
    response::Response,
};
use domain::{Height, RollupId};
use ledger::{PostedTransfer, TransferFilter, TransferId};

use super::{
    batches::{BatchRow, Move},
    card::status,
    clock::Moment,
    frame::{Frame, answer},
    money::Money,
    names::{Names, shorten},
};
use crate::{
    State,
    error::{Error, NotFound},
    extract::{Parameters, number},
    money::Assets,
    page::PageQuery,
};

#[derive(Template)]
#[template(path = "batch.html")]
struct BatchPage {
    frame: Frame,
    rollup: String,
    rollup_id: u16,
    height: u64,
    /// How far its epoch is, in one word.
    state: &'static str,
    epoch: u64,
    block: u64,
    posted_at: Moment,
    lanes: Vec<Move>,
    digest: String,
    previous_root: String,
    new_root: String,
    exit_root: String,
    eviction: Option<Evicted>,
    earlier: Vec<BatchRow>,
    transfers: Vec<Row>,
    next: Option<String>,
}

/// Why it does not stand.
struct Evicted {
    reason: String,
    reversal: u64,
    at: Moment,
    /// The batch that it went with, if that is another one.
    cause: Option<(String, String)>,
}

/// One of its transfers.
struct Row {
    id: String,
    destination: String,
    recipient: String,
    amount: Money,
}

pub(crate) async fn batch(
    Extracted(state): Extracted<State>,
    Path((rollup, height)): Path<(String, String)>,
    query: Result<Parameters, Error>,
) -> Response {
    answer(read(&state, &rollup, &height, query).await)
}

async fn read(
    state: &State,
    rollup: &str,
    height: &str,
    query: Result<Parameters, Error>,
) -> Result<BatchPage, Error> {
    let mut query = query?;
    let page = PageQuery::<TransferId>::take("transfers", &mut query)?;
    query.finish()?;
    let rollup = RollupId::new(number("rollup", rollup)?);
    let height = Height::new(number("height", height)?);
    let ledger = state.ledger();
    let found = ledger.batch(rollup, height).await?;
    let found = found.ok_or(NotFound::Batch { rollup, height })?;
    let posted = &found.posted;
    let assets = state.assets().await?;
    let names = Names::new(state.settings());
    let filter = TransferFilter { batch: Some((rollup, height)), ..TransferFilter::default() };
    let listed = ledger.transfers(&filter, page.before, page.limit).await?.items;
    let listed = page.page(listed, |one| one.id, |one| Row::of(&one, &assets, &names));
    let epoch = ledger.epoch(posted.epoch).await?;
    let live = page.before.is_none();
    Ok(BatchPage {
        frame: if live { Frame::live("rollups") } else { Frame::still("rollups") },
        rollup: names.rollup(rollup),
        rollup_id: rollup.number(),
        height: height.number(),
        state: epoch.map_or("open", |epoch| status(epoch.status)),
        epoch: posted.epoch.number(),
        block: posted.block.number(),
        posted_at: Moment::of(posted.posted_at),
        lanes: BatchRow::of(posted, &assets, &names).moves,
        digest: posted.digest.to_string(),
        previous_root: posted.previous_root.to_string(),
        new_root: posted.new_root.to_string(),
        exit_root: posted.exit_root.to_string(),
        eviction: posted.eviction.as_ref().map(|eviction| Evicted {
            reason: eviction.reason.clone(),
            reversal: eviction.reversal.number(),
            at: Moment::of(eviction.evicted_at),
            cause: Some(eviction.cause)
                .filter(|cause| (cause.rollup, cause.height) != (rollup, height))
                .map(|cause| {
                    let name = format!("{}, height {}", names.rollup(cause.rollup), cause.height);
                    (name, format!("/batches/{}/{}", cause.rollup, cause.height))
                }),
        }),
        earlier: found.earlier.iter().map(|one| BatchRow::of(one, &assets, &names)).collect(),
        transfers: listed.items,
        next: listed.next_cursor,
    })
}

impl Row {
    fn of(transfer: &PostedTransfer, assets: &Assets, names: &Names<'_>) -> Self {
        let destination = match transfer.credit {
            ledger::Account::Pot { .. } => RollupId::L1,
            other => other.rollup(),
        };
        let recipient = transfer.recipient.map(|recipient| shorten(&recipient.to_string()));
        Self {
            id: transfer.id.to_string(),
            destination: names.rollup(destination),
            recipient: recipient.unwrap_or_default(),
            amount: Money::of(transfer.asset, transfer.atoms, assets, names),
        }
    }
}
