//! The settlement proof: what it proves, and every way to make it prove something else.

use std::fs::{self, File};

use domain::{DomainId, EpochNumber, EpochStatement, LiquidityState, Word, chain_hash};
use folding::{SettlementProof, SettlementVerifyingKey, Setup};

use crate::{directory, history, params, plan_of, start};

fn key() -> SettlementVerifyingKey {
    SettlementVerifyingKey::load(&directory(), &Setup::InsecureDevelopment)
        .unwrap_or_else(|_| params().settlement_verifying_key().clone())
}

/// An epoch of three steps with its settlement proof, made once: it is kept beside the parameters.
fn proven() -> (EpochStatement, SettlementProof) {
    let plan = plan_of(&history::small_epoch());
    let statement = EpochStatement {
        identity: history::identity(),
        epoch: history::context().epoch,
        opening_digest: LiquidityState::genesis().digest(),
        outputs: plan.steps.iter().map(|step| step.output().clone()).collect(),
    };
    let key = key();
    let id = key.id().to_string().replace(':', "-");
    let lock = File::create(directory().join("settlement-proof.lock")).unwrap();
    lock.lock().unwrap();
    let path = directory().join(format!("settlement-proof-{id}"));
    if let Ok(kept) = fs::read(&path).map(SettlementProof::new)
        && kept.verify(&key, &statement).is_ok()
    {
        return (statement, kept);
    }
    let mut fold = start();
    for step in &plan.steps {
        fold.step(step).unwrap();
    }
    let proof = fold.settlement_proof().unwrap();
    fs::write(path, proof.as_bytes()).unwrap();
    (statement, proof)
}

/// The same steps make the same proof, also when another process goes on from a checkpoint.
#[test]
fn proofs_are_reproducible() {
    let (_, proof) = proven();
    let mut fold = start();
    for step in &plan_of(&history::small_epoch()).steps {
        fold.step(step).unwrap();
        fold = folding::Fold::resume(params(), &fold.checkpoint().unwrap()).unwrap();
    }
    assert_eq!(fold.settlement_proof().unwrap(), proof);
}

/// Gives the statement the emission digests that its emitted words have: they are no part of what
/// the proof is of.
fn redigest(statement: &mut EpochStatement) {
    let mut digest = Word::ZERO;
    for output in &mut statement.outputs {
        let words: Vec<Word> =
            std::iter::once(digest).chain(output.emitted.iter().copied()).collect();
        digest = chain_hash("netfold.emission.v1", &words);
        output.emission_digest = digest;
    }
}

/// A proof is of one statement: of no other domain, contract, chain, epoch or opening state, of no
/// other output of any step, and of neither fewer, more nor reordered steps.
#[test]
fn it_proves_no_other_statement() {
    let (statement, proof) = proven();
    let key = key();
    proof.verify(&key, &statement).unwrap();
    let mut others = Vec::new();
    let mut other = |name: &'static str, change: &dyn Fn(&mut EpochStatement)| {
        let mut changed = statement.clone();
        change(&mut changed);
        redigest(&mut changed);
        assert_ne!(changed, statement, "{name}");
        others.push((name, changed));
    };
    other("another chain", &|statement| statement.identity.chain_id = 1337);
    other("another contract", &|statement| statement.identity.settlement.0[19] ^= 1);
    other("another domain", &|statement| statement.identity.domain_id = DomainId::new(2));
    other("another key", &|statement| statement.identity.verification_key_id.0[31] ^= 1);
    other("another epoch", &|statement| statement.epoch = EpochNumber::new(2));
    other("another opening", &|statement| statement.opening_digest = Word::from(1_u64));
    other("a dropped step", &|statement| drop(statement.outputs.remove(1)));
    other("a dropped last step", &|statement| drop(statement.outputs.pop()));
    other("swapped steps", &|statement| statement.outputs.swap(0, 1));
    other("a repeated step", &|statement| {
        let again = statement.outputs[1].clone();
        statement.outputs.insert(1, again);
    });
    other("no steps", &|statement| statement.outputs.clear());
    for step in 0..statement.outputs.len() {
        other("another digest", &|statement| statement.outputs[step].state_digest = Word::ZERO);
        other("another pending", &|statement| statement.outputs[step].pending ^= 8);
        for word in 0..domain::EMITTED_WORDS {
            other("another emitted word", &|statement| {
                let emitted = &mut statement.outputs[step].emitted[word];
                let raised = emitted.to_uint().wrapping_add(alloy_primitives::U256::ONE);
                *emitted = Word::from_uint(raised).unwrap();
            });
        }
    }
    for (name, other) in others {
        assert!(proof.verify(&key, &other).is_err(), "{name}");
    }
}

/// Every word of the proof with its lowest or its highest bit changed, the proof cut anywhere and
/// continued, is refused.
#[test]
fn a_changed_proof_is_refused() {
    let (statement, proof) = proven();
    let key = key();
    let honest = proof.as_bytes();
    let check = |bytes: Vec<u8>, what: &str| {
        assert!(SettlementProof::new(bytes).verify(&key, &statement).is_err(), "{what}");
    };
    for at in (0..honest.len()).step_by(32) {
        for (place, flip) in [(at, 0x80), (at.saturating_add(31), 1)] {
            let mut changed = honest.to_vec();
            changed[place] ^= flip;
            check(changed, &format!("byte {place}"));
        }
    }
    for length in [0, 1, 32, 64, honest.len() / 2, honest.len().saturating_sub(1)] {
        check(honest[..length].to_vec(), &format!("cut at {length}"));
    }
    check([honest, &[0]].concat(), "one byte more");
    check(vec![0; honest.len()], "nothing but zeros");
}
