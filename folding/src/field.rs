//! Words as elements of the circuit's field, and back.
//!
//! **Invariant:** both types are the scalar field of BN254, so every conversion is exact; neither
//! side has a second form of an element.

use domain::Word;
use ff::PrimeField;
use nova_snark::{provider::Bn256EngineKZG, traits::Engine};

/// An element of the circuit's field.
pub(crate) type Scalar = <Bn256EngineKZG as Engine>::Scalar;

/// The circuit's element for a word.
pub(crate) fn scalar(word: Word) -> Scalar {
    let mut bytes = word.to_bytes().0;
    bytes.reverse();
    Option::from(Scalar::from_repr(bytes.into()))
        .unwrap_or_else(|| unreachable!("a word is below the field's order"))
}

/// The word for an element of the circuit.
pub(crate) fn word(element: Scalar) -> Word {
    let mut bytes: [u8; 32] = element.to_repr().into();
    bytes.reverse();
    Word::from_bytes(bytes.into())
        .unwrap_or_else(|_| unreachable!("an element is below the field's order"))
}

/// The circuit's element for a 128-bit integer.
pub(crate) fn from_u128(number: u128) -> Scalar {
    Scalar::from_u128(number)
}

/// `2^exponent`.
pub(crate) fn power_of_two(exponent: usize) -> Scalar {
    std::iter::repeat_n((), exponent).fold(Scalar::from(1), |power, ()| ff::Field::double(&power))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ff::Field;

    /// Zero, small numbers and the largest element survive both ways.
    #[test]
    fn conversions_are_exact() {
        let largest = -Scalar::ONE;
        assert_eq!(scalar(word(largest)), largest);
        for number in [0_u128, 1, 2, 1 << 96, u128::MAX] {
            assert_eq!(scalar(Word::from(number)), from_u128(number));
            assert_eq!(word(from_u128(number)), Word::from(number));
        }
        assert_eq!(word(power_of_two(112)), Word::from(1_u128 << 112));
    }
}
