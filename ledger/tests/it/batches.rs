//! Posting batches: booked whole, once, or refused without a trace.

use alloy_primitives::{Address, B256};
use domain::{AssetId, Batch, BatchParts, Height, L2Root, Refusal, RollupId};
use ledger::{Account, BatchFilter, Error, PageLimit, Role, TransferFilter};

use crate::roles::{block, connect, refused_by};
use crate::world::{ETH, ONE, THREE, TWO, USDC, World, out, signing_key, to, with_world};

/// The batch is refused for exactly that, and every row is as before.
async fn check(world: &World, batch: &Batch, refused: impl FnOnce(&Error) -> bool) {
    let before = world.dump().await;
    let refusal = world.api.post_batch(batch).await.unwrap_err();
    assert!(refused(&refusal), "{refusal:?}");
    assert_eq!(world.dump().await, before);
}

async fn balance(world: &World, rollup: RollupId, asset: AssetId) -> u128 {
    let cells = world.read.cells().await.unwrap();
    let cell = cells.iter().find(|cell| (cell.rollup, cell.asset) == (rollup, asset));
    cell.unwrap().balance.number()
}

/// A batch moves what it lists, and reads back as it was signed.
#[test]
fn a_batch_is_booked_whole() {
    with_world(|mut world| async move {
        let transfers = vec![to(TWO, ETH, 30), to(THREE, ETH, 20), to(TWO, USDC, 7)];
        let batch = world.batch(ONE, transfers, vec![out(ETH, 50)]);
        let posted = world.post(&batch).await;
        assert!(!posted.replayed);
        assert_eq!(balance(&world, ONE, ETH).await, 900);
        assert_eq!(balance(&world, TWO, ETH).await, 1_030);
        assert_eq!(balance(&world, THREE, ETH).await, 1_020);
        assert_eq!(balance(&world, TWO, USDC).await, 1_007);

        let detail = world.read.batch(ONE, Height::FIRST).await.unwrap().unwrap();
        assert_eq!(detail.batch, batch);
        assert_eq!((detail.posted.block, detail.posted.digest), (posted.block, posted.digest));
        assert_eq!(detail.posted.lanes, batch.lanes());
        let filter = TransferFilter { batch: Some((ONE, Height::FIRST)), ..Default::default() };
        let listed = world.read.transfers(&filter, None, PageLimit::MAX).await.unwrap().items;
        let balances: Vec<_> = listed.iter().rev().map(|one| one.debit_balance.number()).collect();
        assert_eq!(balances, [970, 950, 993, 900]);
        let one = world.read.transfer(listed[0].id).await.unwrap();
        assert_eq!(one.as_ref(), Some(&listed[0]));
        world.assert_clean().await;
    });
}

/// An L2 root may go on without anything moving.
#[test]
fn a_batch_may_list_nothing() {
    with_world(|mut world| async move {
        let batch = world.batch(ONE, Vec::new(), Vec::new());
        world.post(&batch).await;
        let next = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        world.post(&next).await;
        world.assert_clean().await;
    });
}

/// The same batch again answers as the first did, and writes nothing.
#[test]
fn a_repeated_batch_is_replayed() {
    with_world(|mut world| async move {
        let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], vec![out(USDC, 2)]);
        let first = world.post(&batch).await;
        let later = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        world.post(&later).await;
        let before = world.dump().await;
        let again = world.api.post_batch(&batch).await.unwrap();
        assert_eq!(again, ledger::Posted { replayed: true, ..first });
        world.seal().await;
        let sealed = world.api.post_batch(&batch).await.unwrap();
        assert_eq!(sealed, again);
        assert_eq!(before.iter().filter(|row| row.starts_with("batch ")).count(), 2);
    });
}

