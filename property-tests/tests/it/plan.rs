//! The plan of an epoch's steps, against whatever order its users choose. Plans do not look at
//! signatures and heights, so these batches have none that hold.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    reason = "a failure here is the test's failure"
)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;

use alloy_primitives::Address;
use domain::{
    AssetId, Atoms, Batch, BatchParts, ExitRoot, Height, L2Root, Operation, RollupId, SigningKey,
    Step, Transfer, Word, fixed_steps, limits, plan_steps,
};
use proptest::prelude::*;

/// What users do in a row.
#[derive(Clone, Debug)]
enum Run {
    /// Rollups, registered at most once each, as L1 does.
    Register(usize),
    /// A shower of small deposits over so many cells, from one cell on, as far as their rollups are
    /// registered.
    Deposits { first: usize, cells: usize },
    /// So many batches of one rollup, with transfers of one asset to others.
    Batches { rollup: u16, count: usize },
    /// Every so many of the batches so far are evicted.
    Evictions { every: usize },
}

static SIGNER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_seed([7; 32]));
static SIGNATURE: LazyLock<domain::Signature> = LazyLock::new(|| SIGNER.sign(Word::ZERO));

fn batch(rollup: u16) -> Operation {
    let count = u16::try_from(limits::MAX_ROLLUPS).unwrap();
    let asset = AssetId::new(rollup % u16::try_from(limits::MAX_ASSETS).unwrap() + 1);
    let to = RollupId::new(rollup % count + 1);
    let atoms = Atoms::new(1).unwrap();
    let transfers = vec![Transfer { to, asset, atoms, recipient: Address::ZERO }];
    let rollup = RollupId::new(rollup);
    let lanes = Batch::sum_lanes(rollup, &transfers, &[]).unwrap();
    let parts = BatchParts {
        rollup,
        height: Height::FIRST,
        previous_root: L2Root::UNSET,
        new_root: L2Root::UNSET,
        exit_root: ExitRoot::UNSET,
        transfers,
        exits: Vec::new(),
        lanes,
        signature: *SIGNATURE,
    };
    Operation::Batch(Box::new(Batch::new(parts).unwrap()))
}

fn cells() -> Vec<(RollupId, AssetId)> {
    RollupId::all().flat_map(|rollup| AssetId::all().map(move |asset| (rollup, asset))).collect()
}

/// The runs as one epoch's operations: no more batches than it takes. Rollups that it does not
/// register were registered before it.
fn operations(runs: &[Run]) -> Vec<Operation> {
    let registrations = |run: &Run| if let Run::Register(count) = run { *count } else { 0 };
    let new = runs.iter().map(registrations).sum::<usize>();
    let mut unregistered: VecDeque<_> = RollupId::all().take(new).collect();
    let (mut operations, mut batches) = (Vec::new(), 0);
    for run in runs {
        match run {
            Run::Register(count) => {
                let key = SIGNER.public();
                let register = |rollup| Operation::Register { rollup, key };
                let count = unregistered.len().min(*count);
                operations.extend(unregistered.drain(..count).map(register));
            }
            Run::Deposits { first, cells: count } => {
                let atoms = Atoms::new(1).unwrap();
                let chosen = cells().into_iter().cycle().skip(*first).take(*count);
                let deposits = chosen
                    .filter(|(rollup, _)| !unregistered.contains(rollup))
                    .map(|(rollup, asset)| Operation::Deposit { rollup, asset, atoms });
                operations.extend(deposits);
            }
            Run::Batches { rollup, count } => {
                let count = (*count).min(limits::MAX_BATCHES_PER_EPOCH - batches);
                batches += count;
                operations.extend(std::iter::repeat_n(batch(*rollup), count));
            }
            Run::Evictions { every } => {
                let standing =
                    operations.iter_mut().filter(|one| matches!(one, Operation::Batch(_)));
                for one in standing.step_by(*every) {
                    *one = Operation::Evicted;
                    batches -= 1;
                }
            }
        }
    }
    operations
}

fn runs() -> impl Strategy<Value = Vec<Run>> {
    let run = prop_oneof![
        1 => (1..=limits::MAX_ROLLUPS).prop_map(Run::Register),
        4 => (0..limits::MAX_CELLS, prop_oneof![1..=4_usize, 1..=limits::MAX_CELLS])
            .prop_map(|(first, cells)| Run::Deposits { first, cells }),
        6 => (1..=16_u16, prop_oneof![1..=3_usize, 1..=17_usize, 1..=100_usize])
            .prop_map(|(rollup, count)| Run::Batches { rollup, count }),
        1 => prop_oneof![1..=3_usize, 1..=50_usize].prop_map(|every| Run::Evictions { every }),
    ];
    prop::collection::vec(run, 1..60)
}

