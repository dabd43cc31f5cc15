//! The ledger on a real Postgres is the model: it books what the model accepts, refuses what the
//! model refuses, evicts what the model cannot keep, and its state digest is the model's. What it says of a
//! batch or a seal that is only tried is what that does.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a failure here is the test's failure"
)]

use alloy_primitives::{Address, B256};
use domain::l1::{L1Block, L1Event, L1Log, L1LogId};
use domain::{
    Asset, AssetId, Batch, DomainId, DomainIdentity, LiquidityState, Netting, Operation, RollupId,
    plan_steps,
};
use ledger::{
    Adoption, ExitFilter, Ledger, PageLimit, Posted, Role, SealReason, Sealed, Simulation, Trial,
};
use property_tests::history::{Action, World, actions};
use proptest::prelude::*;

fn identity() -> DomainIdentity {
    DomainIdentity {
        chain_id: 31337,
        settlement: Address::repeat_byte(0x5e),
        domain_id: DomainId::new(1),
        verification_key_id: B256::repeat_byte(0x7a),
    }
}

/// Where the next L1 log goes: a block of its own.
struct L1 {
    height: u64,
}

impl L1 {
    async fn book(&mut self, ledger: &Ledger, event: L1Event) {
        self.height += 1;
        let hash = B256::left_padding_from(&self.height.to_be_bytes());
        let block = L1Block { number: self.height, hash };
        let log = L1Log { id: L1LogId { tx_hash: hash, log_index: 0 }, block, event };
        ledger.record_l1_block_range(&[log], block).await.unwrap();
    }
}

/// What stands without a batch, found the slow way: play everything from the start, drop the first
/// batch that is refused, and play again, until none is.
fn without(operations: &[Operation], gone: &Batch) -> World {
    let mut left: Vec<Operation> = operations.to_vec();
    left.retain(|one| !matches!(one, Operation::Batch(batch) if **batch == *gone));
    loop {
        let mut world = World::new(identity().word());
        let registered = world.operations.len();
        let refused = left
            .iter()
            .skip(registered)
            .position(|one| world.apply(one.clone()).is_err())
            .map(|position| position + registered);
        match refused {
            None => return world,
            Some(position) => drop(left.remove(position)),
        }
    }
}

/// Evicts one of the batches so far, which is the answer; what the ledger lets go of is what the model
/// does.
async fn evict(ledger: &Ledger, world: &mut World, pick: usize) -> Option<Box<Batch>> {
    let batches = |world: &World| -> Vec<(RollupId, domain::Height)> {
        let batch = |one: &Operation| match one {
            Operation::Batch(batch) => Some((batch.rollup(), batch.height())),
            _ => None,
        };
        world.operations.iter().filter_map(batch).collect()
    };
    let before = batches(world);
    let (rollup, height) = before.get(pick % before.len().max(1)).copied()?;
    let is_it = |one: &&Operation| match one {
        Operation::Batch(batch) => (batch.rollup(), batch.height()) == (rollup, height),
        _ => false,
    };
    let Some(Operation::Batch(gone)) = world.operations.iter().find(is_it).cloned() else {
        unreachable!()
    };
    *world = without(&world.operations, &gone);
    let left = batches(world);
    let digest = gone.digest(world.domain_word());
    let evicted = ledger.evict(rollup, height, digest, "picked").await.unwrap();
    let evicted: Vec<_> = evicted.iter().map(|one| (one.batch.rollup, one.batch.height)).collect();
    let expected: Vec<_> = before.into_iter().filter(|one| !left.contains(one)).collect();
    assert_eq!(evicted, expected);
    Some(gone)
}

/// Every cell holds what the model says, and debits equal credits of every asset.
async fn assert_same(ledger: &Ledger, world: &World) {
    for position in ledger.cells().await.unwrap() {
        let cell = world.state.cell(position.rollup, position.asset).unwrap();
        let model = (cell.balance, cell.deposited, cell.exited);
        assert_eq!((position.balance, position.deposited, position.exited), model);
    }
    for line in ledger.trial_balance().await.unwrap() {
        assert_eq!((line.debits, line.custody), (line.credits, line.cells + line.pots));
    }
}

/// Posts a batch, which does what trying it said, signed or not; and trying it does nothing.
async fn post(api: &Ledger, batch: &Batch) -> Result<Posted, ledger::Error> {
    let before = api.cells().await.unwrap();
    let signed = api.simulate(&[Trial::Signed(batch)]).await.unwrap();
    let unsigned = api.simulate(&[Trial::Unsigned(batch)]).await.unwrap();
    assert_eq!(api.cells().await.unwrap(), before);
    assert_eq!(signed.after, unsigned.after);
    let posted = api.post_batch(batch).await;
    for said in [&signed.outcomes[0], &unsigned.outcomes[0]] {
        match (said, &posted) {
            (Ok(said), Ok(posted)) => {
                assert_eq!(Posted { posted_at: posted.posted_at, ..said.posted }, *posted);
                let balances = api.balances_after(posted).await.unwrap();
                assert_eq!(said.balances.as_ref(), Some(&balances));
            }
            (Err(said), Err(done)) => assert_eq!(format!("{said:?}"), format!("{done:?}")),
            (said, done) => panic!("said {said:?}, done {done:?}"),
        }
    }
    for cell in api.cells().await.unwrap() {
        let said = signed.after.cell(cell.rollup, cell.asset).unwrap();
        let said = (said.balance, said.deposited, said.exited);
        assert_eq!((cell.balance, cell.deposited, cell.exited), said);
    }
    let exits: Vec<_> = signed.outcomes.iter().flatten().flat_map(|said| &said.exits).collect();
    if posted.is_ok() {
        let filter = ExitFilter { rollup: Some(batch.rollup()), ..ExitFilter::default() };
        let booked = api.exits(&filter, None, PageLimit::MAX).await.unwrap();
        let newest: Vec<_> = booked[..exits.len()].iter().rev().map(|exit| &exit.claim).collect();
        assert_eq!(newest, exits);
    }
    posted
}

