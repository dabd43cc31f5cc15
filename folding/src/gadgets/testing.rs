//! Synthesises a circuit twice, for its constraints and for its witness, and puts it to the test.

#![expect(clippy::arithmetic_side_effects, reason = "field arithmetic cannot overflow")]

use std::collections::{BTreeMap, BTreeSet};

use ff::{Field, PrimeField};
use nova_snark::{
    frontend::{
        ConstraintSystem, Index, LinearCombination, SynthesisError, shape_cs::ShapeCS,
        solver::SatisfyingAssignment, test_cs::TestConstraintSystem,
    },
    provider::Bn256EngineKZG,
};

use super::{
    Fr,
    bits::{Limbs, inverse_or_zero},
};

type Combination = LinearCombination<Fr>;

/// A circuit that can be synthesised into any constraint system.
pub(crate) trait Synthesize {
    fn synthesize<CS: ConstraintSystem<Fr>>(&self, cs: &mut CS) -> Result<(), SynthesisError>;
}

/// Constraints with an assignment.
pub(crate) struct Synthesis {
    constraints: Vec<(Combination, Combination, Combination)>,
    inputs: Vec<Fr>,
    pub(crate) aux: Vec<Fr>,
}

impl Synthesis {
    pub(crate) fn of(circuit: &impl Synthesize) -> Self {
        let mut shape = ShapeCS::<Bn256EngineKZG>::new();
        circuit.synthesize(&mut shape).unwrap();
        let mut witness = SatisfyingAssignment::<Bn256EngineKZG>::new();
        circuit.synthesize(&mut witness).unwrap();
        assert_eq!(shape.num_aux(), witness.aux_assignment().len());
        Self {
            constraints: shape.constraints,
            inputs: witness.input_assignment().to_vec(),
            aux: witness.aux_assignment().to_vec(),
        }
    }

    /// The number of constraints and of non-zero coefficients.
    pub(crate) fn size(&self) -> (usize, usize) {
        let count = |lc: &Combination| lc.iter().filter(|(_, c)| **c != Fr::ZERO).count();
        let nonzeros = self.constraints.iter().map(|(a, b, c)| count(a) + count(b) + count(c));
        (self.constraints.len(), nonzeros.sum())
    }

    fn holds(&self, (a, b, c): &(Combination, Combination, Combination)) -> bool {
        self.value(a) * self.value(b) == self.value(c)
    }

    fn value(&self, lc: &Combination) -> Fr {
        lc.eval(&self.inputs, &self.aux)
    }

    pub(crate) fn is_satisfied(&self) -> bool {
        self.constraints.iter().all(|constraint| self.holds(constraint))
    }

    /// The witness variables that may be raised by one, alone, with every constraint still holding.
    pub(crate) fn free_variables(&mut self) -> Vec<usize> {
        let mut touched = vec![Vec::new(); self.aux.len()];
        for (number, (a, b, c)) in self.constraints.iter().enumerate() {
            for (variable, _) in a.iter().chain(b.iter()).chain(c.iter()) {
                if let Index::Aux(index) = variable.get_unchecked() {
                    touched[index].push(number);
                }
            }
        }
        let mut free = Vec::new();
        for (index, constraints) in touched.iter().enumerate() {
            let honest = self.aux[index];
            self.aux[index] += Fr::ONE;
            if constraints.iter().all(|number| self.holds(&self.constraints[*number])) {
                free.push(index);
            }
            self.aux[index] = honest;
        }
        free
    }

    /// How many dimensions of the witness the constraints leave open to first order, at this
    /// witness and with its first `given` variables fixed: unknowns less the Jacobian's rank.
    pub(crate) fn open_dimensions(&self, given: usize) -> usize {
        let mut elimination = Elimination::new(
            self.constraints.iter().map(|constraint| self.slope(constraint, given)),
        );
        let mut rank = 0;
        while elimination.next_pivot() {
            rank += 1;
        }
        self.aux.len() - given - rank
    }

