//! One engine per set of books.

use ledger::{EngineLock, Ledger, Role};

use crate::world::{World, with_world};

/// Ends the backend that holds the lock, as an administrator or a crash of it does.
const END_THE_HOLDER: &str = "select pg_terminate_backend(pid) from pg_locks
    where locktype = 'advisory' and classid = 1852142694 and objid = 1 and granted
        and database = (select oid from pg_database where datname = current_database())";

/// The lock is one engine's until that one releases it, drops it, or loses its connection; then it
/// is free, and whoever lost it is told.
#[test]
fn one_holder_at_a_time() {
    with_world(|world| async move {
        let other = Ledger::connect(&world.url, Role::Engine, 1).await.unwrap();
        let mut first = world.engine.lock_engine().await.unwrap().unwrap();
        assert!(other.lock_engine().await.unwrap().is_none());
        assert!(world.engine.lock_engine().await.unwrap().is_none());
        first.check().await.unwrap();

        first.release().await.unwrap();
        let second = taken(&other).await;
        drop(second);
        let mut third = taken(&world.engine).await;

        sqlx::query(END_THE_HOLDER).execute(&world.raw).await.unwrap();
        assert!(third.check().await.unwrap_err().is_transient());
        taken(&other).await.check().await.unwrap();
    });
}

/// Each set of books has a lock of its own: two clusters on one server do not wait for each other.
#[test]
fn other_books_have_another_lock() {
    with_world(|one| async move {
        let _held = one.engine.lock_engine().await.unwrap().unwrap();
        let name = format!("ledger_it_beside_{}", std::process::id());
        let url = ledger::database::create_migrated(&one.url, &name).await.unwrap();
        let other = World::empty(url).await;
        let free = other.engine.lock_engine().await.unwrap().is_some();
        other.close().await;
        ledger::database::remove(&one.url, &name).await.unwrap();
        assert!(free);
    });
}

/// Takes the lock once Postgres has noticed the end of the connection before.
async fn taken(ledger: &Ledger) -> EngineLock {
    for _ in 0..10_000 {
        if let Some(lock) = ledger.lock_engine().await.unwrap() {
            return lock;
        }
    }
    panic!("nobody holds the lock and nobody gets it");
}
