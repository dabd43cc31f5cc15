//! The state table.

use super::*;
use crate::field::power_of_two;

/// A witness of another state than z's digest says is refused, word by word.
#[test]
fn another_opening_state_is_refused() {
    let changes: [fn(&mut Witness); 12] = [
        |witness| witness.cells[0].balance += Scalar::ONE,
        |witness| witness.cells[31].deposited += Scalar::ONE,
        |witness| witness.cells[31].exited += Scalar::ONE,
        |witness| witness.cells[7].touched = Scalar::ONE,
        |witness| witness.rollups[7].root[0] += Scalar::ONE,
        |witness| witness.rollups[7].root[1] += Scalar::ONE,
        |witness| witness.rollups[7].exit_root[0] += Scalar::ONE,
        |witness| witness.rollups[7].exit_root[1] += Scalar::ONE,
        |witness| witness.rollups[7].key[0] += Scalar::ONE,
        |witness| witness.rollups[7].key[1] += Scalar::ONE,
        |witness| witness.rollups[7].next_height += Scalar::ONE,
        |witness| witness.rollups[7].active = Scalar::ONE,
    ];
    for change in changes {
        Attempt::honest().with(change).check_refused_by("state digest of z");
    }
    let mut attempt = Attempt::honest();
    attempt.z[2] += Scalar::ONE;
    attempt.check_refused_by("state digest of z");
}

/// Flags are bits of one word under the digest: only 0 and 1 make them the only ones.
#[test]
fn flags_are_zero_or_one() {
    // 2 at position 0 packs as 1 at position 1.
    let two = |witness: &mut Witness| witness.cells[5].touched = Scalar::from(2);
    Attempt::honest()
        .with(two)
        .sealed()
        .check_refused_by_any(&["touched / zero or one", "shown once, if flagged"]);
    let two = |witness: &mut Witness| witness.rollups[6].active = Scalar::from(2);
    Attempt::honest()
        .with(two)
        .sealed()
        .check_refused_by_any(&["active / zero or one", "shown once, if flagged"]);
}

/// BOUNDED: no cell ends a step above `2^96 − 1` atoms.
#[test]
fn balances_are_bounded() {
    let full = |balance: Scalar| {
        let operations = [deposit(1, 1, 1)];
        Attempt::of(&opening(), &operations)
            .with(|witness| witness.cells[0].balance = balance)
            .sealed()
    };
    full(power_of_two(96) - Scalar::from(2)).accepted();
    full(power_of_two(96) - Scalar::ONE).check_refused_by("balance is bounded");
}
