//! The Poseidon permutation with its partial rounds made sparse: the same values in a quarter of the
//! multiplications.
//!
//! **Invariant:** the constants come from light-poseidon's parameters alone, and every hash is what
//! light-poseidon computes from them.
//!
//! A partial round changes one element by the S-box and mixes all by the matrix
//! `M = [[corner, row], [column, rest]]`. Two changes, neither of which the values notice (appendix B
//! of eprint 2019/458):
//!
//! * Between two S-boxes the other elements only see linear maps, so their constants are taken through
//!   `M` into the round after, and the last ones into the first full round that follows.
//! * The other elements are kept as `u` with `s = rest^r · u` before partial round `r`. Then `u` stays
//!   itself but for what the S-box gives to it: `u += rest^-(r+1) · column · y`; and the first element
//!   becomes `corner · y + row · rest^r · u`. After the last one `rest^rounds` leads back.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "field arithmetic is total: it neither overflows nor panics"
)]

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use light_poseidon::parameters::bn254_x5::get_poseidon_parameters;

/// The rounds for `N` inputs.
#[derive(Debug)]
pub(super) struct Permutation<const N: usize> {
    mix: Mix<N>,
    /// Constants of the full rounds at the beginning.
    opening: Vec<State<N>>,
    partial: Vec<Partial<N>>,
    /// What the other elements have missed when the partial rounds are over.
    bridge: Matrix<N>,
    /// Constants of the full rounds at the end.
    closing: Vec<State<N>>,
}

/// The first element, which the partial rounds' S-box changes, and the others.
type State<const N: usize> = (Fr, [Fr; N]);

/// By rows.
type Matrix<const N: usize> = [[Fr; N]; N];

/// The linear layer in its parts.
#[derive(Debug)]
struct Mix<const N: usize> {
    corner: Fr,
    row: [Fr; N],
    column: [Fr; N],
    rest: Matrix<N>,
}

/// A round with a single S-box.
#[derive(Debug)]
struct Partial<const N: usize> {
    constant: Fr,
    row: [Fr; N],
    column: [Fr; N],
}

impl<const N: usize> Permutation<N> {
    /// circomlib's; nothing for a number of inputs without parameters.
    pub(super) fn circomlib() -> Option<Self> {
        let width = N.checked_add(1)?;
        let source = get_poseidon_parameters::<Fr>(u8::try_from(width).ok()?).ok()?;
        let half = source.full_rounds / 2;
        let mix = Mix::new(&source.mds)?;
        let mut constants = source.ark.chunks(width).map(state::<N>).collect::<Option<Vec<_>>>()?;
        let mut partial = constants.split_off(half);
        let mut closing = partial.split_off(source.partial_rounds);
        // Constants of the elements without an S-box, on their way to the next round.
        let mut carried = (Fr::ZERO, [Fr::ZERO; N]);
        let mut firsts = Vec::with_capacity(partial.len());
        for (first, others) in partial {
            firsts.push(first + carried.0);
            carried = mix.apply((Fr::ZERO, sum(others, carried.1)));
        }
        let next = closing.first_mut()?;
        *next = (next.0 + carried.0, sum(next.1, carried.1));
        let bridge = power(&mix.rest, firsts.len());
        Some(Self { partial: mix.sparse(&firsts)?, mix, opening: constants, bridge, closing })
    }

    /// The hash of the inputs.
    pub(super) fn hash(&self, inputs: [Fr; N]) -> Fr {
        let full = |(first, others): State<N>, constants: &State<N>| {
            let mut others = sum(others, constants.1);
            for element in &mut others {
                *element = fifth_power(*element);
            }
            self.mix.apply((fifth_power(first + constants.0), others))
        };
        let (mut first, mut others) = self.opening.iter().fold((Fr::ZERO, inputs), full);
        for Partial { constant, row, column } in &self.partial {
            let changed = fifth_power(first + constant);
            first = self.mix.corner * changed + Fr::sum_of_products(row, &others);
            for (element, factor) in others.iter_mut().zip(column) {
                *element += changed * factor;
            }
        }
        let mixed = (first, apply(&self.bridge, &others));
        self.closing.iter().fold(mixed, full).0
    }
}

