//! Amounts on the wire.
//!
//! **Invariant:** an amount is never a JSON number. It enters as a decimal string in its asset's
//! ledger decimals and leaves as that and as the integer number of atoms beside it.

use std::collections::BTreeMap;

use alloy_primitives::U256;
use domain::{Asset, AssetId, Atoms, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{Error, MoneyError},
    json::{Field, Json},
};

/// An amount of an asset.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
pub(crate) struct Amount {
    /// In the asset, with all its ledger decimals.
    #[schema(example = "12.500000")]
    pub amount: String,
    /// As an integer number of atoms, the asset's ledger unit.
    #[schema(example = "12500000")]
    pub atoms: String,
}

/// The registered assets: what amounts are read and written by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assets(BTreeMap<AssetId, Asset>);

impl Assets {
    /// These assets.
    pub(crate) fn new(assets: impl IntoIterator<Item = Asset>) -> Self {
        Self(assets.into_iter().map(|asset| (asset.id(), asset)).collect())
    }

    /// Every asset, in order of id.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Asset> {
        self.0.values()
    }

    /// A registered asset.
    pub(crate) fn get(&self, asset: AssetId) -> Option<&Asset> {
        self.0.get(&asset)
    }

    /// Decimals of the asset's ledger unit; none for an asset that is not registered, so that its
    /// amounts show as atoms.
    pub(crate) fn decimals(&self, asset: AssetId) -> u8 {
        self.0.get(&asset).map_or(0, Asset::ledger_decimals)
    }

    /// An amount as it leaves.
    pub(crate) fn amount(&self, asset: AssetId, atoms: Atoms) -> Amount {
        self.sum(asset, U256::from(atoms.number()))
    }

    /// A sum of amounts, which may pass the bound of [`Atoms`], as it leaves.
    pub(crate) fn sum(&self, asset: AssetId, atoms: U256) -> Amount {
        let atoms = atoms.to_string();
        Amount { amount: place_point(&atoms, self.decimals(asset)), atoms }
    }

    /// Takes an asset id that must be registered.
    pub(crate) fn read_id(&self, field: &Field) -> Result<AssetId, Error> {
        let asset = AssetId::new(field.integer()?);
        if self.0.contains_key(&asset) {
            Ok(asset)
        } else {
            let refusal = Refusal::UnknownAsset { asset };
            Err(Error::RefusedField { refusal, place: field.place() })
        }
    }

    /// Reads an amount of an asset, which must not be zero.
    pub(crate) fn read_amount(&self, asset: AssetId, field: &Field) -> Result<Atoms, MoneyError> {
        let place = field.place();
        let Json::Text(text) = field.json() else {
            return Err(MoneyError::NotAString { place, value: field.json().to_value() });
        };
        match Atoms::parse_decimal(text, self.decimals(asset)) {
            Ok(atoms) if atoms.is_zero() => Err(MoneyError::Zero { place, text: text.clone() }),
            Ok(atoms) => Ok(atoms),
            Err(error) => Err(MoneyError::Unreadable { error, place, text: text.clone() }),
        }
    }
}

/// Integer digits with a decimal point before the last ones, with all decimals.
fn place_point(digits: &str, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    if decimals == 0 {
        return digits.to_owned();
    }
    let padded = format!("{digits:0>width$}", width = decimals.saturating_add(1));
    let (whole, fraction) = padded.split_at(padded.len().saturating_sub(decimals));
    format!("{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The point is placed as `domain` places it, and beyond its bound too.
    #[test]
    fn points_are_placed_exactly() {
        for (atoms, decimals) in [(0, 0), (0, 6), (1, 6), (1_500_000, 6), (u128::MAX >> 32, 18)] {
            let expected = Atoms::new(atoms).map(|atoms| atoms.to_decimal_string(decimals));
            assert_eq!(Ok(place_point(&atoms.to_string(), decimals)), expected);
        }
        assert_eq!(place_point("123456789", 4), "12345.6789");
    }
}
