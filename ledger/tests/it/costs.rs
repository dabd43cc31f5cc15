//! What settling costs, who worked, and how much there is of everything.

use std::time::Duration;

use alloy_primitives::{Address, U256};
use domain::EpochNumber;
use ledger::{CostFilter, GasPrice, IncidentKind, NewSettlement, PageLimit, Piece, TurnKind};

use crate::life::{evicted, held, live};
use crate::world::with_world;

/// An epoch's cost is its receipt's: gas, price, payer; what it settled is what its batches list. A fee that
/// was not recorded is none, and the sums say so.
#[test]
fn costs_are_of_what_settled() {
    with_world(|mut world| async move {
        live(&mut world).await;
        let all = CostFilter::default();
        let costs = world.read.costs(&all, None, PageLimit::MAX).await.unwrap();
        let [first] = &costs[..] else { panic!("{costs:?}") };
        assert_eq!((first.epoch, first.gas_used), (EpochNumber::FIRST, 900_000));
        // Two batches: three transfers and three exits.
        assert_eq!((first.batches, first.transfers, first.exits), (2, 3, 3));
        let fee = first.fee.unwrap();
        assert_eq!((fee.payer, fee.gas_price.wei()), (Address::repeat_byte(0x51), 1_000_000_007));
        assert_eq!(fee.gas_price.of(900_000), U256::from(900_000_006_300_000_u64));
        let steps = world.read.steps(EpochNumber::FIRST).await.unwrap().len();
        let pieces = u32::try_from(steps).unwrap() + 2;
        assert_eq!(first.proving, Some(Duration::from_millis(1_500) * pieces));

        // The second settles without a fee, one transfer, and nobody timed it.
        let second = EpochNumber::new(2);
        let rest = world.outputs(second).await;
        let at = world.engine.sealed(second).await.unwrap().unwrap().last_block;
        for (step, output) in (1..).zip(&rest) {
            world.engine.record_step(second, step, output, Some(b"checkpoint"), at).await.unwrap();
        }
        let of = |number| world.settlement(number, alloy_primitives::B256::repeat_byte(9));
        let bare = NewSettlement { fee: None, ..of(second).await };
        world.engine.record_settlement(second, &bare).await.unwrap();
        let sums = world.read.cost_sums(&all).await.unwrap();
        assert_eq!((sums.epochs, sums.epochs_with_fee, sums.epochs_with_proving), (2, 1, 1));
        assert_eq!((sums.gas_used, sums.fee), (1_800_000, fee.gas_price.of(900_000)));
        assert_eq!((sums.batches, sums.transfers, sums.exits), (3, 4, 3));
        let later = CostFilter { from_epoch: Some(second), to_epoch: None };
        let costs = world.read.costs(&later, None, PageLimit::MAX).await.unwrap();
        assert_eq!(costs.len(), 1);
        assert_eq!((costs[0].fee, costs[0].proving, costs[0].transfers), (None, None, 1));
        let before = world.read.costs(&all, Some(second), PageLimit::MAX).await.unwrap();
        assert_eq!(before[0].epoch, EpochNumber::FIRST);
    });
}

/// A price that nobody pays is none.
#[test]
fn prices_are_bounded() {
    let most = u128::from(u64::MAX / 2);
    assert_eq!(GasPrice::new(most).map(GasPrice::wei), Some(u64::MAX / 2));
    assert_eq!(GasPrice::new(most + 1), None);
    assert_eq!(GasPrice::new(u128::MAX), None);
}

/// A turn goes on while its lock is held, and no longer; what was done names it ever after.
#[test]
fn a_turn_lasts_as_long_as_its_lock() {
    with_world(|mut world| async move {
        live(&mut world).await;
        assert_eq!(world.read.turns().await.unwrap(), []);
        let mut lock = world.prover.lock_prover().await.unwrap().unwrap();
        assert!(world.engine.lock_prover().await.unwrap().is_none());
        let number = world.prover.begin_turn(&mut lock, &"x".repeat(200)).await.unwrap();
        let turns = world.read.turns().await.unwrap();
        let [turn] = &turns[..] else { panic!("{turns:?}") };
        assert_eq!((turn.number, turn.kind), (number, TurnKind::Prover));
        assert_eq!(turn.name, "x".repeat(100));
        lock.release().await.unwrap();
        assert_eq!(world.read.turns().await.unwrap(), []);
        let done = world.read.latest_work(PageLimit::MAX).await.unwrap();
        assert_eq!((done[0].piece, &done[0].name[..]), (Piece::AggregatedProof, "host, process 2"));
        let queue = world.read.queue().await.unwrap();
        assert_eq!(
            (queue.unproven, queue.unsettled, queue.unfinal, queue.unaggregated),
            (1, 0, 0, 1)
        );
        let underway = world.read.underway(PageLimit::MAX).await.unwrap();
        assert_eq!(underway.len(), 1);
        assert_eq!((underway[0].epoch.epoch.number(), underway[0].steps_timed), (2, 0));
        assert!(underway[0].last_step_at.is_some());
        evicted(&mut world).await;
        let incidents = world.read.incidents(PageLimit::MAX).await.unwrap();
        let kinds: Vec<_> = incidents
            .iter()
            .map(|incident| match incident.kind {
                IncidentKind::Evicted { .. } => "evicted",
                IncidentKind::Superseded { .. } => "superseded",
                IncidentKind::Reorged { .. } => "reorged",
            })
            .collect();
        assert_eq!(kinds, ["evicted", "evicted", "reorged", "superseded"]);
    });
}

/// Totals come from what is kept of each account and rollup, and are what counting every row gives.
#[test]
fn totals_are_what_counting_gives() {
    with_world(|mut world| async move {
        live(&mut world).await;
        evicted(&mut world).await;
        held(&mut world).await;
        let totals = world.read.totals().await.unwrap();
        let counted: Vec<i64> = sqlx::query_scalar(
            "with standing as (
                select transfer_count, exit_count from batch b where not exists (
                    select from batch_eviction x where x.reversed_block = b.block_number
                )
            )
            select array[(select count(*) from standing),
                (select sum(transfer_count)::bigint from standing),
                (select sum(exit_count)::bigint from standing), (select count(*) from claim),
                (select count(*) from deposit), (select count(*) from standing_settlement)]",
        )
        .fetch_one(&world.raw)
        .await
        .unwrap();
        let found = [
            totals.batches,
            totals.transfers,
            totals.exits,
            totals.claims_paid,
            totals.deposits,
            totals.epochs_settled,
        ];
        assert_eq!(found.map(|number| i64::try_from(number).unwrap()).to_vec(), counted);
        assert!(found.iter().all(|number| *number > 0), "{found:?}");
    });
}
