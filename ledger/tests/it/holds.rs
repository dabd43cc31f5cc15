//! Deposits that L1 shows are held until they are final, and nothing else follows from them.

use domain::l1::L1Log;
use domain::limits::{ATOMS_MAX, MAX_OPEN_HOLDS};
use domain::{AssetId, RollupId};
use ledger::{
    CellPosition, Deposit, DepositFilter, DepositStatus, Error, EventKind, EventNumber,
    HeldDeposits, PageLimit, ReleaseReason,
};

use crate::life::{evicted, held, live};
use crate::world::{ETH, ONE, THREE, TWO, USDC, World, atoms, deposit, l1_block, with_world};

async fn cell(world: &World, rollup: RollupId, asset: AssetId) -> CellPosition {
    let cells = world.read.cells().await.unwrap();
    *cells.iter().find(|cell| (cell.rollup, cell.asset) == (rollup, asset)).unwrap()
}

/// Balance, held in, held out.
async fn figures(world: &World, rollup: RollupId, asset: AssetId) -> (u128, u128, u128) {
    let cell = cell(world, rollup, asset).await;
    (cell.balance.number(), cell.held_in.number(), cell.held_out.number())
}

/// The newest deposits first.
async fn deposits(world: &World) -> Vec<Deposit> {
    world.read.deposits(&DepositFilter::default(), None, PageLimit::MAX).await.unwrap()
}

async fn kinds(world: &World, after: EventNumber) -> Vec<EventKind> {
    let events = world.read.events_after(after, PageLimit::MAX).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

/// A deposit is seen before it is in its cell, and in its cell once, in the place where it was seen; the
/// epoch that it is sealed in, and the one before, know nothing of the hold.
#[test]
fn a_deposit_is_held_then_posted() {
    with_world(|mut world| async move {
        let log = world.deposited(deposit(ONE, ETH, 20), 3);
        let start = world.read.last_event().await.unwrap();
        // Several that look at once hold it once.
        let mut racing = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (engine, log) = (world.engine.clone(), log.clone());
            racing.spawn(async move { engine.hold_seen_deposits(&[log], l1_block(5)).await });
        }
        let times: u32 = racing.join_all().await.into_iter().map(|one| one.unwrap().held).sum();
        assert_eq!(times, 1);
        assert_eq!(figures(&world, ONE, ETH).await, (1_000, 20, 0));
        let first = deposits(&world).await[0];
        assert_eq!(
            (first.status, first.log, first.atoms),
            (DepositStatus::Held, log.id, atoms(20))
        );
        assert!(first.held_at.is_some());
        let before = world.dump().await;
        assert_eq!(world.see(std::slice::from_ref(&log), 6).await, HeldDeposits::default());
        assert_eq!(world.dump().await, before);
        world.assert_clean().await;

        let sealed = world.seal().await;
        assert_eq!((sealed.operations, sealed.transfers), (9, 6));
        world.outputs(sealed.epoch).await;
        world.book(std::slice::from_ref(&log), 3).await.unwrap();
        assert_eq!(figures(&world, ONE, ETH).await, (1_020, 0, 0));
        let posted = deposits(&world).await[0];
        assert!(posted.is_posted() && posted.place == first.place && posted.held_at.is_some());
        assert_eq!(deposits(&world).await.len(), 7);
        let kinds = kinds(&world, start).await;
        assert!(matches!(kinds[0], EventKind::Held { block } if block == first.place));
        assert!(matches!(kinds[kinds.len() - 1], EventKind::Deposited { .. }), "{kinds:?}");
        // Looking late changes nothing, and neither does one that nobody saw before.
        assert_eq!(world.see(&[log], 3).await, HeldDeposits::default());
        world.record(vec![deposit(TWO, ETH, 3)]).await.unwrap();
        assert_eq!(figures(&world, TWO, ETH).await, (1_003, 0, 0));
        assert_eq!(world.seal().await.operations, 2);
        world.assert_clean().await;
    });
}

