use std::sync::atomic::{AtomicBool, Ordering};

use domain::{
    AssetId, Atoms, BatchParts, ExitRoot, L2Root, Operation, Refusal, SigningKey, Transfer, limits,
};

use super::*;

const STEP: usize = limits::BATCHES_PER_STEP;
const DOMAIN_WORD: Word = Word::ZERO;

fn key(rollup: u16) -> SigningKey {
    SigningKey::from_seed([u8::try_from(rollup).unwrap(); 32])
}

/// An epoch with two rollups, a deposit, and so many batches of the first one.
fn open(batches: usize) -> OpenOperations {
    let register =
        |rollup| Operation::Register { rollup: RollupId::new(rollup), key: key(rollup).public() };
    let (rollup, asset) = (RollupId::new(1), AssetId::new(1));
    let deposit = Operation::Deposit { rollup, asset, atoms: Atoms::new(1_000).unwrap() };
    let mut operations = vec![register(1), register(2), deposit];
    let (mut height, mut root) = (Height::FIRST, L2Root::UNSET);
    for _ in 0..batches {
        let atoms = Atoms::new(1).unwrap();
        let recipient = alloy_primitives::Address::ZERO;
        let transfers = vec![Transfer { to: RollupId::new(2), asset, atoms, recipient }];
        let mut parts = BatchParts {
            rollup,
            height,
            previous_root: root,
            new_root: L2Root::new(alloy_primitives::keccak256(height.number().to_be_bytes())),
            exit_root: ExitRoot::UNSET,
            lanes: Batch::sum_lanes(rollup, &transfers, &[]).unwrap(),
            transfers,
            exits: Vec::new(),
            signature: key(1).sign(Word::ZERO),
        };
        parts.signature = key(1).sign(parts.digest(DOMAIN_WORD));
        (height, root) = (height.next().unwrap(), parts.new_root);
        operations.push(Operation::Batch(Box::new(Batch::new(parts).unwrap())));
    }
    OpenOperations {
        epoch: EpochNumber::FIRST,
        opening: LiquidityState::genesis(),
        last_block: BlockNumber::new(u64::try_from(operations.len()).unwrap()),
        operations,
    }
}

/// As damage to its row leaves it: with another batch's signature.
fn damage(open: &mut OpenOperations, batch: usize) {
    let Operation::Batch(damaged) = &mut open.operations[3 + batch] else { panic!() };
    let parts = BatchParts { signature: key(2).sign(DOMAIN_WORD), ..damaged.parts().clone() };
    **damaged = Batch::new(parts).unwrap();
}

fn checks(open: &OpenOperations) -> Checks {
    Checks::new(DOMAIN_WORD, open.epoch, open.opening.clone())
}

fn check(open: &OpenOperations) -> Result<bool, Error> {
    checks(open).go_on(open, &[], limits::MAX_STEPS_PER_EPOCH)
}

/// The first batch that cannot be proven is named, with the rule that it breaks, wherever it is.
#[test]
fn a_batch_that_breaks_its_step_is_named() {
    assert!(check(&open(STEP + 4)).unwrap());
    for nth in [0, 1, STEP - 1, STEP, STEP + 3] {
        let mut open = open(STEP + 4);
        damage(&mut open, nth);
        damage(&mut open, STEP + 3);
        let Err(Error::Unprovable(found)) = check(&open) else { panic!("batch {nth}") };
        assert_eq!(found.epoch, open.epoch);
        assert_eq!((found.rollup, found.height.number()), (RollupId::new(1), nth as u64));
        assert_eq!(found.step, nth / STEP + 1);
        let refused =
            matches!(&found.reason, folding::Error::Refused(Refusal::SignatureInvalid { .. }));
        assert!(refused, "{:?}", found.reason);
    }
}

/// What breaks without any batch is put down to none.
#[test]
fn a_fault_of_no_batch_names_none() {
    let mut open = open(3);
    let twice = open.operations[0].clone();
    open.operations.insert(1, twice);
    let fault = check(&open).unwrap_err();
    assert!(matches!(fault, Error::Folding(_)), "{fault:?}");
}

