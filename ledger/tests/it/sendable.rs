//! Every future of the ledger can be spawned: servers have to.

use domain::l1::{L1Block, L1Log};
use domain::{Batch, EpochNumber, StepOutput};
use ledger::{
    Adoption, Ledger, NewProof, NewSettlement, NewSubmission, PageLimit, Role, SealReason, audit,
    database,
};

fn sendable<T: Send>(_: T) {}

/// Compiles, which is all it has to do.
#[expect(dead_code, reason = "checked by the compiler, never run")]
fn futures_are_sendable(ledger: &Ledger, batch: &Batch, adoption: &Adoption, logs: &[L1Log]) {
    sendable(Ledger::migrate("url"));
    sendable(Ledger::connect("url", Role::Api, 1));
    sendable(database::create("url", "name"));
    sendable(database::create_migrated("url", "name"));
    sendable(database::remove("url", "name"));
    sendable(ledger.adopt_domain(adoption));
    sendable(ledger.post_batch(batch));
    sendable(ledger.seal(SealReason::Size));
    sendable(ledger.begin_seal());
    sendable(ledger.open_operations());
    sendable(ledger.request_seal("somebody"));
    sendable(ledger.operations_of(EpochNumber::FIRST));
    sendable(ledger.epochs(None, PageLimit::MAX));
    sendable(ledger.cells());
    sendable(ledger.listen());
    sendable(ledger.lock_engine());
    sendable(audit::run(ledger, &mut |_| ()));
    let end: fn() -> L1Block = || unreachable!();
    sendable(ledger.record_l1_block_range(logs, end()));
}

/// As above, for what moves an epoch along.
#[expect(dead_code, reason = "checked by the compiler, never run")]
fn epoch_futures_are_sendable(
    ledger: &Ledger,
    output: &StepOutput,
    proof: &NewProof,
    submission: &NewSubmission,
    settlement: &NewSettlement,
) {
    let epoch = EpochNumber::FIRST;
    sendable(ledger.record_step(epoch, 1, output, None, ledger::BlockNumber::new(0)));
    sendable(ledger.record_proof(epoch, proof));
    sendable(ledger.record_settlement_proof(epoch, proof));
    sendable(ledger.record_submission(epoch, submission));
    sendable(ledger.record_settlement(epoch, settlement));
}