/// What a reorg drops is released; what comes again, in another block or on other terms, is held anew;
/// and an engine that saw nothing of it makes it good when it books the blocks.
#[test]
fn a_reorg_releases_a_hold() {
    with_world(|mut world| async move {
        let log = world.deposited(deposit(ONE, ETH, 20), 3);
        let other = world.deposited(deposit(TWO, ETH, 7), 3);
        let start = world.read.last_event().await.unwrap();
        world.see(&[log.clone(), other.clone()], 3).await;
        assert_eq!(world.see(&[], 3).await.released, 2);
        assert_eq!(figures(&world, ONE, ETH).await, (1_000, 0, 0));
        let again = L1Log { block: l1_block(4), ..log.clone() };
        assert_eq!(world.see(std::slice::from_ref(&again), 4).await.held, 1);
        let changed = L1Log { event: deposit(ONE, ETH, 21), ..again.clone() };
        let seen = world.see(&[changed.clone(), L1Log { block: l1_block(5), ..other }], 5).await;
        assert_eq!((seen.held, seen.released), (2, 1));
        let reasons: Vec<_> = deposits(&world)
            .await
            .into_iter()
            .take(5)
            .map(|one| match one.status {
                DepositStatus::Released { reason, .. } => Some(reason),
                _ => None,
            })
            .collect();
        let (reorg, moved) = (Some(ReleaseReason::Reorg), Some(ReleaseReason::Moved));
        assert_eq!(reasons, [None, None, moved, reorg, reorg]);
        let released = kinds(&world, start).await;
        let released = released.iter().filter(|one| matches!(one, EventKind::Released { .. }));
        assert_eq!(released.count(), 3);
        world.assert_clean().await;

        // Booked in a block that the hold is not of; the other one is not in its block any more.
        let elsewhere = L1Log { block: l1_block(3), ..changed };
        world.book(&[elsewhere], 5).await.unwrap();
        assert_eq!(figures(&world, ONE, ETH).await, (1_021, 0, 0));
        assert_eq!(figures(&world, TWO, ETH).await, (1_000, 0, 0));
        let newest = deposits(&world).await;
        assert!(newest[0].is_posted() && newest[0].held_at.is_none());
        for (one, why) in newest[1..3].iter().zip([ReleaseReason::Reorg, ReleaseReason::Moved]) {
            assert!(
                matches!(one.status, DepositStatus::Released { reason, .. } if reason == why),
                "{one:?}"
            );
        }
        world.assert_clean().await;
    });
}

/// What cannot be held is booked when it is final all the same: of an unknown cell, past the bound of
/// amounts, beyond the limit.
#[test]
fn what_cannot_be_held_is_only_booked() {
    with_world(|mut world| async move {
        let unknown = world.deposited(deposit(RollupId::new(9), ETH, 1), 3);
        let huge = world.deposited(deposit(ONE, ETH, ATOMS_MAX - 5_000), 3);
        let more = world.deposited(deposit(TWO, ETH, 5_000), 3);
        let seen = world.see(&[unknown, huge, more], 3).await;
        assert_eq!((seen.held, seen.passed_over), (1, 2));
        assert_eq!(world.see(&[], 3).await.released, 1);

        let many: Vec<L1Log> =
            (0..=MAX_OPEN_HOLDS).map(|_| world.deposited(deposit(THREE, USDC, 1), 4)).collect();
        let seen = world.see(&many, 4).await;
        assert_eq!((seen.held, seen.passed_over), (1_000, 1));
        assert_eq!(figures(&world, THREE, USDC).await, (1_000, 1_000, 0));
        let page = deposits(&world).await;
        assert_eq!(page.len(), 1_000);
        let before = page.last().map(|one| one.place);
        let rest = world.read.deposits(&DepositFilter::default(), before, PageLimit::MAX).await;
        assert_eq!(rest.unwrap().len(), 7);
        let some = [&many[..2], &many[MAX_OPEN_HOLDS..]].concat();
        world.book(&some, 4).await.unwrap();
        assert_eq!(figures(&world, THREE, USDC).await, (1_003, 0, 0));
        world.assert_clean().await;

        let late = world.deposited(deposit(ONE, ETH, 1), 6);
        let refused = world.engine.hold_seen_deposits(&[late], l1_block(5)).await;
        assert!(matches!(refused, Err(Error::L1LogOutside { .. })));
    });
}

