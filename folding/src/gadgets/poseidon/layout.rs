//! Which values of the permutation are allocated, and the constraints between them.
//!
//! **Invariant:** there are as many constraints as allocated values, and each value is determined
//! by the inputs.
//!
//! What is allocated is the *input* of each S-box, its square and its fourth power: the fifth power
//! is written as a linear combination of the next round's inputs, so that the long combinations
//! stand once, in the last of an S-box's three constraints, and not in all three.
//!
//! Through the partial rounds the state without its first element is carried symbolically from
//! *frames*: rounds at which it is allocated in full. The fifth power of a round is written from
//! the frame before it or the frame after it, whichever is shorter; a linear *link* per element
//! ties each frame to the one before. More frames are more constraints, but fewer non-zeros.

use ff::Field;

use super::{
    outputs::{Builder, Expression},
    parameters::{Parameters, apply},
    places::Places,
};
use crate::gadgets::Fr;

/// Index of the constant one among a layout's variables; the inputs follow, then the allocated.
pub(super) const ONE: usize = 0;

/// A linear combination of a layout's variables.
pub(super) type Terms = Vec<(usize, Fr)>;

/// `output = input⁵`, through its square and its fourth power.
#[derive(Debug)]
pub(super) struct SBox {
    pub(super) input: Terms,
    pub(super) square: usize,
    pub(super) fourth: usize,
    pub(super) output: Terms,
}

/// The variables and constraints of the permutation at one width.
#[derive(Debug)]
pub(super) struct Layout {
    parameters: Parameters,
    places: Places,
    sboxes: Vec<SBox>,
    links: Vec<Terms>,
}

impl Layout {
    /// Lays out the permutation; `None` if its linear layer is not of the kind assumed.
    pub(super) fn new(parameters: Parameters) -> Option<Self> {
        let places = Places::new(&parameters)?;
        let (outputs, links) = Builder::new(&parameters, &places).outputs();
        let mut sboxes = Vec::new();
        for (round, outputs) in outputs.into_iter().enumerate() {
            for (element, output) in outputs.into_iter().enumerate() {
                let (square, fourth) = places.powers[round][element];
                let input = sbox_input(&parameters, &places, round, element);
                sboxes.push(SBox { input, square, fourth, output: output.into_terms() });
            }
        }
        Some(Self { parameters, places, sboxes, links })
    }

    /// The S-boxes, the first round's first and in the order of the state.
    pub(super) fn sboxes(&self) -> &[SBox] {
        &self.sboxes
    }

    /// Linear combinations that are zero.
    pub(super) fn links(&self) -> &[Terms] {
        &self.links
    }

    /// The index of the hash.
    pub(super) fn output(&self) -> usize {
        self.places.output
    }

    /// The number of variables, one and the inputs included.
    pub(super) fn len(&self) -> usize {
        self.places.count
    }

    /// The output of a first-round S-box whose input word is constant.
    pub(super) fn constant_sbox(&self, element: usize, word: Fr) -> Fr {
        fifth(word + self.parameters.constants[0][element])
    }

    /// Runs the permutation and returns the value of every variable.
    pub(super) fn trace(&self, inputs: &[Fr]) -> Vec<Fr> {
        let (parameters, places) = (&self.parameters, &self.places);
        let mut values = vec![Fr::ZERO; places.count];
        values[ONE] = Fr::ONE;
        values[1..=inputs.len()].copy_from_slice(inputs);
        let mut state = vec![Fr::ZERO];
        state.extend_from_slice(inputs);
        for round in 0..parameters.rounds() {
            (state.iter_mut().zip(&parameters.constants[round])).for_each(|(cell, c)| *cell += c);
            for (index, cell) in places.states[round].iter().zip(&state) {
                values[*index] = *cell;
            }
            if let Some(first) = places.frames.get(&round) {
                let coordinates = apply(&places.observation, &state[1..]);
                values[*first..first + coordinates.len()].copy_from_slice(&coordinates);
            }
            for ((square, fourth), cell) in places.powers[round].iter().zip(&mut state) {
                values[*square] = cell.square();
                values[*fourth] = values[*square].square();
                *cell *= values[*fourth];
            }
            for (index, cell) in places.kept[round].iter().zip(&state[1..]) {
                values[*index] = *cell;
            }
            state = apply(&parameters.mds, &state);
        }
        values[places.output] = state[0];
        values
    }
}

/// `value⁵`.
fn fifth(value: Fr) -> Fr {
    value.square().square() * value
}

/// What an S-box raises to the fifth power.
fn sbox_input(parameters: &Parameters, places: &Places, round: usize, element: usize) -> Terms {
    match (round, element) {
        // The capacity element is zero, so its S-box is constant and its input is never placed.
        (0, 0) => Expression::constant(parameters.constants[0][0]).into_terms(),
        (0, _) => {
            let mut input = Expression::variable(element);
            input.add(&Expression::constant(parameters.constants[0][element]), Fr::ONE);
            input.into_terms()
        }
        _ => Expression::variable(places.states[round][element]).into_terms(),
    }
}
