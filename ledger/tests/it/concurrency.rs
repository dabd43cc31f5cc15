//! Many at once: the books stay right, whoever comes first.

use std::sync::Arc;
use std::time::Duration;

use domain::{Height, Refusal, RollupId};
use ledger::{BatchFilter, Error, Ledger, PageLimit, Role, SealReason};
use tokio::task::JoinSet;

use crate::world::{ETH, ONE, THREE, TWO, World, out, to, with_world};

/// Ends the backend that holds the books.
const END_THE_HOLDER: &str = "select pg_terminate_backend(pid, 60000) from pg_locks
    where locktype = 'advisory' and classid = 1852142694 and objid = 0 and granted
        and database = (select oid from pg_database where datname = current_database())";

async fn batches_of(world: &World, rollup: RollupId) -> usize {
    let filter = BatchFilter { rollup: Some(rollup), epoch: None };
    world.read.batches(&filter, None, PageLimit::MAX).await.unwrap().len()
}

/// Of posters racing for one height, of two processes with a writer each, exactly one wins; the others are
/// refused as conflicts.
#[test]
fn one_of_many_racing_for_a_height_wins() {
    with_world(|world| async move {
        let other = Ledger::connect(&world.url, Role::Api, 4).await.unwrap();
        let rivals: Vec<_> = (1..=8)
            .map(|amount| world.batch(ONE, vec![to(TWO, ETH, amount)], Vec::new()))
            .collect();
        let mut racing = JoinSet::new();
        for (nth, rival) in rivals.into_iter().enumerate() {
            let api = if nth % 2 == 0 { world.api.clone() } else { other.clone() };
            racing.spawn(async move { api.post_batch(&rival).await });
        }
        let outcomes = racing.join_all().await;
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let conflicts = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Err(Error::BatchConflict { .. })))
            .count();
        assert_eq!((won, conflicts), (1, 7));
        assert_eq!(batches_of(&world, ONE).await, 1);
        assert_eq!(world.read.equivocations(PageLimit::MAX).await.unwrap().len(), 1);
        world.assert_clean().await;
    });
}

/// The same batch posted by many at once is booked once, and all get the same answer.
#[test]
fn many_posting_the_same_batch_get_one_answer() {
    with_world(|world| async move {
        let batch = Arc::new(world.batch(ONE, vec![to(TWO, ETH, 5)], vec![out(ETH, 5)]));
        let mut racing = JoinSet::new();
        for _ in 0..8 {
            let (api, batch) = (world.api.clone(), Arc::clone(&batch));
            racing.spawn(async move { api.post_batch(&batch).await.unwrap() });
        }
        let answers = racing.join_all().await;
        assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
        assert!(answers.iter().all(|answer| answer.block == answers[0].block));
        assert_eq!(batches_of(&world, ONE).await, 1);
        world.assert_clean().await;
    });
}

/// Sixty-four clients, each with a connection and a writer of its own, that spend one hot cell never
/// spend more than it holds, while others send to it.
#[test]
fn a_hot_cell_is_never_overdrawn() {
    with_world(|mut world| async move {
        // A chain of batches that together want more than the 1,000 atoms: the last ones must fail.
        let mut wanted = Vec::new();
        for _ in 0..12 {
            let batch = world.batch(ONE, vec![to(TWO, ETH, 90)], vec![out(ETH, 10)]);
            world.advance(&batch);
            wanted.push(batch);
        }
        let mut racing = JoinSet::new();
        for client in 0..64 {
            let api = Ledger::connect(&world.url, Role::Api, 1).await.unwrap();
            let wanted = wanted.clone();
            racing.spawn(async move {
                let mut overdrafts = 0;
                // The last come round once more, when all that can be is booked.
                for batch in wanted.iter().cycle().skip(client % 12).take(24) {
                    match api.post_batch(batch).await {
                        Ok(_) | Err(Error::Refused(Refusal::HeightOutOfOrder { .. })) => {}
                        Err(Error::Refused(Refusal::Overdraft { .. })) => overdrafts += 1,
                        Err(other) => panic!("{other:?}"),
                    }
                }
                api.close().await;
                overdrafts
            });
        }
        let mut incoming = Vec::new();
        for rollup in [TWO, THREE] {
            let batch = world.batch(rollup, vec![to(ONE, ETH, 1)], Vec::new());
            world.advance(&batch);
            incoming.push(batch);
        }
        for batch in incoming {
            let api = world.api.clone();
            racing.spawn(async move { api.post_batch(&batch).await.map(|_| 0).unwrap() });
        }
        let overdrafts: usize = racing.join_all().await.into_iter().sum();
        assert!(overdrafts > 0);
        assert_eq!(batches_of(&world, ONE).await, 10);
        let cells = world.read.cells().await.unwrap();
        let hot = cells.iter().find(|cell| (cell.rollup, cell.asset) == (ONE, ETH)).unwrap();
        assert_eq!(hot.balance.number(), 2);
        world.assert_clean().await;
    });
}

