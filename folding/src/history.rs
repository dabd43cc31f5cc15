//! Histories for tests: keys, signed batches, operations.
#![expect(clippy::arithmetic_side_effects, reason = "an overflow is the test's failure")]

use alloy_primitives::{Address, B256};
use domain::{
    AssetId, Atoms, Batch, BatchParts, DomainId, DomainIdentity, EpochNumber, Exit, ExitRoot,
    L2Root, LiquidityState, Operation, RollupId, SigningKey, StepContext, Transfer,
    limits::REGISTRATIONS_PER_STEP,
};

/// What a batch moves: (destination, asset, atoms), where destination 0 is L1.
pub(crate) type Moves<'a> = &'a [(u16, u16, u128)];

/// The domain of the tests.
pub(crate) fn identity() -> DomainIdentity {
    DomainIdentity {
        chain_id: 31337,
        settlement: Address::repeat_byte(0x5e),
        domain_id: DomainId::new(1),
        verification_key_id: B256::repeat_byte(0x11),
    }
}

pub(crate) fn context() -> StepContext {
    StepContext { domain_word: identity().word(), epoch: EpochNumber::FIRST }
}

pub(crate) fn signing_key(rollup: u16) -> SigningKey {
    SigningKey::from_seed([u8::try_from(rollup).unwrap(); 32])
}

pub(crate) fn atoms(number: u128) -> Atoms {
    Atoms::new(number).unwrap()
}

pub(crate) fn register(rollup: u16) -> Operation {
    Operation::Register { rollup: RollupId::new(rollup), key: signing_key(rollup).public() }
}

pub(crate) fn deposit(rollup: u16, asset: u16, number: u128) -> Operation {
    Operation::Deposit {
        rollup: RollupId::new(rollup),
        asset: AssetId::new(asset),
        atoms: atoms(number),
    }
}

/// A signed batch of a rollup as the state continues it.
pub(crate) fn batch(state: &LiquidityState, rollup: u16, moves: Moves<'_>) -> Operation {
    Operation::Batch(Box::new(signed(parts(state, rollup, moves), rollup)))
}

/// The parts of such a batch, with a signature that is not its own yet.
pub(crate) fn parts(state: &LiquidityState, rollup: u16, moves: Moves<'_>) -> BatchParts {
    let id = RollupId::new(rollup);
    let current = state.rollup(id).unwrap();
    let recipient = Address::repeat_byte(0xaa);
    let asset = |asset: u16| AssetId::new(asset);
    let transfers: Vec<Transfer> = moves
        .iter()
        .filter(|(to, _, _)| *to != 0)
        .map(|(to, of, number)| Transfer {
            to: RollupId::new(*to),
            asset: asset(*of),
            atoms: atoms(*number),
            recipient,
        })
        .collect();
    let exits: Vec<Exit> = moves
        .iter()
        .filter(|(to, _, _)| *to == 0)
        .map(|(_, of, number)| Exit { asset: asset(*of), atoms: atoms(*number), recipient })
        .collect();
    let lanes = Batch::sum_lanes(id, &transfers, &exits).unwrap();
    let mark = u8::try_from(current.next_height.number() % 250).unwrap() + 1;
    BatchParts {
        rollup: id,
        height: current.next_height,
        previous_root: current.root,
        new_root: L2Root::new(B256::repeat_byte(mark)),
        exit_root: ExitRoot::new(B256::repeat_byte(mark ^ 0xff)),
        transfers,
        exits,
        lanes,
        signature: signing_key(rollup).sign(domain::Word::ZERO),
    }
}

/// The batch of these parts, signed by a rollup.
pub(crate) fn signed(mut parts: BatchParts, signer: u16) -> Batch {
    parts.signature = signing_key(signer).sign(parts.digest(context().domain_word));
    Batch::new(parts).unwrap()
}

/// Applies operations that each depend on the state so far.
pub(crate) fn apply_all(state: &LiquidityState, operations: &[Operation]) -> LiquidityState {
    operations.iter().fold(state.clone(), |state, operation| {
        state.apply(operation, context().domain_word).unwrap()
    })
}

/// A small epoch that uses everything: registrations that fill three steps, deposits, transfers,
/// exits.
pub(crate) fn small_epoch() -> Vec<Operation> {
    let mut operations: Vec<Operation> =
        (1..).take(2 * REGISTRATIONS_PER_STEP + 1).map(register).collect();
    operations.extend([
        deposit(1, 1, 1_000),
        deposit(2, 2, 500),
        deposit(3, 4, (1 << 96) - 1),
        deposit(9, 1, 7),
    ]);
    let moves: [(u16, Moves<'_>); 6] = [
        (1, &[(2, 1, 100), (3, 1, 50), (0, 1, 25)]),
        (2, &[(1, 2, 500), (3, 1, 40)]),
        (3, &[(0, 4, (1 << 96) - 1), (1, 1, 90)]),
        (1, &[(0, 2, 1)]),
        (1, &[]),
        (2, &[(1, 1, 60)]),
    ];
    for (rollup, moves) in moves {
        let state = apply_all(&LiquidityState::genesis(), &operations);
        operations.push(batch(&state, rollup, moves));
    }
    operations
}
