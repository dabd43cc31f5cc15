//! The rules of the circuit, each with the tests that attack it.
//!
//! | rule | test |
//! | --- | --- |
//! | the table is the state under z's digest | `state::another_opening_state_is_refused` |
//! | flags of the state are 0 or 1 | `state::flags_are_zero_or_one` |
//! | registered once, ever | `registration::a_second_key_is_refused` |
//! | registered keys are points of full order | `registration::a_weak_key_is_refused` |
//! | deposits go to registered rollups | `deposit::an_unregistered_rollup_gets_nothing` |
//! | deposits are in `[1, 2^96)` | `deposit::amounts_are_bounded` |
//! | SIGNED: by the rollup's key | `batch::another_signature_is_refused` |
//! | SIGNED: over every word of the batch | `batch::every_signed_word_counts` |
//! | SIGNED: for this domain | `batch::another_domain_is_refused` |
//! | SIGNED: by a registered rollup | `batch::an_unregistered_rollup_posts_nothing` |
//! | IN_ORDER: heights without gap or repetition | `batch::heights_have_no_gap_and_no_repetition` |
//! | IN_ORDER: continues the last root | `batch::another_previous_root_is_refused` |
//! | NO_OVERDRAFT | `batch::an_overdraft_by_one_atom_is_refused` |
//! | lanes are in `[1, 2^96)` | `lane::amounts_are_bounded` |
//! | lanes go to L1 or a registered rollup | `lane::an_unregistered_destination_is_refused` |
//! | lanes do not go to their own rollup | `lane::a_lane_to_itself_is_refused` |
//! | lanes have one asset and one destination | `lane::a_lane_has_one_asset_and_one_destination` |
//! | BOUNDED: balances | `state::balances_are_bounded` |
//! | COMPLETE: only what is touched is emitted | `emission::what_is_not_touched_is_not_emitted` |
//! | COMPLETE: emitted once | `emission::nothing_is_emitted_twice` |
//! | COMPLETE: what is touched is pending until it is emitted | `emission::what_is_not_emitted_is_pending` |
//! | COMPLETE: emission clears flags and amounts | `emission::emission_starts_the_amounts_over` |
//! | unused slots do nothing | `padding::*` |
//! | choices are one-hot | `padding::choices_are_one_hot` |
//! | DOMAIN_BOUND: domain word and epoch are carried | `agreement::domain_and_epoch_are_carried` |
//! | an epoch ends when nothing is pending | `epoch::none_begins_while_something_is_pending` |
//! | an epoch is followed by the next | `epoch::it_rises_by_one_or_not_at_all` |
//! | no variable is free | `agreement::no_variable_is_free` |
//! | the flat step shows the contract's words | `agreement::the_flat_step_shows_what_the_contract_reads` |
//! | the circuit is the reference transition | `agreement::random_histories_agree` |
//!
//! Steps out of order, missing or added are Nova's affair: see `fold::tests`.

#![expect(clippy::arithmetic_side_effects, reason = "field arithmetic cannot overflow")]

mod agreement;
mod batch;
mod deposit;
mod emission;
mod epoch;
mod lane;
mod padding;
mod registration;
mod state;

use std::sync::Arc;

use domain::{
    BatchParts, LiquidityState, Operation, Step, chain_hash,
    limits::{MAX_CELLS, MAX_ROLLUPS},
    plan_steps,
};
use ff::Field;

use super::{
    Checker, FlatStep, SettlementStep, Witness,
    witness::{BatchWitness, CellWitness},
};
use crate::{
    StepWitness,
    field::{Scalar, scalar, word},
    history::{self, batch, context, deposit, parts, register, signing_key},
};

/// A step that may be false: a witness and the z that it starts from.
#[derive(Clone)]
struct Attempt {
    witness: Witness,
    z: Vec<Scalar>,
}

