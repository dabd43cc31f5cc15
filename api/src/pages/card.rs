//! The life of an epoch as a line: sealed, folded, proven, submitted, settled, final.

use std::sync::Arc;

use alloy_primitives::U256;
use ledger::{Epoch, EpochStatus};
use time::OffsetDateTime;

use super::{
    clock::{Moment, age},
    figure::{Figure, group, thousandths},
    frame::latest,
    names::{Names, shorten},
};
use crate::{State, epochs::AssetFlow, error::Error, money::Assets};

/// An epoch and how far proving is.
pub(super) struct Proving {
    pub(super) epoch: Epoch,
    pub(super) planned_steps: Option<u32>,
    pub(super) last_step_at: Option<OffsetDateTime>,
    pub(super) submitted_at: Option<OffsetDateTime>,
    pub(super) flows: Arc<[AssetFlow]>,
}

/// An epoch on the page.
pub(super) struct EpochCard {
    pub(super) number: u64,
    /// `open`, `proving` …: also a CSS class.
    pub(super) status: &'static str,
    /// The status in words.
    pub(super) words: String,
    pub(super) batches: u64,
    pub(super) transfers: u64,
    pub(super) stations: Vec<Station>,
    /// What the line of stations is called.
    pub(super) life: String,
    pub(super) flows: Vec<FlowLine>,
    pub(super) gas: Option<String>,
    pub(super) tx_hash: Option<String>,
    pub(super) proof: Option<ProofLine>,
    pub(super) books: Option<BooksLine>,
    /// How long it took from sealed to settled.
    pub(super) took: Option<String>,
}

/// A station of the line.
pub(super) struct Station {
    pub(super) name: &'static str,
    /// `done`, `now` or `ahead`: also a CSS class.
    pub(super) state: &'static str,
    /// `done`, `in progress` or `still ahead`.
    pub(super) spoken: &'static str,
    pub(super) at: Option<Moment>,
    /// Steps folded and planned, where that says something.
    pub(super) progress: Option<(u32, u32)>,
}

/// What an epoch moves of one asset.
pub(super) struct FlowLine {
    pub(super) asset: String,
    pub(super) gross: Figure,
    pub(super) net: Figure,
    /// Net in thousandths of gross.
    pub(super) share: u16,
    /// What netting saved, in percent.
    pub(super) saved: u16,
}

/// The aggregated proof to download.
pub(super) struct ProofLine {
    pub(super) url: String,
    pub(super) bytes: String,
    pub(super) sha256: String,
}

/// The books under its seal.
pub(super) struct BooksLine {
    pub(super) url: String,
    pub(super) digest: String,
}

impl Proving {
    /// What is known of an epoch.
    pub(super) async fn read(state: &State, epoch: Epoch) -> Result<Self, Error> {
        let last_step_at = match epoch.status {
            EpochStatus::Proving { .. } => {
                let steps = state.ledger().steps(epoch.epoch).await?;
                steps.last().map(|step| step.recorded_at)
            }
            _ => None,
        };
        let submissions = state.ledger().submissions(epoch.epoch).await?;
        let submitted_at = submissions.last().map(|submission| submission.recorded_at);
        Ok(Self {
            planned_steps: state.planned_steps(&epoch).await?,
            flows: state.flows(&epoch).await?,
            last_step_at,
            submitted_at,
            epoch,
        })
    }
}

/// The latest epochs with their progress, newest first.
pub(super) async fn latest_epochs(state: &State, items: u16) -> Result<Vec<Proving>, Error> {
    let mut proving = Vec::new();
    for epoch in state.ledger().epochs(None, latest(items)).await? {
        proving.push(Proving::read(state, epoch).await?);
    }
    Ok(proving)
}

