//! Evicting a batch: it and what stands on it goes, by reversals that name it; the rest stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alloy_primitives::B256;
use domain::{AssetId, Batch, EpochNumber, ExitIndex, Height, L2Root, RollupId, StepContext, Word};
use ledger::{
    BatchAttempt, BatchFilter, ClaimStatus, Error, EventKind, EventNumber, Evicted, ExitFilter,
    PageLimit, PostingKind, SealReason, TransferFilter,
};
use tokio::task::JoinSet;

use crate::world::{ETH, ONE, THREE, TWO, USDC, World, adoption, deposit, out, to, with_world};

const REASON: &str = "its witness has no solution";

async fn balance(world: &World, rollup: RollupId, asset: AssetId) -> u128 {
    let cells = world.read.cells().await.unwrap();
    let cell = cells.iter().find(|cell| (cell.rollup, cell.asset) == (rollup, asset));
    cell.unwrap().balance.number()
}

async fn evict(world: &World, rollup: RollupId, height: u64) -> Vec<Evicted> {
    let height = Height::new(height);
    let standing = world.read.batch(rollup, height).await.unwrap().unwrap().posted;
    world.engine.evict(rollup, height, standing.digest, REASON).await.unwrap()
}

fn attempt(rollup: RollupId, height: u64, attempt: u32) -> BatchAttempt {
    BatchAttempt { rollup, height: Height::new(height), attempt }
}

fn names(evicted: &[Evicted]) -> Vec<(RollupId, u64)> {
    evicted.iter().map(|one| (one.batch.rollup, one.batch.height.number())).collect()
}

/// The batches that stand, oldest first.
async fn standing(world: &World) -> Vec<(RollupId, u64)> {
    let all = world.read.batches(&BatchFilter::default(), None, PageLimit::MAX).await.unwrap();
    let all = all.iter().rev().filter(|one| one.eviction.is_none());
    all.map(|one| (one.rollup, one.height.number())).collect()
}

/// The epoch seals, and its steps lead where it was sealed; the audit finds nothing.
async fn assert_settles(world: &World) {
    world.assert_clean().await;
    let sealed = world.seal().await;
    world.outputs(sealed.epoch).await;
    world.assert_clean().await;
}

/// One batch is moved back by a block that names it, and every reader says so.
#[test]
fn one_batch_is_reversed() {
    with_world(|mut world| async move {
        let kept = world.batch(TWO, vec![to(THREE, ETH, 40)], vec![out(USDC, 1)]);
        let kept = world.post(&kept).await;
        let batch = world.batch(ONE, vec![to(TWO, ETH, 30), to(THREE, USDC, 7)], vec![out(ETH, 5)]);
        let posted = world.post(&batch).await;
        let evicted = evict(&world, ONE, 0).await;
        let name = attempt(ONE, 0, 1);
        let [gone] = evicted.as_slice() else { panic!("{evicted:?}") };
        assert_eq!((gone.batch, gone.cause, gone.block), (name, name, posted.block));
        assert_eq!(gone.reason, REASON);

        for (rollup, asset, held) in
            [(ONE, ETH, 1000), (ONE, USDC, 1000), (TWO, ETH, 960), (THREE, USDC, 1000)]
        {
            assert_eq!(balance(&world, rollup, asset).await, held);
        }
        assert_eq!(standing(&world).await, [(TWO, 0)]);
        let detail = world.read.batch(ONE, Height::FIRST).await.unwrap().unwrap();
        assert_eq!((&detail.batch, detail.posted.attempt), (&batch, 1));
        let eviction = detail.posted.eviction.unwrap();
        assert_eq!((eviction.reversal, eviction.cause), (gone.reversal, name));
        assert_eq!(eviction.reason, REASON);
        let block = world.read.journal_block(gone.reversal).await.unwrap().unwrap();
        assert_eq!((block.kind, block.transfers), (PostingKind::Reversal, 3));

        let all = world.read.transfers(&TransferFilter::default(), None, PageLimit::MAX).await;
        let all = all.unwrap().items;
        let of = |block| all.iter().filter(move |one| one.id.block == block);
        for (one, back) in of(posted.block).zip(of(gone.reversal).collect::<Vec<_>>().iter().rev())
        {
            assert_eq!(one.reversed_by, Some(gone.reversal));
            assert_eq!((one.debit, one.credit, one.atoms), (back.credit, back.debit, back.atoms));
            assert_eq!((back.kind, back.recipient), (PostingKind::Reversal, None));
        }
        assert!(of(kept.block).all(|one| one.reversed_by.is_none()));
        let exit = world.read.exit(ONE, ExitIndex::new(0)).await.unwrap().unwrap();
        assert_eq!(exit.status, ClaimStatus::Reversed { by: gone.reversal });
        let totals = world.read.totals().await.unwrap();
        assert_eq!((totals.batches, totals.transfers, totals.exits), (1, 1, 1));
        let open = world.read.open_epoch().await.unwrap();
        assert_eq!((open.batches, open.operations), (1, 1 + 3 + 6));
        let events = world.read.events_after(EventNumber::START, PageLimit::MAX).await.unwrap();
        let last =
            EventKind::BatchEvicted { block: gone.reversal, rollup: ONE, height: Height::FIRST };
        assert_eq!(events.last().unwrap().kind, last);
        assert_settles(&world).await;
        let sealed = world.read.epoch(EpochNumber::FIRST).await.unwrap().unwrap();
        assert_eq!((sealed.batches, sealed.operations, sealed.transfers), (1, 10, 6 + 2));
    });
}