/// Three registered rollups with money in two assets, and nothing open.
fn opening() -> LiquidityState {
    let operations = [
        register(1),
        register(2),
        register(3),
        deposit(1, 1, 1_000),
        deposit(1, 2, 2_000),
        deposit(2, 1, 3_000),
    ];
    history::apply_all(&LiquidityState::genesis(), &operations).close_epoch()
}

/// One of everything: a registration, a deposit, two batches with transfers and exits.
fn operations(opening: &LiquidityState) -> Vec<Operation> {
    let mut operations = vec![register(4), deposit(4, 3, 77)];
    for (rollup, moves) in [(1, &[(2, 1, 100), (0, 1, 10)][..]), (2, &[(4, 1, 30)][..])] {
        let state = history::apply_all(opening, &operations);
        operations.push(batch(&state, rollup, moves));
    }
    operations
}

/// The one step of these operations.
fn one_step(operations: &[Operation]) -> Step {
    let [step] = plan_steps(operations).unwrap().try_into().unwrap();
    step
}

impl Attempt {
    /// An honest step, to be changed.
    fn honest() -> Self {
        Self::of(&opening(), &operations(&opening()))
    }

    /// A step with these operations, which the reference may refuse.
    fn of(opening: &LiquidityState, operations: &[Operation]) -> Self {
        let witness = Witness::new(opening, &one_step(operations));
        let empty = StepWitness::new(opening, &Step::default(), context(), domain::Word::ZERO);
        Self { witness, z: empty.unwrap().z() }
    }

    /// A step of one batch, from parts that need not be a batch at all, signed by their rollup.
    fn of_batch(opening: &LiquidityState, mut parts: BatchParts) -> Self {
        parts.signature =
            signing_key(parts.rollup.number()).sign(parts.digest(context().domain_word));
        let mut attempt = Self::of(opening, &[]);
        attempt.witness.batches[0] = BatchWitness::new(&parts);
        attempt
    }

    /// The same step after a change of its witness.
    fn with(mut self, change: impl FnOnce(&mut Witness)) -> Self {
        change(&mut self.witness);
        self
    }

    /// Makes the opening state in the witness, whatever it is now, the one under z's digest.
    fn sealed(mut self) -> Self {
        let Witness { cells, rollups, .. } = &self.witness;
        let weigh = |sum: Scalar, (flag, weight): (Scalar, Scalar)| sum + flag * weight;
        let powers = || std::iter::successors(Some(Scalar::from(1)), |power| Some(power.double()));
        let flags = |flags: Vec<Scalar>| flags.into_iter().zip(powers()).fold(Scalar::ZERO, weigh);
        let amounts = |cell: &CellWitness| [cell.balance, cell.deposited, cell.exited];
        let mut words: Vec<Scalar> = cells.iter().flat_map(amounts).collect();
        words.push(flags(cells.iter().map(|cell| cell.touched).collect()));
        words.push(flags(rollups.iter().map(|rollup| rollup.active).collect()));
        for rollup in rollups {
            words.extend(rollup.key.iter().chain(&rollup.root).chain(&rollup.exit_root));
            words.push(rollup.next_height);
        }
        let words: Vec<domain::Word> = words.into_iter().map(word).collect();
        self.z[2] = scalar(chain_hash("netfold.state.v1", &words));
        self
    }

    fn run(&self) -> Result<Vec<Scalar>, Vec<String>> {
        Checker::run(&SettlementStep::new(Arc::new(self.witness.clone())), &self.z)
    }

    /// The circuit accepts it: its output z.
    fn accepted(&self) -> Vec<Scalar> {
        self.run().unwrap_or_else(|broken| panic!("refused by {broken:#?}"))
    }

    /// The circuit refuses it, and every constraint that it breaks is one of the rule.
    fn check_refused_by(&self, rule: &str) {
        self.check_refused_by_any(&[rule]);
    }

    fn check_refused_by_any(&self, rules: &[&str]) {
        let broken = self.run().expect_err("a false step was accepted");
        for name in &broken {
            assert!(rules.iter().any(|rule| name.contains(rule)), "{name} is not of {rules:?}");
        }
    }
}
