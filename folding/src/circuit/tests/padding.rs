//! Unused slots and choices.

use super::*;

/// An empty step only carries on: nothing is shown, the state is as before.
#[test]
fn an_empty_step_changes_nothing() {
    let attempt = Attempt::of(&opening(), &[]);
    let output = attempt.accepted();
    assert_eq!(output[..4], attempt.z[..4]);
    assert!(output[5..].iter().all(|word| *word == Scalar::ZERO));
}

/// A deposit slot acts as a whole or not at all.
#[test]
fn half_a_deposit_is_refused() {
    let of = |change: fn(&mut Witness)| Attempt::of(&opening(), &[]).with(change);
    of(|witness| witness.deposits[3].rollup[0] = Scalar::ONE).check_refused_by("chosen if used");
    of(|witness| witness.deposits[3].asset[0] = Scalar::ONE).check_refused_by("chosen if used");
    of(|witness| witness.deposits[3].atoms = Scalar::ONE).check_refused_by("chosen if used");
}

/// An unused registration slot has no key.
#[test]
fn an_unused_registration_is_empty() {
    let of = |change: fn(&mut Witness)| Attempt::of(&opening(), &[]).with(change);
    of(|witness| witness.registrations[1].key[0] = Scalar::ONE).check_refused_by("slot 1 / key");
    of(|witness| witness.registrations[1].key[1] = Scalar::ONE).check_refused_by("slot 1 / key");
}

/// Lanes of a batch slot without a batch move nothing, even where their cells have money.
#[test]
fn lanes_without_a_batch_are_refused() {
    let mut attempt = Attempt::honest();
    attempt.witness.batches[2].lanes[0] = attempt.witness.batches[0].lanes[0];
    let broken = attempt.run().unwrap_err();
    assert!(broken.iter().any(|name| name.contains("used in a used batch")), "{broken:?}");
}

/// The roots and the body digest of an unused batch slot reach neither state nor output.
#[test]
fn an_unused_batch_slot_shows_nothing() {
    let output = Attempt::honest().accepted();
    let noise = |witness: &mut Witness| {
        let slot = &mut witness.batches[3];
        slot.new_root = [Scalar::from(7), Scalar::from(8)];
        slot.exit_root = [Scalar::from(9), Scalar::from(10)];
        slot.body_digest = [Scalar::from(11), Scalar::from(12)];
        slot.signature.s = Some(Scalar::from(13));
    };
    assert_eq!(Attempt::honest().with(noise).accepted(), output);
}

/// Every flag of every choice is 0 or 1, and at most one of a choice is set: neither 2 and −1,
/// which sum to one, nor two halves pass.
#[test]
fn choices_are_one_hot() {
    let two = Scalar::from(2);
    let half = two.invert().unwrap();
    let choices: [fn(&mut Witness) -> &mut [Scalar]; 8] = [
        |witness| &mut witness.registrations[0].rollup,
        |witness| &mut witness.deposits[0].rollup,
        |witness| &mut witness.deposits[0].asset,
        |witness| &mut witness.batches[0].rollup,
        |witness| &mut witness.batches[0].lanes[0].asset,
        |witness| &mut witness.batches[0].lanes[0].destination,
        |witness| &mut witness.emitted_cells[0],
        |witness| &mut witness.emitted_rollups[0],
    ];
    for choice in choices {
        for pair in [[two, -Scalar::ONE], [half, half]] {
            let broken = Attempt::honest()
                .with(|witness| {
                    let flags = choice(witness);
                    flags.fill(Scalar::ZERO);
                    flags[..2].copy_from_slice(&pair);
                })
                .run()
                .unwrap_err();
            let own = |name: &&String| name.contains("flag 0 / zero or one");
            assert!(broken.iter().any(|name| own(&name)), "{broken:?}");
        }
        let broken = Attempt::honest()
            .with(|witness| choice(witness)[..2].fill(Scalar::ONE))
            .run()
            .unwrap_err();
        assert!(broken.iter().any(|name| name.contains("at most one flag")), "{broken:?}");
    }
}
