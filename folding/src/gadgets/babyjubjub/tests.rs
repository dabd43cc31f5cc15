use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{BigInteger256, PrimeField as _};
use nova_snark::frontend::AllocatedBit;
use taceo_ark_babyjubjub::{EdwardsAffine, EdwardsProjective};

use super::{
    fixed_base::{SCALAR_BITS, multiply_generator},
    native::{HALF, Point, SUBGROUP_ORDER_LESS_ONE},
    variable_base::{BOUNDS, OFFSET, multiply_by_eight_times},
    *,
};
use crate::gadgets::{
    bits::{Limbs, bit_of},
    testing::{Synthesis, Synthesize, arbitrary, check_names, from_ark, reduced, to_ark},
};

/// The order of the prime subgroup.
fn order() -> BigInteger256 {
    taceo_ark_babyjubjub::Fr::MODULUS
}

pub(crate) fn point_to_ark(point: Point) -> EdwardsAffine {
    EdwardsAffine::new_unchecked(to_ark(point.x), to_ark(point.y))
}

pub(crate) fn point_from_ark(point: impl Into<EdwardsAffine>) -> Point {
    let point: EdwardsAffine = point.into();
    Point { x: from_ark(point.x), y: from_ark(point.y) }
}

/// The eight points whose eightfold is the identity, the identity first.
pub(crate) fn torsion() -> Vec<Point> {
    let generator = (1_u64..100)
        .filter_map(|y| EdwardsAffine::get_point_from_y_unchecked(ark_bn254::Fr::from(y), false))
        .map(|point| point.mul_bigint(order()))
        .find(|point| *point * taceo_ark_babyjubjub::Fr::from(4) != EdwardsProjective::default())
        .unwrap();
    let points: Vec<_> =
        (0_u64..8).map(|index| point_from_ark(generator.mul_bigint([index]))).collect();
    assert_eq!(points[0], Point::IDENTITY);
    points
}

/// The constants are those of taceo-ark-babyjubjub and follow from the curve's order.
#[test]
fn constants_are_the_curves() {
    use ark_ff::BigInteger;
    let one = BigInteger256::from(1_u64);
    let mut l = order();
    assert_eq!(point_to_ark(Point::GENERATOR), EdwardsAffine::generator());
    l.sub_with_borrow(&one);
    assert_eq!(l.0, SUBGROUP_ORDER_LESS_ONE);
    assert_eq!(l.num_bits(), u32::try_from(SCALAR_BITS).unwrap());
    let mut half = order();
    half.add_with_carry(&one);
    half.div2();
    assert_eq!(half.0, HALF);
    // 11·l − 2^254, and the field's order above that.
    let mut offset = BigInteger256::from(0_u64);
    (0..11).for_each(|_| assert!(!offset.add_with_carry(&order())));
    let mut top = one;
    top <<= 254;
    assert!(!offset.sub_with_borrow(&top));
    assert_eq!(offset.0, OFFSET);
    assert_eq!(offset.0, BOUNDS.low);
    offset.add_with_carry(&ark_bn254::Fr::MODULUS);
    offset.sub_with_borrow(&one);
    assert_eq!(offset.0, BOUNDS.high);
    assert!(offset < top);
    // Completeness rests on these, and on `A − 2` that no point has `u = −1`.
    assert!(bool::from(EDWARDS_A.sqrt().is_some()));
    assert!(bool::from(EDWARDS_D.sqrt().is_none()));
    assert!(bool::from((MONTGOMERY_A - Fr::from(2)).sqrt().is_none()));
}

/// Native arithmetic agrees with arkworks, torsion included.
#[test]
fn native_agrees_with_arkworks() {
    let scalar: Limbs = [3, 5, 7, 1 << 58];
    let point = Point::GENERATOR.multiply(&scalar);
    let expected = EdwardsProjective::generator().mul_bigint(scalar);
    assert_eq!(point, point_from_ark(expected));
    for torsion in torsion() {
        let sum = (expected + point_to_ark(torsion)).into_affine();
        assert_eq!(point.add(torsion), point_from_ark(sum));
    }
    assert_eq!(point.add(point.negate()), Point::IDENTITY);
}

/// Allocates a point for a test.
fn given<CS: ConstraintSystem<Fr>>(
    mut cs: CS,
    point: Point,
) -> Result<EdwardsPoint, SynthesisError> {
    let x = allocate(cs.namespace(|| "x"), Some(point.x))?;
    Ok(EdwardsPoint { x, y: allocate(cs.namespace(|| "y"), Some(point.y))? })
}