/// What continues a batch goes with it, the last one first; what it continues stays.
#[test]
fn a_chain_goes_from_its_end() {
    with_world(|mut world| async move {
        for amount in 1..=4 {
            let batch = world.batch(ONE, vec![to(TWO, ETH, amount)], vec![out(ETH, amount)]);
            world.post(&batch).await;
        }
        let evicted = evict(&world, ONE, 1).await;
        assert_eq!(names(&evicted), [(ONE, 1), (ONE, 2), (ONE, 3)]);
        let reversals: Vec<_> = evicted.iter().map(|one| one.reversal).collect();
        assert!(reversals.is_sorted_by(|one, next| one > next));
        assert!(evicted.iter().all(|one| one.cause == attempt(ONE, 1, 1)));
        let reasons: Vec<_> = evicted.iter().map(|one| one.reason.as_str()).collect();
        let next = "it continues batch 1, which is evicted";
        assert_eq!(reasons, [REASON, next, "it continues batch 2, which is evicted"]);
        assert_eq!(balance(&world, TWO, ETH).await, 1_001);
        let rollup = world.read.rollup(ONE).await.unwrap().unwrap();
        assert_eq!((rollup.next_height, rollup.exits), (Height::new(1), 1));
        assert_settles(&world).await;
    });
}

/// ISOLATION: whoever spent what the batch had brought goes too, and nobody else: other rollups'
/// batches and balances are as they were, also of a rollup that was paid by one that goes.
#[test]
fn what_lives_on_an_evicted_batch_goes_with_it() {
    with_world(|mut world| async move {
        let post = async |world: &mut World, batch: Batch| world.post(&batch).await;
        let batch = world.batch(THREE, vec![to(TWO, USDC, 10)], Vec::new());
        post(&mut world, batch).await; // 3/0 stands.
        let batch = world.batch(ONE, vec![to(TWO, ETH, 500)], Vec::new());
        post(&mut world, batch).await; // 1/0 is evicted.
        let batch = world.batch(TWO, vec![to(THREE, ETH, 900)], Vec::new());
        post(&mut world, batch).await; // 2/0 stands: it had that much.
        let batch = world.batch(TWO, vec![to(THREE, ETH, 300)], vec![out(ETH, 200)]);
        post(&mut world, batch).await; // 2/1 does not.
        let batch = world.batch(TWO, vec![to(ONE, USDC, 1)], Vec::new());
        post(&mut world, batch).await; // 2/2 continues it.
        world.record(vec![deposit(TWO, ETH, 1_000)]).await.unwrap();
        let batch = world.batch(THREE, vec![to(ONE, ETH, 1_900)], vec![out(USDC, 3)]);
        post(&mut world, batch).await; // 3/1 stands: 1,000 of its own, 900 of batch 2/0.
        let batch = world.batch(THREE, vec![to(ONE, ETH, 300)], Vec::new());
        post(&mut world, batch).await; // 3/2 spends what 2/1 brought.
        let evicted = evict(&world, ONE, 0).await;
        assert_eq!(names(&evicted), [(ONE, 0), (TWO, 1), (TWO, 2), (THREE, 2)]);
        assert_eq!(
            evicted[1].reason,
            "without batch 0 of rollup 1 it is refused: \
            cell (rollup 2, asset 1) holds 100 atoms, the batch moves 500"
        );
        assert!(evicted.iter().all(|one| one.cause == attempt(ONE, 0, 1)));
        assert_eq!(standing(&world).await, [(THREE, 0), (TWO, 0), (THREE, 1)]);
        for (rollup, asset, held) in [
            (ONE, ETH, 2_900),
            (TWO, ETH, 1_100),
            (THREE, ETH, 0),
            (ONE, USDC, 1_000),
            (TWO, USDC, 1_010),
            (THREE, USDC, 987),
        ] {
            assert_eq!(balance(&world, rollup, asset).await, held, "{rollup} {asset}");
        }
        assert_settles(&world).await;
    });
}

