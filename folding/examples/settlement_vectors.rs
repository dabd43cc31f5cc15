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

use domain::{Batch, DomainIdentity, LiquidityState, Operation, StepContext, Word, limits};
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
    let verification_key_id = params.settlement_verifying_key().id().digest().into();
    let identity = DomainIdentity { verification_key_id, ..history::identity() };
    let epoch = history::context().epoch;
    let context = StepContext { domain_word: identity.word(), epoch };
    let plan = (0..=steps * limits::BATCHES_PER_STEP)
        .rev()
        .map(|batches| plan(&opening, &operations(batches, identity.word()), context).unwrap())
        .find(|plan| plan.steps.len() == steps)
        .unwrap();
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
        "steps": words(plan.steps.iter().flat_map(|step| step.output().compact_words()).collect()),
        "proof": hex(proof.as_bytes()),
    })
}

/// Two rollups with deposits, and batches of both in turn, signed for this domain.
fn operations(batches: usize, domain_word: Word) -> Vec<Operation> {
    let mut operations: Vec<Operation> = vec![history::register(1), history::register(2)];
    operations.extend([1, 2].map(|rollup| history::deposit(rollup, 1, 1 << 64)));
    let mut state = history::apply_all(&LiquidityState::genesis(), &operations);
    for rollup in (1..=2_u16).cycle().take(batches) {
        let mut parts = history::parts(&state, rollup, &[(0, 1, 5), (3 - rollup, 1, 7)]);
        parts.signature = history::signing_key(rollup).sign(parts.digest(domain_word));
        let batch = Operation::Batch(Box::new(Batch::new(parts).unwrap()));
        state = state.apply(&batch, domain_word).unwrap();
        operations.push(batch);
    }
    operations
}

fn hex(bytes: &[u8]) -> String {
    alloy_primitives::hex::encode_prefixed(bytes)
}
