//! An amount with its unit.

use alloy_primitives::U256;
use domain::{AssetId, Atoms};

use super::{figure::Figure, names::Names};
use crate::money::Assets;

/// An amount of an asset, exact.
pub(super) struct Money {
    pub(super) figure: Figure,
    /// The asset's name.
    pub(super) unit: String,
}

impl Money {
    pub(super) fn of(asset: AssetId, atoms: Atoms, assets: &Assets, names: &Names<'_>) -> Self {
        Self::sum(asset, U256::from(atoms.number()), assets, names)
    }

    pub(super) fn sum(asset: AssetId, atoms: U256, assets: &Assets, names: &Names<'_>) -> Self {
        Self {
            figure: Figure::alone(&assets.sum(asset, atoms).amount),
            unit: unit(asset, assets, names),
        }
    }
}

/// What an asset is called.
pub(super) fn unit(asset: AssetId, assets: &Assets, names: &Names<'_>) -> String {
    assets.get(asset).map_or_else(|| format!("asset {asset}"), |asset| names.asset(asset))
}