/// The sealed epoch is what was said of it.
async fn assert_sealed_as_said(ledger: &Ledger, said: &Simulation, sealed: &Sealed) {
    let said = &said.seal;
    assert!(said.holds_something);
    assert_eq!((said.epoch, said.last_block), (sealed.epoch, sealed.last_block));
    let counts = (said.batches, said.operations, said.transfers);
    assert_eq!(counts, (sealed.batches, sealed.operations, sealed.transfers));
    let digests = (said.opening_digest, said.closing_digest);
    assert_eq!(digests, (sealed.opening_digest, sealed.closing_digest));
    let operations = ledger.operations_of(sealed.epoch).await.unwrap().operations;
    assert_eq!(said.steps, plan_steps(&operations).unwrap().len());
    assert_eq!(said.netting, Netting::of(&operations));
}

/// Plays the actions into model and ledger at once; both must agree at every step and at the end.
/// Some actions come after the eviction of a batch.
async fn play(url: &str, actions: &[(Action, Option<usize>)]) {
    let ledger = Ledger::connect(url, Role::Engine, 2).await.unwrap();
    let api = Ledger::connect(url, Role::Api, 2).await.unwrap();
    let genesis_digest = LiquidityState::genesis().digest();
    let adoption = Adoption { identity: identity(), genesis_digest, deployed_at_block: 0 };
    ledger.adopt_domain(&adoption).await.unwrap();
    let mut l1 = L1 { height: 0 };
    for asset in AssetId::all().take(2) {
        let asset = Asset::new(asset, Address::repeat_byte(1), 18, 18).unwrap();
        l1.book(&ledger, L1Event::AssetRegistered(asset)).await;
    }
    let mut world = World::new(identity().word());
    for operation in world.operations.clone() {
        let Operation::Register { rollup, key } = operation else { unreachable!() };
        l1.book(&ledger, L1Event::RollupRegistered { rollup, key }).await;
    }
    let mut gone = Vec::new();
    for (action, eviction) in actions {
        if let Some(pick) = eviction {
            gone.extend(evict(&ledger, &mut world, *pick).await);
            assert_same(&ledger, &world).await;
        }
        let Some(operation) = world.operation(action) else { continue };
        if matches!(&operation, Operation::Batch(batch) if gone.contains(batch)) {
            let Operation::Batch(batch) = operation else { unreachable!() };
            api.post_batch(&batch).await.unwrap_err();
            continue;
        }
        let model = world.apply(operation.clone());
        match operation {
            Operation::Deposit { rollup, asset, atoms } if model.is_ok() => {
                let depositor = Address::repeat_byte(9);
                l1.book(&ledger, L1Event::Deposited { rollup, asset, depositor, atoms }).await;
            }
            Operation::Batch(batch) => match (model, Box::pin(post(&api, &batch)).await) {
                (Ok(()), Ok(posted)) => assert!(!posted.replayed),
                (Err(model), Err(ledger::Error::Refused(refusal))) => assert_eq!(model, refusal),
                (model, posted) => panic!("the model says {model:?}, the ledger {posted:?}"),
            },
            _ => {}
        }
    }
    assert_same(&ledger, &world).await;
    let said = api.simulate(&[]).await.unwrap();
    let sealed = ledger.seal(SealReason::Command).await.unwrap().unwrap();
    assert_eq!(sealed.closing_digest, world.state.close_epoch().digest());
    assert_sealed_as_said(&ledger, &said, &sealed).await;
    let mut rebuilt = ledger.operations_of(sealed.epoch).await.unwrap().operations;
    rebuilt.retain(|operation| *operation != Operation::Evicted);
    assert_eq!(rebuilt, world.operations);
    let report = ledger::audit::run(&ledger, &mut |_| ()).await.unwrap();
    assert_eq!((report.drift, report.first_fault), (0, None));
    ledger.close().await;
    api.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20, ..ProptestConfig::with_cases(6) })]

    #[test]
    fn the_ledger_is_the_model(
        actions in actions(24),
        evictions in prop::collection::vec(prop::option::weighted(0.25, any::<usize>()), 24),
    ) {
        let actions: Vec<_> = actions.into_iter().zip(evictions).collect();
        let server = std::env::var("DATABASE_URL")
            .expect("set DATABASE_URL, or run `ops/test`, which starts a Postgres for the tests");
        let name = format!("property_{}_{:x}", std::process::id(), next_case());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let url = ledger::database::create_migrated(&server, &name).await.unwrap();
            Box::pin(play(&url, &actions)).await;
            ledger::database::remove(&server, &name).await.unwrap();
        });
    }
}

/// A different database for every case.
fn next_case() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
