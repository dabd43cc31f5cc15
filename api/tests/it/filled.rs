//! A cluster with a past: epochs in every state, an evicted batch, evidence, a paid and an open claim.

use std::time::Duration;

use alloy_primitives::{Address, B256, keccak256};
use api::{Access, Settings};
use domain::{
    Asset, AssetId, EpochNumber, ExitIndex, StepContext, Word,
    l1::{L1Block, L1Event},
    plan_steps,
};
use ledger::{
    GasPrice, NewProof, NewSettlement, NewSubmission, Piece, SealReason, SettlementFee, TurnNumber,
    Work,
};

use crate::{
    rollup::{ETH, Rollup, USDC, exit, transfer},
    world::{World, adoption, deposited},
};

/// How far an epoch is taken.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Reach {
    Folding,
    Submitted,
    Settled,
    Final,
}

/// Epochs 1 to 3 are final, 4 is settled, 5 is submitted, 6 is half folded, 7 is open.
pub(crate) async fn filled(name: &str) -> World {
    let named = |names: &[&str]| {
        (1..).zip(names).map(|(id, name)| (id, (*name).to_owned())).collect::<Vec<_>>()
    };
    let settings = Settings {
        access: Access::Open,
        asset_names: named(&["ETH", "USDC"])
            .into_iter()
            .map(|(id, name)| (AssetId::new(id), name))
            .collect(),
        ..Settings::default()
    };
    let world = World::unbound(name, settings).await;
    world.engine.adopt_domain(&adoption(world.identity)).await.unwrap();
    let mut rollups = (1..=ROLLUPS).map(Rollup::new).collect::<Vec<_>>();
    register(&world, &rollups).await;
    let reached = [
        Reach::Final,
        Reach::Final,
        Reach::Final,
        Reach::Settled,
        Reach::Submitted,
        Reach::Folding,
    ];
    let mut lock = world.engine.lock_prover().await.unwrap().unwrap();
    let turn = world.engine.begin_turn(&mut lock, "prover-1, process 4711").await.unwrap();
    for (number, reach) in (1_u64..).zip(reached) {
        let batches = if reach == Reach::Folding { 4 } else { 1 };
        for round in 0..batches {
            post(&world, &mut rollups, number * 7 + round).await;
        }
        world.engine.seal(SealReason::Schedule).await.unwrap().unwrap();
        Box::pin(take(&world, EpochNumber::new(number), reach, turn)).await;
    }
    // Dropped, the lock would go some time later, and whoever takes it next could find it held.
    lock.release().await.unwrap();
    let claim = world.engine.exit(rollups[0].id, ExitIndex::new(0)).await.unwrap().unwrap().claim;
    world.book(90, vec![L1Event::ClaimPaid { epoch: EpochNumber::FIRST, claim }]).await;
    post(&world, &mut rollups, 3).await;
    misbehave(&world, &mut rollups).await;
    world
}

async fn register(world: &World, rollups: &[Rollup]) {
    let mut logs = vec![
        L1Event::AssetRegistered(Asset::new(ETH, Address::ZERO, 18, 18).unwrap()),
        L1Event::AssetRegistered(Asset::new(USDC, Address::repeat_byte(0xa0), 6, 6).unwrap()),
    ];
    let registered =
        |one: &Rollup| L1Event::RollupRegistered { rollup: one.id, key: one.key.public() };
    logs.extend(rollups.iter().map(registered));
    for one in rollups {
        let id = one.id.number();
        logs.push(deposited(id, ETH, u128::from(id + 2) * 11 * 10_u128.pow(18)));
        logs.push(deposited(id, USDC, u128::from(9 - id) * 40_000 * 10_u128.pow(6)));
    }
    world.book(2, logs).await;
}

/// A batch of each rollup, to the two after it, and an exit of each.
async fn post(world: &World, rollups: &mut [Rollup], salt: u64) {
    for one in rollups {
        let id = one.id.number();
        let to = |step: u16| (id + step - 1) % ROLLUPS + 1;
        let part = u128::from(salt * 37 % 19 + 3) * u128::from(id);
        let transfers = [
            transfer(to(1), USDC, part * 97_500_000),
            transfer(to(2), USDC, part * 31_250_000),
            transfer(to(1), ETH, part * 21 * 10_u128.pow(15)),
        ];
        let exits = [exit(USDC, part * 12_500_000), exit(ETH, 10_u128.pow(17))];
        world.booked(one, &transfers, &exits).await;
    }
}

