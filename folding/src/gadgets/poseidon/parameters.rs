//! circomlib's Poseidon parameters and the linear algebra on them, in the circuit's field.
//!
//! **Invariant:** the constants are light-poseidon's, value for value.

use ark_bn254::Fr as ArkFr;
use ark_ff::{BigInteger, PrimeField as _};
use ff::{Field, PrimeField};
use light_poseidon::parameters::bn254_x5::get_poseidon_parameters;

use crate::gadgets::{Fr, bits::inverse_or_zero};

/// A square matrix by rows.
pub(super) type Matrix = Vec<Vec<Fr>>;

/// The parameters for one width.
///
/// Rounds are counted from zero; the state of a round is taken after its round constants are
/// added. Invariant: there is at least one full round at either end and one partial round between.
#[derive(Debug)]
pub(super) struct Parameters {
    /// Elements of the state: one more than the inputs.
    pub(super) width: usize,
    /// Round constants by round and element.
    pub(super) constants: Vec<Vec<Fr>>,
    /// The linear layer.
    pub(super) mds: Matrix,
    /// The linear layer's inverse.
    pub(super) inverse: Matrix,
    /// The inverse of the linear layer's first coefficient.
    pub(super) inverse_of_corner: Fr,
    /// Full rounds before the partial ones, and again after them.
    pub(super) half_full_rounds: usize,
    /// Rounds with a single S-box.
    pub(super) partial_rounds: usize,
}

impl Parameters {
    /// circomlib's parameters for a number of inputs; `None` if it has none.
    pub(super) fn circomlib(inputs: usize) -> Option<Self> {
        let width = inputs.checked_add(1)?;
        let source = get_poseidon_parameters::<ArkFr>(u8::try_from(width).ok()?).ok()?;
        let constants: Vec<Fr> = source.ark.iter().map(from_ark).collect::<Option<_>>()?;
        let mds: Matrix = (source.mds.iter())
            .map(|row| row.iter().map(from_ark).collect::<Option<_>>())
            .collect::<Option<_>>()?;
        Some(Self {
            width,
            constants: constants.chunks(width).map(<[Fr]>::to_vec).collect(),
            inverse: invert(&mds)?,
            inverse_of_corner: mds.first()?.first()?.invert().into_option()?,
            mds,
            half_full_rounds: source.full_rounds / 2,
            partial_rounds: source.partial_rounds,
        })
    }

    /// All rounds.
    pub(super) fn rounds(&self) -> usize {
        2 * self.half_full_rounds + self.partial_rounds
    }

    /// The first round with a single S-box.
    pub(super) fn first_partial(&self) -> usize {
        self.half_full_rounds
    }

    /// The first full round after the partial ones.
    pub(super) fn first_closing(&self) -> usize {
        self.half_full_rounds + self.partial_rounds
    }

    /// Whether every element of the round's state passes an S-box.
    pub(super) fn is_full(&self, round: usize) -> bool {
        round < self.first_partial() || round >= self.first_closing()
    }
}

/// The product of a matrix and a column.
pub(super) fn apply(matrix: &Matrix, column: &[Fr]) -> Vec<Fr> {
    matrix.iter().map(|row| dot(row, column)).collect()
}

/// The inner product.
pub(super) fn dot(left: &[Fr], right: &[Fr]) -> Fr {
    left.iter().zip(right).fold(Fr::ZERO, |sum, (left, right)| sum + left * right)
}

/// The inverse matrix, by elimination; `None` if there is none.
pub(super) fn invert(matrix: &Matrix) -> Option<Matrix> {
    let size = matrix.len();
    let mut rows: Matrix = matrix.clone();
    for (index, row) in rows.iter_mut().enumerate() {
        row.extend((0..size).map(|column| Fr::from(u64::from(column == index))));
    }
    for column in 0..size {
        let pivot = (column..size).find(|&row| rows[row][column] != Fr::ZERO)?;
        rows.swap(column, pivot);
        let scale = inverse_or_zero(rows[column][column]);
        rows[column].iter_mut().for_each(|cell| *cell *= scale);
        let pivot_row = rows[column].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(index, _)| *index != column) {
            let factor = row[column];
            row.iter_mut().zip(&pivot_row).for_each(|(cell, pivot)| *cell -= factor * pivot);
        }
    }
    Some(rows.into_iter().map(|row| row[size..].to_vec()).collect())
}

fn from_ark(value: &ArkFr) -> Option<Fr> {
    let mut repr = <Fr as PrimeField>::Repr::default();
    repr.as_mut().copy_from_slice(&value.into_bigint().to_bytes_le());
    Fr::from_repr(repr).into()
}
