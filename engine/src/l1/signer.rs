//! The private key of the engine's L1 account.

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::Address;

use crate::error::Error;

/// The private key of an L1 account. It is never printed.
#[derive(Clone)]
pub struct SignerKey(PrivateKeySigner);

impl SignerKey {
    /// The account.
    #[must_use]
    pub fn address(&self) -> Address {
        self.0.address()
    }

    pub(super) fn signer(&self) -> &PrivateKeySigner {
        &self.0
    }
}

impl std::str::FromStr for SignerKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.trim().parse().map(Self).map_err(|_| Error::SignerKey)
    }
}

impl std::fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SignerKey").field(&self.address()).finish()
    }
}
