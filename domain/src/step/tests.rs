use alloy_primitives::{Address, B256, U256};

use super::*;
use crate::limits::{CELLS_EMITTED_PER_STEP, MAX_CELLS, MAX_ROLLUPS};
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
    assert_eq!((cells.len(), rollups.len()), (MAX_CELLS, MAX_ROLLUPS));
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
    assert_eq!(redigested(repeated).closings(), Err(StatementError::Repeated { step: 1, slot: 0 }));
    let mut none = honest;
    none.outputs.clear();
    assert_eq!(none.closings(), Err(StatementError::StepCount { found: 0 }));
}

/// The statement with the emission digests that its emitted words have.
fn redigested(mut statement: EpochStatement) -> EpochStatement {
    let mut digest = Word::ZERO;
    for output in &mut statement.outputs {
        let words: Vec<Word> =
            std::iter::once(digest).chain(output.emitted.iter().copied()).collect();
        digest = crate::chain_hash("netfold.emission.v1", &words);
        output.emission_digest = digest;
    }
    statement
}

/// BOUNDED: deposits, exits and roots that do not fit their bits are no closing; the circuit
/// leaves that to whoever reads the words.
#[test]
fn a_closing_out_of_bound_is_refused() {
    let honest = statement(&full_house());
    let rollup = honest
        .outputs
        .iter()
        .position(|output| output.emitted[CELLS_EMITTED_PER_STEP * 2] != Word::ZERO)
        .unwrap();
    let first_rollup = CELLS_EMITTED_PER_STEP * 2;
    let cell = honest.outputs.iter().position(|output| output.emitted[0] != Word::ZERO).unwrap();
    let too_much = [
        (cell, 0, U256::ONE << 224, 0),
        (cell, 1, U256::ONE << 96, 0),
        (rollup, first_rollup, U256::ONE << 80, CELLS_EMITTED_PER_STEP),
        (rollup, first_rollup + 1, U256::ONE << 128, CELLS_EMITTED_PER_STEP),
        (rollup, first_rollup + 2, U256::ONE << 128, CELLS_EMITTED_PER_STEP),
        (rollup, first_rollup + 3, U256::ONE << 128, CELLS_EMITTED_PER_STEP),
        (rollup, first_rollup + 4, U256::ONE << 128, CELLS_EMITTED_PER_STEP),
    ];
    for (step, at, excess, slot) in too_much {
        let mut changed = honest.clone();
        let word = &mut changed.outputs[step].emitted[at];
        *word = Word::from_uint(word.to_uint() | excess).unwrap();
        let refused = redigested(changed).closings();
        assert_eq!(refused, Err(StatementError::Malformed { step, slot }), "word {at}");
    }
}

/// What L1 gets is each step's digest, its counts and its used slots from the first on, and nothing
/// else; what is left out is zero.
#[test]
fn compact_words_are_the_used_ones() {
    let honest = statement(&full_house());
    let (mut cells_shown, mut rollups_shown) = (0, 0);
    for output in &honest.outputs {
        let words = output.compact_words();
        let counts = words[1].to_uint();
        assert_eq!(counts & U256::from(u64::MAX), U256::from(output.pending));
        let cells = usize::from(counts.byte(8));
        let rollups = usize::try_from(counts.wrapping_shr(72)).unwrap();
        assert_eq!(words[0], output.state_digest);
        let first_rollup = CELLS_EMITTED_PER_STEP * 2;
        let (in_cells, in_rollups) = output.emitted.split_at(first_rollup);
        let expected = [&in_cells[..cells * 2], &in_rollups[..rollups * 7]].concat();
        assert_eq!(words[2..], expected);
        let left_out = in_cells[cells * 2..].iter().chain(&in_rollups[rollups * 7..]);
        assert!(left_out.into_iter().all(|word| *word == Word::ZERO));
        cells_shown += cells;
        rollups_shown += rollups;
    }
    assert_eq!((cells_shown, rollups_shown), (MAX_CELLS, MAX_ROLLUPS));
}

/// Slots are used from the first on: what L1 cannot be told is no statement.
#[test]
fn an_unused_slot_before_a_used_one_is_refused() {
    let honest = statement(&full_house());
    let first_rollup = CELLS_EMITTED_PER_STEP * 2;
    for (first, words, slot) in [(0, 2, 0), (first_rollup, 7, CELLS_EMITTED_PER_STEP)] {
        let step =
            honest.outputs.iter().position(|output| output.emitted[first + words] != Word::ZERO);
        let step = step.unwrap();
        let mut changed = honest.clone();
        changed.outputs[step].emitted[first..first + words].fill(Word::ZERO);
        let refused = redigested(changed).closings();
        assert_eq!(refused, Err(StatementError::Malformed { step, slot }));
    }
}

#[test]
fn nothing_to_do_is_one_empty_step() {
    let plan = plan_steps(&[]).unwrap();
    assert_eq!(plan, [Step::default()]);
    assert_eq!(statement(&[]).closings(), Ok((vec![], vec![])));
}