/// What passed is not checked again as the epoch goes on, only what changed; what was folded ahead
/// must be a beginning of the plan.
#[test]
fn checks_go_on_where_the_plan_changed() {
    let (first, second) = (open(STEP + 1), open(STEP + 2));
    let mut checks = checks(&first);
    assert_eq!(checks.last_block(), None);
    assert!(!checks.go_on(&first, &[], 1).unwrap());
    assert!(checks.go_on(&first, &[], 2).unwrap());
    assert_eq!(checks.last_block(), Some(first.last_block));
    assert!(!checks.go_on(&second, &[], 0).unwrap());
    assert!(checks.go_on(&second, &[], 1).unwrap());
    assert_eq!(checks.last_block(), Some(second.last_block));
    let next = OpenOperations { epoch: EpochNumber::new(2), ..second.clone() };
    assert!(!checks.go_on(&next, &[], limits::MAX_STEPS_PER_EPOCH).unwrap());

    let shown =
        |checks: &Checks, step: usize| checks.witness(step).unwrap().unwrap().output().clone();
    let folded = shown(&checks, 0);
    assert!(self::checks(&second).go_on(&second, std::slice::from_ref(&folded), 2).unwrap());
    let mut ahead = self::checks(&second);
    ahead.skip_folded(&second, std::slice::from_ref(&folded)).unwrap();
    assert!(ahead.go_on(&second, std::slice::from_ref(&folded), 1).unwrap());
    let twice = [folded.clone(), folded.clone()];
    assert!(self::checks(&second).skip_folded(&second, &twice).is_err());
    let other = StepOutput { state_digest: Word::from(1_u64), ..folded.clone() };
    for (folded, at) in [(vec![other], 1), (vec![folded.clone(), folded.clone()], 2)] {
        let fault = self::checks(&second).go_on(&second, &folded, 2).unwrap_err();
        assert!(matches!(fault, Error::PartsDiffer { position, .. } if position == at));
    }
}

/// A window that is folded stays so when the only batch that follows it is evicted: the epoch goes on
/// from it, and is sealed with a step more.
#[test]
fn a_folded_window_outlasts_what_fixed_it() {
    let mut open = open(STEP + 1);
    let mut whole = checks(&open);
    assert!(whole.go_on(&open, &[], limits::MAX_STEPS_PER_EPOCH).unwrap());
    let folded = [whole.witness(0).unwrap().unwrap().output().clone()];
    *open.operations.last_mut().unwrap() = Operation::Evicted;
    let mut ahead = checks(&open);
    ahead.skip_folded(&open, &folded).unwrap();
    assert!(ahead.go_on(&open, &folded, 1).unwrap());
    assert_eq!(ahead.passed().map(|step| step.batches().len()).collect::<Vec<_>>(), [STEP, 0]);
    assert!(checks(&open).go_on(&open, &folded, limits::MAX_STEPS_PER_EPOCH).unwrap());
}

/// Of many faults the first one is found, though others are found sooner.
#[test]
fn the_first_fault_is_found() {
    let items: Vec<usize> = (0..1_000).collect();
    let find = |first: usize| {
        let found_later = AtomicBool::new(false);
        first_fault(&items, |item| {
            let waits = *item == 0 && rayon::current_num_threads() > 1;
            while waits && !found_later.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            found_later.fetch_or(*item >= 500, Ordering::Release);
            (*item >= 500 || *item == first).then_some(*item)
        })
    };
    assert_eq!([0, 1, 400, 499, 500, 2_000].map(find), [0, 1, 400, 499, 500, 500].map(Some));
    assert_eq!(first_fault(&items, |_| None::<usize>), None);
    assert_eq!(first_fault(&[], |(): &()| Some(1)), None);
}

/// The shortest failing run is found in few tries, whichever it is.
#[test]
fn the_shortest_failing_run_is_found() {
    for all in 1..=STEP {
        for wanted in 1..=all {
            let tries = std::cell::Cell::new(0);
            let found = first_failing(all, |count| {
                tries.set(tries.get() + 1);
                if count < wanted { Ok(()) } else { Err(count) }
            });
            assert_eq!(found, Some((wanted, wanted)));
            assert!(tries.get() <= 2 + 4, "{} tries", tries.get());
        }
        assert_eq!(first_failing(all, |_| Err::<(), _>(())), None);
        assert_eq!(first_failing(all, |_| Ok::<_, ()>(())), None);
    }
}
