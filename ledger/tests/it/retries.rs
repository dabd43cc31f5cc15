//! What Postgres takes back for a moment is tried again, so often and no more; then the caller is told
//! that it may be tried again, and nothing is booked.

use domain::Batch;
use ledger::{Error, Posted};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::interleaved::await_waiting;
use crate::world::{ETH, ONE, TWO, World, to, with_schema, with_world};

/// How often the writer tries in all.
const TRIES: u32 = 4;

/// Serialisation failures before a batch is booked: one less than the writer bears are borne, one more
/// are answered as what may be tried again.
///
/// Under read committed Postgres has no reason of its own for one, so a trigger gives it the code.
#[test]
fn serialisation_failures_are_retried_so_often() {
    with_world(|mut world| async move {
        sqlx::raw_sql(
            "create sequence failure_in_test minvalue -9;
            create function fail_in_test() returns trigger language plpgsql security definer as $$
                begin
                    if nextval('failure_in_test') < 0 then
                        raise exception 'in test' using errcode = 'serialization_failure';
                    end if;
                    return null;
                end $$;
            grant execute on function fail_in_test() to netfold_api;
            create trigger fail_in_test after insert on transfer
                for each statement execute function fail_in_test();
            create trigger fail_in_test after insert on transfer_1
                for each statement execute function fail_in_test();",
        )
        .execute(&world.raw)
        .await
        .unwrap();
        // A sequence does not go back with its db_tx: it counts the attempts.
        let fail = async |times: u32| {
            let set = format!("select setval('failure_in_test', -{times}, false)");
            sqlx::raw_sql(AssertSqlSafe(set)).execute(&world.raw).await.unwrap();
        };
        let batch = world.batch(ONE, vec![to(TWO, ETH, 5)], Vec::new());
        fail(TRIES).await;
        let told = world.api.post_batch(&batch).await.unwrap_err();
        assert!(may_be_tried_again(&told, "40001"), "{told:?}");
        let rollup = world.read.rollup(ONE).await.unwrap().unwrap();
        assert_eq!(rollup.next_height, batch.height());
        fail(TRIES - 1).await;
        world.post(&batch).await;
        world.assert_clean().await;
    });
}

/// Deadlocks with a session that locks in the opposite order, the balances first and the books second:
/// Postgres ends the writer's db_tx each time, which is tried again, so often and no more. Whoever asks
/// once more when that session is gone is served.
#[test]
fn deadlocks_are_retried_so_often() {
    with_schema(|url| async move {
        let mut server = PgConnection::connect(&url).await.unwrap();
        let soon = "do $$ begin execute format(
            'alter database %I set deadlock_timeout = ''10ms''', current_database()); end $$";
        sqlx::raw_sql(soon).execute(&mut server).await.unwrap();
        server.close().await.unwrap();
        let mut world = World::build(url).await;
        sqlx::raw_sql(
            "create function wait_in_test() returns trigger language plpgsql as $$
                begin perform pg_advisory_xact_lock(7, 7); return null; end $$;
            grant execute on function wait_in_test() to netfold_api;
            create trigger wait_in_test after insert on transfer
                for each statement execute function wait_in_test();
            create trigger wait_in_test after insert on transfer_1
                for each statement execute function wait_in_test();",
        )
        .execute(&world.raw)
        .await
        .unwrap();
        let batch = world.batch(ONE, vec![to(TWO, ETH, 5)], Vec::new());
        let told = post_into_deadlocks(&world, &batch, TRIES).await.unwrap_err();
        assert!(may_be_tried_again(&told, "40P01"), "{told:?}");
        let posted = post_into_deadlocks(&world, &batch, TRIES - 1).await.unwrap();
        assert!(!posted.replayed);
        world.advance(&batch);
        world.assert_clean().await;
    });
}

/// Posts a batch and brings so many deadlocks about with its writer, which waits between its transfers
/// and its balances until the other session waits for the books.
async fn post_into_deadlocks(world: &World, batch: &Batch, times: u32) -> Result<Posted, Error> {
    let mut gate = world.raw.acquire().await.unwrap();
    sqlx::raw_sql("select pg_advisory_lock(7, 7)").execute(&mut *gate).await.unwrap();
    let mut other = world.raw.acquire().await.unwrap();
    // Whoever comes to wait last finds the deadlock, and is the one to give way: the writer.
    sqlx::raw_sql("set deadlock_timeout = '1h'").execute(&mut *other).await.unwrap();
    let (outcome, ()) = tokio::join!(world.api.post_batch(batch), async {
        for _ in 0..times {
            let hold = "begin; select from balance for update";
            sqlx::raw_sql(hold).execute(&mut *other).await.unwrap();
            await_blocked_by(world, &mut gate).await;
            let (got_the_books, ()) =
                tokio::join!(sqlx::raw_sql("select lock_books()").execute(&mut *other), async {
                    await_waiting(world, 1).await;
                    for turn in ["select pg_advisory_unlock(7, 7)", "select pg_advisory_lock(7, 7)"]
                    {
                        sqlx::raw_sql(turn).execute(&mut *gate).await.unwrap();
                    }
                });
            got_the_books.unwrap();
            sqlx::raw_sql("rollback").execute(&mut *other).await.unwrap();
        }
        sqlx::raw_sql("select pg_advisory_unlock(7, 7)").execute(&mut *gate).await.unwrap();
    });
    sqlx::raw_sql("reset deadlock_timeout").execute(&mut *other).await.unwrap();
    outcome
}

/// Waits until a session waits for what this one holds.
async fn await_blocked_by(world: &World, holder: &mut PgConnection) {
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(holder).await.unwrap();
    let blocked = "select exists (select from pg_stat_activity
        where datname = current_database() and $1 = any(pg_blocking_pids(pid)))";
    while !sqlx::query_scalar::<_, bool>(blocked).bind(pid).fetch_one(&world.raw).await.unwrap() {
        tokio::task::yield_now().await;
    }
}

/// Whether an error is of that code, and says that the same call may succeed.
fn may_be_tried_again(error: &Error, code: &str) -> bool {
    let Error::Postgres(cause) = error else { return false };
    error.is_transient() && format!("{cause:?}").contains(code)
}
