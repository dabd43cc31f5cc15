//! What can be wrong with an answer of the L1 node.

use alloy_primitives::Address;
use domain::{AmountError, AssetError, KeyError, WordError};

/// Why an answer of the L1 node is no value of the domain.
#[derive(Debug, thiserror::Error)]
pub enum AnswerFault {
    /// A field that is always there is missing.
    #[error("{field} is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// The log was dropped by a reorg.
    #[error("it was dropped by a reorg")]
    Removed,
    /// The log is another contract's.
    #[error("it is a log of {address}")]
    Foreign {
        /// The contract.
        address: Address,
    },
    /// The log is of a block that was not asked for.
    #[error("it is of block {block}")]
    OutOfRange {
        /// The block.
        block: u64,
    },
    /// The ABI does not have it.
    #[error("the ABI does not have it")]
    Abi(#[source] Box<alloy::sol_types::Error>),
    /// An amount out of bounds.
    #[error("an amount is out of bounds")]
    Amount(#[from] AmountError),
    /// Not an asset.
    #[error("an asset is out of bounds")]
    Asset(#[from] AssetError),
    /// Not a settlement key.
    #[error("a settlement key is none")]
    Key(#[from] KeyError),
    /// Not a word.
    #[error("a word is not canonical")]
    Word(#[from] WordError),
    /// A number too large for its type.
    #[error("a number is too large")]
    Number(#[from] std::num::TryFromIntError),
}

impl AnswerFault {
    pub(crate) const fn missing(field: &'static str) -> Self {
        Self::Missing { field }
    }
}

impl From<alloy::sol_types::Error> for AnswerFault {
    fn from(error: alloy::sol_types::Error) -> Self {
        Self::Abi(Box::new(error))
    }
}