/// Every rule refuses by its name and leaves every row as it was.
#[test]
fn a_refused_batch_leaves_no_trace() {
    with_world(|mut world| async move {
        let first = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        world.post(&first).await;
        let with = |world: &World, change: fn(&mut BatchParts)| {
            world.batch_with(ONE, vec![to(TWO, ETH, 1)], vec![out(ETH, 1)], change)
        };
        let refused = |wanted: fn(&Refusal) -> bool| move |error: &Error| matches!(error, Error::Refused(refusal) if wanted(refusal));
        let overdraft = world.batch(ONE, vec![to(TWO, ETH, 999)], vec![out(ETH, 1)]);
        check(&world, &overdraft, refused(|r| matches!(r, Refusal::Overdraft { .. }))).await;
        let gap = with(&world, |parts| parts.height = Height::new(2));
        check(&world, &gap, refused(|r| matches!(r, Refusal::HeightOutOfOrder { .. }))).await;
        let far = with(&world, |parts| parts.height = Height::new(u64::MAX));
        check(&world, &far, refused(|r| matches!(r, Refusal::HeightOutOfOrder { .. }))).await;
        let fork = with(&world, |parts| parts.previous_root = L2Root::new(B256::repeat_byte(9)));
        check(&world, &fork, refused(|r| matches!(r, Refusal::PreviousRootMismatch { .. }))).await;
        let tree = with(&world, |parts| parts.exit_root = domain::ExitTree::empty().root());
        check(&world, &tree, refused(|r| matches!(r, Refusal::ExitRootMismatch { .. }))).await;
        let stranger = with(&world, |parts| parts.rollup = RollupId::new(7));
        check(&world, &stranger, refused(|r| matches!(r, Refusal::UnknownRollup { .. }))).await;
        let nowhere = world.batch(ONE, vec![to(RollupId::new(8), ETH, 1)], Vec::new());
        check(&world, &nowhere, refused(|r| matches!(r, Refusal::UnknownRollup { .. }))).await;
        let token = world.batch(ONE, vec![to(TWO, AssetId::new(3), 1)], Vec::new());
        check(&world, &token, refused(|r| matches!(r, Refusal::UnknownAsset { .. }))).await;
        let mut forged = with(&world, |_| ()).parts().clone();
        forged.signature =
            signing_key(TWO).sign(forged.digest(crate::world::adoption().identity.word()));
        let forged = Batch::new(forged).unwrap();
        check(&world, &forged, refused(|r| matches!(r, Refusal::SignatureInvalid { .. }))).await;
        let mut edited = with(&world, |_| ()).parts().clone();
        edited.transfers[0].recipient = Address::repeat_byte(0x66);
        let edited = Batch::new(edited).unwrap();
        check(&world, &edited, refused(|r| matches!(r, Refusal::SignatureInvalid { .. }))).await;
        world.assert_clean().await;
    });
}

/// A cell is spent to the last atom and filled to the last one that fits.
#[test]
fn balances_reach_both_ends() {
    with_world(|mut world| async move {
        let all = world.batch(ONE, vec![to(TWO, ETH, 600)], vec![out(ETH, 400)]);
        world.post(&all).await;
        assert_eq!(balance(&world, ONE, ETH).await, 0);
        let one_more = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        check(&world, &one_more, |error| {
            matches!(error, Error::Refused(Refusal::Overdraft { .. }))
        })
        .await;
        let held: u128 = 3_000;
        let room = domain::limits::ATOMS_MAX - held;
        world.record(vec![crate::world::deposit(THREE, ETH, room)]).await.unwrap();
        let fill = world.batch(THREE, vec![to(TWO, ETH, room + 1_000)], Vec::new());
        world.post(&fill).await;
        assert_eq!(balance(&world, TWO, ETH).await, room + 2_600);
        world.assert_clean().await;
    });
}

/// The statement of an account lists both its sides, page by page, each line continuing the last.
#[test]
fn a_statement_runs_from_line_to_line() {
    with_world(|mut world| async move {
        for _ in 0..3 {
            let there = world.batch(ONE, vec![to(TWO, ETH, 5), to(TWO, ETH, 6)], Vec::new());
            world.post(&there).await;
            let back = world.batch(TWO, vec![to(ONE, ETH, 7)], vec![out(ETH, 1)]);
            world.post(&back).await;
        }
        let cell = Account::Cell { rollup: ONE, asset: ETH };
        let filter = TransferFilter { account: Some(cell), ..Default::default() };
        let mut before = None;
        let mut lines = Vec::new();
        loop {
            let limit = PageLimit::new(4).unwrap();
            let page = world.read.transfers(&filter, before, limit).await.unwrap().items;
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            lines.extend(page);
        }
        assert_eq!(lines.len(), 1 + 3 * 3);
        let mut balance = 0;
        for line in lines.iter().rev() {
            let closing = if line.credit == cell {
                balance += line.atoms.number();
                line.credit_balance
            } else {
                balance -= line.atoms.number();
                line.debit_balance
            };
            assert_eq!(closing.number(), balance, "{}", line.id);
        }
        let second = TransferFilter { batch: Some((TWO, Height::new(1))), ..filter };
        let one = world.read.transfers(&second, None, PageLimit::MAX).await.unwrap().items;
        assert_eq!(one.len(), 1);
    });
}

