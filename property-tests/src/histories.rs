//! Random histories of several epochs, as L1 sees them: what is deposited there, the steps that
//! settle each epoch, and what the contract must hold after it. Foundry plays them on the contract.
//!
//! **Invariant:** the same histories whenever they are computed; what is expected comes from the
//! model alone, never from the steps' words.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use domain::{
    AssetId, EpochNumber, LiquidityState, Operation, Refusal, RollupId, StepContext, StepOutput,
    Word, plan_steps,
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde::{Deserialize, Serialize};

use crate::history::{ASSETS, Action, World, actions};

const HISTORIES: usize = 12;
const EPOCHS: usize = 3;
const MOST_ACTIONS: usize = 60;
/// What the batches are signed for; L1 sees no signature.
const DOMAIN_WORD: Word = Word::ZERO;

/// All histories, each of a domain of its own.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Histories {
    /// Digest of the state before the first epoch.
    pub genesis_digest: Word,
    /// The keys of the rollups, in the order of their registration before the first epoch.
    pub keys: Vec<[Word; 2]>,
    /// The histories.
    pub histories: Vec<Vec<EpochHistory>>,
}

/// One epoch of a history.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct EpochHistory {
    /// What is deposited on L1: rollup, asset and atoms of each deposit.
    pub deposits: Vec<String>,
    /// The words that settle it.
    pub steps: Vec<Word>,
    /// The state digest after it.
    pub closing_digest: Word,
    /// The cells after it: of each rollup, asset, balance, deposits and exits since genesis.
    pub cells: Vec<String>,
    /// The height of each rollup's next batch.
    pub next_heights: Vec<String>,
    /// Of each rollup that was active in the epoch its exit root; of the others zero.
    pub exit_roots: Vec<B256>,
}

impl Histories {
    /// Computes all histories from the model.
    ///
    /// # Errors
    /// A refusal would mean that planned steps refuse what the model took.
    pub fn compute() -> Result<Self, Refusal> {
        let mut runner = TestRunner::deterministic();
        let mut histories = Vec::with_capacity(HISTORIES);
        for _ in 0..HISTORIES {
            let mut draw = || match actions(MOST_ACTIONS).new_tree(&mut runner) {
                Ok(tree) => tree.current(),
                Err(_) => Vec::new(),
            };
            histories.push(history(std::array::from_fn(|_| draw()))?);
        }
        let keys = World::new(DOMAIN_WORD)
            .state
            .rollups()
            .filter_map(|(_, rollup)| rollup.key)
            .map(|key| [key.x(), key.y()])
            .collect();
        Ok(Self { genesis_digest: LiquidityState::genesis().digest(), keys, histories })
    }

    /// The committed form: pretty JSON with a final newline.
    ///
    /// # Errors
    /// None for this type; serde's signature has one.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}

/// What was deposited and exited since genesis.
type Totals = BTreeMap<(RollupId, AssetId), [u128; 2]>;

fn history(epochs: [Vec<Action>; EPOCHS]) -> Result<Vec<EpochHistory>, Refusal> {
    let mut world = World::new(DOMAIN_WORD);
    let mut opening = LiquidityState::genesis();
    let mut totals = Totals::new();
    let mut history = Vec::with_capacity(EPOCHS);
    let mut number = EpochNumber::FIRST;
    for actions in epochs {
        for action in actions {
            if let Some(operation) = world.operation(&action) {
                // What the model refuses is no part of the history.
                let _refused = world.apply(operation);
            }
        }
        let operations = std::mem::take(&mut world.operations);
        if operations.is_empty() {
            continue;
        }
        let context = StepContext { domain_word: DOMAIN_WORD, epoch: number };
        let (mut state, mut digest, mut steps) = (opening, Word::ZERO, Vec::new());
        for step in plan_steps(&operations)? {
            let (next, output) = step.run(&state, context, digest)?;
            (state, digest) = (next, output.emission_digest);
            steps.extend(StepOutput::compact_words(&output));
        }
        history.push(expected(&world, &operations, steps, &mut totals));
        world.state = world.state.close_epoch();
        opening = world.state.clone();
        number = number.next().unwrap_or(number);
    }
    Ok(history)
}

/// What the contract must hold after the epoch that the world has just played.
fn expected(
    world: &World,
    operations: &[Operation],
    steps: Vec<Word>,
    totals: &mut Totals,
) -> EpochHistory {
    let deposits = operations.iter().flat_map(|operation| match operation {
        Operation::Deposit { rollup, asset, atoms } => {
            vec![rollup.to_string(), asset.to_string(), atoms.to_string()]
        }
        Operation::Register { .. } | Operation::Batch(_) | Operation::Evicted => Vec::new(),
    });
    let mut cells = Vec::new();
    for (rollup, asset, cell) in world.state.cells() {
        let used = world.state.key_of(rollup).is_ok() && asset.number() <= ASSETS;
        if !used {
            continue;
        }
        let [deposited, exited] = totals.entry((rollup, asset)).or_default();
        *deposited = deposited.saturating_add(cell.deposited.number());
        *exited = exited.saturating_add(cell.exited.number());
        cells.extend([rollup.to_string(), asset.to_string(), cell.balance.to_string()]);
        cells.extend([deposited.to_string(), exited.to_string()]);
    }
    let registered = || world.state.rollups().filter(|(_, rollup)| rollup.key.is_some());
    let exit_root = |rollup: &domain::RollupState| {
        if rollup.active { rollup.exit_root.bytes() } else { B256::ZERO }
    };
    EpochHistory {
        deposits: deposits.collect(),
        steps,
        closing_digest: world.state.close_epoch().digest(),
        cells,
        next_heights: registered().map(|(_, rollup)| rollup.next_height.to_string()).collect(),
        exit_roots: registered().map(|(_, rollup)| exit_root(rollup)).collect(),
    }
}
