//! The writer of batches: what it answers as booked is booked, whatever happens to its db_tx.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::{Batch, Height, Refusal, RollupId};
use futures_util::future::join_all;
use ledger::{BatchFilter, BlockNumber, Error, KeyedRequest, Ledger, PageLimit, Posted, Role};
use tokio::task::JoinSet;

use crate::world::{ETH, ONE, THREE, TWO, USDC, World, deposit, to, with_world};

/// The rollup's next batches, one on top of the other.
fn chain(world: &mut World, rollup: RollupId, count: usize) -> Vec<Batch> {
    let other = if rollup == ONE { TWO } else { ONE };
    (0..count)
        .map(|_| {
            let batch = world.batch(rollup, vec![to(other, ETH, 1)], Vec::new());
            world.advance(&batch);
            batch
        })
        .collect()
}

/// Posts the first batch, which waits for the books, then the others in their order, and lets the books
/// go when all of them wait.
async fn post_together(world: &World, batches: &[Batch]) -> Vec<Result<Posted, Error>> {
    // Their signers are known then, so that each is queued when it is first polled.
    for rollup in [ONE, TWO, THREE] {
        let other = if rollup == ONE { TWO } else { ONE };
        let refused = world.batch(rollup, vec![to(other, ETH, 1_000_000)], Vec::new());
        world.api.post_batch(&refused).await.unwrap_err();
    }
    let mut held = world.raw.begin().await.unwrap();
    sqlx::query("select lock_books()").execute(&mut *held).await.unwrap();
    let (first, others) = batches.split_first().unwrap();
    let (first, mut others, ()) = tokio::join!(
        world.api.post_batch(first),
        async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            join_all(others.iter().map(|batch| world.api.post_batch(batch))).await
        },
        async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            held.rollback().await.unwrap();
        }
    );
    others.insert(0, first);
    others
}

async fn booked(world: &World) -> BTreeSet<(RollupId, Height)> {
    let rows = world.read.batches(&BatchFilter::default(), None, PageLimit::MAX).await.unwrap();
    rows.into_iter().map(|row| (row.rollup, row.height)).collect()
}

/// What waits together is booked together, in the order it came, each in a block of its own: also
/// what can only follow because of what came before it in the same group.
#[test]
fn what_waits_is_booked_together() {
    with_world(|mut world| async move {
        let mut batches = chain(&mut world, ONE, 3);
        batches.extend(chain(&mut world, TWO, 2));
        // More than the cell holds without what came before.
        let spends = world.batch(TWO, vec![to(THREE, ETH, 1_001)], Vec::new());
        world.advance(&spends);
        batches.push(spends);
        let answers = post_together(&world, &batches).await;
        let posted: Vec<Posted> = answers.into_iter().map(Result::unwrap).collect();
        let blocks: Vec<u64> = posted.iter().map(|one| one.block.number()).collect();
        let first = blocks[0];
        assert_eq!(blocks, (first..first + 6).collect::<Vec<_>>());
        let moments: BTreeSet<_> = posted[1..].iter().map(|one| one.posted_at).collect();
        assert_eq!(moments.len(), 1, "those that waited for the first are one group");
        world.assert_clean().await;
    });
}

/// A refused batch, a repeated one and another for a taken height take nobody with them.
#[test]
fn refusals_leave_the_rest_of_their_group() {
    with_world(|mut world| async move {
        let first = chain(&mut world, ONE, 2);
        let too_much = world.batch(TWO, vec![to(ONE, ETH, 5_000)], Vec::new());
        let rival = world.batch(TWO, vec![to(ONE, ETH, 7)], Vec::new());
        let good = chain(&mut world, TWO, 1);
        let batches =
            [&first[0], &too_much, &good[0], &first[1], &rival, &first[0]].map(Clone::clone);
        let answers = post_together(&world, &batches).await;
        assert!(answers[0].is_ok() && answers[2].is_ok() && answers[3].is_ok(), "{answers:?}");
        assert!(
            matches!(answers[1], Err(Error::Refused(Refusal::Overdraft { .. }))),
            "{:?}",
            answers[1]
        );
        assert!(matches!(answers[4], Err(Error::BatchConflict { .. })), "{:?}", answers[4]);
        let again = answers[5].as_ref().unwrap();
        assert!(again.replayed && again.block == answers[0].as_ref().unwrap().block);
        assert_eq!(booked(&world).await.len(), 3);
        assert_eq!(world.read.equivocations(PageLimit::MAX).await.unwrap().len(), 1);
        world.assert_clean().await;
    });
}

