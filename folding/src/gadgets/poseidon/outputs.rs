//! The S-box outputs of the permutation as linear combinations of a layout's variables.
//!
//! **Invariant:** each combination is an identity of the permutation: it follows from the linear
//! layers and round constants alone, whatever the S-boxes do.

use std::collections::BTreeMap;

use ff::Field;

use super::{
    layout::{ONE, Terms},
    parameters::Parameters,
    places::Places,
};
use crate::gadgets::Fr;

/// A linear combination while it is built.
#[derive(Clone, Debug, Default)]
pub(super) struct Expression(BTreeMap<usize, Fr>);

impl Expression {
    /// A variable by itself.
    pub(super) fn variable(index: usize) -> Self {
        Self(BTreeMap::from([(index, Fr::ONE)]))
    }

    /// A constant.
    pub(super) fn constant(value: Fr) -> Self {
        Self(BTreeMap::from([(ONE, value)]))
    }

    /// Adds `scale · other`.
    pub(super) fn add(&mut self, other: &Self, scale: Fr) {
        for (index, coefficient) in &other.0 {
            *self.0.entry(*index).or_default() += scale * coefficient;
        }
    }

    /// `Σ coefficients_i · parts_i`.
    fn combine(coefficients: &[Fr], parts: &[Self]) -> Self {
        let mut sum = Self::default();
        coefficients.iter().zip(parts).for_each(|(scale, part)| sum.add(part, *scale));
        sum
    }

    /// The terms whose coefficient is not zero.
    pub(super) fn into_terms(self) -> Terms {
        self.0.into_iter().filter(|(_, coefficient)| *coefficient != Fr::ZERO).collect()
    }

    fn len(&self) -> usize {
        self.0.values().filter(|coefficient| **coefficient != Fr::ZERO).count()
    }
}

