use alloy_primitives::{Address, B256};

use super::*;
use crate::{DomainId, DomainIdentity, EpochStatement, SigningKey, StatementError};

fn identity() -> DomainIdentity {
    DomainIdentity {
        chain_id: 31337,
        settlement: Address::repeat_byte(1),
        domain_id: DomainId::new(1),
        verification_key_id: B256::ZERO,
    }
}

/// All rollups registered, and a deposit into every cell.
fn full_house() -> Vec<Operation> {
    let key = |rollup: RollupId| SigningKey::from_seed([rollup.number().to_be_bytes()[1]; 32]);
    let registrations =
        RollupId::all().map(|rollup| Operation::Register { rollup, key: key(rollup).public() });
    let deposits = (1..=3_u128).flat_map(|round| {
        all_cells().map(move |(rollup, asset)| Operation::Deposit {
            rollup,
            asset,
            atoms: Atoms::new(round).unwrap(),
        })
    });
    registrations.chain(deposits).collect()
}

fn statement(operations: &[Operation]) -> EpochStatement {
    let context = StepContext { domain_word: identity().word(), epoch: EpochNumber::FIRST };
    let mut state = LiquidityState::genesis();
    let mut outputs = Vec::<StepOutput>::new();
    for step in plan_steps(operations).unwrap() {
        let previous = outputs.last().map_or(Word::ZERO, |output| output.emission_digest);
        let (next, output) = step.run(&state, context, previous).unwrap();
        state = next;
        outputs.push(output);
    }
    let opening_digest = LiquidityState::genesis().digest();
    EpochStatement { identity: identity(), epoch: EpochNumber::FIRST, opening_digest, outputs }
}

/// Steps lead to the state that the operations lead to, and emit each touched part once.
#[test]
fn steps_come_to_the_same_as_the_operations() {
    let operations = full_house();
    let whole = operations.iter().fold(LiquidityState::genesis(), |state, operation| {
        state.apply(operation, identity().word()).unwrap()
    });
    let statement = statement(&operations);
    assert_eq!(statement.closing_digest(), whole.close_epoch().digest());
    let (cells, rollups) = statement.closings().unwrap();
    assert_eq!((cells.len(), rollups.len()), (32, 8));
    assert!(cells.iter().all(|cell| cell.balance == Atoms::new(6).unwrap()));
    assert!(cells.iter().all(|cell| cell.deposited == cell.balance && cell.exited.is_zero()));
}

#[test]
fn a_statement_that_hides_or_repeats_is_refused() {
    let honest = statement(&full_house());
    let mut hidden = honest.clone();
    hidden.outputs.last_mut().unwrap().pending = 1;
    assert_eq!(hidden.closings(), Err(StatementError::Incomplete { pending: 1 }));
    let mut changed = honest.clone();
    changed.outputs[0].emitted[1] = Word::from(1_u64);
    assert_eq!(changed.closings(), Err(StatementError::EmissionDigest { step: 0 }));
    let mut repeated = honest.clone();
    let first = repeated.outputs[0].emitted.clone();
    repeated.outputs[1].emitted = first;
    let previous = repeated.outputs[0].emission_digest;
    let mut words = vec![previous];
    words.extend(&repeated.outputs[1].emitted);
    repeated.outputs[1].emission_digest = crate::chain_hash("netfold.emission.v1", &words);
    assert_eq!(repeated.closings(), Err(StatementError::Repeated { step: 1, slot: 8 }));
    let mut none = honest;
    none.outputs.clear();
    assert_eq!(none.closings(), Err(StatementError::StepCount { found: 0 }));
}

#[test]
fn nothing_to_do_is_one_empty_step() {
    let plan = plan_steps(&[]).unwrap();
    assert_eq!(plan, [Step::default()]);
    assert_eq!(statement(&[]).closings(), Ok((vec![], vec![])));
}
