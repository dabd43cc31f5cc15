//! Poseidon with circomlib's parameters, natively and in the circuit.
//!
//! **Invariant:** the circuit computes the permutation that circomlib, poseidon-lite and
//! light-poseidon compute, for one to twelve inputs: capacity element zero, output `state[0]`.
//!
//! Which intermediate values are allocated, and why, is in [`layout`].

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "field arithmetic cannot overflow; indices run over the permutation's fixed shape"
)]

mod layout;
mod outputs;
mod parameters;
mod places;

use std::sync::OnceLock;

use ff::Field;
use nova_snark::frontend::{
    ConstraintSystem, LinearCombination, SynthesisError, Variable, num::AllocatedNum,
};

use self::layout::{Layout, Terms};
use super::Fr;

/// The most inputs that one hash takes.
pub(crate) const MAX_INPUTS: usize = 12;

/// Words absorbed by each call of a chained hash; the first input carries the chain.
const CHUNK_WORDS: usize = MAX_INPUTS - 1;

/// The most ASCII characters of a tag: with the number of words the tag word stays below `2^216`.
const MAX_TAG_BYTES: usize = 23;

/// An input of a hash in the circuit.
#[derive(Clone, Debug)]
enum Word<'a> {
    Constant(Fr),
    Allocated(&'a AllocatedNum<Fr>),
}

impl Word<'_> {
    fn value(&self) -> Option<Fr> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Allocated(number) => number.get_value(),
        }
    }
}

/// Hashes one to twelve words.
pub(crate) fn hash<CS: ConstraintSystem<Fr>>(
    cs: CS,
    inputs: &[AllocatedNum<Fr>],
) -> Result<AllocatedNum<Fr>, SynthesisError> {
    let words: Vec<_> = inputs.iter().map(Word::Allocated).collect();
    hash_words(cs, &words)
}

/// Hashes any number of words, at least one: the tag word opens the chain, and each call absorbs
/// eleven words, the last ones padded with zeros. The tag word counts the words, so no two inputs
/// of different length share a chain.
pub(crate) fn chain_hash<CS: ConstraintSystem<Fr>>(
    mut cs: CS,
    tag: &str,
    words: &[AllocatedNum<Fr>],
) -> Result<AllocatedNum<Fr>, SynthesisError> {
    let tag_word = tag_word(tag, words.len()).ok_or_else(|| refused_length(words.len()))?;
    let mut digest: Option<AllocatedNum<Fr>> = None;
    for (index, chunk) in words.chunks(CHUNK_WORDS).enumerate() {
        let first = digest.as_ref().map_or(Word::Constant(tag_word), Word::Allocated);
        let mut inputs = vec![first];
        inputs.extend(chunk.iter().map(Word::Allocated));
        inputs.resize(MAX_INPUTS, Word::Constant(Fr::ZERO));
        let next = hash_words(cs.namespace(|| format!("chunk {index}")), &inputs)?;
        digest = Some(next);
    }
    digest.ok_or_else(|| refused_length(0))
}

/// [`hash`] outside the circuit; `None` unless one to twelve inputs are given.
#[cfg(test)]
pub(crate) fn hash_native(inputs: &[Fr]) -> Option<Fr> {
    let layout = layout_for(inputs.len())?;
    layout.trace(inputs).get(layout.output()).copied()
}

/// [`chain_hash`] outside the circuit; `None` for no words or a tag that is not short ASCII.
#[cfg(test)]
pub(crate) fn chain_hash_native(tag: &str, words: &[Fr]) -> Option<Fr> {
    words.chunks(CHUNK_WORDS).try_fold(tag_word(tag, words.len())?, |digest, chunk| {
        let mut inputs = vec![digest];
        inputs.extend_from_slice(chunk);
        inputs.resize(MAX_INPUTS, Fr::ZERO);
        hash_native(&inputs)
    })
}

/// The tag's ASCII bytes as a big-endian integer, times `2^32`, plus the number of words.
fn tag_word(tag: &str, words: usize) -> Option<Fr> {
    let count = u32::try_from(words).ok().filter(|count| *count > 0)?;
    if !tag.is_ascii() || tag.len() > MAX_TAG_BYTES {
        return None;
    }
    let bytes = tag.bytes().chain(count.to_be_bytes());
    Some(bytes.fold(Fr::ZERO, |word, byte| word * Fr::from(256) + Fr::from(u64::from(byte))))
}

fn refused_length(words: usize) -> SynthesisError {
    SynthesisError::IncompatibleLengthVector(format!("Poseidon does not take {words} words so"))
}

