//! `kill -9` of the engine at each persistence point, then a restart.

use alloy_primitives::U256;
use domain::EpochNumber;
use domain::limits::BATCHES_PER_STEP;
use folding::EpochProof;
use ledger::EpochStatus;

use crate::engine_process::{run_and_kill_at, run_and_stop_at};
use crate::operator::recipient;
use crate::world::{World, params};

/// An engine that is killed after each step that it folds ahead, and once more at the seal, goes on from
/// what is folded: what is left to fold then is the last step alone. (That it ends with the same proof
/// is for the next test.)
#[tokio::test]
async fn killed_while_folding_ahead() {
    let mut world = World::new().await;
    world.deposit(1, 1, 1_000).await;
    run_and_stop_at(&world, "LogsBooked", 1);
    for _ in 0..=BATCHES_PER_STEP {
        world.post(1, &[(2, 1, 3)], &[]).await;
    }
    // Five registrations: the window is of two steps.
    let epoch = EpochNumber::FIRST;
    for steps in 1..=2_usize {
        run_and_kill_at(&world, "StepFoldedAhead", 1);
        assert_eq!(world.ledger.steps(epoch).await.unwrap().len(), steps);
        let open = world.ledger.epoch(epoch).await.unwrap().unwrap();
        assert_eq!(open.status, EpochStatus::Open);
    }
    world.posting.request_seal("test").await.unwrap();
    run_and_kill_at(&world, "Sealed", 1);
    run_and_kill_at(&world, "StepFolded", 1);
    assert_eq!(world.ledger.steps(epoch).await.unwrap().len(), 3);
    world.check_books(0).await;
}

/// An engine that is killed at the persistence points of an epoch, one after another, ends with the same
/// books as one that is not, and has each effect on L1 once. The aggregated proof verifies from its bytes. (That the
/// next epoch follows is for the command's drill.)
#[tokio::test]
async fn killed_at_each_persistence_point() {
    let mut world = World::new().await;
    world.deposit(1, 1, 1_000).await;
    world.deposit(2, 2, 500).await;
    run_and_kill_at(&world, "LogsBooked", 1);
    assert_eq!(world.ledger.totals().await.unwrap().deposits, 2);

    world.post(1, &[(2, 1, 300)], &[(1, 100)]).await;
    world.post(2, &[(3, 2, 50), (1, 1, 20)], &[(2, 5)]).await;
    world.posting.request_seal("test").await.unwrap();
    // Five registrations make two steps; each process counts from the first that it folds itself.
    for (kind, count) in [
        ("Sealed", 1),
        ("StepFolded", 1),
        ("StepFolded", 1),
        ("Proven", 1),
        ("IntentWritten", 1),
        ("Sent", 1),
        ("Settled", 1),
        ("Final", 1),
        ("Aggregated", 1),
    ] {
        run_and_kill_at(&world, kind, count);
    }
    world.await_final(1).await;
    assert_eq!(world.claim_all().await, 2);
    run_and_kill_at(&world, "LogsBooked", 1);
    assert_eq!(world.ledger.totals().await.unwrap().claims_paid, 2);

    world.check_books(1).await;
    // One l1_tx per epoch, however often the engine died: the account's nonce counts them.
    let engine = world.engine_l1().await;
    let head = engine.head().await.unwrap().number;
    assert_eq!(engine.nonce_at(engine.signer(), head).await.unwrap(), 1);
    // 100 atoms of Ether with nine decimals.
    let paid = U256::from(100_000_000_000_u64);
    assert_eq!(world.l1.ether_of(recipient()).await.unwrap(), paid);
    let key = params().verifying_key().clone();
    let epoch = EpochNumber::FIRST;
    let proof = world.ledger.proof(epoch).await.unwrap().unwrap();
    let verified = EpochProof::from_bytes(&proof.bytes).unwrap().verify(&key).unwrap();
    assert_eq!((verified.epoch, verified.identity), (epoch, world.identity));
}
