//! Poseidon over BN254 with circomlib's parameters, and the chain that hashes any fixed number of
//! words with it.
//!
//! Source: Grassi et al., "Poseidon: A New Hash Function for Zero-Knowledge Proof Systems"
//! (eprint 2019/458); parameters as in circomlib, through the crate `light-poseidon`, with which every
//! number of inputs is compared.

mod permutation;

use std::any::Any;
use std::sync::OnceLock;

use crate::Word;

use permutation::Permutation;

/// Inputs of the widest Poseidon in use.
const WIDEST: usize = 12;

/// Words that one link of the chain absorbs: the widest Poseidon less the chain's own value.
const WORDS_PER_LINK: usize = WIDEST - 1;

/// The permutations by number of inputs, each made when it is first needed: that takes as long as some
/// dozens of hashes.
static PERMUTATIONS: [OnceLock<Box<dyn Any + Send + Sync>>; WIDEST] =
    [const { OnceLock::new() }; WIDEST];

/// Poseidon of 1 to 12 words, as circomlib's `Poseidon(n)`.
///
/// # Panics
/// For no words or more than 12: the number of inputs is fixed at each call's place in the source.
#[must_use]
pub fn hash<const N: usize>(words: [Word; N]) -> Word {
    const { assert!(N >= 1 && N <= WIDEST, "circomlib's parameters reach 12 inputs here") };
    let made = PERMUTATIONS.get(N.saturating_sub(1)).and_then(|made| {
        made.get_or_init(|| Box::new(Permutation::<N>::circomlib())).downcast_ref()
    });
    let Some(Some(permutation)) = made else {
        unreachable!("1 to 12 inputs have parameters");
    };
    Word::from_field(Permutation::<N>::hash(permutation, words.map(Word::field)))
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
    use ark_bn254::Fr;
    use ark_ff::{Field, PrimeField};
    use light_poseidon::{Poseidon, PoseidonHasher};

    /// Every number of inputs hashes as light-poseidon does: the field's edges, and words that one
    /// cannot foresee.
    #[test]
    fn agrees_with_light_poseidon() {
        fn check<const N: usize>() {
            let mut theirs = Poseidon::<Fr>::new_circom(N).unwrap();
            let edges = [0_i8, 1, -1].map(Fr::from).map(|edge| [edge; N]);
            let mut last = Fr::from(2_u64).inverse().unwrap();
            let drawn = (0..20).map(|_| {
                std::array::from_fn(|_| {
                    let bytes = alloy_primitives::keccak256(Word::from_field(last).to_bytes());
                    last = Fr::from_be_bytes_mod_order(bytes.as_slice());
                    last
                })
            });
            for inputs in edges.into_iter().chain(drawn) {
                let ours = hash(inputs.map(Word::from_field)).field();
                assert_eq!(ours, theirs.hash(&inputs).unwrap(), "{N} inputs");
            }
        }
        check::<1>();
        check::<2>();
        check::<3>();
        check::<4>();
        check::<5>();
        check::<6>();
        check::<7>();
        check::<8>();
        check::<9>();
        check::<10>();
        check::<11>();
        check::<12>();
    }

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