/// The layout for a number of inputs, computed once.
fn layout_for(inputs: usize) -> Option<&'static Layout> {
    static LAYOUTS: [OnceLock<Option<Layout>>; MAX_INPUTS] =
        [const { OnceLock::new() }; MAX_INPUTS];
    let slot = LAYOUTS.get(inputs.checked_sub(1)?)?;
    slot.get_or_init(|| Layout::new(parameters::Parameters::circomlib(inputs)?)).as_ref()
}

/// Allocates what the layout asks for and enforces its constraints.
fn hash_words<CS: ConstraintSystem<Fr>>(
    mut cs: CS,
    words: &[Word<'_>],
) -> Result<AllocatedNum<Fr>, SynthesisError> {
    let layout = layout_for(words.len()).ok_or_else(|| refused_length(words.len()))?;
    let values = words.iter().map(Word::value).collect::<Option<Vec<_>>>();
    let trace = values.map(|values| layout.trace(&values));
    let constants = constant_slots(words);
    let variables = allocate_trace(&mut cs, layout, words, &constants, trace.as_deref())?;
    let place = |lc, terms: &Terms| place(lc, terms, &variables);

    for (index, sbox) in layout.sboxes().iter().enumerate() {
        // An S-box of a constant input has a constant output: nothing to compute.
        if let Some(constant) = constants.get(index).copied().flatten() {
            let output = layout.constant_sbox(index, constant);
            cs.enforce(
                || format!("constant {index}"),
                |lc| lc,
                |lc| lc,
                |lc| place(lc, &sbox.output) - (output, CS::one()),
            );
            continue;
        }
        let (square, fourth) = (variables[sbox.square], variables[sbox.fourth]);
        cs.enforce(
            || format!("square {index}"),
            |lc| place(lc, &sbox.input),
            |lc| place(lc, &sbox.input),
            |lc| lc + square,
        );
        cs.enforce(
            || format!("fourth power {index}"),
            |lc| lc + square,
            |lc| lc + square,
            |lc| lc + fourth,
        );
        cs.enforce(
            || format!("fifth power {index}"),
            |lc| lc + fourth,
            |lc| place(lc, &sbox.input),
            |lc| place(lc, &sbox.output),
        );
    }
    for (index, link) in layout.links().iter().enumerate() {
        cs.enforce(|| format!("link {index}"), |lc| lc, |lc| lc, |lc| place(lc, link));
    }

    let output = layout.output();
    Ok(AllocatedNum::from_parts(variables[output], trace.map(|trace| trace[output])))
}

/// The constants among the first round's S-box inputs, in the order of the state: the capacity
/// element is zero, then come the words.
fn constant_slots(words: &[Word<'_>]) -> Vec<Option<Fr>> {
    let capacity = std::iter::once(Some(Fr::ZERO));
    capacity
        .chain(words.iter().map(|word| match word {
            Word::Constant(value) => Some(*value),
            Word::Allocated(_) => None,
        }))
        .collect()
}

/// The variables of a layout, in its order. Where a word is constant its place and those of its
/// S-box hold the variable one and are never read.
fn allocate_trace<CS: ConstraintSystem<Fr>>(
    cs: &mut CS,
    layout: &Layout,
    words: &[Word<'_>],
    constants: &[Option<Fr>],
    trace: Option<&[Fr]>,
) -> Result<Vec<Variable>, SynthesisError> {
    let mut variables = Vec::with_capacity(layout.len());
    variables.push(CS::one());
    variables.extend(words.iter().map(|word| match word {
        Word::Constant(_) => CS::one(),
        Word::Allocated(number) => number.get_variable(),
    }));
    let unused: Vec<usize> = (constants.iter().zip(layout.sboxes()))
        .filter(|(constant, _)| constant.is_some())
        .flat_map(|(_, sbox)| [sbox.square, sbox.fourth])
        .collect();
    for index in variables.len()..layout.len() {
        variables.push(if unused.contains(&index) {
            CS::one()
        } else {
            cs.alloc(
                || format!("value {index}"),
                || trace.map(|trace| trace[index]).ok_or(SynthesisError::AssignmentMissing),
            )?
        });
    }
    Ok(variables)
}

fn place(
    lc: LinearCombination<Fr>,
    terms: &Terms,
    variables: &[Variable],
) -> LinearCombination<Fr> {
    terms.iter().fold(lc, |lc, (index, coefficient)| lc + (*coefficient, variables[*index]))
}

#[cfg(test)]
mod tests;
