//! What Nova itself refuses, with [`Fold`]'s own checks left out.

use std::path::PathBuf;

use domain::LiquidityState;

use super::*;
use crate::{Setup, history};

/// The folder of parameters that all tests of this crate share.
pub(crate) fn params() -> Params {
    let program = std::env::current_exe().unwrap();
    let target: PathBuf = program.ancestors().nth(3).unwrap().to_owned();
    let directory = target.join("tmp").join("params");
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
    let mut recursive = RecursiveProof::new(params.public(), &circuits[0], z0).unwrap();
    for circuit in &circuits {
        recursive.prove_step(params.public(), circuit).unwrap();
    }
    recursive.verify(params.public(), claimed_steps, z0).ok()
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