/// Writes the outputs of all S-boxes in terms of variables.
pub(super) struct Builder<'a> {
    parameters: &'a Parameters,
    places: &'a Places,
    links: Vec<Terms>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(parameters: &'a Parameters, places: &'a Places) -> Self {
        Self { parameters, places, links: Vec::new() }
    }

    /// The outputs by round and element, and the links: combinations that are zero.
    pub(super) fn outputs(mut self) -> (Vec<Vec<Expression>>, Vec<Terms>) {
        let (parameters, places) = (self.parameters, self.places);
        let rounds = parameters.rounds();
        let mut outputs = vec![Vec::new(); rounds];
        for round in (0..rounds).filter(|&round| parameters.is_full(round)) {
            outputs[round] = if places.kept[round].is_empty() {
                self.backward(round, &self.state(round + 1))
            } else {
                let kept = variables(&places.kept[round]);
                let mut all = vec![self.forward(round, &kept).0];
                all.extend(kept);
                all
            };
        }
        let mut left = parameters.first_partial();
        let mut state = self.forward(left - 1, &variables(&places.kept[left - 1])).1;
        let ends = places.frames.keys().copied().chain([parameters.first_closing()]);
        for right in ends.collect::<Vec<_>>() {
            let frame = self.frame(right);
            let (forwards, arrived) = self.walk_forward(left, right, state);
            let backwards = self.walk_backward(left, right, frame.clone());
            for ((round, forward), backward) in (left..).zip(forwards).zip(backwards) {
                outputs[round] =
                    vec![if forward.len() <= backward.len() { forward } else { backward }];
            }
            self.link(right, &arrived);
            (left, state) = (right, frame);
        }
        (outputs, self.links)
    }

    /// A round's state where all of it is variables.
    fn state(&self, round: usize) -> Vec<Expression> {
        variables(&self.places.states[round])
    }

    /// The state without its first element at a frame, from the frame's variables.
    fn frame(&self, round: usize) -> Vec<Expression> {
        let Some(first) = self.places.frames.get(&round) else {
            return self.state(round).split_off(1);
        };
        let coordinates: Vec<_> =
            (*first..).take(self.parameters.width - 1).map(Expression::variable).collect();
        let rows = self.places.from_observation.iter();
        rows.map(|row| Expression::combine(row, &coordinates)).collect()
    }

    /// Ties a frame's variables to the state that arrived from the frame before.
    fn link(&mut self, round: usize, arrived: &[Expression]) {
        let (variables, values): (Vec<usize>, Vec<Expression>) =
            match self.places.frames.get(&round) {
                Some(first) => (self.places.observation.iter().enumerate())
                    .map(|(index, row)| (first + index, Expression::combine(row, arrived)))
                    .unzip(),
                None => (self.places.states[round][1..].iter().copied())
                    .zip(arrived.iter().cloned())
                    .unzip(),
            };
        for (variable, mut value) in variables.into_iter().zip(values) {
            value.add(&Expression::variable(variable), -Fr::ONE);
            self.links.push(value.into_terms());
        }
    }

    /// From a round's S-box outputs but the first, or what passes unchanged in a partial round:
    /// the first S-box output, and the next state without its first element.
    fn forward(&self, round: usize, rest: &[Expression]) -> (Expression, Vec<Expression>) {
        let parameters = self.parameters;
        let next_first = self.places.states.get(round + 1).map_or(self.places.output, |s| s[0]);
        let constants = self.constants(round + 1);
        let mut output = Expression::variable(next_first);
        output.add(&Expression::constant(constants[0]), -Fr::ONE);
        output.add(&Expression::combine(&parameters.mds[0][1..], rest), -Fr::ONE);
        let mut scaled = Expression::default();
        scaled.add(&output, parameters.inverse_of_corner);
        let next = (parameters.mds[1..].iter().zip(&constants[1..]))
            .map(|(row, constant)| {
                let mut cell = Expression::combine(&row[1..], rest);
                cell.add(&scaled, row[0]);
                cell.add(&Expression::constant(*constant), Fr::ONE);
                cell
            })
            .collect();
        (scaled, next)
    }

    /// From the next round's state: this round's S-box outputs and what passed unchanged.
    fn backward(&self, round: usize, next: &[Expression]) -> Vec<Expression> {
        let mut next = next.to_vec();
        for (cell, constant) in next.iter_mut().zip(self.constants(round + 1)) {
            cell.add(&Expression::constant(constant), -Fr::ONE);
        }
        self.parameters.inverse.iter().map(|row| Expression::combine(row, &next)).collect()
    }

    /// Outputs of the rounds from `left` to before `right`, and the state that arrives there.
    fn walk_forward(
        &self,
        left: usize,
        right: usize,
        mut state: Vec<Expression>,
    ) -> (Vec<Expression>, Vec<Expression>) {
        let mut outputs = Vec::new();
        for round in left..right {
            let (output, next) = self.forward(round, &state);
            outputs.push(output);
            state = next;
        }
        (outputs, state)
    }

    /// Outputs of the rounds from `left` to before `right`, from the state at `right`.
    fn walk_backward(
        &self,
        left: usize,
        right: usize,
        mut state: Vec<Expression>,
    ) -> Vec<Expression> {
        let mut outputs = Vec::new();
        for round in (left..right).rev() {
            state.insert(0, Expression::variable(self.places.states[round + 1][0]));
            let mut passed = self.backward(round, &state);
            state = passed.split_off(1);
            outputs.append(&mut passed);
        }
        outputs.reverse();
        outputs
    }

    /// The constants added before a round; none are added after the last.
    fn constants(&self, round: usize) -> Vec<Fr> {
        let constants = self.parameters.constants.get(round);
        constants.cloned().unwrap_or_else(|| vec![Fr::ZERO; self.parameters.width])
    }
}

fn variables(indices: &[usize]) -> Vec<Expression> {
    indices.iter().copied().map(Expression::variable).collect()
}
