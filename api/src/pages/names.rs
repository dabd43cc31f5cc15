//! What people call things.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use domain::{Asset, AssetId, RollupId};

use crate::Settings;

/// The names that the operator gave, and what shows without one.
pub(super) struct Names<'a> {
    assets: &'a BTreeMap<AssetId, String>,
    rollups: &'a BTreeMap<RollupId, String>,
}

impl<'a> Names<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        Self { assets: &settings.asset_names, rollups: &settings.rollup_names }
    }

    pub(super) fn asset(&self, asset: &Asset) -> String {
        match self.assets.get(&asset.id()) {
            Some(name) => name.clone(),
            None if asset.token() == Address::ZERO => "ETH".to_owned(),
            None => format!("asset {}", asset.id()),
        }
    }

    pub(super) fn rollup(&self, rollup: RollupId) -> String {
        match self.rollups.get(&rollup) {
            Some(name) => name.clone(),
            None if rollup == RollupId::L1 => "L1".to_owned(),
            None => format!("Rollup {rollup}"),
        }
    }
}

/// The beginning and the end of a hash or an address.
pub(super) fn shorten(hex: &str) -> String {
    let head: String = hex.chars().take(6).collect();
    let tail: String = hex.chars().skip(hex.chars().count().saturating_sub(4)).collect();
    format!("{head}…{tail}")
}