/// Only the engine holds.
#[test]
fn only_the_engine_holds() {
    with_world(|mut world| async move {
        let log = world.deposited(deposit(ONE, ETH, 20), 3);
        for ledger in [&world.api, &world.read] {
            let refused = ledger.hold_seen_deposits(std::slice::from_ref(&log), l1_block(3)).await;
            let named =
                matches!(refused, Err(Error::PermissionDenied(_) | Error::Forbidden { .. }));
            assert!(named, "{refused:?}");
        }
        world.assert_clean().await;
    });
}

/// What is done behind the ledger's back to the rows of [`held`], and the row that the audit names.
const FAULTS: &[(&str, &str)] = &[
    ("update hold set atoms = 6 where block_number = 27", "the hold of journal block 27"),
    ("update hold set cause = 'y' where block_number = 27", "the hold of journal block 27"),
    ("update hold set epoch_number = 2 where block_number = 24", "the hold of journal block 24"),
    (
        "update hold set credit_account_id = 8590065665 where block_number = 24",
        "the hold of journal block 24",
    ),
    ("delete from hold where block_number = 27", "journal block 27"),
    (
        "update seen_deposit set depositor = substr(sha256('x'), 1, 20) where block_number = 24",
        "the hold of journal block 24",
    ),
    (
        "update seen_deposit set l1_block_number = 9 where block_number = 27",
        "the hold of journal block 27",
    ),
    (
        "update seen_deposit set previous_hold = 24 where block_number = 27",
        "the hold of journal block 27",
    ),
    ("delete from seen_deposit where block_number = 27", "the hold of journal block 27"),
    (
        "update hold_end set reason = 2 where hold_block = 25",
        "the end of the hold of journal block 25",
    ),
    (
        "update hold_end set epoch_number = 2 where hold_block = 25",
        "the end of the hold of journal block 25",
    ),
    (
        "delete from hold_end where block_number = 28; update hold_end set hold_block = 24 where block_number = 26",
        "the end of the hold of journal block 24",
    ),
    (
        "update hold_end set hold_block = 27 where block_number = 28",
        "the end of the hold of journal block 27",
    ),
    ("delete from hold_end where block_number = 26", "journal block 26"),
    ("delete from hold_end where block_number = 28", "the deposit of journal block 28"),
    ("insert into hold_end values (27, 99, 8, 3, 1)", "a row of table hold_end"),
    (
        "update balance set held_debits = 0 where account_id = 4294967298",
        "the balance of account custody:l1:2",
    ),
    (
        "update balance set held_credits = 6 where account_id = 8590065666",
        "the balance of account cell:2:2",
    ),
    (
        "update balance set last_held_block = 26 where account_id = 8590065666",
        "the balance of account cell:2:2",
    ),
    (
        "update l1_range set last_block_number = 4 where last_block_number = 3",
        "the hold of journal block 27",
    ),
];

/// After any row of a hold is altered behind the ledger's back, the audit names it.
#[test]
fn an_altered_hold_is_named() {
    with_world(|mut world| async move {
        live(&mut world).await;
        evicted(&mut world).await;
        held(&mut world).await;
        world.assert_clean().await;
        assert_eq!(world.audit().await.blocks, 28);
        crate::audit::check(&world, FAULTS).await;
    });
}
