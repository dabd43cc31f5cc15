//! The chain hash over linear combinations.

use nova_snark::frontend::{ConstraintSystem, SynthesisError, num::AllocatedNum};

use super::linear::Linear;
use crate::{field::Scalar, gadgets::poseidon};

/// `domain::chain_hash` of words that are combinations: what is not a variable yet becomes one.
pub(super) fn chain_hash<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    tag: &str,
    words: &[Linear],
) -> Result<AllocatedNum<Scalar>, SynthesisError> {
    let words = words
        .iter()
        .enumerate()
        .map(|(at, word)| word.number(&mut cs.namespace(|| format!("word {at}")), "word"))
        .collect::<Result<Vec<_>, _>>()?;
    poseidon::chain_hash(cs.namespace(|| "chain"), tag, &words)
}