impl<const N: usize> Mix<N> {
    fn new(mds: &[Vec<Fr>]) -> Option<Self> {
        let (first, others) = mds.split_first()?;
        let (corner, row) = state(first)?;
        let (mut column, mut rest) = ([Fr::ZERO; N], [[Fr::ZERO; N]; N]);
        for ((to, row), from) in column.iter_mut().zip(&mut rest).zip(others) {
            (*to, *row) = state(from)?;
        }
        Some(Self { corner, row, column, rest })
    }

    fn apply(&self, (first, others): State<N>) -> State<N> {
        let mixed_first = self.corner * first + Fr::sum_of_products(&self.row, &others);
        let mut mixed = apply(&self.rest, &others);
        for (element, factor) in mixed.iter_mut().zip(&self.column) {
            *element += *factor * first;
        }
        (mixed_first, mixed)
    }

    /// The partial rounds with these constants of their first elements.
    fn sparse(&self, constants: &[Fr]) -> Option<Vec<Partial<N>>> {
        let (inverse, transposed) = (invert(&self.rest)?, transpose(&self.rest));
        let (mut row, mut column) = (self.row, apply(&inverse, &self.column));
        let rounds = constants.iter().map(|constant| {
            let round = Partial { constant: *constant, row, column };
            row = apply(&transposed, &row);
            column = apply(&inverse, &column);
            round
        });
        Some(rounds.collect())
    }
}

fn fifth_power(element: Fr) -> Fr {
    element.square().square() * element
}

/// The first element and the `N` others.
fn state<const N: usize>(elements: &[Fr]) -> Option<State<N>> {
    let (first, others) = elements.split_first()?;
    Some((*first, others.try_into().ok()?))
}

fn sum<const N: usize>(mut left: [Fr; N], right: [Fr; N]) -> [Fr; N] {
    left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
    left
}

fn apply<const N: usize>(matrix: &Matrix<N>, column: &[Fr; N]) -> [Fr; N] {
    matrix.each_ref().map(|row| Fr::sum_of_products(row, column))
}

#[expect(clippy::indexing_slicing, reason = "both indices are below N")]
fn transpose<const N: usize>(matrix: &Matrix<N>) -> Matrix<N> {
    std::array::from_fn(|row| std::array::from_fn(|column| matrix[column][row]))
}

fn product<const N: usize>(left: &Matrix<N>, right: &Matrix<N>) -> Matrix<N> {
    let columns = transpose(right);
    left.map(|row| apply(&columns, &row))
}

fn identity<const N: usize>() -> Matrix<N> {
    std::array::from_fn(|row| std::array::from_fn(|column| Fr::from(row == column)))
}

fn power<const N: usize>(matrix: &Matrix<N>, exponent: usize) -> Matrix<N> {
    let bits = (0..usize::BITS.saturating_sub(exponent.leading_zeros())).rev();
    bits.fold(identity(), |power, bit| {
        let square = product(&power, &power);
        if exponent >> bit & 1 == 1 { product(&square, matrix) } else { square }
    })
}

/// By elimination. Every square part of an MDS matrix has an inverse, so that no pivot is zero.
#[expect(clippy::indexing_slicing, reason = "all indices are below N")]
fn invert<const N: usize>(matrix: &Matrix<N>) -> Option<Matrix<N>> {
    let (mut left, mut right) = (*matrix, identity());
    for pivot in 0..N {
        let scale = left[pivot][pivot].inverse()?;
        left[pivot] = left[pivot].map(|cell| cell * scale);
        right[pivot] = right[pivot].map(|cell| cell * scale);
        let rows = (left[pivot], right[pivot]);
        for row in (0..N).filter(|row| *row != pivot) {
            let factor = -left[row][pivot];
            left[row] = sum(left[row], rows.0.map(|cell| cell * factor));
            right[row] = sum(right[row], rows.1.map(|cell| cell * factor));
        }
    }
    Some(right)
}
