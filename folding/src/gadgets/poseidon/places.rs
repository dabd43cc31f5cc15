//! Where each value of the permutation stands among the variables of a layout.
//!
//! **Invariant:** the variable one comes first, then the inputs, then every allocated value once.

use std::collections::BTreeMap;

use super::parameters::{Matrix, Parameters, dot, invert};
use crate::gadgets::Fr;

/// Where each value of the permutation stands among the variables.
#[derive(Debug)]
pub(super) struct Places {
    /// By round, the state's elements that are variables: none in the first round, where they are
    /// inputs plus constants, the first element in partial rounds, all of them elsewhere.
    pub(super) states: Vec<Vec<usize>>,
    /// By round and S-box, the square and the fourth power.
    pub(super) powers: Vec<Vec<(usize, usize)>>,
    /// By round, S-box outputs that are variables, from the second element on: before the partial
    /// rounds and in the last round, whose successor states are not wholly variables.
    pub(super) kept: Vec<Vec<usize>>,
    /// By round, the first of the coordinates of a frame amid the partial rounds.
    pub(super) frames: BTreeMap<usize, usize>,
    /// Coordinates of a frame from the state without its first element.
    pub(super) observation: Matrix,
    /// The inverse of `observation`.
    pub(super) from_observation: Matrix,
    pub(super) output: usize,
    pub(super) count: usize,
}

impl Places {
    /// Numbers the values; `None` if frames cannot be told by what they contribute.
    pub(super) fn new(parameters: &Parameters) -> Option<Self> {
        let (width, rounds) = (parameters.width, parameters.rounds());
        let observation = observation(parameters);
        let mut count = width;
        let mut take = |number: usize| {
            let first = count;
            count += number;
            first..count
        };
        let mut places = Self {
            states: vec![Vec::new(); rounds],
            powers: vec![Vec::new(); rounds],
            kept: vec![Vec::new(); rounds],
            frames: BTreeMap::new(),
            from_observation: invert(&observation)?,
            observation,
            output: 0,
            count: 0,
        };
        for frame in frame_rounds(parameters) {
            places.frames.insert(frame, take(width - 1).start);
        }
        for round in 0..rounds {
            let sboxes = if parameters.is_full(round) { width } else { 1 };
            if round > 0 {
                places.states[round] = take(sboxes).collect();
            }
            places.powers[round] = take(sboxes).zip(take(sboxes)).collect();
            if round + 1 == parameters.first_partial() || round + 1 == rounds {
                places.kept[round] = take(width - 1).collect();
            }
        }
        places.output = take(1).start;
        places.count = count;
        Some(places)
    }
}

/// The rounds of the frames amid the partial rounds, evenly spread.
///
/// Their number is tuned: a further frame would spare fewer than ten non-zeros for each of its
/// constraints. Narrow states are cheap to allocate, so they take more frames.
fn frame_rounds(parameters: &Parameters) -> impl Iterator<Item = usize> {
    let (first, length) = (parameters.first_partial(), parameters.partial_rounds);
    let frames = 2 + 6 / (parameters.width - 1);
    (1..=frames).map(move |frame| first + frame * length / (frames + 1))
}

/// The coordinates of a frame: what the state without its first element contributes to the S-box
/// outputs of the next rounds, so that each of these has a single term in the frame.
fn observation(parameters: &Parameters) -> Matrix {
    let rest = parameters.width - 1;
    let mut state: Matrix =
        (0..rest).map(|row| (0..rest).map(|c| Fr::from(u64::from(c == row))).collect()).collect();
    let mut rows = Matrix::new();
    for _ in 0..rest {
        // Columns of `state` are the units' images; constants and further inputs do not matter.
        let output: Vec<Fr> = (0..rest)
            .map(|column| {
                let image: Vec<Fr> = state.iter().map(|row| row[column]).collect();
                -parameters.inverse_of_corner * dot(&parameters.mds[0][1..], &image)
            })
            .collect();
        state = (parameters.mds[1..].iter())
            .map(|mds| {
                (0..rest)
                    .map(|column| {
                        let image: Vec<Fr> = state.iter().map(|row| row[column]).collect();
                        mds[0] * output[column] + dot(&mds[1..], &image)
                    })
                    .collect()
            })
            .collect();
        rows.push(output);
    }
    rows
}
