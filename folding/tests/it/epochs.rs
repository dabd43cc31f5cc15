//! The history of several epochs: what it proves, and every way to make it prove something else.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a wrong offset is the test's failure"
)]

use domain::{DomainIdentity, EpochNumber, LiquidityState, Operation, StepContext, Word};
use folding::{EpochProof, Error, HistoryFold, HistoryProof, Plan, ProofFile};
use sha2::{Digest, Sha256};

use crate::{history, key, params};

const CHECKSUM_BYTES: usize = 32;

/// Where the fields of a history file begin: magic, version, key, chain, contract, domain, verifier,
/// anchor, opening digest, last epoch, closing digest, steps, emission digest, proof.
const FIELDS: [usize; 15] = [0, 8, 10, 11, 43, 51, 71, 75, 107, 115, 147, 155, 187, 195, 227];

/// What happens in each of three epochs; the second takes two steps, and the first of them leaves a
/// rollup to be emitted by the second.
fn epochs() -> [Vec<Operation>; 3] {
    let first = vec![history::register(1), history::deposit(1, 1, 5)];
    let mut second: Vec<Operation> = (2..=6).map(history::register).collect();
    second.push(history::deposit(2, 2, 9));
    let state = history::apply_all(&LiquidityState::genesis(), &first);
    let state = history::apply_all(&state, &second);
    second.push(history::batch(&state, 2, &[(1, 2, 4)]));
    [first, second, vec![history::deposit(1, 1, 2)]]
}

fn start() -> HistoryFold {
    let genesis = LiquidityState::genesis().digest();
    HistoryFold::start(params(), history::identity(), EpochNumber::FIRST, genesis)
}

/// Folds an epoch: the state after it.
fn fold_epoch(fold: &mut HistoryFold, opening: &LiquidityState, epoch: &[Operation]) -> Plan {
    let plan = fold.plan(opening, epoch).unwrap();
    for step in &plan.steps {
        fold.step(step).unwrap();
    }
    plan
}

fn resealed(mut file: Vec<u8>) -> Vec<u8> {
    let end = file.len() - CHECKSUM_BYTES;
    let checksum = Sha256::digest(&file[..end]);
    file[end..].copy_from_slice(&checksum);
    file
}

fn verifies(file: &[u8]) -> bool {
    HistoryProof::from_bytes(file).is_ok_and(|proof| proof.verify(key()).is_ok())
}

/// Two epochs, interrupted between them, are proven from genesis to the state that both lead to; the
/// file claims no other anchor, epochs, states or steps, and no changed byte of it passes.
#[test]
fn epochs_are_proven_in_one_file() {
    let [first, second, third] = epochs();
    let mut fold = start();
    assert!(matches!(fold.prove(), Err(Error::NoSteps)));
    let one = fold_epoch(&mut fold, &LiquidityState::genesis(), &first);
    fold = HistoryFold::resume(params(), &fold.checkpoint().unwrap()).unwrap();
    assert_eq!(fold.last_epoch(), Some(EpochNumber::FIRST));
    let two = fold_epoch(&mut fold, &one.closing, &second);
    assert!(two.steps.len() > 1);
    check_checkpoint(&fold.checkpoint().unwrap());

    let file = fold.prove().unwrap().to_bytes();
    let verified = HistoryProof::from_bytes(&file).unwrap().verify(key()).unwrap();
    assert_eq!(verified.identity, history::identity());
    assert_eq!(verified.opening_digest, LiquidityState::genesis().digest());
    assert_eq!(verified.closing_digest, two.closing.digest());
    let epochs = (verified.anchor.number(), verified.last_epoch.number());
    assert_eq!(epochs, (1, 2));
    assert_eq!(verified.steps, u64::try_from(one.steps.len() + two.steps.len()).unwrap());
    assert!(matches!(ProofFile::from_bytes(&file), Ok(ProofFile::History(_))));
    assert!(EpochProof::from_bytes(&file).is_err());
    check_file(&file);

    // The fold goes on, and from the middle of an epoch nothing is proven.
    let three = fold.plan(&two.closing, &third).unwrap();
    fold.step(&three.steps[0]).unwrap();
    assert_eq!(fold.last_epoch().map(EpochNumber::number), Some(3));
}