/// A batch whose row was damaged is named by what its row is now, and evicted; its rollup did nothing
/// wrong, and posts the same again.
#[test]
fn a_damaged_batch_goes_and_may_come_back() {
    with_world(|mut world| async move {
        let batch = world.batch(ONE, vec![to(TWO, ETH, 5)], Vec::new());
        world.post(&batch).await;
        sqlx::raw_sql(
            "alter table batch disable trigger append_only;
            update batch set new_root = decode(repeat('ab', 32), 'hex') where rollup_id = 1;
            alter table batch enable always trigger append_only",
        )
        .execute(&world.raw)
        .await
        .unwrap();
        let mut damaged = batch.parts().clone();
        damaged.new_root = L2Root::new(B256::repeat_byte(0xab));
        let digest = damaged.digest(adoption().identity.word());
        let neither = world.engine.evict(ONE, Height::FIRST, Word::ZERO, "neither").await;
        assert!(matches!(neither, Err(Error::BatchReplaced { .. })), "{neither:?}");
        let evicted = world.engine.evict(ONE, Height::FIRST, digest, "damaged").await.unwrap();
        assert_eq!(names(&evicted), [(ONE, 0)]);
        let again = world.engine.evict(ONE, Height::FIRST, digest, "damaged").await;
        assert!(matches!(again, Err(Error::BatchEvicted { .. })), "{again:?}");
        assert!(!world.api.post_batch(&batch).await.unwrap().replayed);
    });
}

/// The height is free: what went with another is booked anew, and from then on that is the answer;
/// another one in its place contradicts nothing. What went for its own sake does not come back.
#[test]
fn a_height_is_free_again() {
    with_world(|mut world| async move {
        let giver = world.batch(TWO, vec![to(ONE, ETH, 50)], Vec::new());
        world.post(&giver).await;
        let batch = world.batch(ONE, vec![to(TWO, ETH, 1_030)], vec![out(ETH, 5)]);
        let other = world.batch(ONE, vec![to(TWO, ETH, 31)], vec![out(ETH, 6), out(ETH, 7)]);
        let third = world.batch(ONE, vec![to(TWO, ETH, 32)], Vec::new());
        let first = world.post(&batch).await;
        assert_eq!(names(&evict(&world, TWO, 0).await), [(TWO, 0), (ONE, 0)]);
        world.record(vec![deposit(ONE, ETH, 50)]).await.unwrap();
        let again = world.api.post_batch(&batch).await.unwrap();
        assert!(!again.replayed && again.block > first.block);
        let replayed = world.api.post_batch(&batch).await.unwrap();
        assert_eq!(replayed, ledger::Posted { replayed: true, ..again });
        // Whoever signs another one now does so in good faith: the height was free.
        refused_as_other(&world, &other, 0).await;
        assert_eq!(evict(&world, ONE, 0).await[0].batch, attempt(ONE, 0, 2));
        refused_for_good(&world, &batch).await;
        refused_for_good(&world, &giver).await;

        let third_posted = world.api.post_batch(&other).await.unwrap();
        assert_eq!(balance(&world, TWO, ETH).await, 1_031);
        let detail = world.read.batch(ONE, Height::FIRST).await.unwrap().unwrap();
        assert_eq!((detail.posted.attempt, detail.posted.block), (3, third_posted.block));
        assert_eq!((detail.posted.eviction, &detail.batch), (None, &other));
        let earlier: Vec<_> = detail.earlier.iter().map(|one| one.attempt).collect();
        assert_eq!(earlier, [2, 1]);
        assert!(detail.earlier.iter().all(|one| one.eviction.is_some()));
        let filter = TransferFilter { batch: Some((ONE, Height::FIRST)), ..Default::default() };
        let listed = world.read.transfers(&filter, None, PageLimit::MAX).await.unwrap().items;
        assert!(listed.len() == 3 && listed.iter().all(|one| one.id.block == third_posted.block));
        refused_as_other(&world, &batch, 0).await;
        refused_as_other(&world, &third, 1).await;
        world.back_to(&batch);
        world.advance(&other);
        let next = world.batch(ONE, vec![to(TWO, ETH, 1)], vec![out(ETH, 1)]);
        world.post(&next).await;
        assert_settles(&world).await;
        // Evicted in one epoch, not taken in the next one either.
        let gone = world.batch(ONE, vec![to(TWO, USDC, 1)], vec![out(ETH, 1)]);
        world.post(&gone).await;
        evict(&world, ONE, 2).await;
        assert_eq!(world.engine.seal(SealReason::Command).await.unwrap(), None);
        world.record(vec![deposit(TWO, ETH, 1)]).await.unwrap();
        assert_settles(&world).await;
        refused_for_good(&world, &gone).await;
        world.back_to(&gone);
        let mended = world.batch(ONE, vec![to(TWO, USDC, 2)], vec![out(ETH, 1)]);
        assert_eq!(world.post(&mended).await.epoch, EpochNumber::new(3));
        assert_settles(&world).await;
    });
}

