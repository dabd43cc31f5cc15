//! Folding from end to end, with real parameters: one folder of them for all tests.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

mod damage;
mod epoch;
mod epochs;
#[path = "../../src/history.rs"]
mod history;
mod settlement;
mod setup;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use domain::{LiquidityState, Operation};
use folding::{EpochProof, Fold, Params, Plan, Setup, VerifyingKey, plan};

/// The folder of parameters, which all crates' tests share. A lock in it lets one process make them and
/// the others load.
fn directory() -> PathBuf {
    let kept = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("../netfold-params");
    std::env::var_os("NETFOLD_PARAMS").map_or_else(kept, PathBuf::from)
}

fn params() -> &'static Params {
    static PARAMS: OnceLock<Params> = OnceLock::new();
    PARAMS.get_or_init(|| {
        Params::load_or_create(&directory(), &Setup::InsecureDevelopment, &mut |_| ()).unwrap()
    })
}

/// The verifying key alone, which is much faster to load.
fn key() -> &'static VerifyingKey {
    static KEY: OnceLock<VerifyingKey> = OnceLock::new();
    KEY.get_or_init(|| {
        VerifyingKey::load(&directory(), &Setup::InsecureDevelopment)
            .unwrap_or_else(|_| params().verifying_key().clone())
    })
}

fn plan_of(operations: &[Operation]) -> Plan {
    plan(&LiquidityState::genesis(), operations, history::context()).unwrap()
}

fn start() -> Fold {
    let genesis = LiquidityState::genesis().digest();
    Fold::start(params(), history::identity(), history::context().epoch, genesis)
}

/// The proof of an epoch of one step, made once and kept.
fn short_proof() -> EpochProof {
    let id = key().id().to_string().replace(':', "-");
    // The tests that start together wait for the one that makes it.
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let lock = File::create(kept.join("short-proof.lock")).unwrap();
    lock.lock().unwrap();
    let path = kept.join(format!("short-proof-{id}"));
    let kept = fs::read(&path).ok().and_then(|file| EpochProof::from_bytes(&file).ok());
    if let Some(proof) = kept.filter(|proof| proof.verify(key()).is_ok()) {
        return proof;
    }
    let mut fold = start();
    for step in &plan_of(&[history::register(1), history::deposit(1, 1, 5)]).steps {
        fold.step(step).unwrap();
    }
    let proof = fold.finish().unwrap().0;
    fs::write(path, proof.to_bytes()).unwrap();
    proof
}
