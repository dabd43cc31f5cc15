//! What binds everything signed and proven to one domain on one L1 contract.

use alloy_primitives::{Address, B256, U256, keccak256};
use serde::{Deserialize, Serialize};

use crate::{DomainId, Word};

/// The identity of a domain: where it settles and by which verification key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct DomainIdentity {
    /// Chain id of L1 (EIP-155).
    pub chain_id: u64,
    /// The Settlement contract.
    pub settlement: Address,
    /// Which of the deployment's domains.
    pub domain_id: DomainId,
    /// The key that the contract's verifier pins.
    pub verification_key_id: B256,
}

/// Says what the hash is of, so that it can be taken for no other.
const TAG: &str = "netfold.domain.v1";

impl DomainIdentity {
    /// The word that every signature and every step carries (DOMAIN_BOUND): the upper 248 bits of
    /// `keccak256(abi.encode(tag, chain id, settlement, domain id, verification key id))`.
    #[must_use]
    pub fn word(&self) -> Word {
        let hash = keccak256(self.abi_encoded());
        let shifted = U256::from_be_bytes(hash.0).wrapping_shr(8);
        // 248 bits are below the field's order.
        Word::from_uint(shifted).unwrap_or(Word::ZERO)
    }

    /// `abi.encode(string, uint256, address, uint32, bytes32)`: five head words, then the string's
    /// length and its bytes padded to a word.
    fn abi_encoded(&self) -> Vec<u8> {
        let mut tag = [0_u8; 32];
        for (byte, letter) in tag.iter_mut().zip(TAG.bytes()) {
            *byte = letter;
        }
        let tag_len = U256::from(TAG.len());
        [
            U256::from(5 * 32).to_be_bytes(),
            U256::from(self.chain_id).to_be_bytes(),
            self.settlement.into_word().0,
            U256::from(self.domain_id.number()).to_be_bytes(),
            self.verification_key_id.0,
            tag_len.to_be_bytes(),
            tag,
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_changes_the_word() {
        let base = DomainIdentity {
            chain_id: 31337,
            settlement: Address::repeat_byte(1),
            domain_id: DomainId::new(1),
            verification_key_id: B256::repeat_byte(2),
        };
        let mut words = vec![
            base.word(),
            DomainIdentity { chain_id: 1, ..base }.word(),
            DomainIdentity { settlement: Address::ZERO, ..base }.word(),
            DomainIdentity { domain_id: DomainId::new(2), ..base }.word(),
            DomainIdentity { verification_key_id: B256::ZERO, ..base }.word(),
        ];
        words.sort();
        words.dedup();
        assert_eq!(words.len(), 5);
    }
}
