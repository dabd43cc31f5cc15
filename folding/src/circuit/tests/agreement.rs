//! The circuit and the reference transition agree; nothing in the circuit is free.

use domain::{Refusal, Z_WORDS};
use nova_snark::{
    frontend::{
        ConstraintSystem, Index, num::AllocatedNum, shape_cs::ShapeCS, solver::SatisfyingAssignment,
    },
    traits::circuit::StepCircuit,
};
use proptest::prelude::*;

use super::*;
use crate::scheme::Primary;

/// One operation to be tried: which kind, and raw material for its parts.
type Draft = (u8, u16, Vec<(u16, u16, u128)>, u128);

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let small = prop_oneof![1..=50_u128, Just((1 << 96) - 1), 1..=(1_u128 << 96) - 1];
    let moves = prop::collection::vec((0..=8_u16, 1..=4_u16, small), 0..=3);
    prop::collection::vec((0..=9_u8, 1..=8_u16, moves, 1..=1_000_u128), 1..=12)
}

/// The operation of a draft, as the state would continue it; none if there is no such batch.
fn operation(state: &LiquidityState, (kind, rollup, moves, number): &Draft) -> Option<Operation> {
    let asset = u16::try_from(number % 4).unwrap() + 1;
    match kind {
        0 | 1 => Some(register(*rollup)),
        2..=4 => Some(deposit(*rollup, asset, *number)),
        _ => {
            let id = domain::RollupId::new(*rollup);
            let to_itself = moves.iter().any(|(to, _, _)| to == rollup);
            let sums = moves.iter().map(|(_, _, atoms)| atoms).sum::<u128>() < 1 << 96;
            (state.rollup(id).is_ok() && !to_itself && sums).then(|| batch(state, *rollup, moves))
        }
    }
}

/// A step of one operation, without emission, as the circuit sees it.
fn circuit_accepts(state: &LiquidityState, operation: &Operation) -> bool {
    let mut attempt = Attempt::of(state, std::slice::from_ref(operation));
    attempt.witness.emitted_cells.fill([Scalar::ZERO; MAX_CELLS]);
    attempt.witness.emitted_rollups.fill([Scalar::ZERO; MAX_ROLLUPS]);
    attempt.run().is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// On random histories the circuit accepts an operation exactly if the reference does, and the
    /// steps of what was accepted give the reference's output, word by word.
    #[test]
    fn random_histories_agree(drafts in drafts()) {
        let genesis = LiquidityState::genesis();
        let (mut state, mut accepted) = (genesis.clone(), Vec::new());
        for draft in &drafts {
            let Some(operation) = operation(&state, draft) else { continue };
            let outcome: Result<LiquidityState, Refusal> =
                state.apply(&operation, context().domain_word);
            prop_assert_eq!(outcome.is_ok(), circuit_accepts(&state, &operation), "{:?}", outcome);
            if let Ok(next) = outcome {
                state = next;
                accepted.push(operation);
            }
        }
        let plan = crate::plan(&genesis, &accepted, context()).unwrap();
        for step in &plan.steps {
            step.check().unwrap();
        }
        prop_assert_eq!(plan.closing, state.close_epoch());
    }
}

/// DOMAIN_BOUND: a step hands on the domain word and the epoch that it was given.
#[test]
fn domain_and_epoch_are_carried() {
    let mut attempt = Attempt::of(&opening(), &[]);
    attempt.z[0] = Scalar::from(123);
    attempt.z[1] = Scalar::from(456);
    let output = attempt.accepted();
    assert_eq!(output[..2], [Scalar::from(123), Scalar::from(456)]);
}

/// Which form of the step is synthesised.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// With z and the next z as public words.
    Step,
    /// As the settlement proof folds it.
    Flat,
}

