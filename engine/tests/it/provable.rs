//! Batches that cannot be proven, and postings that race the seal.

use domain::EpochNumber;
use domain::limits::BATCHES_PER_STEP;
use engine::Milestone;

use crate::world::{World, config};

/// An epoch is not sealed with a batch that was damaged behind the ledger's back, while everything else
/// goes on; once the batch is whole again, it is.
#[tokio::test]
async fn an_epoch_waits_for_its_unprovable_batch() {
    let mut world = World::new().await;
    let engine = world.engine(config(0)).await;
    world.deposit(1, 1, 1_000).await;
    await_deposits(&world, 1).await;
    for _ in 0..3 {
        world.post(1, &[(2, 1, 3)], &[]).await;
    }
    world.database.ask(
        "set session_replication_role = replica;
        create table kept as select * from batch;
        update batch set signature = (select signature from kept where height = 2)
        where height = 1",
    );
    world.posting.request_seal("test").await.unwrap();
    for deposits in 2..=4 {
        world.deposit(1, 1, 10).await;
        await_deposits(&world, deposits).await;
    }
    let open = world.ledger.open_epoch().await.unwrap();
    assert_eq!((open.epoch, open.batches), (EpochNumber::FIRST, 3));
    world.database.ask(
        "set session_replication_role = replica;
        update batch set signature = (select signature from kept where height = 1)
        where height = 1;
        drop table kept",
    );
    engine.await_milestone(|milestone| matches!(milestone, Milestone::Sealed { .. })).await;
    engine.stop().await.unwrap();
    world.check_books(0).await;
}

/// Folding ahead and sealing go on while batches keep coming; what is sealed is what was checked.
#[tokio::test]
async fn batches_arrive_while_the_epoch_is_sealed() {
    let mut world = World::new().await;
    let engine = world.engine(config(0)).await;
    world.deposit(1, 1, 1_000).await;
    await_deposits(&world, 1).await;
    for _ in 0..=BATCHES_PER_STEP {
        world.post(1, &[(2, 1, 3)], &[]).await;
    }
    engine.await_milestone(|told| matches!(told, Milestone::StepFoldedAhead { .. })).await;
    world.posting.request_seal("test").await.unwrap();
    let sealed = |told: &Milestone| matches!(told, Milestone::Sealed { .. });
    while !engine.seen().iter().any(sealed) {
        world.post(1, &[(2, 1, 3)], &[]).await;
    }
    world.await_final(1).await;
    engine.stop().await.unwrap();
    world.check_books(1).await;
}

async fn await_deposits(world: &World, deposits: u64) {
    while world.ledger.totals().await.unwrap().deposits < deposits {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