/// One signs twice at a height, another one's batch is evicted.
async fn misbehave(world: &World, rollups: &mut [Rollup]) {
    let before = rollups[1].clone();
    world.booked(&mut rollups[1], &[transfer(1, USDC, 1)], &[]).await;
    let other = before.batch(world.word(), &[transfer(1, USDC, 2)], &[]);
    assert_eq!(world.post_batch(&other).await.status, 409);
    let gone = rollups[2].batch(world.word(), &[transfer(4, USDC, 5_000_000)], &[]);
    assert_eq!(world.post_batch(&gone).await.status, 201);
    let digest = gone.digest(world.word());
    let reason = "its step does not satisfy the circuit";
    world.engine.evict(gone.rollup, gone.height, digest, reason).await.unwrap();
}

pub(crate) async fn take(world: &World, epoch: EpochNumber, reach: Reach, turn: TurnNumber) {
    let work = world.engine.operations_of(epoch).await.unwrap();
    let steps = plan_steps(&work.operations).unwrap();
    let planned = u32::try_from(steps.len()).unwrap();
    let folded = if reach == Reach::Folding { steps.len() / 2 } else { steps.len() };
    let at = world.engine.sealed(epoch).await.unwrap().unwrap().last_block;
    let context = StepContext { domain_word: world.word(), epoch };
    let (mut state, mut emission) = (work.opening, Word::ZERO);
    for (number, step) in (1_u32..).zip(&steps).take(folded) {
        let (next, output) = step.run(&state, context, emission).unwrap();
        (state, emission) = (next, output.emission_digest);
        world.engine.record_step(epoch, number, &output, Some(b"checkpoint"), at).await.unwrap();
        worked(world, epoch, Piece::Step(number), turn).await;
    }
    if reach < Reach::Submitted {
        return;
    }
    let closing_digest = work.closing_digest;
    let proof = || NewProof { closing_digest, steps: planned, bytes: vec![7; 9_216] };
    world.engine.record_settlement_proof(epoch, &proof()).await.unwrap();
    worked(world, epoch, Piece::SettlementProof, turn).await;
    let number = epoch.number();
    let tx_hash = keccak256(number.to_be_bytes());
    let sender = Address::repeat_byte(0x51);
    let submission = NewSubmission { sender, nonce: number, tx_hash, raw_tx: vec![1, 2, 3] };
    world.engine.record_submission(epoch, &submission).await.unwrap();
    if reach < Reach::Settled {
        return;
    }
    let block = L1Block { number: 10 + number, hash: keccak256((10 + number).to_be_bytes()) };
    // The first was settled before prices were recorded.
    let price = GasPrice::new(u128::from(number) * 700_000_000 + 7).unwrap();
    let fee = SettlementFee { payer: sender, gas_price: price };
    let settlement = NewSettlement {
        tx_hash,
        block,
        gas_used: 1_043_221 + (number - 1) * 11_003,
        state_digest: closing_digest,
        fee: (number > 1).then_some(fee),
    };
    world.engine.record_settlement(epoch, &settlement).await.unwrap();
    if reach < Reach::Final {
        return;
    }
    world.engine.record_proof(epoch, &proof()).await.unwrap();
    worked(world, epoch, Piece::AggregatedProof, turn).await;
    let seen = L1Block { number: 80, hash: B256::repeat_byte(8) };
    world.engine.record_final(epoch, seen).await.unwrap();
}

/// A piece of work, longer with each epoch.
async fn worked(world: &World, epoch: EpochNumber, piece: Piece, turn: TurnNumber) {
    let seconds = match piece {
        Piece::Step(step) => 4 + u64::from(step) % 3,
        Piece::SettlementProof | Piece::AggregatedProof => 11,
    };
    let took = Duration::from_millis(seconds * 1_000 + epoch.number() * 130);
    world.engine.record_work(&Work { epoch, piece, turn, took }).await.unwrap();
}

const ROLLUPS: u16 = 5;
