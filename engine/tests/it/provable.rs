//! Batches that cannot be proven, and postings that race the seal.

use domain::EpochNumber;
use domain::limits::BATCHES_PER_STEP;
use engine::{Config, Milestone, Proving};

use crate::engine_process::{run_and_kill_at, run_and_stop_at};
use crate::world::{World, config};

/// Gives a batch of the first rollup, behind the ledger's back, the signature of the one after it.
fn damage(world: &World, height: usize) {
    world.database.ask(&format!(
        "alter table batch disable trigger append_only;
        create table kept as select * from batch;
        update batch set signature = (
            select signature from kept where rollup_id = 1 and height = {height} + 1
        ) where rollup_id = 1 and height = {height}"
    ));
}

/// Undoes that, so that the audit has nothing to find.
fn repair(world: &World) {
    world.database.ask(
        "update batch b set signature = k.signature from kept k
        where k.block_number = b.block_number;
        drop table kept;
        alter table batch enable always trigger append_only",
    );
}

/// A batch that cannot be proven is found when its epoch is to be sealed, and evicted with what stands
/// on it, once; the rest is sealed, though the engine is killed after the eviction, and settles with the proof of exactly
/// that.
#[tokio::test]
async fn an_epoch_is_sealed_without_its_unprovable_batch() {
    let mut world = World::new().await;
    world.deposit(1, 1, 1_000).await;
    run_and_stop_at(&world, "LogsBooked", 1);
    for _ in 0..3 {
        world.post(1, &[(2, 1, 3)], &[]).await;
    }
    world.post(2, &[(3, 1, 9)], &[]).await;
    damage(&world, 1);
    world.posting.request_seal("test").await.unwrap();
    run_and_kill_at(&world, "Evicted", 1);
    let open = world.ledger.open_epoch().await.unwrap();
    assert_eq!((open.epoch, open.batches), (EpochNumber::FIRST, 1));
    run_and_kill_at(&world, "Sealed", 1);
    world.prove(EpochNumber::FIRST).await;
    run_and_kill_at(&world, "Final", 1);
    let sealed = world.ledger.sealed(EpochNumber::FIRST).await.unwrap().unwrap();
    assert_eq!(sealed.batches, 1);
    repair(&world);
    world.check_books(1).await;
}

/// A batch that cannot be proven is found while its epoch is open, as soon as its step is fixed; the
/// batches that come in its place are folded ahead.
#[tokio::test]
async fn an_unprovable_batch_is_found_while_its_epoch_is_open() {
    let mut world = World::new().await;
    let engine = world.engine(config(0)).await;
    world.deposit(1, 1, 1_000).await;
    await_deposits(&world, 1).await;
    for _ in 0..4 {
        world.post(1, &[(2, 1, 3)], &[]).await;
    }
    let before = world.operators[0].clone();
    for _ in 4..BATCHES_PER_STEP {
        world.post(1, &[(2, 1, 3)], &[]).await;
    }
    damage(&world, 4);
    world.post(1, &[(2, 1, 3)], &[]).await;
    engine.await_milestone(|told| matches!(told, Milestone::Evicted { batches: 13, .. })).await;
    assert_eq!(world.ledger.open_epoch().await.unwrap().batches, 4);
    repair(&world);
    world.operators[0] = before;
    world.post(1, &[(2, 1, 4)], &[]).await;
    for _ in 5..=BATCHES_PER_STEP {
        world.post(1, &[(2, 1, 3)], &[]).await;
    }
    engine.await_milestone(|told| matches!(told, Milestone::StepFoldedAhead { step: 2, .. })).await;
    engine.stop().await.unwrap();
    world.check_books(0).await;
}

/// All that follows a folded window turns out to be unprovable when its epoch is sealed: it goes, and
/// the epoch is sealed and folded on from what is folded: here by a prover in a process of its own, whose
/// steps the engine checks and records while the epoch is open.
#[tokio::test]
async fn a_folded_window_is_sealed_without_what_fixed_it() {
    let mut world = World::new().await;
    let engine = world.engine(Config { proving: Proving::Elsewhere, ..config(0) }).await;
    world.deposit(1, 1, 1_000).await;
    await_deposits(&world, 1).await;
    for _ in 0..BATCHES_PER_STEP + 2 {
        world.post(1, &[(2, 1, 3)], &[]).await;
    }
    let prover = world.prover().await;
    prover.await_milestone(|told| matches!(told, Milestone::StepFoldedAhead { step: 1, .. })).await;
    await_steps(&world, 1).await;
    damage(&world, BATCHES_PER_STEP);
    world.posting.request_seal("test").await.unwrap();
    engine.await_milestone(|told| matches!(told, Milestone::Evicted { batches: 2, .. })).await;
    let last =
        |told: &Milestone| matches!(told, Milestone::StepFolded { step, of, .. } if step == of);
    prover.await_milestone(last).await;
    let folded = prover.seen().iter().filter(|told| told.kind().starts_with("StepFolded")).count();
    await_steps(&world, folded).await;
    prover.stop().await.unwrap();
    engine.stop().await.unwrap();
    repair(&world);
    world.check_books(0).await;
}

/// Folding ahead and sealing go on while batches keep coming; what is sealed is what was checked.
#[tokio::test]
async fn batches_arrive_while_the_epoch_is_sealed() {
    let mut world = World::new().await;
    let engine = world.engine(config(0)).await;
    world.deposit(1, 1, 100_000).await;
    await_deposits(&world, 1).await;
    for _ in 0..=BATCHES_PER_STEP {
        world.post(1, &[(2, 1, 3)], &[]).await;
    }
    engine.await_milestone(|told| matches!(told, Milestone::StepFoldedAhead { .. })).await;
    world.posting.request_seal("test").await.unwrap();
    let sealed = |told: &Milestone| matches!(told, Milestone::Sealed { .. });
    while !engine.seen().iter().any(sealed) {
        world.post(1, &[(2, 1, 3)], &[]).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let last =
        |told: &Milestone| matches!(told, Milestone::StepFolded { step, of, .. } if step == of);
    engine.await_milestone(last).await;
    engine.stop().await.unwrap();
    world.check_books(0).await;
}

async fn await_steps(world: &World, steps: usize) {
    while world.ledger.steps(EpochNumber::FIRST).await.unwrap().len() < steps {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn await_deposits(world: &World, deposits: u64) {
    while world.ledger.totals().await.unwrap().deposits < deposits {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
