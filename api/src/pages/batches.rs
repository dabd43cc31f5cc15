//! The latest batches.

use ledger::PostedBatch;

use super::{
    clock::Moment,
    figure::Figure,
    names::{Names, shorten},
};
use crate::money::Assets;

/// A batch.
pub(super) struct BatchRow {
    pub(super) at: Moment,
    pub(super) rollup: String,
    pub(super) height: u64,
    pub(super) epoch: u64,
    pub(super) transfers: u32,
    pub(super) exits: u32,
    pub(super) moves: Vec<Move>,
    pub(super) digest: String,
    /// Why it was evicted.
    pub(super) evicted: Option<String>,
    /// How far its epoch is, where that is shown.
    pub(super) state: Option<&'static str>,
    pub(super) url: String,
}

/// One of its lanes.
pub(super) struct Move {
    pub(super) amount: Figure,
    pub(super) asset: String,
    pub(super) destination: String,
}

impl BatchRow {
    pub(super) fn of(batch: &PostedBatch, assets: &Assets, names: &Names<'_>) -> Self {
        let moves = batch.lanes.iter().map(|lane| Move {
            amount: Figure::alone(&assets.amount(lane.asset, lane.atoms).amount),
            asset: assets.get(lane.asset).map_or_else(String::new, |asset| names.asset(asset)),
            destination: names.rollup(lane.destination),
        });
        Self {
            at: Moment::of(batch.posted_at),
            rollup: names.rollup(batch.rollup),
            height: batch.height.number(),
            epoch: batch.epoch.number(),
            transfers: batch.transfers,
            exits: batch.exits,
            moves: moves.collect(),
            digest: shorten(&batch.digest.to_string()),
            evicted: batch.eviction.as_ref().map(|eviction| eviction.reason.clone()),
            state: None,
            url: format!("/batches/{}/{}", batch.rollup, batch.height),
        }
    }
}
