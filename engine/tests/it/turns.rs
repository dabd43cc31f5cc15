//! Of the engines on one ledger, one works.

use std::time::{Duration, Instant};

use engine::Config;

use crate::world::{World, config};

/// The process id of the backend that holds the engine's lock.
const HOLDER: &str = "from pg_locks where locktype = 'advisory' and classid = 1852142694
    and objid = 1 and granted
    and database = (select oid from pg_database where datname = current_database())";

/// While the first of two engines works, the second waits; it goes on where the first one ended.
#[tokio::test]
async fn a_second_engine_waits_for_the_first_to_end() {
    let world = World::new().await;
    let first = world.engine(config(0)).await;
    first.await_milestone(|_| true).await;
    let second = world.engine(config(0)).await;
    for deposits in 1..=3 {
        world.deposit(1, 1, 10).await;
        await_deposits(&world, deposits).await;
    }
    assert_eq!(second.seen().len(), 0);
    first.stop().await.unwrap();
    world.deposit(1, 1, 10).await;
    await_deposits(&world, 4).await;
    assert!(!second.seen().is_empty());
    // Told to stop while it waits, an engine stops.
    let third = world.engine(config(0)).await;
    third.stop().await.unwrap();
    second.stop().await.unwrap();
}

/// An engine whose lock is lost with its connection waits, while another has the books, and goes on
/// when they are free.
#[tokio::test]
async fn a_lost_lock_is_waited_for() {
    let world = World::new().await;
    // Slow to notice: the test is first at the free lock.
    let engine = world.engine(Config { poll: Duration::from_secs(3), ..config(0) }).await;
    engine.await_milestone(|_| true).await;
    let holder = world.database.ask(&format!("select pid {HOLDER}"));
    assert!(!holder.is_empty());
    world.database.ask(&format!("select pg_terminate_backend(pid) {HOLDER}"));
    let began = Instant::now();
    let ours = loop {
        if let Some(lock) = world.ledger.lock_engine().await.unwrap() {
            break lock;
        }
        assert!(began.elapsed() < Duration::from_secs(2), "the lock was not free");
    };
    // A waiting engine asks for the lock: its next check has found the loss.
    world.deposit(1, 1, 10).await;
    ours.release().await.unwrap();
    let began = Instant::now();
    loop {
        let next = world.database.ask(&format!("select pid {HOLDER}"));
        if !next.is_empty() && next != holder {
            break;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "the engine does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    await_deposits(&world, 1).await;
    engine.stop().await.unwrap();
}

async fn await_deposits(world: &World, deposits: u64) {
    let began = Instant::now();
    while world.ledger.totals().await.unwrap().deposits != deposits {
        assert!(began.elapsed() < Duration::from_mins(1), "deposit {deposits} is not booked");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
