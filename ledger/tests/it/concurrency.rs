//! Many at once: the books stay right, whoever comes first.

use std::sync::Arc;

use domain::{Height, Refusal, RollupId};
use ledger::{BatchFilter, Error, PageLimit, SealReason};
use tokio::task::JoinSet;

use crate::world::{ETH, ONE, THREE, TWO, World, out, to, with_world};

async fn batches_of(world: &World, rollup: RollupId) -> usize {
    let filter = BatchFilter { rollup: Some(rollup), epoch: None };
    world.read.batches(&filter, None, PageLimit::MAX).await.unwrap().len()
}

/// Of posters racing for one height exactly one wins; the others are refused as conflicts.
#[test]
fn one_of_many_racing_for_a_height_wins() {
    with_world(|world| async move {
        let rivals: Vec<_> = (1..=8)
            .map(|amount| world.batch(ONE, vec![to(TWO, ETH, amount)], Vec::new()))
            .collect();
        let mut racing = JoinSet::new();
        for rival in rivals {
            let api = world.api.clone();
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

/// Sixteen posters that spend one hot cell never spend more than it holds: each rollup's poster sends
/// its money to the hot cell's rollup, whose own posters race to spend it.
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
        for poster in 0..16 {
            let (api, wanted) = (world.api.clone(), wanted.clone());
            racing.spawn(async move {
                let mut overdrafts = 0;
                for batch in wanted.iter().cycle().skip(poster % 12).take(36) {
                    match api.post_batch(batch).await {
                        Ok(_) | Err(Error::Refused(Refusal::HeightOutOfOrder { .. })) => {}
                        Err(Error::Refused(Refusal::Overdraft { .. })) => overdrafts += 1,
                        Err(other) => panic!("{other:?}"),
                    }
                }
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
