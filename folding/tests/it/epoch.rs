//! An epoch is folded, interrupted, resumed, compressed and verified.

use domain::{DomainIdentity, EpochNumber, LiquidityState};
use folding::{EpochProof, Error, Fold, Params, Setup, StepWitness, VerifyingKey};

use crate::{directory, history, params, plan_of, start};

/// Folds, keys and proofs can be handed to another thread.
const _: fn() = || {
    fn check<T: Send + Sync + 'static>() {}
    check::<Fold>();
    check::<Params>();
    check::<VerifyingKey>();
    check::<EpochProof>();
    check::<StepWitness>();
};

/// A fold that another process resumes after every step ends in a proof that a stranger verifies
/// from its file, and that says exactly what the reference transition says.
#[test]
fn an_epoch_is_proven_across_interruptions() {
    let plan = plan_of(&history::small_epoch());
    assert_eq!(plan.steps.len(), 3);
    let mut fold = Fold::resume(params(), &start().checkpoint().unwrap()).unwrap();
    for step in &plan.steps {
        assert!(matches!(fold.clone().finish(), Err(Error::NoSteps | Error::Incomplete { .. })));
        assert_eq!(&fold.step(step).unwrap(), step.output());
        fold = Fold::resume(params(), &fold.checkpoint().unwrap()).unwrap();
    }
    let (proof, statement) = fold.finish().unwrap();
    let (cells, rollups) = statement.closings().unwrap();
    assert_eq!(statement.closing_digest(), plan.closing.digest());

    let file = proof.to_bytes();
    let key = VerifyingKey::load(&directory(), &Setup::InsecureDevelopment).unwrap();
    let verified = EpochProof::from_bytes(&file).unwrap().verify(&key).unwrap();
    assert_eq!(verified.key_id, params().key_id());
    assert_eq!(verified.identity, history::identity());
    assert_eq!(verified.epoch, EpochNumber::FIRST);
    assert_eq!(verified.opening_digest, LiquidityState::genesis().digest());
    assert_eq!(verified.closing_digest, plan.closing.digest());
    assert_eq!(verified.steps, 3);
    assert_eq!((verified.cells, verified.rollups), (cells, rollups));
    let emitted = statement.outputs.into_iter().map(|output| output.emitted);
    assert!(verified.emitted.into_iter().eq(emitted));
}

/// A fold takes only the step that continues it: none of another domain, epoch, state or place, and
/// none twice; a refused step leaves it as it was.
#[test]
fn only_the_next_step_is_folded() {
    let plan = plan_of(&history::small_epoch());
    let [first, second, _] = plan.steps.as_slice() else { panic!("three steps") };
    let genesis = LiquidityState::genesis().digest();
    let (identity, epoch) = (history::identity(), history::context().epoch);
    let elsewhere = DomainIdentity { chain_id: 1, ..identity };
    let out_of_place = [
        (Fold::start(params(), elsewhere, epoch, genesis), first),
        (Fold::start(params(), identity, EpochNumber::new(2), genesis), first),
        (Fold::start(params(), identity, epoch, plan.closing.digest()), first),
        (start(), second),
    ];
    for (mut fold, step) in out_of_place {
        assert!(matches!(fold.step(step), Err(Error::OutOfPlace)));
        assert_eq!(fold.steps(), 0);
    }
    let mut fold = start();
    fold.step(first).unwrap();
    assert!(matches!(fold.step(first), Err(Error::OutOfPlace)));
    fold.step(second).unwrap();
    assert_eq!(fold.outputs(), [first.output().clone(), second.output().clone()]);
}
