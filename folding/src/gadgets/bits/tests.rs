use super::*;
use crate::gadgets::testing::{Synthesis, Synthesize, check_names, reduced};

/// A number and its range.
struct Range(Fr, usize);

impl Synthesize for Range {
    fn synthesize<CS: ConstraintSystem<Fr>>(&self, cs: &mut CS) -> Result<(), SynthesisError> {
        let number = allocate(cs.namespace(|| "number"), Some(self.0))?;
        enforce_bits(cs.namespace(|| "bits"), &number, self.1).map(drop)
    }
}

/// A range holds exactly the integers below its power of two.
#[test]
fn range_is_exact() {
    let two = Fr::from(2);
    for count in [1_u64, 7, 96, 128, 253] {
        let bound = two.pow_vartime([count]);
        let count = usize::try_from(count).unwrap();
        for (value, fits) in [
            (Fr::ZERO, true),
            (Fr::ONE, true),
            (bound - Fr::ONE, true),
            (bound, false),
            (bound + Fr::ONE, false),
            (-Fr::ONE, false),
        ] {
            let circuit = Range(value, count);
            let mut synthesis = Synthesis::of(&circuit);
            assert_eq!(synthesis.is_satisfied(), fits, "{value:?} in {count} bits");
            if fits {
                assert_eq!(synthesis.free_variables(), Vec::<usize>::new());
                assert_eq!(synthesis.open_dimensions(1), 0);
                check_names(&circuit);
            }
        }
    }
    let mut cs = nova_snark::frontend::test_cs::TestConstraintSystem::new();
    assert!(Range(Fr::ONE, 254).synthesize(&mut cs).is_err());
}

/// The bits of a value within bounds.
struct Between {
    value: Limbs,
    count: usize,
    bounds: Bounds,
}

impl Synthesize for Between {
    fn synthesize<CS: ConstraintSystem<Fr>>(&self, cs: &mut CS) -> Result<(), SynthesisError> {
        let number = allocate(cs.namespace(|| "number"), Some(reduced(self.value)))?;
        let (value, bounds) = (Some(self.value), &self.bounds);
        let bits = bits_between(cs.namespace(|| "bits"), value, self.count, bounds)?;
        enforce_packing(cs, &bits, Fr::ZERO, &number);
        Ok(())
    }
}

fn is_between(value: u64, count: usize, low: u64, high: u64) -> bool {
    let wide = |limb| [limb, 0, 0, 0];
    let bounds = Bounds { low: wide(low), high: wide(high) };
    let circuit = Between { value: wide(value), count, bounds };
    let mut synthesis = Synthesis::of(&circuit);
    let satisfied = synthesis.is_satisfied();
    if satisfied {
        assert_eq!(synthesis.free_variables(), Vec::<usize>::new());
        check_names(&circuit);
    }
    satisfied
}

/// Bounded decompositions hold exactly the integers within, for all bounds of five bits.
#[test]
fn bounds_are_exact() {
    for low in 0..32 {
        for high in low..32 {
            for value in 0..32 {
                assert_eq!(
                    is_between(value, 5, low, high),
                    (low..=high).contains(&value),
                    "{value} between {low} and {high}"
                );
            }
        }
    }
}
