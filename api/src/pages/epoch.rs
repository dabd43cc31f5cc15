//! `/epochs/{epoch}`: the life of one epoch, what it moves, what it cost and what proves it.

use askama::Template;
use axum::{
    extract::{Path, State as Extracted},
    response::Response,
};
use domain::EpochNumber;
use ledger::{BatchFilter, EpochStatus, SealReason, Settlement, Submission, SupersedeReason};

use super::{
    batches::BatchRow,
    card::{FlowLine, Proving, Station, stations, status, words},
    clock::{Moment, age},
    figure::group,
    frame::{Frame, answer, latest},
    happening::{Line, lines},
    money::Money,
    names::Names,
    ribbons::{Ribbons, ribbons},
};
use crate::{
    State,
    error::{Error, NotFound},
    extract::{Parameters, number},
    money::Assets,
};

#[derive(Template)]
#[template(path = "epoch.html")]
struct EpochPage {
    frame: Frame,
    number: u64,
    status: &'static str,
    words: String,
    life: String,
    stations: Vec<Station>,
    facts: Vec<Fact>,
    netting: Vec<FlowLine>,
    flows: Vec<Ribbons>,
    proof: Option<ProofFile>,
    books: Option<Books>,
    submissions: Vec<Attempt>,
    positions: Vec<Position>,
    batches: Vec<BatchRow>,
    /// Batches that are not shown.
    more_batches: u64,
    timeline: Vec<Line>,
    previous: Option<u64>,
    next: Option<u64>,
}

/// A number with what it is.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) note: String,
}

/// The aggregated proof.
struct ProofFile {
    bytes: String,
    sha256: String,
    steps: u32,
    proven_at: Moment,
}

/// The books under the seal.
struct Books {
    digest: String,
    /// What the settlement told L1, in words and with its tone.
    told: &'static str,
    tone: &'static str,
}

/// An `l1_tx` that was made for it.
struct Attempt {
    number: u32,
    tx_hash: String,
    sender: String,
    nonce: u64,
    at: Moment,
    fate: &'static str,
}

/// A cell that it touches.
struct Position {
    rollup: String,
    id: u16,
    balance: Money,
    deposited: Money,
    exited: Money,
}

pub(crate) async fn epoch(
    Extracted(state): Extracted<State>,
    Path(epoch): Path<String>,
    query: Result<Parameters, Error>,
) -> Response {
    answer(read(&state, &epoch, query).await)
}

async fn read(
    state: &State,
    epoch: &str,
    query: Result<Parameters, Error>,
) -> Result<EpochPage, Error> {
    query?.finish()?;
    let ledger = state.ledger();
    let epoch = EpochNumber::new(number("epoch", epoch)?);
    let life = ledger.epoch_life(epoch).await?.ok_or(NotFound::Epoch { epoch })?;
    let proving = Proving::read(state, life.epoch).await?;
    let found = &proving.epoch;
    let assets = state.assets().await?;
    let names = Names::new(state.settings());
    let filter = BatchFilter { epoch: Some(epoch), ..BatchFilter::default() };
    let batches = ledger.batches(&filter, None, latest(SHOWN)).await?;
    let only = ledger::FlowFilter { from_epoch: Some(epoch), to_epoch: Some(epoch), asset: None };
    let flows = match life.flows {
        Some(open) => open,
        None => ledger.flows(&only).await?,
    };
    let told = life.logged.as_ref().and_then(|logged| logged.books);
    let submissions = ledger.submissions(epoch).await?;
    let settled = found.settlement.as_ref();
    Ok(EpochPage {
        frame: Frame::live("epochs"),
        number: epoch.number(),
        status: status(found.status),
        words: words(&proving),
        life: format!("Life of epoch {epoch}"),
        stations: stations_of(&proving),
        facts: facts(&proving),
        netting: proving.flows.iter().map(|flow| FlowLine::of(flow, &assets, &names)).collect(),
        flows: ribbons(&flows, &assets, &names),
        proof: found.proof.as_ref().map(ProofFile::of),
        books: found.sealed.as_ref().and_then(|sealed| sealed.books).map(|ours| {
            let (told, tone) = match told {
                Some(told) if told == ours => ("L1 was told the same digest.", "good"),
                Some(_) => ("L1 was told another digest.", "wrong"),
                None => ("L1 has not been told yet.", ""),
            };
            Books { digest: ours.to_string(), told, tone }
        }),
        submissions: submissions.iter().map(|one| Attempt::of(one, settled)).collect(),
        positions: life.positions.iter().map(|cell| Position::of(cell, &assets, &names)).collect(),
        more_batches: found.batches.saturating_sub(u64::from(SHOWN)),
        batches: batches.iter().map(|batch| BatchRow::of(batch, &assets, &names)).collect(),
        timeline: lines(&life.timeline, &names),
        previous: epoch.previous().map(EpochNumber::number),
        next: epoch.next().filter(|_| found.sealed.is_some()).map(EpochNumber::number),
    })
}