/// Another batch at a taken height is refused; so many pairs are evidence by then.
async fn refused_as_other(world: &World, batch: &Batch, pairs: usize) {
    let refused = world.api.post_batch(batch).await.unwrap_err();
    assert!(matches!(refused, Error::BatchConflict { .. }), "{refused:?}");
    assert_eq!(world.read.equivocations(PageLimit::MAX).await.unwrap().len(), pairs);
}

async fn refused_for_good(world: &World, batch: &Batch) {
    let before = world.dump().await;
    let refused = world.api.post_batch(batch).await.unwrap_err();
    let named = (batch.rollup(), batch.height(), batch.digest(adoption().identity.word()));
    assert!(
        matches!(refused, Error::BatchUnprovable { rollup, height, digest }
            if (rollup, height, digest) == named),
        "{refused:?}"
    );
    assert_eq!(world.dump().await, before);
}

/// An eviction hits the batch of its digest and no other, however often it is asked for.
#[test]
fn only_the_named_batch_is_evicted() {
    with_world(|mut world| async move {
        let other = world.batch(ONE, vec![to(TWO, ETH, 2)], Vec::new());
        let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        world.post(&batch).await;
        refuses(&world, &other, "batch 0 of rollup 1 is another one by attempt 1, of digest ")
            .await;
        assert_eq!(names(&world.evict(&batch, REASON).await.unwrap()), [(ONE, 0)]);
        refuses(&world, &batch, "batch 0 of rollup 1 was evicted").await;
        world.api.post_batch(&other).await.unwrap();
        refuses(&world, &batch, "batch 0 of rollup 1 is another one by attempt 2, of digest ")
            .await;
        assert_eq!(standing(&world).await, [(ONE, 0)]);
        assert_settles(&world).await;
    });
}

async fn refuses(world: &World, batch: &Batch, words: &str) {
    let before = world.dump().await;
    let refused = world.evict(batch, REASON).await.unwrap_err().to_string();
    assert!(refused.starts_with(words), "{refused}");
    assert_eq!(world.dump().await, before);
}