/// BOUNDED: no list of a step is longer than the circuit's, and an epoch has no more steps than L1
/// takes.
fn check_bounds(steps: &[Step]) {
    assert!(steps.len() <= limits::MAX_STEPS_PER_EPOCH, "{} steps", steps.len());
    for step in steps {
        assert!(step.registrations().len() <= limits::REGISTRATIONS_PER_STEP);
        assert!(step.deposits().len() <= limits::DEPOSITS_PER_STEP);
        assert!(step.batches().len() <= limits::BATCHES_PER_STEP);
        assert!(step.emitted_cells().len() <= limits::CELLS_EMITTED_PER_STEP);
        assert!(step.emitted_rollups().len() <= limits::ROLLUPS_EMITTED_PER_STEP);
    }
}

/// What has come to each cell by deposits, and who is registered, when each batch comes; and at the
/// end.
#[derive(Clone, Default)]
struct Arrived {
    registered: Vec<RollupId>,
    deposited: BTreeMap<(RollupId, AssetId), u128>,
}

impl Arrived {
    fn deposit(&mut self, rollup: RollupId, asset: AssetId, atoms: Atoms) {
        *self.deposited.entry((rollup, asset)).or_default() += atoms.number();
    }

    fn covers(&self, other: &Self) -> bool {
        other.registered.iter().all(|rollup| self.registered.contains(rollup))
            && other.deposited.iter().all(|(cell, atoms)| {
                self.deposited.get(cell).is_some_and(|arrived| arrived >= atoms)
            })
    }
}

/// The batches in the ledger's order, each after at least what the ledger had it after; nothing
/// lost, nothing twice.
fn check_order(operations: &[Operation], steps: &[Step]) {
    let mut planned = Arrived::default();
    let mut batches = Vec::new();
    for step in steps {
        planned.registered.extend(step.registrations().iter().map(|(rollup, _)| *rollup));
        for (rollup, asset, atoms) in step.deposits() {
            let new = registers(operations, *rollup);
            assert!(!new || planned.registered.contains(rollup), "a deposit before its rollup");
            planned.deposit(*rollup, *asset, *atoms);
        }
        batches.extend(step.batches().iter().map(|batch| (batch, planned.clone())));
    }
    let mut booked = Arrived::default();
    let mut left = batches.into_iter();
    for operation in operations {
        match operation {
            Operation::Register { rollup, .. } => booked.registered.push(*rollup),
            Operation::Deposit { rollup, asset, atoms } => booked.deposit(*rollup, *asset, *atoms),
            Operation::Batch(batch) => {
                let (planned, arrived) = left.next().expect("a batch is lost");
                assert_eq!(planned, batch.as_ref());
                assert!(arrived.covers(&booked), "a batch comes before what it may spend");
            }
            Operation::Evicted => {}
        }
    }
    assert!(left.next().is_none());
    assert_eq!(planned.registered.len(), booked.registered.len());
    assert_eq!(planned.deposited, booked.deposited);
}

fn registers(operations: &[Operation], wanted: RollupId) -> bool {
    operations.iter().any(
        |operation| matches!(operation, Operation::Register { rollup, .. } if *rollup == wanted),
    )
}