/// The stations of the overview between the opening and the aggregated proof, which may come at any
/// time after the settlement proof.
fn stations_of(proving: &Proving) -> Vec<Station> {
    let epoch = &proving.epoch;
    let mut life = vec![Station {
        name: "opened",
        state: if epoch.status == EpochStatus::Open { "now" } else { "done" },
        spoken: if epoch.status == EpochStatus::Open { "in progress" } else { "done" },
        at: Some(Moment::of(epoch.opened_at)),
        progress: None,
    }];
    life.extend(stations(proving));
    for station in &mut life {
        if station.name == "proven" {
            station.name = "settlement proof";
        }
    }
    let (state, spoken) = match (&epoch.proof, &epoch.settlement_proof) {
        (Some(_), _) => ("done", "done"),
        (None, Some(_)) => ("now", "in progress"),
        (None, None) => ("ahead", "still ahead"),
    };
    let at = epoch.proof.as_ref().map(|proof| Moment::of(proof.proven_at));
    life.push(Station { name: "aggregated proof", state, spoken, at, progress: None });
    life
}

fn facts(proving: &Proving) -> Vec<Fact> {
    let epoch = &proving.epoch;
    let mut facts = vec![Fact {
        name: "Transfers",
        value: group(&epoch.transfers.to_string()),
        note: format!("in {} batches; {} operations", epoch.batches, epoch.operations),
    }];
    if let Some(planned) = proving.planned_steps {
        let note = format!("{} folded", epoch.steps.min(planned));
        facts.push(Fact { name: "Steps", value: planned.to_string(), note });
    }
    if let Some(sealed) = &epoch.sealed {
        let value = match sealed.reason {
            SealReason::Schedule => "by schedule",
            SealReason::Size => "for its size",
            SealReason::Value => "for its value",
            SealReason::Command => "by command",
            SealReason::Grace => "for the grace",
        };
        let note = format!(
            "up to journal block {}, L1 block {}",
            sealed.last_block, sealed.l1_cutoff.number
        );
        facts.push(Fact { name: "Sealed", value: value.to_owned(), note });
    }
    if let Some(made) = &epoch.settlement {
        let each = made.gas_used.checked_div(epoch.transfers);
        let note = each.map_or_else(
            || "no transfer in it".to_owned(),
            |each| format!("{} a transfer, rounded down", group(&each.to_string())),
        );
        let value = group(&made.gas_used.to_string());
        facts.push(Fact { name: "Gas on L1", value, note });
        let took = epoch.sealed.as_ref().map(|sealed| age(sealed.sealed_at, made.recorded_at));
        if let Some(took) = took {
            let note = format!("from sealed to settled, in L1 block {}", made.block.number);
            facts.push(Fact { name: "Took", value: took, note });
        }
    }
    facts
}

impl ProofFile {
    fn of(proof: &ledger::ProofSummary) -> Self {
        Self {
            bytes: group(&proof.bytes.to_string()),
            sha256: proof.sha256.to_string(),
            steps: proof.steps,
            proven_at: Moment::of(proof.proven_at),
        }
    }
}

impl Attempt {
    fn of(made: &Submission, settled: Option<&Settlement>) -> Self {
        let landed = settled.is_some_and(|settled| settled.tx_hash == made.tx_hash);
        let fate = match made.superseded {
            Some(SupersedeReason::FeeRaised) => "given up for one that pays more",
            Some(SupersedeReason::Reverted) => "reverted on L1",
            Some(SupersedeReason::NonceSpent) => "its nonce was spent by another one",
            Some(SupersedeReason::SettledOtherwise) => "not needed: the epoch settled otherwise",
            None if landed => "landed",
            None => "on its way",
        };
        Self {
            number: made.attempt,
            tx_hash: made.tx_hash.to_string(),
            sender: made.sender.to_string(),
            nonce: made.nonce,
            at: Moment::of(made.recorded_at),
            fate,
        }
    }
}

impl Position {
    fn of(cell: &domain::CellClosing, assets: &Assets, names: &Names<'_>) -> Self {
        let money = |atoms| Money::of(cell.asset, atoms, assets, names);
        Self {
            rollup: names.rollup(cell.rollup),
            id: cell.rollup.number(),
            balance: money(cell.balance),
            deposited: money(cell.deposited),
            exited: money(cell.exited),
        }
    }
}

/// Most batches that the page lists.
const SHOWN: u16 = 100;