/// Sealing while batches come in: every batch is in exactly one epoch, before the seal or after it.
#[test]
fn sealing_races_with_posting() {
    with_world(|mut world| async move {
        let mut chains = Vec::new();
        for rollup in [ONE, TWO, THREE] {
            let mut chain = Vec::new();
            for _ in 0..12 {
                let other = if rollup == ONE { TWO } else { ONE };
                let batch = world.batch(rollup, vec![to(other, ETH, 3)], vec![out(ETH, 1)]);
                world.advance(&batch);
                chain.push(batch);
            }
            chains.push(chain);
        }
        let mut racing = JoinSet::new();
        for chain in chains {
            let api = world.api.clone();
            racing.spawn(async move {
                for batch in chain {
                    api.post_batch(&batch).await.unwrap();
                }
            });
        }
        for _ in 0..2 {
            let engine = world.engine.clone();
            racing.spawn(async move {
                for _ in 0..6 {
                    engine.seal(SealReason::Size).await.unwrap();
                    tokio::task::yield_now().await;
                }
            });
        }
        racing.join_all().await;
        world.engine.seal(SealReason::Command).await.unwrap();
        let mut batches = 0;
        for epoch in world.engine.unfinished_epochs().await.unwrap() {
            let sealed = world.engine.sealed(epoch).await.unwrap().unwrap();
            let of = world.engine.operations_of(epoch).await.unwrap();
            assert_eq!(u64::try_from(of.operations.len()).unwrap(), sealed.operations);
            world.outputs(epoch).await;
            batches += sealed.batches;
        }
        assert_eq!(batches, 36);
        assert_eq!(world.read.rollup(THREE).await.unwrap().unwrap().next_height, Height::new(12));
        world.assert_clean().await;
    });
}

/// Whoever holds the books without a word loses them, and others go on. What the driver says of it, at
/// the next statement and at those after, is that one may try again.
#[test]
fn books_held_without_a_word_are_let_go() {
    with_world(|mut world| async move {
        let mut silent = world.raw.acquire().await.unwrap();
        let pid: i32 =
            sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut *silent).await.unwrap();
        let hold = "set idle_in_transaction_session_timeout = '50ms'; begin; select lock_books()";
        sqlx::raw_sql(hold).execute(&mut *silent).await.unwrap();
        let is_there = "select exists (select from pg_stat_activity where pid = $1)";
        while sqlx::query_scalar(is_there).bind(pid).fetch_one(&world.raw).await.unwrap() {}
        for _ in 0..3 {
            let lost = sqlx::query("select 1").execute(&mut *silent).await.unwrap_err();
            let lost = Error::from(lost);
            assert!(matches!(lost, Error::Unreachable(_)), "{lost:?}");
            assert!(lost.is_transient());
        }
        drop(silent);
        let batch = world.batch(ONE, vec![to(TWO, ETH, 5)], Vec::new());
        world.post(&batch).await;
        world.assert_clean().await;
    });
}

/// Books that are held to be sealed are kept as long as the work before it takes; a seal that has lost
/// them changes nothing, and the next one takes them.
#[test]
fn books_are_kept_until_they_are_sealed() {
    with_world(|world| async move {
        let every = Duration::from_millis(1);
        let mut sealing = world.engine.begin_seal().await.unwrap();
        let touched = sealing.keep_during(every, holders_query(&world, "select 1")).await.unwrap();
        assert_eq!(touched, "select 1");

        let ended = sealing.keep_during(every, async {
            sqlx::query(END_THE_HOLDER).execute(&world.raw).await.unwrap();
            std::future::pending::<()>().await;
        });
        let lost = ended.await.unwrap_err();
        assert!(matches!(lost, Error::Unreachable(_)), "{lost:?}");
        let lost = sealing.seal(SealReason::Command).await.unwrap_err();
        assert!(lost.is_transient(), "{lost:?}");
        assert_eq!(world.seal().await.epoch, domain::EpochNumber::FIRST);
        world.assert_clean().await;
    });
}

/// The last statement of whoever holds the books, once it is that one.
async fn holders_query(world: &World, wanted: &str) -> String {
    let last = "select query from pg_stat_activity join pg_locks using (pid)
        where locktype = 'advisory' and classid = 1852142694 and objid = 0 and granted
            and database = (select oid from pg_database where datname = current_database())";
    loop {
        let query: String = sqlx::query_scalar(last).fetch_one(&world.raw).await.unwrap();
        if query == wanted {
            return query;
        }
    }
}