/// COMPLETE: every touched cell and rollup is emitted once, at or after its last touch.
fn check_emissions(steps: &[Step]) {
    let (mut pending_cells, mut pending_rollups) = (Vec::new(), Vec::new());
    let (mut emitted_cells, mut emitted_rollups) = (Vec::new(), Vec::new());
    for step in steps {
        let lanes = step.batches().iter().flat_map(|batch| {
            let of = batch.rollup();
            batch
                .lanes()
                .iter()
                .flat_map(move |lane| [(of, lane.asset), (lane.destination, lane.asset)])
        });
        pending_cells.extend(step.deposits().iter().map(|(rollup, asset, _)| (*rollup, *asset)));
        pending_cells.extend(lanes);
        pending_rollups.extend(step.registrations().iter().map(|(rollup, _)| *rollup));
        pending_rollups.extend(step.batches().iter().map(Batch::rollup));
        for cell in step.emitted_cells() {
            assert!(pending_cells.contains(cell) && !emitted_cells.contains(cell));
            pending_cells.retain(|pending| pending != cell);
            emitted_cells.push(*cell);
        }
        for rollup in step.emitted_rollups() {
            assert!(pending_rollups.contains(rollup) && !emitted_rollups.contains(rollup));
            pending_rollups.retain(|pending| pending != rollup);
            emitted_rollups.push(*rollup);
        }
    }
    assert!(pending_cells.is_empty() && pending_rollups.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever the order, an epoch fits its steps, and they hold each operation once, no batch
    /// before what it may spend, and emit each touched part once.
    #[test]
    fn an_epoch_fits_its_steps(runs in runs()) {
        let operations = operations(&runs);
        let steps = plan_steps(&operations).unwrap();
        check_bounds(&steps);
        check_order(&operations, &steps);
        check_emissions(&steps);
    }

    /// Steps that are fixed stay as they are, however the epoch goes on, and whatever is evicted after
    /// their batches; they emit nothing.
    #[test]
    fn fixed_steps_begin_every_later_plan(
        runs in runs(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 6),
        every in 1..=20_usize,
    ) {
        let operations = operations(&runs);
        let whole = plan_steps(&operations).unwrap();
        let fixed = fixed_steps(&operations).unwrap();
        prop_assert!(whole.starts_with(&fixed));
        prop_assert!(whole.len() > fixed.len());
        prop_assert!(fixed.iter().all(|step| step.emitted_cells().is_empty()));
        prop_assert!(fixed.iter().all(|step| step.emitted_rollups().is_empty()));
        for cut in cuts {
            let so_far = &operations[..cut.index(operations.len() + 1)];
            let fixed_so_far = fixed_steps(so_far).unwrap();
            prop_assert!(fixed.starts_with(&fixed_so_far));
            let folded = fixed_so_far.iter().map(|step| step.batches().len()).sum();
            let mut left = operations.clone();
            let standing = left.iter_mut().filter(|one| matches!(one, Operation::Batch(_)));
            standing.skip(folded).step_by(every).for_each(|one| *one = Operation::Evicted);
            prop_assert!(fixed_steps(&left).unwrap().starts_with(&fixed_so_far));
            prop_assert!(plan_steps(&left).unwrap().starts_with(&fixed_so_far));
        }
    }
}

/// The worst that users can do to the number of steps: all rollups and cells at once between any
/// two batches, and a full epoch of batches that touch everything until the end.
#[test]
fn the_worst_orders_fit() {
    let all = limits::MAX_CELLS;
    let shower = |cells| Run::Deposits { first: 0, cells };
    let batches = |count| (0..count).map(|n| Run::Batches { rollup: n % 16 + 1, count: 1 });
    for cells in [1, 8, 9, 16, 17, 24, 32, 40, 48, 56, all] {
        for period in [1, 15, 16, 17, 32, 100] {
            let mut runs = vec![Run::Register(limits::MAX_ROLLUPS)];
            for (place, batch) in batches(512).enumerate() {
                if place % period == 0 {
                    runs.push(shower(cells));
                }
                runs.push(batch);
            }
            runs.push(shower(all));
            let operations = operations(&runs);
            let steps = plan_steps(&operations).unwrap();
            check_bounds(&steps);
            check_order(&operations, &steps);
            check_emissions(&steps);
        }
    }
}

/// A rest of evicted batches alone follows as many windows as it can, and has to take all cells.
#[test]
fn the_worst_rest_without_batches_fits() {
    let windows = limits::MAX_BATCHES_PER_EPOCH / limits::BATCHES_PER_STEP - 1;
    let shower = |cells| Run::Deposits { first: 0, cells };
    let count = windows * limits::BATCHES_PER_STEP + 1;
    let mut operations = operations(&[shower(56), Run::Batches { rollup: 1, count }]);
    *operations.last_mut().unwrap() = Operation::Evicted;
    operations.extend(self::operations(&[shower(limits::MAX_CELLS)]));
    assert_eq!(fixed_steps(&operations).unwrap().len(), windows + limits::SPARE_STEPS_PER_EPOCH);
    let steps = plan_steps(&operations).unwrap();
    check_bounds(&steps);
    check_order(&operations, &steps);
    check_emissions(&steps);
}

/// An epoch that keeps to what a step takes has a step per 16 batches, all but the last fixed; its
/// registrations and deposits may be spread over it.
#[test]
fn an_ordinary_epoch_folds_ahead() {
    for (batches, steps) in [(0, 1), (16, 1), (17, 2), (32, 2), (33, 3), (512, 32)] {
        let mut runs = vec![Run::Register(4), Run::Deposits { first: 0, cells: 8 }];
        runs.extend((0..batches).flat_map(|_| {
            [Run::Batches { rollup: 2, count: 1 }, Run::Deposits { first: 3, cells: 2 }]
        }));
        let operations = operations(&runs);
        assert_eq!(plan_steps(&operations).unwrap().len(), steps);
        assert_eq!(fixed_steps(&operations).unwrap().len(), steps - 1);
    }
}