impl EpochCard {
    pub(super) fn of(proving: &Proving, assets: &Assets, names: &Names<'_>) -> Self {
        let epoch = &proving.epoch;
        let settled_at = epoch.settlement.as_ref().map(|settlement| settlement.recorded_at);
        let sealed_at = epoch.sealed.as_ref().map(|sealed| sealed.sealed_at);
        let flows = proving.flows.iter().map(|flow| FlowLine::of(flow, assets, names));
        Self {
            number: epoch.epoch.number(),
            status: status(epoch.status),
            words: words(proving),
            batches: epoch.batches,
            transfers: epoch.transfers,
            stations: stations(proving),
            life: format!("Life of epoch {}", epoch.epoch),
            flows: flows.collect(),
            gas: epoch.settlement.as_ref().map(|made| group(&made.gas_used.to_string())),
            tx_hash: epoch.settlement.as_ref().map(|made| shorten(&made.tx_hash.to_string())),
            proof: epoch.proof.as_ref().map(|proof| ProofLine {
                url: format!("/v1/epochs/{}/proof", epoch.epoch),
                bytes: group(&proof.bytes.to_string()),
                sha256: shorten(&proof.sha256.to_string()),
            }),
            books: epoch.sealed.as_ref().and_then(|sealed| sealed.books).map(|digest| BooksLine {
                url: format!("/v1/epochs/{}/books", epoch.epoch),
                digest: shorten(&digest.to_string()),
            }),
            took: sealed_at.zip(settled_at).map(|(from, to)| age(from, to)),
        }
    }
}

impl FlowLine {
    pub(super) fn of(flow: &AssetFlow, assets: &Assets, names: &Names<'_>) -> Self {
        let figure = |atoms| Figure::alone(&assets.sum(flow.asset, U256::from(atoms)).amount);
        let share = thousandths(flow.net, flow.gross);
        Self {
            asset: assets.get(flow.asset).map_or_else(String::new, |asset| names.asset(asset)),
            gross: figure(flow.gross),
            net: figure(flow.net),
            share,
            saved: 1000_u16.saturating_sub(share) / 10,
        }
    }
}

/// The status: also a CSS class.
pub(super) fn status(status: EpochStatus) -> &'static str {
    match status {
        EpochStatus::Open => "open",
        EpochStatus::Sealed => "sealed",
        EpochStatus::Proving { .. } => "proving",
        EpochStatus::Proven => "proven",
        EpochStatus::Submitted { .. } => "submitted",
        EpochStatus::Settled => "settled",
        EpochStatus::Final => "final",
    }
}

/// The status in words.
pub(super) fn words(proving: &Proving) -> String {
    match proving.epoch.status {
        EpochStatus::Open => "open for batches".to_owned(),
        EpochStatus::Sealed => "sealed, waits for a prover".to_owned(),
        EpochStatus::Proving { steps } => match proving.planned_steps {
            Some(planned) if steps >= planned => "all steps folded, proof being made".to_owned(),
            Some(planned) => format!("{steps} of {planned} steps folded"),
            None => format!("{steps} steps folded"),
        },
        EpochStatus::Proven => "proven, to be submitted".to_owned(),
        EpochStatus::Submitted { attempt: 1 } => "submitted, waits for L1".to_owned(),
        EpochStatus::Submitted { attempt } => format!("submitted, attempt {attempt}"),
        EpochStatus::Settled => "settled, not yet final".to_owned(),
        EpochStatus::Final => "final".to_owned(),
    }
}

/// The six stations. An epoch's state is the last row that exists; so is the last station's.
pub(super) fn stations(proving: &Proving) -> Vec<Station> {
    let epoch = &proving.epoch;
    let reached = match epoch.status {
        EpochStatus::Open => 0,
        EpochStatus::Sealed | EpochStatus::Proving { .. } => 1,
        EpochStatus::Proven => 3,
        EpochStatus::Submitted { .. } => 4,
        EpochStatus::Settled => 5,
        EpochStatus::Final => 6,
    };
    let sealed_at = epoch.sealed.as_ref().map(|sealed| sealed.sealed_at);
    // An epoch from before settlement proofs has the aggregated one alone.
    let proof = epoch.settlement_proof.as_ref().or(epoch.proof.as_ref());
    let proven_at = proof.map(|proof| proof.proven_at);
    let settled_at = epoch.settlement.as_ref().map(|settlement| settlement.recorded_at);
    let names = ["sealed", "folded", "proven", "submitted", "settled", "final"];
    let times = [sealed_at, None, proven_at, proving.submitted_at, settled_at, epoch.final_at];
    let stations = names.into_iter().zip(times).enumerate().map(|(position, (name, at))| {
        let (state, spoken) = match position.cmp(&reached) {
            std::cmp::Ordering::Less => ("done", "done"),
            std::cmp::Ordering::Equal if reached > 0 => ("now", "in progress"),
            _ => ("ahead", "still ahead"),
        };
        let folding = name == "folded";
        let progress = proving.planned_steps.filter(|planned| folding && *planned > 0);
        Station {
            name,
            state,
            spoken,
            at: at.map(Moment::of),
            progress: progress.map(|planned| (epoch.steps.min(planned), planned)),
        }
    });
    stations.collect()
}
