//! Multiples of the generator, by windows of three bits.
//!
//! **Invariant:** for every scalar below `2^251` the result is its multiple of the generator, with
//! no exception.
//!
//! Let `H` be half the generator (in the prime subgroup, where two has an inverse). Window `i` adds
//! `(2d − 7)·8^i·H`, `d` its digit: an odd multiple, never zero. The sum over the windows below is
//! an odd multiple less than `8^i` in absolute value, so that both summands and their sum and
//! difference are non-zero multiples of `H` by integers below `l`: Montgomery addition has no
//! exception. The last two bits could carry the sum past `l`; they are added by the complete
//! Edwards formula, together with the constant that makes up for the sevens.

use std::sync::OnceLock;

use nova_snark::frontend::{
    AllocatedBit, ConstraintSystem, LinearCombination, SynthesisError, num::AllocatedNum,
};

use super::{
    EdwardsPoint, MontgomeryPoint, Orientation,
    native::{HALF, Point},
};
use crate::gadgets::{Fr, bits::allocate};

/// Bits of a scalar: `l` is below `2^251`.
pub(crate) const SCALAR_BITS: usize = 251;

const WINDOW_BITS: usize = 3;

/// Windows added on the Montgomery form; the bits left are two.
const WINDOWS: usize = SCALAR_BITS / WINDOW_BITS;

/// The multiples that a window chooses from, by digit: first coordinates, second coordinates.
type Entries = (Vec<Fr>, Vec<Fr>);

/// The constants of the multiplication.
struct Tables {
    /// Montgomery coordinates by window.
    windows: Vec<Entries>,
    /// Edwards coordinates for the last two bits.
    last: Entries,
}

impl Tables {
    fn shared() -> &'static Self {
        static TABLES: OnceLock<Tables> = OnceLock::new();
        TABLES.get_or_init(Self::new)
    }

    fn new() -> Self {
        let half = Point::GENERATOR.multiply(&HALF);
        let mut unit = half;
        let mut windows = Vec::with_capacity(WINDOWS);
        for _ in 0..WINDOWS {
            let double = unit.add(unit);
            // From −7 to 7 in steps of two.
            let least = unit.add(double.add(double).add(double)).negate();
            let multiples = std::iter::successors(Some(least), |point| Some(point.add(double)));
            windows.push(multiples.take(8).map(Point::montgomery).unzip());
            unit = double.double_times(WINDOW_BITS - 1);
        }
        // `unit` is 8^83·H. The windows fell short of twice the scalar's low bits by 8^83 − 1.
        let short = unit.add(half.negate());
        let step = unit.add(unit);
        let multiples = std::iter::successors(Some(short), |point| Some(point.add(step)));
        Self { windows, last: multiples.take(4).map(|point| (point.x, point.y)).unzip() }
    }
}

/// The scalar's multiple of the generator; the bits, least significant first, are [`SCALAR_BITS`].
pub(crate) fn multiply_generator<CS: ConstraintSystem<Fr>>(
    mut cs: CS,
    bits: &[AllocatedBit],
) -> Result<EdwardsPoint, SynthesisError> {
    if bits.len() != SCALAR_BITS {
        return Err(SynthesisError::IncompatibleLengthVector("bits of a scalar".to_owned()));
    }
    let tables = Tables::shared();
    let (low, last) = bits.split_at(WINDOWS * WINDOW_BITS);
    let mut sum: Option<MontgomeryPoint> = None;
    for (index, (digit, (us, vs))) in low.chunks(WINDOW_BITS).zip(&tables.windows).enumerate() {
        let mut cs = cs.namespace(|| format!("window {index}"));
        let digit = Digit::new(cs.namespace(|| "digit"), digit)?;
        let u = digit.look_up(cs.namespace(|| "u"), us)?;
        let v = digit.look_up(cs.namespace(|| "v"), vs)?;
        let point = MontgomeryPoint { u, v };
        sum = Some(match sum {
            None => point,
            Some(sum) => sum.add(cs.namespace(|| "add"), &point, Orientation::Kept)?,
        });
    }
    let sum = sum.ok_or(SynthesisError::AssignmentMissing)?;
    let sum = sum.to_edwards(cs.namespace(|| "sum of the windows"), Orientation::Kept)?;
    let mut cs = cs.namespace(|| "last window");
    let digit = Digit::new(cs.namespace(|| "digit"), last)?;
    let x = digit.look_up(cs.namespace(|| "x"), &tables.last.0)?;
    let y = digit.look_up(cs.namespace(|| "y"), &tables.last.1)?;
    sum.add(cs.namespace(|| "add"), &EdwardsPoint { x, y })
}

/// Two or three bits that choose from a table.
struct Digit<'a> {
    low: &'a AllocatedBit,
    middle: &'a AllocatedBit,
    both: AllocatedBit,
    high: Option<&'a AllocatedBit>,
}

impl<'a> Digit<'a> {
    fn new<CS: ConstraintSystem<Fr>>(
        cs: CS,
        bits: &'a [AllocatedBit],
    ) -> Result<Self, SynthesisError> {
        let (low, middle, high) = match bits {
            [low, middle] => (low, middle, None),
            [low, middle, high] => (low, middle, Some(high)),
            _ => return Err(SynthesisError::IncompatibleLengthVector("a digit".to_owned())),
        };
        let both = AllocatedBit::and(cs, low, middle)?;
        Ok(Self { low, middle, both, high })
    }

    fn value(&self) -> Option<usize> {
        let high = match self.high {
            Some(high) => high.get_value()?,
            None => false,
        };
        let bit = |set: bool, weight: usize| if set { weight } else { 0 };
        Some(bit(self.low.get_value()?, 1) + bit(self.middle.get_value()?, 2) + bit(high, 4))
    }

    /// The entry that the digit chooses. One constraint:
    /// `high · (entry of the upper half − entry of the lower half) = entry − entry of the lower`.
    fn look_up<CS: ConstraintSystem<Fr>>(
        &self,
        mut cs: CS,
        entries: &[Fr],
    ) -> Result<AllocatedNum<Fr>, SynthesisError> {
        let value = self.value().and_then(|digit| entries.get(digit)).copied();
        let entry = allocate(cs.namespace(|| "entry"), value)?;
        let lower = interpolate(&entries[..4]);
        let upper = entries.get(4..8).map_or(lower, interpolate);
        let rise = std::array::from_fn(|index| upper[index] - lower[index]);
        cs.enforce(
            || "the digit chooses the entry",
            |lc| self.high.map_or(lc.clone(), |high| lc + high.get_variable()),
            |lc| self.place(lc, CS::one(), rise),
            |lc| {
                let lower = self.place(LinearCombination::zero(), CS::one(), lower);
                lc + entry.get_variable() - &lower
            },
        );
        Ok(entry)
    }

    fn place(
        &self,
        lc: LinearCombination<Fr>,
        one: nova_snark::frontend::Variable,
        [constant, low, middle, both]: [Fr; 4],
    ) -> LinearCombination<Fr> {
        lc + (constant, one)
            + (low, self.low.get_variable())
            + (middle, self.middle.get_variable())
            + (both, self.both.get_variable())
    }
}

/// The coefficients of `1`, `low`, `middle` and `low · middle` that yield four entries.
fn interpolate(entries: &[Fr]) -> [Fr; 4] {
    let [a, b, c, d] = std::array::from_fn(|index| entries[index]);
    [a, b - a, c - a, d - c - b + a]
}
