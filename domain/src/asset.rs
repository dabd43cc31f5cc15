//! Assets: an L1 token and the unit in which the ledger counts it.

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use crate::{AmountError, AssetId, Atoms, limits};

/// An asset of the domain, as registered on L1.
///
/// Invariant: `ledger_decimals <= token_decimals`, and `ledger_decimals` is at most
/// [`limits::MAX_DECIMALS`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    id: AssetId,
    token: Address,
    token_decimals: u8,
    ledger_decimals: u8,
}

/// Why an asset or an L1 amount of it is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AssetError {
    /// The id is outside the domain's shape.
    #[error("asset {asset} is outside the domain's shape")]
    OutsideShape {
        /// The id.
        asset: AssetId,
    },
    /// The ledger's unit may not be finer than the token's, nor than a decimal can hold.
    #[error(
        "asset {asset} cannot have {ledger_decimals} ledger decimals with {token_decimals} token decimals"
    )]
    Decimals {
        /// The id.
        asset: AssetId,
        /// Decimals of the token.
        token_decimals: u8,
        /// Decimals of the ledger unit.
        ledger_decimals: u8,
    },
    /// An L1 amount that is no whole number of ledger units: refused, never rounded.
    #[error("{token_atoms} token atoms of asset {asset} are no whole number of ledger units")]
    NotWhole {
        /// The id.
        asset: AssetId,
        /// The L1 amount.
        token_atoms: U256,
    },
    /// Outside the bound of [`Atoms`].
    #[error(transparent)]
    Amount(#[from] AmountError),
}

impl Asset {
    /// An asset whose invariant holds.
    ///
    /// # Errors
    /// [`AssetError::OutsideShape`] or [`AssetError::Decimals`].
    pub fn new(
        id: AssetId,
        token: Address,
        token_decimals: u8,
        ledger_decimals: u8,
    ) -> Result<Self, AssetError> {
        if id.slot().is_none() {
            return Err(AssetError::OutsideShape { asset: id });
        }
        if ledger_decimals > token_decimals || ledger_decimals > limits::MAX_DECIMALS {
            return Err(AssetError::Decimals { asset: id, token_decimals, ledger_decimals });
        }
        Ok(Self { id, token, token_decimals, ledger_decimals })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> AssetId {
        self.id
    }

    /// Its token on L1; the zero address is ETH.
    #[must_use]
    pub fn token(&self) -> Address {
        self.token
    }

    /// Decimals of the token on L1.
    #[must_use]
    pub fn token_decimals(&self) -> u8 {
        self.token_decimals
    }

    /// Decimals of the ledger unit: one atom is `10^-ledger_decimals` of the asset.
    #[must_use]
    pub fn ledger_decimals(&self) -> u8 {
        self.ledger_decimals
    }

    /// What an amount of the ledger is on L1.
    #[must_use]
    pub fn to_token_atoms(&self, atoms: Atoms) -> U256 {
        U256::from(atoms.number()).saturating_mul(self.token_atoms_per_atom())
    }

    /// What an L1 amount is in the ledger.
    ///
    /// # Errors
    /// [`AssetError::NotWhole`] or [`AssetError::Amount`].
    pub fn from_token_atoms(&self, token_atoms: U256) -> Result<Atoms, AssetError> {
        let (atoms, rest) = token_atoms.div_rem(self.token_atoms_per_atom());
        if !rest.is_zero() {
            return Err(AssetError::NotWhole { asset: self.id, token_atoms });
        }
        let atoms = u128::try_from(atoms).map_err(|_| AmountError::TooLarge)?;
        Ok(Atoms::new(atoms)?)
    }

    fn token_atoms_per_atom(&self) -> U256 {
        let exponent = self.token_decimals.saturating_sub(self.ledger_decimals);
        // 10^77 is the largest power of ten in 256 bits; the contract bounds token decimals lower.
        U256::from(10).saturating_pow(U256::from(exponent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l1_amounts_convert_exactly_or_are_refused() {
        let asset = Asset::new(AssetId::new(1), Address::ZERO, 18, 9).unwrap();
        let gwei = U256::from(1_000_000_000_u64);
        assert_eq!(asset.from_token_atoms(gwei).unwrap(), Atoms::new(1).unwrap());
        assert_eq!(asset.to_token_atoms(Atoms::new(3).unwrap()), gwei * U256::from(3));
        let fraction = asset.from_token_atoms(gwei + U256::from(1));
        assert!(matches!(fraction, Err(AssetError::NotWhole { .. })));
        let enormous = asset.from_token_atoms(U256::MAX - (U256::MAX % gwei));
        assert_eq!(enormous, Err(AssetError::Amount(AmountError::TooLarge)));
    }

    #[test]
    fn finer_than_the_token_is_refused() {
        assert!(Asset::new(AssetId::new(1), Address::ZERO, 6, 7).is_err());
        assert!(Asset::new(AssetId::new(9), Address::ZERO, 6, 6).is_err());
    }
}
