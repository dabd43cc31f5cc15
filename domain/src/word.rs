//! Field words: elements of BN254's scalar field, the alphabet of the circuit and of L1.

use alloy_primitives::{B256, U256};
use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};
use serde::{Deserialize, Serialize};

/// An element of BN254's scalar field, canonical by construction.
///
/// On the wire and on L1 it is a 32-byte big-endian integer below the field's order.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "B256", into = "B256")]
pub struct Word(Fr);

/// Why 32 bytes are no word.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WordError {
    /// At or above the field's order: two encodings of one value would open replays.
    #[error("{bytes} is not below the order of BN254's scalar field")]
    NotCanonical {
        /// The bytes.
        bytes: B256,
    },
}

impl Word {
    /// Zero.
    pub const ZERO: Self = Self(Fr::new(ark_ff::BigInt::zero()));

    /// Wraps a field element.
    #[must_use]
    pub const fn from_field(element: Fr) -> Self {
        Self(element)
    }

    /// The field element.
    #[must_use]
    pub const fn field(self) -> Fr {
        self.0
    }

    /// Reads 32 big-endian bytes.
    ///
    /// # Errors
    /// [`WordError::NotCanonical`] at or above the field's order.
    pub fn from_bytes(bytes: B256) -> Result<Self, WordError> {
        let word = Self(Fr::from_be_bytes_mod_order(bytes.as_slice()));
        if word.to_bytes() == bytes { Ok(word) } else { Err(WordError::NotCanonical { bytes }) }
    }

    /// The 32 big-endian bytes.
    #[must_use]
    pub fn to_bytes(self) -> B256 {
        B256::left_padding_from(&self.0.into_bigint().to_bytes_be())
    }

    /// The integer.
    #[must_use]
    pub fn to_uint(self) -> U256 {
        U256::from_be_bytes(self.to_bytes().0)
    }

    /// The two 128-bit halves of 32 bytes, high first: how a hash enters the circuit.
    #[must_use]
    pub fn halves(bytes: B256) -> [Self; 2] {
        let (high, low) = bytes.0.split_at(16);
        [high, low].map(|half| Self(Fr::from_be_bytes_mod_order(half)))
    }

    /// The 32 bytes of two 128-bit halves; `None` if one of them is wider.
    #[must_use]
    pub fn join(high: Self, low: Self) -> Option<B256> {
        let (high, low) = (high.to_bytes().0, low.to_bytes().0);
        let ((high_rest, high), (low_rest, low)) = (high.split_at(16), low.split_at(16));
        let narrow = high_rest.iter().chain(low_rest).all(|byte| *byte == 0);
        narrow.then(|| B256::from_slice(&[high, low].concat()))
    }

    /// The word of an integer below the field's order.
    ///
    /// # Errors
    /// [`WordError::NotCanonical`] at or above it.
    pub fn from_uint(number: U256) -> Result<Self, WordError> {
        Self::from_bytes(B256::from(number))
    }

    /// The sum in the field.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "field addition is total")]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// Packs fields of at most 253 bits in all, each shifted by its offset. The caller's layout
    /// keeps the fields apart and below the field's order.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "field arithmetic is total")]
    pub fn pack<const N: usize>(fields: [(u128, u32); N]) -> Self {
        let two = Fr::from(2_u64);
        Self(fields.iter().fold(Fr::from(0_u64), |sum, (value, offset)| {
            sum + Fr::from(*value) * ark_ff::Field::pow(&two, [u64::from(*offset)])
        }))
    }
}

macro_rules! from_integer {
    ($($integer:ty),*) => {
        $(impl From<$integer> for Word {
            fn from(number: $integer) -> Self {
                Self(Fr::from(number))
            }
        })*
    };
}

from_integer!(u16, u32, u64, u128);

impl TryFrom<B256> for Word {
    type Error = WordError;

    fn try_from(bytes: B256) -> Result<Self, WordError> {
        Self::from_bytes(bytes)
    }
}

impl From<Word> for B256 {
    fn from(word: Word) -> Self {
        word.to_bytes()
    }
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_bytes().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_bytes_are_words() {
        let order = U256::from_be_bytes::<32>(Fr::MODULUS.to_bytes_be().try_into().unwrap());
        assert!(Word::from_uint(order).is_err());
        assert!(Word::from_uint(U256::MAX).is_err());
        let largest = Word::from_uint(order - U256::from(1)).unwrap();
        assert_eq!(Word::from_bytes(largest.to_bytes()), Ok(largest));
    }

    #[test]
    fn halves_join() {
        let bytes = B256::repeat_byte(0xab);
        let [high, low] = Word::halves(bytes);
        assert_eq!(Word::join(high, low), Some(bytes));
        assert_eq!(Word::join(Word::from_uint(U256::from(1) << 128).unwrap(), low), None);
    }

    #[test]
    fn packed_fields_sit_at_their_offsets() {
        let word = Word::pack([(3, 0), (5, 16), (7, 128)]);
        let expected = U256::from(3) + (U256::from(5) << 16) + (U256::from(7) << 128);
        assert_eq!(word.to_uint(), expected);
    }
}
