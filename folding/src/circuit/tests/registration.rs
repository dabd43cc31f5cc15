//! Registration slots.

use super::*;
use crate::gadgets::babyjubjub::native::Point;

fn with_key(key: [Scalar; 2]) -> Attempt {
    Attempt::of(&opening(), &[register(5)]).with(|witness| witness.registrations[0].key = key)
}

/// A rollup gets its key once: neither an earlier key nor one of the same step is replaced.
#[test]
fn a_second_key_is_refused() {
    Attempt::of(&opening(), &[register(1)]).check_refused_by("unregistered");
    Attempt::of(&opening(), &[register(5), register(5)]).check_refused_by("unregistered");
    Attempt::of(&opening(), &[register(5), register(6)]).accepted();
}

/// Keys off the curve, the key (0, 0) that means unregistered, and the points of small order, for
/// which anybody can sign, are refused.
#[test]
fn a_weak_key_is_refused() {
    let one = Scalar::ONE;
    with_key([one, one]).check_refused_by("slot 0 / key");
    with_key([Scalar::ZERO, Scalar::ZERO]).check_refused_by("slot 0 / key");
    with_key([Scalar::ZERO, one]).check_refused_by("of full order");
    with_key([Scalar::ZERO, -one]).check_refused_by("of full order");
    // Order four: a·x² = 1, y = 0.
    let order_four = Scalar::from(168_700).invert().unwrap().sqrt().unwrap();
    with_key([order_four, Scalar::ZERO]).check_refused_by("of full order");
    with_key([Point::GENERATOR.x, Point::GENERATOR.y]).accepted();
}

/// The registered rollup is active and shown to L1 with its key.
#[test]
fn a_registration_is_shown() {
    let attempt = Attempt::of(&opening(), &[register(5)]);
    let output = attempt.accepted();
    let first_rollup = 5 + 2 * domain::limits::CELLS_EMITTED_PER_STEP;
    let [x, y] = [signing_key(5).public().x(), signing_key(5).public().y()].map(scalar);
    assert_eq!(output[first_rollup], Scalar::from(5));
    assert_eq!(output[first_rollup + 5..first_rollup + 7], [x, y]);
    let hidden = attempt.with(|witness| witness.emitted_rollups[0] = [Scalar::ZERO; MAX_ROLLUPS]);
    assert_eq!(hidden.accepted()[3], Scalar::ONE);
}