fn check_file(file: &[u8]) {
    assert!(verifies(file) && verifies(&resealed(file.to_vec())));
    let (proof_at, end) = (FIELDS[14], file.len() - CHECKSUM_BYTES);
    let flips = (0..proof_at + 4).chain((proof_at + 4..end).step_by(397)).chain([end - 1]);
    for at in flips {
        let mut changed = file.to_vec();
        changed[at] ^= 1;
        assert!(!verifies(&changed), "byte {at}");
        assert!(!verifies(&resealed(changed)), "byte {at}, checksum renewed");
    }
    for length in [0, 7, 120, proof_at, end - 1] {
        let mut cut = file[..length].to_vec();
        cut.resize(length + CHECKSUM_BYTES, 0);
        assert!(!verifies(&resealed(cut)), "cut at {length}");
    }
    // Another anchor, and an epoch that is not there, with all else as it was.
    for (field, number) in [(FIELDS[8], 2_u64), (FIELDS[10], 3), (FIELDS[10], 1), (FIELDS[12], 2)] {
        let mut other = file.to_vec();
        other[field..field + 8].copy_from_slice(&number.to_be_bytes());
        assert!(!verifies(&resealed(other)), "field at {field} is {number}");
    }
}

fn check_checkpoint(checkpoint: &[u8]) {
    let end = checkpoint.len() - CHECKSUM_BYTES;
    for at in [12, 50, 110, 120, 150, 160, 190, 196, 230, 300, 4_000, end / 4, end / 2, end - 40] {
        let mut changed = checkpoint.to_vec();
        changed[at] ^= 1;
        assert!(HistoryFold::resume(params(), &changed).is_err(), "byte {at}");
        let refused = HistoryFold::resume(params(), &resealed(changed));
        assert!(refused.is_err(), "byte {at}, checksum renewed");
    }
}

/// A fold takes the steps of the next epoch alone: none of the one after, none of another state or
/// domain, none twice, and no epoch begins in the midst of another.
#[test]
fn no_epoch_is_missing_between() {
    let [first, second, third] = epochs();
    let genesis = LiquidityState::genesis();
    let mut fold = start();
    let one = fold_epoch(&mut fold, &genesis, &first);
    let refused = |fold: &HistoryFold, step: &folding::StepWitness| {
        let mut fold = fold.clone();
        let steps = fold.steps();
        assert!(matches!(fold.step(step), Err(Error::OutOfPlace)));
        assert_eq!(fold.steps(), steps);
    };
    refused(&fold, &one.steps[0]);
    assert!(matches!(fold.plan(&genesis, &first), Err(Error::OutOfPlace)));
    // Of the third epoch, right after the first, and of the second without saying that it begins.
    let step = |epoch, operations: &[Operation]| {
        let context = StepContext { epoch: EpochNumber::new(epoch), ..history::context() };
        let planned = folding::plan(&one.closing, operations, context).unwrap();
        planned.steps.into_iter().next().unwrap()
    };
    for epoch in [1, 2, 3] {
        refused(&fold, &step(epoch, &third));
        refused(&fold, &step(epoch, &third).beginning_epoch());
    }
    let elsewhere = DomainIdentity { chain_id: 1, ..history::identity() };
    let mut other = HistoryFold::start(params(), elsewhere, EpochNumber::FIRST, genesis.digest());
    assert!(matches!(other.step(&one.steps[0]), Err(Error::OutOfPlace)));
    let another_state = Word::from(1_u64);
    let other =
        HistoryFold::start(params(), history::identity(), EpochNumber::FIRST, another_state);
    refused(&other, &one.steps[0]);

    let two = fold.plan(&one.closing, &second).unwrap();
    fold.step(&two.steps[0]).unwrap();
    assert!(matches!(fold.prove(), Err(Error::Incomplete { .. })));
    refused(&fold, &two.steps[1].clone().beginning_epoch());
    assert!(matches!(fold.plan(&two.closing, &third), Err(Error::OutOfPlace)));
}
