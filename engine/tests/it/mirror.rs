//! What L1 logs is booked once, and only when it is deep enough.

use engine::{Error, Milestone};
use ledger::{Deposit, DepositFilter, DepositStatus, PageLimit, ReleaseReason};

use crate::world::{World, config};

/// A log is booked once its block is deep enough, not before, and once however often the engine
/// starts; what a reorg drops before that is never booked.
#[tokio::test]
async fn booked_once_and_only_when_deep() {
    let world = World::new().await;
    let engine = world.engine(config(2)).await;
    world.anvil.mine(2).await;
    await_cursor(&world, world.l1.head().await.unwrap().number - 2).await;

    world.deposit(1, 1, 1_000).await;
    world.anvil.mine(1).await;
    await_cursor(&world, world.l1.head().await.unwrap().number - 2).await;
    assert_eq!(deposits(&world).await, 0);
    world.anvil.mine(1).await;
    await_cursor(&world, world.l1.head().await.unwrap().number - 2).await;
    assert_eq!(deposits(&world).await, 1);

    // Dropped one block before it would have been booked.
    world.deposit(1, 1, 50).await;
    world.anvil.mine(1).await;
    world.anvil.reorg(2).await;
    world.anvil.mine(3).await;
    await_cursor(&world, world.l1.head().await.unwrap().number - 2).await;
    assert_eq!(deposits(&world).await, 1);
    engine.stop().await.unwrap();

    let engine = world.engine(config(2)).await;
    world.deposit(2, 2, 70).await;
    world.anvil.mine(2).await;
    await_cursor(&world, world.l1.head().await.unwrap().number - 2).await;
    assert_eq!(deposits(&world).await, 2);
    let booked: u32 = engine
        .seen()
        .iter()
        .map(|milestone| match milestone {
            Milestone::LogsBooked { booked, .. } => booked.deposits + booked.already_booked,
            _ => 0,
        })
        .sum();
    assert_eq!(booked, 1);
    engine.stop().await.unwrap();
}

/// A reorg deeper than the confirmations stops the engine with both hashes, before anything is
/// booked on top.
#[tokio::test]
async fn a_deeper_reorg_is_an_incident() {
    let world = World::new().await;
    let engine = world.engine(config(0)).await;
    world.deposit(1, 1, 1_000).await;
    await_cursor(&world, world.l1.head().await.unwrap().number).await;
    assert_eq!(deposits(&world).await, 1);
    world.anvil.reorg(1).await;
    let ended = engine.ended().await.unwrap_err();
    assert!(matches!(ended, Error::BookedBlockDropped { .. }), "{ended}");
    assert!(!ended.is_transient());
    let cursor = world.ledger.l1_cursor().await.unwrap().unwrap();
    assert!(ended.to_string().contains(&cursor.hash.to_string()), "{ended}");
}

/// A deposit can be seen as soon as L1 shows it, and moves nothing: it is posted once its block is deep
/// enough, and released if a reorg drops it before. An engine that starts again goes on from there.
#[tokio::test]
async fn held_until_it_is_deep_or_gone() {
    let world = World::new().await;
    world.anvil.mine(3).await;
    let engine = world.engine(config(3)).await;
    await_cursor(&world, world.l1.head().await.unwrap().number - 3).await;
    world.deposit(1, 1, 1_000).await;
    engine.await_milestone(|told| changed(told) == Some((1, 0))).await;
    assert_eq!(newest(&world).await.status, DepositStatus::Held);
    assert_eq!(deposits(&world).await, 0);
    engine.stop().await.unwrap();

    let engine = world.engine(config(3)).await;
    world.anvil.mine(3).await;
    await_cursor(&world, world.l1.head().await.unwrap().number - 3).await;
    assert_eq!(deposits(&world).await, 1);
    let posted = newest(&world).await;
    assert!(posted.is_posted() && posted.held_at.is_some(), "{posted:?}");

    world.deposit(2, 2, 50).await;
    engine.await_milestone(|told| changed(told) == Some((1, 0))).await;
    world.anvil.reorg(1).await;
    engine.await_milestone(|told| changed(told) == Some((0, 1))).await;
    let released = newest(&world).await;
    let reorg = ReleaseReason::Reorg;
    assert!(
        matches!(released.status, DepositStatus::Released { reason, .. } if reason == reorg),
        "{released:?}"
    );
    assert_eq!(deposits(&world).await, 1);
    assert_eq!(engine.seen().iter().filter_map(changed).count(), 2);
    engine.stop().await.unwrap();
    let report = ledger::audit::run(&world.ledger, &mut |_| {}).await.unwrap();
    assert_eq!(report.first_fault.map(|fault| fault.to_string()), None);
}

/// How many deposits were held and how many released.
fn changed(told: &Milestone) -> Option<(u32, u32)> {
    match told {
        Milestone::DepositsHeld { held, released, .. } => Some((*held, *released)),
        _ => None,
    }
}

async fn newest(world: &World) -> Deposit {
    let all = world.ledger.deposits(&DepositFilter::default(), None, PageLimit::MAX).await.unwrap();
    all[0]
}

/// However many blocks are behind, they are read in bounded ranges, and all of them.
#[tokio::test]
async fn bounded_ranges_cover_everything() {
    let world = World::new().await;
    world.deposit(1, 1, 10).await;
    world.anvil.mine(25).await;
    world.deposit(1, 1, 20).await;
    let config = engine::Config { block_range: 3, ..config(0) };
    let engine = world.engine(config).await;
    await_cursor(&world, world.l1.head().await.unwrap().number).await;
    assert_eq!(deposits(&world).await, 2);
    let ranges = engine.seen().len();
    assert!(ranges >= 9, "{ranges}");
    engine.stop().await.unwrap();
}

async fn deposits(world: &World) -> u64 {
    world.ledger.totals().await.unwrap().deposits
}

async fn await_cursor(world: &World, number: u64) {
    let began = std::time::Instant::now();
    loop {
        let cursor = world.ledger.l1_cursor().await.unwrap();
        if cursor.is_some_and(|cursor| cursor.number >= number) {
            assert_eq!(cursor.unwrap().number, number);
            return;
        }
        assert!(began.elapsed().as_secs() < 300, "the cursor stays at {cursor:?}, not {number}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