/// A batch that was evicted because it cannot be proven is refused without taking its group apart.
#[test]
fn an_unprovable_one_leaves_the_rest_of_its_group() {
    with_world(|mut world| async move {
        let evicted = world.batch(THREE, vec![to(ONE, ETH, 1)], Vec::new());
        let posted = world.post(&evicted).await;
        world.engine.evict(THREE, posted.height, posted.digest, "in test").await.unwrap();
        let good = chain(&mut world, ONE, 3);
        let batches = [&good[0], &good[1], &evicted, &good[2]].map(Clone::clone);
        let answers = post_together(&world, &batches).await;
        assert!(matches!(answers[2], Err(Error::BatchUnprovable { .. })), "{:?}", answers[2]);
        let moment = |nth: usize| answers[nth].as_ref().unwrap().posted_at;
        assert_eq!(moment(1), moment(3), "one group");
        world.assert_clean().await;
    });
}

/// A batch that cannot be written is told so; those that came with it are booked.
#[test]
fn one_that_cannot_be_written_is_alone() {
    with_world(|mut world| async move {
        sqlx::raw_sql(
            "alter table balance disable trigger user;
            delete from balance where account_id = 2 * 4294967296 + 3 * 65536 + 2;
            alter table balance enable always trigger append_only;
            alter table balance enable always trigger balance_guard;
            alter table balance enable always trigger balance_opening_guard;",
        )
        .execute(&world.raw)
        .await
        .unwrap();
        let good = chain(&mut world, ONE, 2);
        let lost = world.batch(TWO, vec![to(THREE, USDC, 1)], Vec::new());
        let batches = [&good[0], &lost, &good[1]].map(Clone::clone);
        let answers = post_together(&world, &batches).await;
        assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
        assert!(matches!(answers[1], Err(Error::UnknownAccount { .. })), "{:?}", answers[1]);
        assert_eq!(booked(&world).await.len(), 2);
    });
}

/// Two processes that post at once, each with a writer of its own, book each batch once, in order.
#[test]
fn two_writers_share_the_books() {
    with_world(|mut world| async move {
        let other = Ledger::connect(&world.url, Role::Api, 4).await.unwrap();
        let mut posters = JoinSet::new();
        for rollup in [ONE, TWO, THREE] {
            let (mine, theirs) = (world.api.clone(), other.clone());
            let batches = chain(&mut world, rollup, 20);
            posters.spawn(async move {
                for (nth, batch) in batches.iter().enumerate() {
                    // Both, so that one of them finds it booked.
                    let (first, second) =
                        if nth % 2 == 0 { (&mine, &theirs) } else { (&theirs, &mine) };
                    let (one, two) =
                        tokio::join!(first.post_batch(batch), second.post_batch(batch));
                    assert_eq!(one.unwrap().block, two.unwrap().block);
                }
            });
        }
        posters.join_all().await;
        assert_eq!(booked(&world).await.len(), 60);
        world.assert_clean().await;
        other.close().await;
    });
}

/// The key that every other batch comes with.
fn key_of(batch: &Batch) -> Option<KeyedRequest> {
    let key = format!("{}-{}", batch.rollup(), batch.height()).parse().unwrap();
    let keyed = KeyedRequest::new(None, key, "POST /v1/batches", b"{}");
    batch.height().number().is_multiple_of(2).then_some(keyed)
}