fn synthesize<CS: ConstraintSystem<Scalar>>(cs: &mut CS, form: Form, attempt: &Attempt) {
    let circuit = SettlementStep::new(Arc::new(attempt.witness.clone()));
    if let Form::Flat = form {
        let opening = [attempt.z[0], attempt.z[1], attempt.z[2]];
        return FlatStep::from(circuit).synthesize(cs, Some(opening)).unwrap();
    }
    let z: Vec<_> = attempt
        .z
        .iter()
        .enumerate()
        .map(|(at, word)| {
            AllocatedNum::alloc_input(cs.namespace(|| format!("z {at}")), || Ok(*word)).unwrap()
        })
        .collect();
    for (at, word) in circuit.synthesize(cs, &z).unwrap().iter().enumerate() {
        word.inputize(cs.namespace(|| format!("next z {at}"))).unwrap();
    }
}

/// The variables of an honest step that can be raised by one with every constraint still holding.
fn free_variables(form: Form, attempt: &Attempt) -> Vec<usize> {
    let mut shape = ShapeCS::<Primary>::new();
    synthesize(&mut shape, form, attempt);
    let mut assignment = SatisfyingAssignment::<Primary>::new();
    synthesize(&mut assignment, form, attempt);
    let inputs = assignment.input_assignment();
    let mut variables = assignment.aux_assignment().to_vec();
    let holds = |variables: &[Scalar], at: &usize| {
        let (left, right, product) = &shape.constraints[*at];
        left.eval(inputs, variables) * right.eval(inputs, variables)
            == product.eval(inputs, variables)
    };
    let mut used_by = vec![Vec::new(); variables.len()];
    for (at, (left, right, product)) in shape.constraints.iter().enumerate() {
        assert!(holds(&variables, &at));
        for (variable, _) in left.iter().chain(right.iter()).chain(product.iter()) {
            if let Index::Aux(variable) = variable.get_unchecked() {
                used_by[variable].push(at);
            }
        }
    }
    let mut free = Vec::new();
    for (variable, constraints) in used_by.iter().enumerate() {
        variables[variable] += Scalar::ONE;
        if constraints.iter().all(|at| holds(&variables, at)) {
            free.push(variable);
        }
        variables[variable] -= Scalar::ONE;
    }
    free
}

/// Raising any single variable of an honest witness breaks a constraint, in a step that uses every
/// kind of slot and in one that uses none, in both forms. There are no exceptions.
#[test]
fn no_variable_is_free() {
    for form in [Form::Step, Form::Flat] {
        assert_eq!(free_variables(form, &Attempt::honest()), Vec::<usize>::new(), "{form:?}");
        let empty = Attempt::of(&opening(), &[]);
        assert_eq!(free_variables(form, &empty), Vec::<usize>::new(), "{form:?}");
    }
}

/// The public values of the flat step are the words that the contract supplies, in its order.
#[test]
fn the_flat_step_shows_what_the_contract_reads() {
    let attempt = Attempt::honest();
    let mut assignment = SatisfyingAssignment::<Primary>::new();
    synthesize(&mut assignment, Form::Flat, &attempt);
    let output = attempt.accepted();
    let expected: Vec<Scalar> = std::iter::once(Scalar::ONE)
        .chain(attempt.z[..3].iter().copied())
        .chain(output[2..4].iter().chain(&output[5..]).copied())
        .collect();
    assert_eq!(assignment.input_assignment(), expected);
}

/// The shape does not depend on the witness: without one the constraints are the same.
#[test]
fn the_shape_is_the_same_for_every_witness() {
    let shape = |circuit: SettlementStep| {
        let mut cs = ShapeCS::<Primary>::new();
        let z: Vec<_> = (0..Z_WORDS)
            .map(|at| {
                AllocatedNum::alloc(cs.namespace(|| format!("z {at}")), || Ok(Scalar::ZERO))
                    .unwrap()
            })
            .collect();
        circuit.synthesize(&mut cs, &z).unwrap();
        cs.constraints
    };
    let honest = SettlementStep::new(Arc::new(Attempt::honest().witness));
    let empty = SettlementStep::new(Arc::new(Attempt::of(&opening(), &[]).witness));
    let none = shape(SettlementStep::default());
    assert!(shape(honest) == none && shape(empty) == none);
}