fn last_point(synthesis: &Synthesis) -> Point {
    let [.., x, y] = synthesis.aux[..] else { panic!("no point") };
    Point { x, y }
}

/// Doubles the first point, on the curve or not, and adds the second.
struct Edwards(Point, Point);

impl Synthesize for Edwards {
    fn synthesize<CS: ConstraintSystem<Fr>>(&self, cs: &mut CS) -> Result<(), SynthesisError> {
        let first = given(cs.namespace(|| "first"), self.0)?;
        let second = given(cs.namespace(|| "second"), self.1)?;
        let double = first.double_on_curve(cs.namespace(|| "double"))?;
        let double = double.double(cs.namespace(|| "again"))?;
        double.add(cs.namespace(|| "add"), &second).map(drop)
    }
}

/// Edwards arithmetic is complete: every pair of torsion points and of points of the subgroup.
#[test]
fn edwards_has_no_exception() {
    let mut points = torsion();
    points.push(Point::GENERATOR);
    points.push(Point::GENERATOR.double_times(2).negate());
    points.push(Point::GENERATOR.add(points[3]));
    for first in &points {
        for second in &points {
            let circuit = Edwards(*first, *second);
            let mut synthesis = Synthesis::of(&circuit);
            assert!(synthesis.is_satisfied());
            assert_eq!(last_point(&synthesis), first.double_times(2).add(*second));
            assert_eq!(synthesis.free_variables(), Vec::<usize>::new());
            assert_eq!(synthesis.open_dimensions(4), 0);
            check_names(&circuit);
        }
    }
}

/// A point off the curve is refused.
#[test]
fn off_the_curve_is_refused() {
    let good = Point::GENERATOR;
    let (x, y) = (Fr::from(3), Fr::from(4));
    for bad in [Point { x, ..good }, Point { y, ..good }, Point { x: Fr::ZERO, y: Fr::ZERO }] {
        assert!(!Synthesis::of(&Edwards(bad, good)).is_satisfied());
    }
}

/// To the Montgomery form and back.
struct Forms(Point, Orientation);

impl Synthesize for Forms {
    fn synthesize<CS: ConstraintSystem<Fr>>(&self, cs: &mut CS) -> Result<(), SynthesisError> {
        let point = given(cs.namespace(|| "point"), self.0)?;
        let montgomery = point.to_montgomery(cs.namespace(|| "there"))?;
        montgomery.to_edwards(cs.namespace(|| "back"), self.1).map(drop)
    }
}

/// The forms correspond, but for the two points that have `x = 0`, which are refused.
#[test]
fn forms_correspond() {
    let mut points = torsion();
    points.push(Point::GENERATOR);
    for point in points {
        let synthesis = Synthesis::of(&Forms(point, Orientation::Kept));
        assert_eq!(synthesis.is_satisfied(), point.x != Fr::ZERO);
        if synthesis.is_satisfied() {
            assert_eq!(last_point(&synthesis), point);
            let mut negated = Synthesis::of(&Forms(point, Orientation::Negated));
            assert!(negated.is_satisfied());
            assert_eq!(last_point(&negated), point.negate());
            assert_eq!(negated.free_variables(), Vec::<usize>::new());
        }
    }
}

/// A scalar, by its bits, times the generator.
struct Base(Limbs);

impl Synthesize for Base {
    fn synthesize<CS: ConstraintSystem<Fr>>(&self, cs: &mut CS) -> Result<(), SynthesisError> {
        let bits = (0..SCALAR_BITS)
            .map(|index| {
                let bit = Some(bit_of(&self.0, index));
                AllocatedBit::alloc(cs.namespace(|| format!("bit {index}")), bit)
            })
            .collect::<Result<Vec<_>, _>>()?;
        multiply_generator(cs.namespace(|| "multiply"), &bits).map(drop)
    }
}