/// Backends are killed while groups are written: whoever was answered is booked, nothing is booked
/// twice, and nothing by halves; an idempotency key stands for the block of its batch.
#[test]
fn killed_backends_lose_nothing_that_was_answered() {
    with_world(|mut world| async move {
        let mut posters = JoinSet::new();
        for rollup in [ONE, TWO, THREE] {
            let (api, batches) = (world.api.clone(), chain(&mut world, rollup, 60));
            posters.spawn(async move {
                let mut answered: Vec<(RollupId, Height, BlockNumber)> = Vec::new();
                for batch in &batches {
                    let keyed = key_of(batch);
                    let posted = loop {
                        let answers = api.post_batches(&[(0, batch)], keyed.as_ref()).await;
                        match answers.into_iter().next().unwrap() {
                            Ok(answered) => break answered.posted,
                            Err(error) => assert!(error.is_transient(), "{error:?}"),
                        }
                    };
                    answered.push((posted.rollup, posted.height, posted.block));
                }
                answered
            });
        }
        let raw = world.raw.clone();
        let killer = tokio::spawn(async move {
            // Rarely enough that some groups come through.
            for _ in 0..KILLS {
                tokio::time::sleep(Duration::from_millis(120)).await;
                sqlx::query(
                    "select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and application_name = 'netfold'
                        and state <> 'idle'",
                )
                .execute(&raw)
                .await
                .unwrap();
            }
        });
        let answered: Vec<_> = posters.join_all().await.into_iter().flatten().collect();
        killer.abort();
        let filter = BatchFilter::default();
        let rows = loop {
            // Its own connections were among the killed.
            match world.read.batches(&filter, None, PageLimit::MAX).await {
                Ok(rows) => break rows,
                Err(error) => assert!(error.is_transient(), "{error:?}"),
            }
        };
        let booked: BTreeSet<_> =
            rows.iter().map(|row| (row.rollup, row.height, row.block)).collect();
        assert_eq!(answered.len(), 180);
        let keyed: Vec<(String, i64)> = sqlx::query_as(
            "select idempotency_key, block_number from keyed_write order by block_number",
        )
        .fetch_all(&world.raw)
        .await
        .unwrap();
        let mut expected: Vec<(String, i64)> = answered
            .iter()
            .filter(|(_, height, _)| height.number() % 2 == 0)
            .map(|(rollup, height, block)| {
                (format!("{rollup}-{height}"), i64::try_from(block.number()).unwrap())
            })
            .collect();
        expected.sort_by_key(|(_, block)| *block);
        assert_eq!(keyed, expected);
        assert_eq!(booked, answered.into_iter().collect());
        world.assert_clean().await;
    });
}

/// A call that is dropped while Postgres ends its `COPY` leaves nothing behind: what comes next on its
/// connection gets its own answers.
#[test]
fn a_dropped_copy_leaves_no_answer_behind() {
    with_world(|mut world| async move {
        sqlx::raw_sql(
            "create function wait_in_test() returns trigger language plpgsql as $$
                begin perform pg_advisory_xact_lock(7, 7); return null; end $$;
            grant execute on function wait_in_test() to netfold_engine;
            create trigger wait_in_test after insert on transfer_1
                for each statement execute function wait_in_test();",
        )
        .execute(&world.raw)
        .await
        .unwrap();
        let engine = Ledger::connect(&world.url, Role::Engine, 1).await.unwrap();
        let mut held = world.raw.begin().await.unwrap();
        sqlx::query("select pg_advisory_xact_lock(7, 7)").execute(&mut *held).await.unwrap();
        let log = world.log(deposit(ONE, ETH, 5));
        let block = log.block;
        let booking = engine.record_l1_block_range(std::slice::from_ref(&log), block);
        let dropped = tokio::time::timeout(Duration::from_millis(300), booking).await;
        assert!(dropped.is_err());
        held.rollback().await.unwrap();
        for _ in 0..3 {
            assert_eq!(engine.open_epoch().await.unwrap().epoch, domain::EpochNumber::FIRST);
            assert_eq!(
                engine.accounts().await.unwrap().len(),
                world.read.accounts().await.unwrap().len()
            );
        }
        engine.record_l1_block_range(&[log], block).await.unwrap();
        world.assert_clean().await;
        engine.close().await;
    });
}