    /// The derivative of a constraint by the unknowns.
    fn slope(
        &self,
        (a, b, c): &(Combination, Combination, Combination),
        given: usize,
    ) -> BTreeMap<usize, Fr> {
        let mut slope = BTreeMap::<usize, Fr>::new();
        for (lc, factor) in [(a, self.value(b)), (b, self.value(a)), (c, -Fr::ONE)] {
            for (variable, coefficient) in lc.iter() {
                match variable.get_unchecked() {
                    Index::Aux(index) if index >= given => {
                        *slope.entry(index).or_default() += factor * coefficient;
                    }
                    _ => {}
                }
            }
        }
        slope.retain(|_, coefficient| *coefficient != Fr::ZERO);
        slope
    }
}

/// A sparse matrix under elimination, the shortest row first.
struct Elimination {
    rows: Vec<BTreeMap<usize, Fr>>,
    columns: BTreeMap<usize, BTreeSet<usize>>,
    by_length: BTreeSet<(usize, usize)>,
}

impl Elimination {
    fn new(rows: impl Iterator<Item = BTreeMap<usize, Fr>>) -> Self {
        let rows: Vec<_> = rows.collect();
        let mut columns = BTreeMap::<usize, BTreeSet<usize>>::new();
        for (number, row) in rows.iter().enumerate() {
            for column in row.keys() {
                columns.entry(*column).or_default().insert(number);
            }
        }
        let by_length = rows.iter().enumerate().map(|(number, row)| (row.len(), number)).collect();
        Self { rows, columns, by_length }
    }

    /// Takes one row out and clears its pivot column; false when only empty rows are left.
    fn next_pivot(&mut self) -> bool {
        while let Some((length, number)) = self.by_length.pop_first() {
            if length == 0 {
                continue;
            }
            let pivot_row = std::mem::take(&mut self.rows[number]);
            for column in pivot_row.keys() {
                self.columns.get_mut(column).unwrap().remove(&number);
            }
            let (pivot, scale) =
                pivot_row.iter().min_by_key(|(column, _)| self.columns[*column].len()).unwrap();
            for other in std::mem::take(self.columns.get_mut(pivot).unwrap()) {
                self.subtract(other, &pivot_row, *pivot, inverse_or_zero(*scale));
            }
            return true;
        }
        false
    }

    fn subtract(
        &mut self,
        number: usize,
        pivot_row: &BTreeMap<usize, Fr>,
        pivot: usize,
        scale: Fr,
    ) {
        let row = &mut self.rows[number];
        self.by_length.remove(&(row.len(), number));
        let factor = row[&pivot] * scale;
        for (column, coefficient) in pivot_row {
            let cell = row.entry(*column).or_default();
            *cell -= factor * coefficient;
            if *cell == Fr::ZERO {
                row.remove(column);
                self.columns.get_mut(column).unwrap().remove(&number);
            } else {
                self.columns.get_mut(column).unwrap().insert(number);
            }
        }
        self.by_length.insert((self.rows[number].len(), number));
    }
}

/// Asserts that no two variables or constraints bear the same name, and that a constraint system
/// which keeps names agrees that the circuit is satisfied.
pub(crate) fn check_names(circuit: &impl Synthesize) {
    let mut cs = TestConstraintSystem::<Fr>::new();
    circuit.synthesize(&mut cs).unwrap();
    assert_eq!(cs.which_is_unsatisfied(), None);
}

/// A field element from its decimal digits.
pub(crate) fn field(decimal: &str) -> Fr {
    Fr::from_str_vartime(decimal).unwrap()
}

/// The field element of an integer, reduced.
pub(crate) fn reduced(limbs: Limbs) -> Fr {
    Fr::from_raw(limbs)
}

/// Field elements without a pattern, the same in every run.
pub(crate) fn arbitrary(seed: u64) -> impl Iterator<Item = Fr> {
    std::iter::successors(Some(Fr::from(seed + 2)), |value| {
        Some(value.square().square() * value + Fr::from(7))
    })
    .skip(5)
}

/// The same element in arkworks.
pub(crate) fn to_ark(value: Fr) -> ark_bn254::Fr {
    use ark_ff::PrimeField as _;
    ark_bn254::Fr::from_le_bytes_mod_order(value.to_repr().as_ref())
}

/// The same element from arkworks.
pub(crate) fn from_ark(value: ark_bn254::Fr) -> Fr {
    use ark_ff::PrimeField as _;
    Fr::from_raw(value.into_bigint().0)
}