/// Every scalar has its multiple, the ones included where an incomplete sum would meet the
/// identity, and those of `l` and more, which are the verifier's to refuse.
#[test]
fn generator_multiplies_without_exception() {
    use ark_ff::BigInteger;
    let top = BigInteger256::new([u64::MAX, u64::MAX, u64::MAX, u64::MAX >> 5]);
    // (2^251 − 1 − l) / 2 and neighbours: the sum of all windows would be the identity.
    let mut middle = top;
    middle.sub_with_borrow(&order());
    middle.div2();
    let mut scalars = vec![top, order(), middle, BigInteger256::new(SUBGROUP_ORDER_LESS_ONE)];
    scalars.extend((0_u64..9).map(BigInteger256::from));
    scalars.extend((0_u32..251).step_by(50).map(|shift| {
        let mut power = BigInteger256::from(1_u64);
        power <<= shift;
        power
    }));
    for scalar in scalars {
        let circuit = Base(scalar.0);
        let mut synthesis = Synthesis::of(&circuit);
        assert!(synthesis.is_satisfied(), "{scalar}");
        let expected = EdwardsProjective::generator().mul_bigint(scalar);
        assert_eq!(last_point(&synthesis), point_from_ark(expected), "{scalar}");
        assert_eq!(synthesis.free_variables(), Vec::<usize>::new());
    }
    assert_eq!(Synthesis::of(&Base([5; 4])).open_dimensions(0), 0);
    check_names(&Base([5; 4]));
}

/// `8·h·A` in Edwards coordinates.
struct EightTimes(Point, Fr);

impl Synthesize for EightTimes {
    fn synthesize<CS: ConstraintSystem<Fr>>(&self, cs: &mut CS) -> Result<(), SynthesisError> {
        let scalar = allocate(cs.namespace(|| "h"), Some(self.1))?;
        let point = given(cs.namespace(|| "A"), self.0)?;
        let double = point.double_on_curve(cs.namespace(|| "2A"))?;
        let quadruple = double.double(cs.namespace(|| "4A"))?;
        let quadruple = quadruple.to_montgomery(cs.namespace(|| "form"))?;
        let product = multiply_by_eight_times(cs.namespace(|| "8hA"), &quadruple, &scalar)?;
        product.to_edwards(cs.namespace(|| "back"), Orientation::Kept).map(drop)
    }
}

/// The product is arkworks' for scalars over the whole field and points with torsion.
#[test]
fn variable_base_agrees_with_arkworks() {
    let mut scalars: Vec<_> = arbitrary(1).take(6).collect();
    scalars.extend([Fr::ONE, Fr::from(2), -Fr::ONE, -Fr::from(2), Fr::from(u64::MAX)]);
    let key = Point::GENERATOR.multiply(&[9, 8, 7, 6]);
    for (scalar, torsion) in scalars.into_iter().zip(torsion().into_iter().cycle()) {
        let point = key.add(torsion);
        let circuit = EightTimes(point, scalar);
        let mut synthesis = Synthesis::of(&circuit);
        assert!(synthesis.is_satisfied(), "{scalar:?}");
        let product = point_to_ark(point).mul_bigint(to_ark(scalar).into_bigint());
        assert_eq!(last_point(&synthesis), point_from_ark(product.mul_bigint([8_u64])));
        assert_eq!(synthesis.free_variables(), Vec::<usize>::new());
    }
    let circuit = EightTimes(key, arbitrary(2).next().unwrap());
    assert_eq!(Synthesis::of(&circuit).open_dimensions(3), 0);
    check_names(&circuit);
}

/// A scalar at which a sum would meet the exception of its formula has no witness.
///
/// Let `k = t·l + near`, so `t = multiple + 11`. In the end `2·k·P ± P` must not be `±P`, which
/// excludes `near` of 0 and −1. Before the last step `c` is whichever of `k` and `k + 1` is odd and
/// must not be ±1, which excludes `near` of 1 and −2 if `t` is even. A few steps earlier, where the
/// bits above are a multiple of `l`, 2 is excluded too: at `t = 12` and `t = 16`.
///
/// Where `P` has order `l` the exception is only reached over the identity, which has no witness
/// anyway; where it has order `2l` the point of order two leads there, and the guards are needed.
#[test]
fn exceptional_scalars_are_refused() {
    let l = reduced(order().0);
    let of_order_two_l = Point::GENERATOR.add(torsion()[1]);
    for multiple in 0_u64..8 {
        for near in -2_i8..=2 {
            if multiple == 0 && near < 0 {
                continue;
            }
            let small = Fr::from(u64::from(near.unsigned_abs()));
            let small = if near < 0 { -small } else { small };
            let scalar = l * Fr::from(multiple) + small;
            let excluded = match near {
                0 | -1 => true,
                1 | -2 => multiple % 2 == 1,
                _ => [1, 5].contains(&multiple),
            };
            for point in [Point::GENERATOR, of_order_two_l] {
                let refused = !Synthesis::of(&EightTimes(point, scalar)).is_satisfied();
                assert_eq!(refused, excluded, "{multiple}·l + {near}");
            }
        }
    }
}
