use alloy_primitives::{Address, B256};

use super::*;
use crate::{BatchParts, Exit, ExitTree, Lane, SigningKey, Transfer};

const ONE: RollupId = RollupId::new(1);
const TWO: RollupId = RollupId::new(2);
const ETH: AssetId = AssetId::new(1);

fn atoms(number: u128) -> Atoms {
    Atoms::new(number).unwrap()
}

fn domain_word() -> Word {
    Word::from(77_u64)
}

fn signing_key(rollup: RollupId) -> SigningKey {
    SigningKey::from_seed([rollup.number().to_be_bytes()[1]; 32])
}

/// Two rollups, the first with 10 atoms.
fn opened() -> LiquidityState {
    [ONE, TWO]
        .iter()
        .fold(LiquidityState::genesis(), |state, rollup| {
            let register =
                Operation::Register { rollup: *rollup, key: signing_key(*rollup).public() };
            state.apply(&register, domain_word()).unwrap()
        })
        .apply(&Operation::Deposit { rollup: ONE, asset: ETH, atoms: atoms(10) }, domain_word())
        .unwrap()
}

fn batch(to_two: u128, to_l1: u128, change: impl FnOnce(&mut BatchParts)) -> Operation {
    let recipient = Address::repeat_byte(1);
    let transfers = (to_two > 0)
        .then(|| Transfer { to: TWO, asset: ETH, atoms: atoms(to_two), recipient })
        .into_iter()
        .collect::<Vec<_>>();
    let exits = (to_l1 > 0)
        .then(|| Exit { asset: ETH, atoms: atoms(to_l1), recipient })
        .into_iter()
        .collect::<Vec<_>>();
    let mut parts = BatchParts {
        rollup: ONE,
        height: Height::FIRST,
        previous_root: L2Root::UNSET,
        new_root: L2Root::new(B256::repeat_byte(1)),
        exit_root: ExitTree::empty().root(),
        lanes: Batch::sum_lanes(ONE, &transfers, &exits).unwrap(),
        transfers,
        exits,
        signature: signing_key(ONE).sign(Word::ZERO),
    };
    change(&mut parts);
    parts.signature = signing_key(ONE).sign(parts.digest(domain_word()));
    Operation::Batch(Box::new(Batch::new(parts).unwrap()))
}

fn balance(state: &LiquidityState, rollup: RollupId) -> u128 {
    state.cell(rollup, ETH).unwrap().balance.number()
}

/// The operation is refused for exactly that, and the state is as before.
fn check(operation: &Operation, refused: impl FnOnce(&Refusal) -> bool) {
    let state = opened();
    let refusal = state.apply(operation, domain_word()).unwrap_err();
    assert!(refused(&refusal), "{refusal}");
    assert_eq!(state, opened());
}

#[test]
fn a_batch_moves_what_its_lanes_say() {
    let state = opened().apply(&batch(6, 3, |_| ()), domain_word()).unwrap();
    assert_eq!((balance(&state, ONE), balance(&state, TWO)), (1, 6));
    let cell = state.cell(ONE, ETH).unwrap();
    assert_eq!((cell.deposited, cell.exited, cell.touched), (atoms(10), atoms(3), true));
    let rollup = state.rollup(ONE).unwrap();
    assert_eq!((rollup.next_height, rollup.active), (Height::new(1), true));
    assert_eq!(state.pending(), 4);
    assert_eq!(state.close_epoch().pending(), 0);
}