/// Beyond what may wait, callers are told to come back; those who wait are answered.
#[test]
fn too_many_are_told_to_come_back() {
    with_world(|mut world| async move {
        let batch = chain(&mut world, ONE, 1).remove(0);
        let mut held = world.raw.begin().await.unwrap();
        sqlx::query("select lock_books()").execute(&mut *held).await.unwrap();
        let mut posts = JoinSet::new();
        for _ in 0..2_500 {
            let (api, batch) = (world.api.clone(), batch.clone());
            posts.spawn(async move { api.post_batch(&batch).await });
        }
        // The first that are sent away come back at once; only then may the others go on.
        let sent_away = posts.join_next().await.unwrap().unwrap();
        assert!(matches!(sent_away, Err(Error::Busy { .. })), "{sent_away:?}");
        held.rollback().await.unwrap();
        let mut blocks = BTreeSet::new();
        while let Some(answer) = posts.join_next().await {
            match answer.unwrap() {
                Ok(posted) => drop(blocks.insert(posted.block)),
                Err(error) => assert!(matches!(error, Error::Busy { .. }), "{error:?}"),
            }
        }
        assert_eq!(blocks.len(), 1);
        world.assert_clean().await;
    });
}

/// Who books for others may go away: its own batch and theirs are booked, and they are answered.
#[test]
fn who_books_may_go_away() {
    with_world(|mut world| async move {
        let mine = chain(&mut world, ONE, 1).remove(0);
        let theirs = chain(&mut world, TWO, 2);
        // Known signers: so each is queued when it is first polled.
        for rollup in [ONE, TWO] {
            let refused = world.batch(rollup, vec![to(THREE, ETH, 1_000_000)], Vec::new());
            world.api.post_batch(&refused).await.unwrap_err();
        }
        let mut held = world.raw.begin().await.unwrap();
        sqlx::query("select lock_books()").execute(&mut *held).await.unwrap();
        let mut posts = JoinSet::new();
        let leaver = tokio::time::timeout(Duration::from_millis(300), world.api.post_batch(&mine));
        let others = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            for batch in theirs.clone() {
                let api = world.api.clone();
                posts.spawn(async move { api.post_batch(&batch).await });
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let (left, ()) = tokio::join!(leaver, others);
        left.unwrap_err();
        held.rollback().await.unwrap();
        while let Some(answer) = posts.join_next().await {
            answer.unwrap().unwrap();
        }
        let all = [&mine, &theirs[0], &theirs[1]].map(|batch| (batch.rollup(), batch.height()));
        assert_eq!(booked(&world).await, BTreeSet::from(all));
        assert!(world.api.post_batch(&mine).await.unwrap().replayed);
        world.assert_clean().await;
    });
}

/// Closed while batches wait, the ledger answers them all, and takes no more.
#[test]
fn closing_waits_for_what_waits() {
    with_world(|mut world| async move {
        let batches = chain(&mut world, ONE, 20);
        let ledger = Ledger::connect(&world.url, Role::Api, 4).await.unwrap();
        let refused = world.batch(ONE, vec![to(TWO, ETH, 1_000_000)], Vec::new());
        ledger.post_batch(&refused).await.unwrap_err();
        let mut held = world.raw.begin().await.unwrap();
        sqlx::query("select lock_books()").execute(&mut *held).await.unwrap();
        let mut posts = JoinSet::new();
        for batch in batches.clone() {
            let ledger = ledger.clone();
            posts.spawn(async move { ledger.post_batch(&batch).await });
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let ((), ()) = tokio::join!(ledger.close(), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let late = ledger.post_batch(&batches[0]).await;
            assert!(matches!(late, Err(Error::Stopped)), "{late:?}");
            held.rollback().await.unwrap();
        });
        while let Some(answer) = posts.join_next().await {
            answer.unwrap().unwrap();
        }
        assert_eq!(booked(&world).await.len(), batches.len());
        world.assert_clean().await;
    });
}

/// A ledger that has posted may be dropped where there is no runtime.
#[test]
fn a_ledger_is_dropped_anywhere() {
    with_world(|mut world| async move {
        let ledger = Ledger::connect(&world.url, Role::Api, 1).await.unwrap();
        for batch in chain(&mut world, ONE, 2) {
            ledger.post_batch(&batch).await.unwrap();
        }
        std::thread::spawn(move || drop(ledger)).join().unwrap();
        world.assert_clean().await;
    });
}

const KILLS: usize = 20;
