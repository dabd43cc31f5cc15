//! `/rollups/{rollup}`: what one rollup holds, what it posted, and what stands against it.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::{
    extract::{Path, State as Extracted},
    response::Response,
};
use domain::{AssetId, Atoms, EpochNumber, RollupId, limits};
use ledger::{
    BatchFilter, CellPosition, Equivocation, ExitFilter, FlowFilter, Ledger, PostedBatch,
};

use super::{
    batches::BatchRow,
    card::status,
    chart::Chart,
    clock::Moment,
    exits::ExitRow,
    figure::group,
    frame::{Frame, answer, latest},
    money::Money,
    names::Names,
    ribbons::{Ribbons, ribbons},
};
use crate::{
    State,
    error::{Error, NotFound},
    extract::{Parameters, number},
    money::Assets,
    page::PageQuery,
};

#[derive(Template)]
#[template(path = "rollup.html")]
struct RollupPage {
    frame: Frame,
    id: u16,
    name: String,
    next_height: u64,
    exits_made: u64,
    root: String,
    exit_root: String,
    key: (String, String),
    registered_at: Moment,
    cells: Vec<CellCard>,
    flows: Vec<Ribbons>,
    evidence: Vec<Evidence>,
    batches: Vec<BatchRow>,
    next: Option<String>,
    exits: Vec<ExitRow>,
    limits: Limits,
}

/// A cell, and how it came to be so.
struct CellCard {
    chart: Chart,
    deposited: Option<Money>,
    exited: Option<Money>,
    held_in: Option<Money>,
    pot: Money,
}

/// Two batches that it signed for one height.
struct Evidence {
    height: u64,
    recorded: String,
    refused: String,
    seen_at: Moment,
}

/// What bounds it.
struct Limits {
    lanes: usize,
    transfers: String,
    exits_left: String,
}

pub(crate) async fn rollup(
    Extracted(state): Extracted<State>,
    Path(rollup): Path<String>,
    query: Result<Parameters, Error>,
) -> Response {
    answer(read(&state, &rollup, query).await)
}

async fn read(
    state: &State,
    rollup: &str,
    query: Result<Parameters, Error>,
) -> Result<RollupPage, Error> {
    let mut query = query?;
    let page = PageQuery::<ledger::BlockNumber>::take("batches", &mut query)?;
    query.finish()?;
    let rollup = RollupId::new(number("rollup", rollup)?);
    let ledger = state.ledger();
    let found = ledger.rollup(rollup).await?.ok_or(NotFound::Rollup { rollup })?;
    let assets = state.assets().await?;
    let names = Names::new(state.settings());
    let filter = BatchFilter { rollup: Some(rollup), ..BatchFilter::default() };
    // What is much, from where it disturbs no posting.
    let reads = state.reads().await?;
    let batches = reads.batches(&filter, page.before, page.limit).await?;
    let states = states(reads, &batches).await?;
    let row = |batch: PostedBatch| BatchRow {
        state: states.get(&batch.epoch).copied(),
        ..BatchRow::of(&batch, &assets, &names)
    };
    let batches = page.page(batches, |batch| batch.block, row);
    let exits = ExitFilter { rollup: Some(rollup), ..ExitFilter::default() };
    let exits = reads.exits(&exits, None, latest(8)).await?;
    let recent = FlowFilter { from_epoch: since(reads).await?, ..FlowFilter::default() };
    let mut flows = reads.flows(&recent).await?;
    flows.retain(|flow| flow.from == rollup || flow.to == rollup);
    let left = EXITS_EVER.saturating_sub(found.exits);
    let live = page.before.is_none();
    Ok(RollupPage {
        frame: if live { Frame::live("rollups") } else { Frame::still("rollups") },
        id: rollup.number(),
        name: names.rollup(rollup),
        next_height: found.next_height.number(),
        exits_made: found.exits,
        root: found.root.to_string(),
        exit_root: found.exit_root.to_string(),
        key: (found.key.x().to_string(), found.key.y().to_string()),
        registered_at: Moment::of(found.registered_at),
        cells: cells(state, rollup, &assets, &names).await?,
        flows: ribbons(&flows, &assets, &names),
        evidence: evidence(state, rollup).await?,
        batches: batches.items,
        next: batches.next_cursor,
        exits: exits.iter().map(|exit| ExitRow::of(exit, &assets, &names)).collect(),
        limits: Limits {
            lanes: limits::LANES_PER_BATCH,
            transfers: group(&limits::MAX_TRANSFERS_PER_BATCH.to_string()),
            exits_left: group(&left.to_string()),
        },
    })
}

/// The first of the epochs that flows are shown of.
async fn since(ledger: &Ledger) -> Result<Option<EpochNumber>, Error> {
    let epochs = ledger.epochs(None, latest(FLOWS_OF)).await?;
    Ok(epochs.last().map(|oldest| oldest.epoch))
}

/// How far the epochs of these batches are.
async fn states(
    ledger: &Ledger,
    batches: &[PostedBatch],
) -> Result<BTreeMap<EpochNumber, &'static str>, Error> {
    let epochs: BTreeSet<_> = batches.iter().map(|batch| batch.epoch).collect();
    let epochs = ledger.epochs_among(&epochs.into_iter().collect::<Vec<_>>()).await?;
    Ok(epochs.iter().map(|epoch| (epoch.epoch, status(epoch.status))).collect())
}

async fn cells(
    state: &State,
    rollup: RollupId,
    assets: &Assets,
    names: &Names<'_>,
) -> Result<Vec<CellCard>, Error> {
    let closings = state.reads().await?.closings(rollup, latest(EPOCHS)).await?;
    let mut lines = BTreeMap::<AssetId, Vec<(String, Atoms)>>::new();
    for (epoch, cell) in &closings {
        lines.entry(cell.asset).or_default().push((format!("Epoch {epoch}"), cell.balance));
    }
    let cells = state.ledger().cells().await?;
    let own = cells.iter().filter(|cell| cell.rollup == rollup);
    let card = |cell: &CellPosition| {
        let mut line = lines.remove(&cell.asset).unwrap_or_default();
        line.push(("Now".to_owned(), cell.balance));
        let money = |atoms: Atoms| Money::of(cell.asset, atoms, assets, names);
        let some = |atoms: Atoms| (!atoms.is_zero()).then(|| money(atoms));
        Some(CellCard {
            chart: Chart::of(cell.asset, &line, assets, names)?,
            deposited: some(cell.deposited),
            exited: some(cell.exited),
            held_in: some(cell.held_in),
            pot: money(cell.pot),
        })
    };
    Ok(own.filter_map(card).collect())
}

async fn evidence(state: &State, rollup: RollupId) -> Result<Vec<Evidence>, Error> {
    let found = state.ledger().equivocations(latest(100)).await?;
    let own = found.into_iter().filter(|found| found.rollup == rollup);
    let wire = |found: Equivocation| Evidence {
        height: found.height.number(),
        recorded: found.recorded.digest.to_string(),
        refused: found.refused.digest.to_string(),
        seen_at: Moment::of(found.seen_at),
    };
    Ok(own.map(wire).collect())
}

/// Epochs that a line has.
const EPOCHS: u16 = 30;
/// Epochs that flows are shown of.
const FLOWS_OF: u16 = 5;
/// Exits that fit a rollup's tree.
const EXITS_EVER: u64 = 1 << limits::EXIT_TREE_DEPTH;
