//! What Nova itself refuses, with [`Fold`]'s own checks left out.

use std::path::PathBuf;

use domain::LiquidityState;

use super::*;
use crate::{Setup, history};

/// The parameters that all tests share.
pub(crate) fn params() -> Params {
    let directory = std::env::var_os("NETFOLD_PARAMS").map_or_else(
        || {
            let program = std::env::current_exe().unwrap();
            program.ancestors().nth(3).unwrap().join("netfold-params")
        },
        PathBuf::from,
    );
    Params::load_or_create(&directory, &Setup::InsecureDevelopment, &mut |_| ()).unwrap()
}

/// Folds steps in the given order, whatever they are, and verifies the fold as of that many steps
/// from that z: the z that it reaches.
fn fold(
    params: &Params,
    steps: &[&StepWitness],
    claimed_steps: usize,
    z0: &[Scalar],
) -> Option<Vec<Scalar>> {
    let circuits: Vec<RecursiveStep> =
        steps.iter().map(|step| RecursiveStep::from(step.circuit())).collect();
    let mut recursive = RecursiveProof::new(params.public().unwrap(), &circuits[0], z0).unwrap();
    for circuit in &circuits {
        recursive.prove_step(params.public().unwrap(), circuit).unwrap();
    }
    recursive.verify(params.public().unwrap(), claimed_steps, z0).ok()
}

/// A fold goes on from a complete epoch to the next; but a proof of one epoch is of one epoch: none
/// whose epoch rises on the way is one, whichever of the two it names.
#[test]
fn an_epoch_proof_is_of_a_single_epoch() {
    let params = params();
    let (identity, context) = (history::identity(), history::context());
    let opening = LiquidityState::genesis();
    let operations = [history::register(1), history::deposit(1, 1, 5)];
    let plan = crate::plan(&opening, &operations, context).unwrap();
    let [first] = plan.steps.as_slice() else { panic!("one step") };
    let later = StepContext { epoch: EpochNumber::new(context.epoch.number() + 1), ..context };
    let digest = first.output().emission_digest;
    let second = StepWitness::new(&plan.closing, &domain::Step::default(), later, digest).unwrap();
    let second = second.beginning_epoch();
    let mut alone = Fold::start(&params, identity, later.epoch, plan.closing.digest());
    assert!(matches!(alone.step(&second), Err(Error::OutOfPlace)));

    let z0 = first.z()[..RECURSIVE_Z_WORDS].to_vec();
    let circuit = RecursiveStep::from(first.circuit());
    let mut recursive = RecursiveProof::new(params.public().unwrap(), &circuit, &z0).unwrap();
    for step in [first, &second] {
        recursive
            .prove_step(params.public().unwrap(), &RecursiveStep::from(step.circuit()))
            .unwrap();
    }
    let reached = recursive.verify(params.public().unwrap(), 2, &z0).unwrap();
    assert_eq!(word(reached[1]), Word::from(later.epoch.number()));

    for epoch in [context.epoch, later.epoch] {
        let claim = Claim {
            identity,
            epoch,
            opening_digest: opening.digest(),
            closing_digest: second.output().state_digest,
            emitted: [first, &second].map(|step| step.output().emitted.clone()).to_vec(),
        };
        let proof = CompressedProof::prove(
            params.public().unwrap(),
            params.prover_key().unwrap(),
            &recursive,
        )
        .unwrap();
        proof.verify(params.verifying_key().key().unwrap(), 2, &z0).unwrap();
        let claimed = EpochProof::new(params.key_id(), claim, proof).unwrap();
        let refused = claimed.verify(params.verifying_key());
        assert!(matches!(refused, Err(Error::ProofInvalid(_))), "epoch {epoch}");
    }
}

/// Only all steps, in their order, from the true opening, are proven; and the number of steps is
/// part of what is proven.
#[test]
fn steps_prove_nothing_out_of_their_order() {
    let params = params();
    let genesis = LiquidityState::genesis();
    let plan = crate::plan(&genesis, &history::small_epoch(), history::context()).unwrap();
    let [first, second, third] = plan.steps.as_slice() else { panic!("three steps") };
    let z0 = first.z()[..RECURSIVE_Z_WORDS].to_vec();
    let reached = fold(&params, &[first, second, third], 3, &z0).unwrap();
    assert_eq!(word(reached[2]), plan.closing.digest());
    let false_folds: [&[&StepWitness]; 4] =
        [&[first, third, second], &[second, first, third], &[first, third], &[first, first]];
    for steps in false_folds {
        assert_eq!(fold(&params, steps, steps.len(), &z0), None);
    }
    assert_eq!(fold(&params, &[first, second], 3, &z0), None);
    assert_eq!(fold(&params, &[first, second], 1, &z0), None);
    // Another domain: the signatures of the last step are not over it.
    let mut elsewhere = z0.clone();
    elsewhere[0] += Scalar::from(1);
    assert_eq!(fold(&params, &[first, second, third], 3, &elsewhere), None);
    // Another epoch is another z, from the first to the last.
    let mut later = z0;
    later[1] += Scalar::from(1);
    assert_eq!(fold(&params, &[first], 1, &later).unwrap()[1], later[1]);
}
