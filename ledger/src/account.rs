//! Accounts: what value can stand on, one per asset and purpose.
//!
//! **Invariant:** an account's number spells what it is (kind, rollup, asset), so that no two
//! accounts share one and none has to be looked up.

use std::fmt;
use std::str::FromStr;

use domain::{AssetId, RollupId};
use serde::{Deserialize, Serialize};

/// An account of the ledger.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Account {
    /// What the L1 contract holds. Debit-normal, as what is owned is.
    Custody {
        /// Of which asset.
        asset: AssetId,
    },
    /// What a rollup may still move. Credit-normal, as what is owed is.
    Cell {
        /// Whose.
        rollup: RollupId,
        /// Of which asset.
        asset: AssetId,
    },
    /// What L1 owes to a rollup's exits. Credit-normal.
    Pot {
        /// Whose.
        rollup: RollupId,
        /// Of which asset.
        asset: AssetId,
    },
}

/// What a block of the journal books.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostingKind {
    /// The registration of an asset.
    Asset,
    /// The registration of a rollup.
    Rollup,
    /// A deposit: custody to a cell.
    Deposit,
    /// A batch: cells to cells and to the rollup's pot.
    Batch,
    /// A paid claim: a pot to custody.
    Claim,
    /// What an evicted batch had moved, moved back.
    Reversal,
    /// An amount held between two accounts, until it is posted or released. It moves nothing.
    Hold,
    /// The end of a hold that is not posted. It moves nothing.
    Release,
}

/// Text or a number that names no account.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an account is named as in custody:l1:2, cell:1:2 or pot:1:2")]
pub struct AccountError;

const CUSTODY: i64 = 1;
const CELL: i64 = 2;
const POT: i64 = 3;

impl Account {
    /// The account's asset.
    #[must_use]
    pub fn asset(self) -> AssetId {
        match self {
            Self::Custody { asset } | Self::Cell { asset, .. } | Self::Pot { asset, .. } => asset,
        }
    }

    /// The account's rollup; L1 for custody.
    #[must_use]
    pub fn rollup(self) -> RollupId {
        match self {
            Self::Custody { .. } => RollupId::L1,
            Self::Cell { rollup, .. } | Self::Pot { rollup, .. } => rollup,
        }
    }

    /// Whether debits make it larger.
    #[must_use]
    pub fn is_debit_normal(self) -> bool {
        matches!(self, Self::Custody { .. })
    }

    /// `kind · 2^32 + rollup · 2^16 + asset`, as the schema and the books' encoding have it.
    #[must_use]
    pub fn number(self) -> i64 {
        let kind = match self {
            Self::Custody { .. } => CUSTODY,
            Self::Cell { .. } => CELL,
            Self::Pot { .. } => POT,
        };
        (kind << 32) | (i64::from(self.rollup().number()) << 16) | i64::from(self.asset().number())
    }

    pub(crate) fn from_number(number: i64) -> Result<Self, AccountError> {
        let part = |shift: u32| u16::try_from((number >> shift) & 0xffff).map_err(|_| AccountError);
        let asset = AssetId::new(part(0)?);
        let rollup = RollupId::new(part(16)?);
        match number >> 32 {
            CUSTODY if rollup == RollupId::L1 => Ok(Self::Custody { asset }),
            CELL => Ok(Self::Cell { rollup, asset }),
            POT => Ok(Self::Pot { rollup, asset }),
            _ => Err(AccountError),
        }
    }
}

impl PostingKind {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Asset => 1,
            Self::Rollup => 2,
            Self::Deposit => 3,
            Self::Batch => 4,
            Self::Claim => 5,
            Self::Reversal => 6,
            Self::Hold => 7,
            Self::Release => 8,
        }
    }

    pub(crate) fn from_code(code: i16) -> Option<Self> {
        match code {
            1 => Some(Self::Asset),
            2 => Some(Self::Rollup),
            3 => Some(Self::Deposit),
            4 => Some(Self::Batch),
            5 => Some(Self::Claim),
            6 => Some(Self::Reversal),
            7 => Some(Self::Hold),
            8 => Some(Self::Release),
            _ => None,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custody { asset } => write!(f, "custody:l1:{asset}"),
            Self::Cell { rollup, asset } => write!(f, "cell:{rollup}:{asset}"),
            Self::Pot { rollup, asset } => write!(f, "pot:{rollup}:{asset}"),
        }
    }
}

impl FromStr for Account {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':');
        let (Some(kind), Some(rollup), Some(asset), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(AccountError);
        };
        let asset = asset.parse().map_err(|_| AccountError)?;
        if (kind, rollup) == ("custody", "l1") {
            return Ok(Self::Custody { asset });
        }
        let rollup = rollup.parse().map_err(|_| AccountError)?;
        match kind {
            "cell" => Ok(Self::Cell { rollup, asset }),
            "pot" => Ok(Self::Pot { rollup, asset }),
            _ => Err(AccountError),
        }
    }
}

impl TryFrom<String> for Account {
    type Error = AccountError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Account> for String {
    fn from(account: Account) -> Self {
        account.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_reads_as_it_is_written_and_numbered() {
        let (rollup, asset) = (RollupId::new(7), AssetId::new(3));
        let accounts = [
            Account::Custody { asset },
            Account::Cell { rollup, asset },
            Account::Pot { rollup, asset },
        ];
        for account in accounts {
            assert_eq!(account.to_string().parse(), Ok(account));
            assert_eq!(Account::from_number(account.number()), Ok(account));
        }
        assert_eq!(accounts[1].number(), (2 << 32) + 7 * 65536 + 3);
        assert_eq!(Account::from_number(0), Err(AccountError));
        assert_eq!(Account::from_number((1 << 32) + 65536 + 1), Err(AccountError));
        assert_eq!("cell:l1:1".parse::<Account>(), Err(AccountError));
    }
}