/// Another batch at a taken height is refused; the signed pair is kept, once.
#[test]
fn equivocation_is_kept_as_evidence() {
    with_world(|mut world| async move {
        let first = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        let other = world.batch(ONE, vec![to(TWO, ETH, 2)], Vec::new());
        let third = world.batch(ONE, vec![to(TWO, ETH, 3)], Vec::new());
        world.post(&first).await;
        let mut unsigned = other.parts().clone();
        unsigned.signature = signing_key(TWO).sign(domain::Word::ZERO);
        let unsigned = Batch::new(unsigned).unwrap();
        check(&world, &unsigned, |error| {
            matches!(error, Error::Refused(Refusal::SignatureInvalid { .. }))
        })
        .await;
        assert!(world.read.equivocations(PageLimit::MAX).await.unwrap().is_empty());

        for conflicting in [&other, &other, &third] {
            let refused = world.api.post_batch(conflicting).await;
            let conflict = Error::BatchConflict { rollup: ONE, height: Height::FIRST };
            assert_eq!(refused.unwrap_err().to_string(), conflict.to_string());
        }
        let kept = world.read.equivocations(PageLimit::MAX).await.unwrap();
        assert_eq!(kept.len(), 1);
        let word = crate::world::adoption().identity.word();
        let key = signing_key(ONE).public();
        for (side, batch) in [(&kept[0].recorded, &first), (&kept[0].refused, &other)] {
            assert_eq!(side.digest, batch.digest(word));
            assert_eq!(domain::chain_hash("netfold.batch.v1", &side.words), side.digest);
            assert!(key.verifies(side.digest, &side.signature));
        }
        assert_eq!(balance(&world, TWO, ETH).await, 1_001);
        world.assert_clean().await;
    });
}

/// A full epoch takes no more batches until it is sealed, or one of them is evicted; the schema holds
/// it to that too.
#[test]
fn an_epoch_takes_as_many_batches_as_fit_its_steps() {
    with_world(|mut world| async move {
        let mut last = world.batch(ONE, Vec::new(), Vec::new());
        world.post(&last).await;
        for _ in 1..domain::limits::MAX_BATCHES_PER_EPOCH {
            last = world.batch(ONE, Vec::new(), Vec::new());
            world.post(&last).await;
        }
        let one_more = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        check(&world, &one_more, |error| matches!(error, Error::EpochFull { limit: 1792, .. }))
            .await;
        let most = domain::limits::MAX_BATCHES_PER_EPOCH;
        let row = format!(
            "insert into batch (rollup_id, height, block_number, epoch_number, place_in_epoch,
                previous_root, new_root, exit_root, body_digest, batch_digest, signature,
                transfer_count, exit_count, exits_before, exit_tree)
            select 1, {most}, (select max(block_number) from journal_block), 1, {most}, new_root, new_root,
                exit_root, body_digest, batch_digest, signature, 0, 0, 0, exit_tree
            from batch where height = {most} - 1"
        );
        let mut api = connect(&world, Role::Api).await;
        let found = refused_by(&mut api, &(block(1, 4, 0) + &row)).await;
        assert_eq!(found.as_deref(), Some("batch_epoch_full"));
        world.evict(&last, "to make room").await.unwrap();
        world.back_to(&last);
        let other = world.batch(ONE, vec![to(TWO, ETH, 2)], Vec::new());
        world.post(&other).await;
        check(&world, &one_more, |error| matches!(error, Error::EpochFull { .. })).await;
        world.seal().await;
        world.post(&one_more).await;
        let of_two = BatchFilter { epoch: Some(domain::EpochNumber::new(2)), rollup: None };
        let batches = world.read.batches(&of_two, None, PageLimit::MAX).await.unwrap();
        assert_eq!(batches.len(), 1);
        world.assert_clean().await;
    });
}
