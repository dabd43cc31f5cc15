//! Writes `property-tests/vectors/settlement_proof.json` again: settlement proofs of the
//! development setup, which Foundry verifies. The first argument is the folder of parameters.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a program for developers"
)]
#![expect(clippy::print_stdout, reason = "a program for developers")]

#[path = "../src/history.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod history;

use std::{path::PathBuf, time::Instant};

use domain::{DomainIdentity, LiquidityState, Operation, Word, limits};
use folding::{Fold, Params, Setup, plan};
use serde_json::json;

fn main() {
    let directory = PathBuf::from(std::env::args().nth(1).unwrap());
    let clock = Instant::now();
    let params =
        Params::load_or_create(&directory, &Setup::InsecureDevelopment, &mut |_| ()).unwrap();
    println!("parameters: {:.1?}", clock.elapsed());
    let cases: Vec<_> = [1, 3, 8, 32].into_iter().map(|steps| case(&params, steps)).collect();
    let id = params.settlement_verifying_key().id();
    let file = json!({ "verification_key_id": hex(&id.digest()), "cases": cases });
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../property-tests/vectors/settlement_proof.json");
    std::fs::write(path, format!("{file:#}\n")).unwrap();
}

/// An epoch of exactly that many steps.
fn case(params: &Params, steps: usize) -> serde_json::Value {
    let opening = LiquidityState::genesis();
    let operations = (0..=steps * limits::BATCHES_PER_STEP)
        .rev()
        .map(operations)
        .find(|operations| {
            plan(&opening, operations, history::context()).unwrap().steps.len() == steps
        })
        .unwrap();
    let plan = plan(&opening, &operations, history::context()).unwrap();
    let identity: DomainIdentity = history::identity();
    let epoch = history::context().epoch;
    let mut fold = Fold::start(params, identity, epoch, opening.digest());
    let clock = Instant::now();
    for step in &plan.steps {
        fold.step(step).unwrap();
    }
    let folded = clock.elapsed();
    let clock = Instant::now();
    let proof = fold.settlement_proof().unwrap();
    println!("{steps} steps: folded in {folded:.1?}, proven in {:.1?}", clock.elapsed());
    let words = |words: Vec<Word>| words.iter().map(Word::to_string).collect::<Vec<_>>();
    json!({
        "domain_word": identity.word().to_string(),
        "epoch": epoch.number().to_string(),
        "opening_digest": opening.digest().to_string(),
        "steps": plan.steps.iter().map(|step| words(step.output().words())).collect::<Vec<_>>(),
        "proof": hex(proof.as_bytes()),
    })
}

/// Two rollups with deposits, and batches of both in turn.
fn operations(batches: usize) -> Vec<Operation> {
    let mut operations: Vec<Operation> = vec![history::register(1), history::register(2)];
    operations.extend([1, 2].map(|rollup| history::deposit(rollup, 1, 1 << 64)));
    let mut state = history::apply_all(&LiquidityState::genesis(), &operations);
    for rollup in (1..=2_u16).cycle().take(batches) {
        let batch = history::batch(&state, rollup, &[(0, 1, 5), (3 - rollup, 1, 7)]);
        state = history::apply_all(&state, std::slice::from_ref(&batch));
        operations.push(batch);
    }
    operations
}

fn hex(bytes: &[u8]) -> String {
    alloy_primitives::hex::encode_prefixed(bytes)
}
