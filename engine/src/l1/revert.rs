//! Why the contract refused, in its own words.

use alloy::sol_types::{SolInterface, decode_revert_reason};
use alloy_primitives::{Bytes, hex};

use super::bindings::Settlement;

/// The data of a revert. Its `Display` names the contract's error and its values.
#[derive(Clone, Eq, PartialEq)]
pub struct Revert(Bytes);

impl Revert {
    pub(crate) fn new(data: Bytes) -> Self {
        Self(data)
    }

    /// Whether the contract is paused.
    #[must_use]
    pub fn is_pause(&self) -> bool {
        matches!(self.error(), Some(Settlement::SettlementErrors::EnforcedPause(_)))
    }

    fn error(&self) -> Option<Settlement::SettlementErrors> {
        Settlement::SettlementErrors::abi_decode(&self.0).ok()
    }
}

impl std::fmt::Display for Revert {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(error) = self.error() {
            return write!(f, "{error:?}");
        }
        match decode_revert_reason(&self.0) {
            Some(reason) => f.write_str(&reason),
            None if self.0.is_empty() => f.write_str("without a reason"),
            None => write!(f, "0x{}", hex::encode(&self.0)),
        }
    }
}

impl std::fmt::Debug for Revert {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Revert({self})")
    }
}
