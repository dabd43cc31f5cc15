//! Deposit slots.

use super::*;
use crate::field::power_of_two;

/// A deposit needs a registered rollup; one registered in the same step will do.
#[test]
fn an_unregistered_rollup_gets_nothing() {
    Attempt::of(&opening(), &[deposit(7, 1, 5)]).check_refused_by("deposits / slot 0 / registered");
    Attempt::of(&opening(), &[register(7), deposit(7, 1, 5)]).accepted();
}

/// A deposit is between 1 and `2^96 − 1` atoms.
#[test]
fn amounts_are_bounded() {
    let of = |atoms: Scalar| {
        Attempt::of(&opening(), &[deposit(3, 4, 5)])
            .with(|witness| witness.deposits[0].atoms = atoms)
    };
    of(power_of_two(96) - Scalar::ONE).accepted();
    let bounds = ["atoms are bounded", "balance is bounded"];
    of(power_of_two(96)).check_refused_by_any(&bounds);
    of(-Scalar::ONE).check_refused_by_any(&bounds);
    of(Scalar::ZERO).check_refused_by_any(&["chosen if used", "shown once, if flagged"]);
}

/// A deposit credits its own cell only, and counts as deposited.
#[test]
fn a_deposit_credits_one_cell() {
    let output = Attempt::of(&opening(), &[deposit(3, 4, 5)]).accepted();
    let place = Scalar::from(3) + Scalar::from(4 << 16);
    let word = place + Scalar::from(5) * power_of_two(32) + Scalar::from(5) * power_of_two(128);
    assert_eq!(output[5..8], [word, Scalar::ZERO, Scalar::ZERO]);
}
