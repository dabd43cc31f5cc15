//! The epoch in z, in the form of the step that is folded with recursion.

use super::*;

/// An honest step with so much pending before it, and this as its flag.
fn attempt(pending: u64, advance: Scalar) -> Attempt {
    let mut attempt = Attempt::honest().with(|witness| witness.advance = advance);
    attempt.z[3] = Scalar::from(pending);
    attempt
}

/// A step begins the next epoch, or none, whatever it does otherwise.
#[test]
fn it_rises_by_one_or_not_at_all() {
    let stays = attempt(0, Scalar::ZERO);
    assert_eq!(stays.accepted()[1], stays.z[1]);
    let rises = attempt(0, Scalar::ONE);
    assert_eq!(rises.accepted()[1], rises.z[1] + Scalar::ONE);
    for advance in [Scalar::from(2), -Scalar::ONE, Scalar::from(1 << 40)] {
        attempt(0, advance).check_refused_by("epoch / zero or one");
    }
}

/// COMPLETE: an epoch does not end before all that it touched is emitted. What the pending word
/// says does not matter to a step within it.
#[test]
fn none_begins_while_something_is_pending() {
    for pending in [1, 2, 80, u64::MAX] {
        attempt(pending, Scalar::ZERO).accepted();
        attempt(pending, Scalar::ONE).check_refused_by("nothing pending at an advance");
    }
}

/// The same of a step that the plan has in the middle of an epoch; the step after its end may begin
/// the next.
#[test]
fn it_begins_where_a_plan_ends() {
    let genesis = LiquidityState::genesis();
    let plan = crate::plan(&genesis, &history::small_epoch(), context()).unwrap();
    let [_, second, third] = plan.steps.as_slice() else { panic!("three steps") };
    assert!(second.output().pending > 0);
    let refused = third.clone().beginning_epoch().check();
    let rule = "nothing pending at an advance";
    assert!(
        matches!(&refused, Err(crate::Error::Unsatisfied { constraint }) if constraint.contains(rule)),
        "{refused:?}"
    );
    let later = domain::StepContext { epoch: domain::EpochNumber::new(2), ..context() };
    let digest = third.output().emission_digest;
    let next = StepWitness::new(&plan.closing, &Step::default(), later, digest).unwrap();
    next.check().unwrap();
    next.beginning_epoch().check().unwrap();
}