/// PROVABLE: nothing goes that a folded step holds. The batch that fixed its window may go, alone as
/// it is: the window stays fixed. What is folded while a batch goes is not recorded.
#[test]
fn folded_steps_stay() {
    with_world(|mut world| async move {
        let mut batches = Vec::new();
        for _ in 0..domain::limits::BATCHES_PER_STEP {
            batches.push(world.batch(ONE, vec![to(TWO, ETH, 60)], Vec::new()));
            world.post(&batches[batches.len() - 1]).await;
        }
        let follower = world.batch(TWO, vec![to(THREE, ETH, 1_900)], Vec::new());
        world.post(&follower).await;
        let open = world.engine.open_operations().await.unwrap();
        let fixed = domain::fixed_steps(&open.operations).unwrap();
        let context =
            StepContext { domain_word: adoption().identity.word(), epoch: EpochNumber::FIRST };
        let (_, output) = fixed[0].run(&open.opening, context, Word::ZERO).unwrap();
        let record = async |step: u32| {
            let at = open.last_block;
            world.engine.record_step(EpochNumber::FIRST, step, &output, Some(b"fold"), at).await
        };
        record(1).await.unwrap();
        for batch in [&batches[0], &batches[15]] {
            let words = format!("batch {} of rollup 1 cannot go: step 1 is folded", batch.height());
            refuses(&world, batch, &words).await;
        }
        assert_eq!(names(&world.evict(&follower, REASON).await.unwrap()), [(TWO, 0)]);
        let left = world.engine.open_operations().await.unwrap().operations;
        assert_eq!(domain::fixed_steps(&left).unwrap(), fixed);
        let late = record(2).await.unwrap_err();
        assert!(matches!(late, Error::StepOutdated { step: 2, .. }), "{late:?}");
        record(1).await.unwrap();
        refuses(&world, &batches[15], "batch 15 of rollup 1 cannot go").await;
        let sealed = world.seal().await;
        let outputs = world.outputs(sealed.epoch).await;
        assert_eq!((outputs.len(), &outputs[0]), (2, &output));
        world.prove(sealed.epoch).await;
        world.assert_clean().await;
    });
}

/// Exits of an evicted batch leave no trace in the tree: the next ones have their numbers, and the
/// epoch's exit root is as if it had never been.
#[test]
fn the_exit_tree_goes_back() {
    with_world(|mut world| async move {
        let first = world.batch(ONE, Vec::new(), vec![out(ETH, 1)]);
        world.post(&first).await;
        let gone = world.batch(ONE, Vec::new(), vec![out(ETH, 2), out(USDC, 3)]);
        let never = world.batch(ONE, Vec::new(), vec![out(ETH, 4), out(ETH, 5), out(ETH, 6)]);
        world.post(&gone).await;
        let more = world.batch(ONE, Vec::new(), vec![out(ETH, 9)]);
        world.post(&more).await;
        evict(&world, ONE, 1).await;
        world.back_to(&gone);
        world.post(&never).await;
        let sealed = world.seal().await;
        let rollup = world.read.rollup(ONE).await.unwrap().unwrap();
        assert_eq!((rollup.exit_root, rollup.exits), (never.parts().exit_root, 4));
        for index in 0..4 {
            let data = world.read.claim_data(ONE, ExitIndex::new(index)).await.unwrap().unwrap();
            assert_eq!(data.exit_root, never.parts().exit_root);
        }
        let all = world.read.exits(&ExitFilter::default(), None, PageLimit::MAX).await.unwrap();
        let reversed = all.iter().filter(|one| matches!(one.status, ClaimStatus::Reversed { .. }));
        assert_eq!((all.len(), reversed.count()), (7, 3));
        world.prove(sealed.epoch).await;
        world.settle(sealed.epoch).await;
        let claimable = world.read.claimable(PageLimit::MAX).await.unwrap();
        assert_eq!(claimable.len(), 4);
        for exit in claimable {
            let paid = domain::l1::L1Event::ClaimPaid { epoch: sealed.epoch, claim: exit.claim };
            world.record(vec![paid]).await.unwrap();
            let exit = world.read.exit(ONE, exit.claim.index).await.unwrap().unwrap();
            assert!(matches!(exit.status, ClaimStatus::Paid { .. }));
        }
        world.assert_clean().await;
    });
}

