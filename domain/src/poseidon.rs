//! Poseidon over BN254 with circomlib's parameters, and the chain that hashes any fixed number of
//! words with it.
//!
//! Source: Grassi et al., "Poseidon: A New Hash Function for Zero-Knowledge Proof Systems"
//! (eprint 2019/458); parameters as in circomlib, through the crate `light-poseidon`.

use std::cell::RefCell;

use ark_bn254::Fr;
use light_poseidon::{Poseidon, PoseidonHasher};

use crate::Word;

/// Inputs of the widest Poseidon in use.
const WIDEST: usize = 12;

/// Words that one link of the chain absorbs: the widest Poseidon less the chain's own value.
const WORDS_PER_LINK: usize = WIDEST - 1;

thread_local! {
    /// The hashers by number of inputs: building one converts about a thousand constants.
    static HASHERS: RefCell<[Option<Poseidon<Fr>>; WIDEST]> = const { RefCell::new([const { None }; WIDEST]) };
}

/// Poseidon of 1 to 12 words, as circomlib's `Poseidon(n)`.
///
/// # Panics
/// For no words or more than 12: the number of inputs is fixed at each call's place in the source.
#[must_use]
pub fn hash<const N: usize>(words: [Word; N]) -> Word {
    const { assert!(N >= 1 && N <= WIDEST, "circomlib's parameters reach 12 inputs here") };
    let inputs = words.map(Word::field);
    let hashed = HASHERS.with_borrow_mut(|hashers| {
        let hasher = hashers.get_mut(N.saturating_sub(1))?;
        if hasher.is_none() {
            *hasher = Poseidon::<Fr>::new_circom(N).ok();
        }
        hasher.as_mut()?.hash(&inputs).ok()
    });
    Word::from_field(hashed.unwrap_or_else(|| unreachable!("1 to 12 inputs have parameters")))
}

/// Hashes a fixed number of words under a tag: `acc = tag`, then for each 11 words (the last link
/// padded with zero words) `acc = Poseidon_12(acc, words…)`.
///
/// The tag holds the number of words, so that inputs of different lengths cannot collide by padding.
///
/// # Panics
/// For a tag of more than 23 bytes or for no words: both are fixed at each call's place.
#[must_use]
pub fn chain_hash(tag: &str, words: &[Word]) -> Word {
    words.chunks(WORDS_PER_LINK).fold(chain_hash_tag(tag, words.len()), |link, chunk| {
        let mut inputs = [Word::ZERO; WIDEST];
        for (input, word) in inputs.iter_mut().zip(std::iter::once(&link).chain(chunk)) {
            *input = *word;
        }
        hash(inputs)
    })
}

/// The first value of the chain: the tag's ASCII bytes as a big-endian integer, times `2^32`, plus
/// the number of words.
///
/// # Panics
/// As [`chain_hash`].
#[must_use]
pub fn chain_hash_tag(tag: &str, words: usize) -> Word {
    assert!(tag.is_ascii() && tag.len() <= 23 && words > 0, "a fixed tag and at least one word");
    let words = u32::try_from(words).unwrap_or(u32::MAX);
    let mut bytes = tag.as_bytes().to_vec();
    bytes.extend(words.to_be_bytes());
    // At most 27 bytes: below the field's order.
    Word::from_field(ark_ff::PrimeField::from_be_bytes_mod_order(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published vector of circomlib: `poseidon([1, 2])`.
    #[test]
    fn agrees_with_circomlib() {
        let hashed = hash([Word::from(1_u64), Word::from(2_u64)]).to_uint().to_string();
        let published =
            "7853200120776062878684798364095072458815029376092732009249414926327459813530";
        assert_eq!(hashed, published);
    }

    #[test]
    fn padding_and_tags_never_collide() {
        let one = Word::from(1_u64);
        let mut seen = vec![
            chain_hash("a", &[one]),
            chain_hash("a", &[one, Word::ZERO]),
            chain_hash("b", &[one]),
            chain_hash("a", &[one; 11]),
            chain_hash("a", &[one; 12]),
        ];
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 5);
    }
}
