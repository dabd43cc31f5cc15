//! Settlement proofs that are made once for all tests: each takes a minute of two cores.

use std::fs::{self, File};

use alloy_primitives::keccak256;
use domain::{DomainIdentity, EpochNumber, EpochStatement, Operation, StepContext};
use folding::{Fold, SettlementProof};

use crate::world::{params, params_folder};

/// An epoch's statement with its settlement proof. It is kept beside the parameters, by what it proves, and
/// counts after a test has verified it alone.
pub(crate) async fn proven(
    identity: DomainIdentity,
    epoch: EpochNumber,
    opening: domain::LiquidityState,
    operations: Vec<Operation>,
) -> (EpochStatement, SettlementProof) {
    let proving = move || {
        let context = StepContext { domain_word: identity.word(), epoch };
        let plan = folding::plan(&opening, &operations, context).unwrap();
        let outputs = plan.steps.iter().map(|step| step.output().clone()).collect();
        let opening_digest = opening.digest();
        let statement = EpochStatement { identity, epoch, opening_digest, outputs };
        let params = params();
        let key = params.settlement_verifying_key();
        let path = params_folder().join(name(&key.id().to_string(), &statement));
        let lock = File::create(path.with_extension("lock")).unwrap();
        // Who comes at the same time waits for the one that makes it.
        lock.lock().unwrap();
        if let Ok(kept) = fs::read(&path).map(SettlementProof::new)
            && kept.verify(key, &statement).is_ok()
        {
            return (statement, kept);
        }
        let mut fold = Fold::start(&params, identity, epoch, opening_digest);
        for step in &plan.steps {
            fold.step(step).unwrap();
        }
        let proof = fold.settlement_proof().unwrap();
        fs::write(&path, proof.as_bytes()).unwrap();
        (statement, proof)
    };
    tokio::task::spawn_blocking(proving).await.unwrap()
}

fn name(key_id: &str, statement: &EpochStatement) -> String {
    let proven = keccak256(format!("{key_id} {statement:?}"));
    format!("settlement-proof-of-{proven:x}")
}