/// What cannot be evicted is refused by name, and every row is as before.
#[test]
fn a_refused_eviction_leaves_no_trace() {
    with_world(|mut world| async move {
        let old = world.batch(ONE, vec![to(TWO, ETH, 1)], vec![out(ETH, 50)]);
        world.post(&old).await;
        let sealed = world.seal().await;
        let paid = world.batch(ONE, vec![to(TWO, ETH, 1)], vec![out(ETH, 2)]);
        world.post(&paid).await;
        let gone = world.batch(TWO, vec![to(ONE, ETH, 1)], Vec::new());
        world.post(&gone).await;
        evict(&world, TWO, 0).await;
        let claim = world.claims(ONE).await[1];
        let early = domain::l1::L1Event::ClaimPaid { epoch: sealed.epoch, claim };
        world.record(vec![early]).await.unwrap();
        let before = world.dump().await;
        let long = "x".repeat(1001);
        for (rollup, height, reason, expected) in [
            (ONE, 0, REASON, "batch 0 of rollup 1 is in epoch 1, which is sealed"),
            (ONE, 2, REASON, "there is no batch 2 of rollup 1"),
            (RollupId::new(9), 0, REASON, "there is no batch 0 of rollup 9"),
            (ONE, u64::MAX, REASON, "there is no batch 18446744073709551615 of rollup 1"),
            (TWO, 0, REASON, "batch 0 of rollup 2 was evicted"),
            (ONE, 1, REASON, "the schema refused it by batch_eviction_of_unpaid_exits"),
            (ONE, 1, "", "the schema refused it by batch_eviction_reason_in_bound"),
            (ONE, 1, &long, "the schema refused it by batch_eviction_reason_in_bound"),
        ] {
            let height = Height::new(height);
            let standing = world.read.batch(rollup, height).await.unwrap();
            let digest = standing.map_or(Word::ZERO, |batch| batch.posted.digest);
            let refused = world.engine.evict(rollup, height, digest, reason).await;
            assert_eq!(refused.unwrap_err().to_string(), expected);
        }
        for ledger in [&world.api, &world.read] {
            let digest = paid.digest(adoption().identity.word());
            let refused = ledger.evict(ONE, Height::new(1), digest, REASON).await.unwrap_err();
            let named = Error::Forbidden { constraint: "journal_block_of_its_role" }.to_string();
            let denied = matches!(refused, Error::PermissionDenied(_));
            assert!(denied || refused.to_string() == named, "{refused:?}");
        }
        assert_eq!(world.dump().await, before);
    });
}

/// Posters of three rollups race with evictions: whoever comes first, what stands settles.
#[test]
fn evictions_race_with_posting() {
    with_world(|mut world| async move {
        let mut chains = Vec::new();
        for rollup in [ONE, TWO, THREE] {
            let other = if rollup == ONE { TWO } else { ONE };
            let mut chain = Vec::new();
            for _ in 0..12 {
                let batch = world.batch(rollup, vec![to(other, ETH, 70)], vec![out(ETH, 12)]);
                world.advance(&batch);
                chain.push(batch);
            }
            chains.push(chain);
        }
        let mut racing = JoinSet::new();
        let word = adoption().identity.word();
        let digests: Vec<Vec<_>> = chains
            .iter()
            .map(|chain| chain.iter().map(|batch| batch.digest(word)).collect())
            .collect();
        let posters = Arc::new(AtomicUsize::new(chains.len()));
        for chain in chains {
            let (api, posters) = (world.api.clone(), Arc::clone(&posters));
            racing.spawn(async move {
                for batch in chain.iter().cycle().take(40) {
                    match api.post_batch(batch).await {
                        // What it continues was evicted, or it was itself.
                        Ok(_) | Err(Error::Refused(_) | Error::BatchUnprovable { .. }) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
                posters.fetch_sub(1, Ordering::SeqCst);
            });
        }
        for round in 0..2 {
            let (engine, digests) = (world.engine.clone(), digests.clone());
            let posters = Arc::clone(&posters);
            racing.spawn(async move {
                // The first ones are left alone: what is evicted does not come back. Once more, until
                // something was there to evict, or nothing comes that could be.
                let (mut any, mut over) = (false, false);
                while !any && !over {
                    over = posters.load(Ordering::SeqCst) == 0;
                    for number in (0..18).rev() {
                        let rollup = [ONE, TWO, THREE][number % 3];
                        let height = number / 3 + round + 3;
                        let digest = digests[number % 3][height];
                        let height = Height::new(u64::try_from(height).unwrap());
                        match engine.evict(rollup, height, digest, REASON).await {
                            Ok(gone) => any |= gone[0].batch.rollup == rollup,
                            Err(Error::BatchEvicted { .. }) => any = true,
                            Err(Error::UnknownBatch { .. }) => {}
                            Err(other) => panic!("{other:?}"),
                        }
                        tokio::task::yield_now().await;
                    }
                }
            });
        }
        racing.join_all().await;
        world.assert_clean().await;
        assert!(standing(&world).await.len() > 3);
        let evicted = sqlx::query_scalar::<_, i64>("select count(*) from batch_eviction");
        assert!(evicted.fetch_one(&world.raw).await.unwrap() > 0);
        world.engine.seal(SealReason::Command).await.unwrap().unwrap();
        world.outputs(EpochNumber::FIRST).await;
        world.assert_clean().await;
    });
}
