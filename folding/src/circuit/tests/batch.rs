//! Batch slots.

use alloy_primitives::B256;
use domain::{Height, L2Root, RollupId};

use super::*;

/// What a signature that does not fit breaks.
const SIGNED: &str = "/ signature /";

fn honest_parts() -> BatchParts {
    parts(&opening(), 1, &[(2, 1, 100), (0, 2, 10)])
}

fn honest() -> Attempt {
    Attempt::of_batch(&opening(), honest_parts())
}

/// The honest batch, signed, then changed.
fn changed(change: impl FnOnce(&mut BatchWitness)) -> Attempt {
    honest().with(|witness| change(&mut witness.batches[0]))
}

fn plus_one(word: Option<Scalar>) -> Option<Scalar> {
    word.map(|word| word + Scalar::ONE)
}

/// SIGNED: a changed signature, and one by another rollup's key, are refused.
#[test]
fn another_signature_is_refused() {
    honest().accepted();
    changed(|batch| batch.signature.s = plus_one(batch.signature.s)).check_refused_by(SIGNED);
    changed(|batch| batch.signature.r8_x = plus_one(batch.signature.r8_x)).check_refused_by(SIGNED);
    changed(|batch| batch.signature.r8_y = plus_one(batch.signature.r8_y)).check_refused_by(SIGNED);
    let mut by_another = honest_parts();
    by_another.signature = signing_key(2).sign(by_another.digest(context().domain_word));
    changed(|batch| *batch = BatchWitness::new(&by_another)).check_refused_by(SIGNED);
}

/// SIGNED: a second form of a signature, `S` plus the subgroup's order, is refused.
#[test]
fn a_malleated_signature_is_refused() {
    let order =
        decimal("2736030358979909402780800718157159386076813972158567259200215660948447373041");
    changed(|batch| batch.signature.s = batch.signature.s.map(|s| s + order))
        .check_refused_by(SIGNED);
}

fn decimal(text: &str) -> Scalar {
    text.bytes().fold(Scalar::ZERO, |number, digit| {
        number * Scalar::from(10) + Scalar::from(u64::from(digit - b'0'))
    })
}

/// SIGNED: changing any word of the batch after it was signed is refused.
#[test]
fn every_signed_word_counts() {
    let changes: [fn(&mut BatchWitness); 8] = [
        |batch| batch.new_root[0] += Scalar::ONE,
        |batch| batch.new_root[1] += Scalar::ONE,
        |batch| batch.exit_root[0] += Scalar::ONE,
        |batch| batch.exit_root[1] += Scalar::ONE,
        |batch| batch.body_digest[0] += Scalar::ONE,
        |batch| batch.body_digest[1] += Scalar::ONE,
        |batch| batch.lanes[0].atoms += Scalar::ONE,
        |batch| batch.lanes[1].destination.swap(0, 3),
    ];
    for change in changes {
        changed(change).check_refused_by(SIGNED);
    }
    changed(|batch| batch.lanes[0].asset.swap(0, 1)).check_refused_by(SIGNED);
    // A lane that was not signed, and one that was and is left out.
    changed(|batch| batch.lanes[2] = batch.lanes[1]).check_refused_by(SIGNED);
    changed(|batch| {
        batch.lanes[1].atoms = Scalar::ZERO;
        batch.lanes[1].asset = [Scalar::ZERO; 4];
        batch.lanes[1].destination = [Scalar::ZERO; MAX_ROLLUPS + 1];
    })
    .check_refused_by(SIGNED);
    // Taken for a batch of another rollup.
    changed(|batch| batch.rollup.swap(0, 2)).check_refused_by_any(&[
        SIGNED,
        "no overdraft",
        "balance is bounded",
    ]);
}

/// DOMAIN_BOUND: a batch signed for another domain is refused.
#[test]
fn another_domain_is_refused() {
    let mut attempt = honest();
    attempt.z[0] += Scalar::ONE;
    attempt.check_refused_by(SIGNED);
}

/// SIGNED: a rollup without a key posts nothing, whoever signs.
#[test]
fn an_unregistered_rollup_posts_nothing() {
    let mut parts = parts(&opening(), 1, &[]);
    parts.rollup = RollupId::new(8);
    Attempt::of_batch(&opening(), parts).check_refused_by_any(&["source is registered", SIGNED]);
}

/// IN_ORDER: a batch that skips a height, and one posted a second time, are refused.
#[test]
fn heights_have_no_gap_and_no_repetition() {
    let mut skipped = honest_parts();
    skipped.height = Height::new(1);
    Attempt::of_batch(&opening(), skipped).check_refused_by(SIGNED);
    let mut repeated = honest();
    repeated.witness.batches[1] = repeated.witness.batches[0];
    repeated.check_refused_by("slot 1 / signature /");
    let mut next = parts(&opening(), 1, &[]);
    next.height = Height::new(1);
    next.previous_root = honest_parts().new_root;
    let mut in_order = honest();
    in_order.witness.batches[1] = Attempt::of_batch(&opening(), next).witness.batches[0];
    in_order.accepted();
}

/// IN_ORDER: a batch that continues another root than the last is refused.
#[test]
fn another_previous_root_is_refused() {
    let mut parts = honest_parts();
    parts.previous_root = L2Root::new(B256::with_last_byte(1));
    Attempt::of_batch(&opening(), parts).check_refused_by(SIGNED);
}

/// NO_OVERDRAFT: all of a cell may leave it, one atom more may not, in one lane or several.
#[test]
fn an_overdraft_by_one_atom_is_refused() {
    let of =
        |moves: &[(u16, u16, u128)]| Attempt::of_batch(&opening(), parts(&opening(), 1, moves));
    let refused = ["no overdraft", "balance is bounded"];
    of(&[(2, 1, 1_000)]).accepted();
    of(&[(2, 1, 1_001)]).check_refused_by_any(&refused);
    of(&[(2, 1, 400), (3, 1, 400), (0, 1, 200)]).accepted();
    of(&[(2, 1, 400), (3, 1, 400), (0, 1, 201)]).check_refused_by_any(&refused);
    of(&[(0, 3, 1)]).check_refused_by_any(&refused);
}

/// NO_OVERDRAFT: a later batch's credit does not make up for it.
#[test]
fn a_later_credit_does_not_help() {
    let mut overdraft = Attempt::of_batch(&opening(), parts(&opening(), 1, &[(2, 1, 1_001)]));
    let repaid = Attempt::of_batch(&opening(), parts(&opening(), 2, &[(1, 1, 1)]));
    overdraft.witness.batches[1] = repaid.witness.batches[0];
    overdraft.check_refused_by("no overdraft");
}