#[test]
fn each_rule_of_a_batch_refuses_by_its_name() {
    check(&batch(11, 0, |_| ()), |r| matches!(r, Refusal::Overdraft { .. }));
    check(&batch(7, 4, |_| ()), |r| matches!(r, Refusal::Overdraft { .. }));
    check(&batch(1, 0, |parts| parts.height = Height::new(1)), |r| {
        matches!(r, Refusal::HeightOutOfOrder { .. })
    });
    check(&batch(1, 0, |parts| parts.previous_root = L2Root::new(B256::repeat_byte(7))), |r| {
        matches!(r, Refusal::PreviousRootMismatch { .. })
    });
    check(&batch(1, 0, |parts| parts.rollup = RollupId::new(3)), |r| {
        matches!(r, Refusal::UnknownRollup { .. })
    });
    check(
        &batch(0, 0, |parts| {
            let to = RollupId::new(3);
            parts.transfers =
                vec![Transfer { to, asset: ETH, atoms: atoms(1), recipient: Address::ZERO }];
            parts.lanes = vec![Lane { asset: ETH, destination: to, atoms: atoms(1) }];
        }),
        |r| matches!(r, Refusal::UnknownRollup { .. }),
    );
    let Operation::Batch(signed) = batch(1, 0, |_| ()) else { unreachable!() };
    let mut parts = signed.parts().clone();
    parts.new_root = L2Root::new(B256::repeat_byte(8));
    check(&Operation::Batch(Box::new(Batch::new(parts).unwrap())), |r| {
        matches!(r, Refusal::SignatureInvalid { .. })
    });
    let mut parts = signed.parts().clone();
    parts.signature = signing_key(TWO).sign(parts.digest(domain_word()));
    check(&Operation::Batch(Box::new(Batch::new(parts).unwrap())), |r| {
        matches!(r, Refusal::SignatureInvalid { .. })
    });
}

/// What is replayed leads where it led when it was applied, and out of order it is refused again.
#[test]
fn a_head_replays_its_batch() {
    let state = opened();
    let Operation::Batch(signed) = batch(6, 3, |_| ()) else { unreachable!() };
    let after = state.apply(&Operation::Batch(signed.clone()), domain_word()).unwrap();
    assert_eq!(state.replay(&signed.head()), Ok(after.clone()));
    let again = after.replay(&signed.head());
    assert!(matches!(again, Err(Refusal::HeightOutOfOrder { .. })));
    let Operation::Batch(large) = batch(10_000, 3, |_| ()) else { unreachable!() };
    assert!(matches!(state.replay(&large.head()), Err(Refusal::Overdraft { .. })));
}

#[test]
fn the_same_batch_twice_is_out_of_order() {
    let state = opened().apply(&batch(1, 0, |_| ()), domain_word()).unwrap();
    let again = state.apply(&batch(1, 0, |_| ()), domain_word());
    assert!(matches!(again, Err(Refusal::HeightOutOfOrder { .. })));
}

#[test]
fn l1_operations_are_bounded_and_registered_once() {
    let deposit = |atoms| Operation::Deposit { rollup: ONE, asset: ETH, atoms };
    check(&deposit(Atoms::MAX), |r| matches!(r, Refusal::AmountTooLarge { .. }));
    check(&deposit(Atoms::ZERO), |r| matches!(r, Refusal::ZeroAmount { .. }));
    let unregistered = RollupId::new(5);
    check(&Operation::Deposit { rollup: unregistered, asset: ETH, atoms: atoms(1) }, |r| {
        matches!(r, Refusal::UnknownRollup { .. })
    });
    check(&Operation::Register { rollup: ONE, key: signing_key(TWO).public() }, |r| {
        matches!(r, Refusal::AlreadyRegistered { .. })
    });
}

#[test]
fn a_state_is_rebuilt_from_its_parts() {
    let state = opened().apply(&batch(6, 3, |_| ()), domain_word()).unwrap();
    let rollups = state.rollups().map(|(rollup, stored)| (rollup, *stored));
    let cells = state.cells().map(|(rollup, asset, cell)| (rollup, asset, *cell));
    assert_eq!(LiquidityState::from_parts(rollups, cells), Ok(state.clone()));
    let outside = LiquidityState::from_parts([(RollupId::L1, *state.rollup(ONE).unwrap())], []);
    assert_eq!(outside, Err(Refusal::UnknownRollup { rollup: RollupId::L1 }));
}

/// Every part of the state is in the digest.
#[test]
fn the_digest_has_one_word_for_every_part() {
    let state = opened();
    assert_eq!(state.digest_words().len(), MAX_CELLS * 3 + 2 + MAX_ROLLUPS * 7);
    let emitted = state.emit_cell(ONE, ETH).unwrap();
    assert_ne!(emitted.digest(), state.digest());
    assert_ne!(emitted.emit_rollup(ONE).unwrap().digest(), emitted.digest());
    assert_eq!(emitted.emit_cell(ONE, ETH), None);
    assert_eq!(emitted.emit_rollup(RollupId::new(4)), None);
}
