//! A world with a row in every table: what attacks on the schema and on history start from.

use std::collections::BTreeSet;
use std::time::Duration;

use alloy_primitives::B256;
use domain::l1::{L1Event, L1Log};
use domain::{Batch, EpochNumber, StepOutput, Word};
use ledger::{
    ApiKeySecret, Error, EventNumber, EventType, KeyedRequest, NewSettlement, NewWebhook, Outcome,
    Piece, Scope, SupersedeReason, WebhookId, Work,
};

use crate::world::{ETH, ONE, THREE, TWO, USDC, World, deposit, l1_block, out, submission, to};

const FIRST: EpochNumber = EpochNumber::FIRST;
const SECOND: EpochNumber = EpochNumber::new(2);

/// Two sealed and proven epochs, the first one settled, undone, settled again and final; in the open
/// third one a paid claim, a deposit and a wish to seal. Blocks: 1–2 assets, 3–5 rollups, 6–11
/// deposits, 12 and 13 batches of rollup 1, 14 of rollup 2, 15 the claim, 16 a deposit.
pub(crate) async fn live(world: &mut World) {
    let batch =
        world.batch(ONE, vec![to(TWO, ETH, 5), to(TWO, USDC, 6)], vec![out(ETH, 3), out(ETH, 4)]);
    let other = world.batch(ONE, vec![to(TWO, ETH, 50)], Vec::new());
    world.post(&batch).await;
    let conflict = world.api.post_batch(&other).await;
    assert!(matches!(conflict, Err(Error::BatchConflict { .. })));
    let next = world.batch(ONE, vec![to(TWO, ETH, 1)], vec![out(ETH, 1)]);
    world.post(&next).await;
    world.seal().await;
    let batch = world.batch(TWO, vec![to(ONE, ETH, 1)], Vec::new());
    world.post(&batch).await;
    let at = world.seal().await.last_block;
    world.prove(FIRST).await;
    settle_twice(world).await;
    // The second epoch is half folded, and a prover offers more of it.
    let outputs = world.outputs(SECOND).await;
    world.engine.record_step(SECOND, 1, &outputs[0], Some(b"checkpoint"), at).await.unwrap();

    let claim = world.claims(ONE).await[0];
    let sealed = world.engine.sealed(FIRST).await.unwrap().unwrap();
    let (state_digest, books) = (sealed.closing_digest, sealed.books.unwrap());
    let steps = u64::from(world.engine.latest_step(FIRST).await.unwrap().unwrap().step);
    world
        .record(vec![
            L1Event::EpochSettled { epoch: FIRST, state_digest, steps, books },
            L1Event::ClaimPaid { epoch: FIRST, claim },
            deposit(ONE, ETH, 9),
        ])
        .await
        .unwrap();
    turns(world, &outputs[0]).await;
    keys(world, &batch).await;
    webhooks(world).await;
    assert_ne!(state_digest, Word::ZERO);
}

/// An engine and a prover had their turns, and the prover folded and proved the first epoch and offers a step and
/// a proof of the second.
async fn turns(world: &World, offered: &StepOutput) {
    let mut engine = world.engine.lock_engine().await.unwrap().unwrap();
    world.engine.begin_turn(&mut engine, "host, process 1").await.unwrap();
    let mut prover = world.prover.lock_prover().await.unwrap().unwrap();
    let turn = world.prover.begin_turn(&mut prover, "host, process 2").await.unwrap();
    let steps = world.engine.latest_step(FIRST).await.unwrap().unwrap().step;
    let took = Duration::from_millis(1_500);
    let pieces = (1..=steps).map(Piece::Step).chain([Piece::SettlementProof]);
    for piece in pieces.chain([Piece::AggregatedProof]) {
        world.engine.record_work(&Work { epoch: FIRST, piece, turn, took }).await.unwrap();
    }
    let of_second = |piece| Work { epoch: SECOND, piece, turn, took };
    world.prover.offer_step(&of_second(Piece::Step(2)), offered, b"checkpoint").await.unwrap();
    world.prover.offer_proof(&of_second(Piece::SettlementProof), b"proof").await.unwrap();
    engine.release().await.unwrap();
    prover.release().await.unwrap();
}

/// Two keys, of which one is revoked and the other asks for a seal and posts a batch again, with
/// idempotency keys.
async fn keys(world: &World, batch: &Batch) {
    let scopes = BTreeSet::from([Scope::Read, Scope::Operate]);
    for number in [1, 2] {
        let secret = ApiKeySecret::from_random([number; 8], [number; 32]);
        world.owner.add_api_key(&secret, "operator", &scopes).await.unwrap();
    }
    let [first, second] = [1, 2].map(|number| ApiKeySecret::from_random([number; 8], [0; 32]).id());
    world.owner.revoke_api_key(second).await.unwrap();
    let keyed =
        |key: &str| KeyedRequest::new(Some(first), key.parse().unwrap(), "POST /v1/x", b"{}");
    world.api.request_seal_by_key(Some(first), Some(&keyed("seal"))).await.unwrap();
    let answers = world.api.post_batches(&[(0, batch)], Some(&keyed("batch"))).await;
    assert!(answers[0].as_ref().unwrap().posted.replayed);
}

/// Two webhooks: one was told of an event after it had failed and was resumed; the other wants what did not happen
/// yet, and is revoked.
async fn webhooks(world: &World) {
    let api = &world.api;
    let rare = BTreeSet::from([EventType::Equivocation]);
    let [told, gone] = [None, Some(&rare)].map(|events| NewWebhook {
        id: WebhookId::from_random([if events.is_none() { 1 } else { 2 }; 8]),
        url: "https://example.org/hook",
        events,
        after: Some(EventNumber::new(u64::from(events.is_some()))),
        secret_digest: B256::repeat_byte(7),
    });
    let first = api.add_webhook(&told, None, None).await.unwrap().next_attempt();
    let event = EventNumber::new(1);
    let refused = Outcome::Refused { status: 500 };
    api.record_webhook_attempt(told.id, first, event, refused).await.unwrap();
    api.resume_webhook(told.id, None, None).await.unwrap();
    let delivered = Outcome::Delivered { status: 200 };
    api.record_webhook_attempt(told.id, first.next(), event, delivered).await.unwrap();
    api.add_webhook(&gone, None, None).await.unwrap();
    api.record_webhook_pass(gone.id, EventNumber::new(2)).await.unwrap();
    api.revoke_webhook(gone.id, None, None).await.unwrap();
}

/// Goes on from [`live`]: two batches of rollup 1 are evicted for the sake of the first of them, and
/// its height is taken anew. Blocks: 17 and 18 the batches, 19 one of rollup 2, 20 the reversal of 18,
/// 21 that of 17, 22 another batch at the height of 17 with one exit more, 23 one that lists nothing.
pub(crate) async fn evicted(world: &mut World) {
    let first = world.batch(ONE, vec![to(TWO, ETH, 5), to(TWO, USDC, 2)], vec![out(ETH, 2)]);
    world.post(&first).await;
    let second = world.batch(ONE, vec![to(THREE, ETH, 1)], vec![out(ETH, 1)]);
    world.post(&second).await;
    let other = world.batch(TWO, vec![to(THREE, ETH, 1)], Vec::new());
    world.post(&other).await;
    let gone = world.evict(&first, "its witness has no solution").await;
    assert_eq!(gone.unwrap().len(), 2);
    world.back_to(&first);
    let mended = world.batch(ONE, vec![to(TWO, ETH, 5)], vec![out(ETH, 2), out(USDC, 1)]);
    world.post(&mended).await;
    let empty = world.batch(ONE, Vec::new(), Vec::new());
    world.post(&empty).await;
}

/// Somebody else settles the third epoch on L1, and the books end.
pub(crate) async fn foreign(world: &World) {
    let (epoch, digest) = (EpochNumber::new(3), Word::from(7_u64));
    let (engine, tx) = (&world.engine, B256::repeat_byte(0xf0));
    engine.record_foreign_settlement(epoch, tx, l1_block(3_000), digest).await.unwrap();
}

/// Goes on from [`evicted`]: of two deposits that L1 shows one is booked, the other dropped and shown
/// again. Blocks: 24 and 25 the holds, 26 the release of 25, 27 its deposit held again, 28 the deposit
/// of 24. The hold of 27 is open.
pub(crate) async fn held(world: &mut World) {
    let one = world.deposited(deposit(ONE, ETH, 20), 3);
    let two = world.deposited(deposit(TWO, USDC, 5), 3);
    let both = [one.clone(), two.clone()];
    assert_eq!(world.see(&both, 4).await.held, 2);
    assert_eq!(world.see(&both[..1], 4).await.released, 1);
    let again = L1Log { block: l1_block(4), ..two };
    assert_eq!(world.see(&[one.clone(), again], 4).await.held, 1);
    world.book(&[one], 3).await.unwrap();
}

async fn settle_twice(world: &World) {
    let engine = &world.engine;
    engine.record_submission(FIRST, &submission(1, 0)).await.unwrap();
    engine.supersede_submission(FIRST, 1, SupersedeReason::FeeRaised).await.unwrap();
    let second = submission(2, 0);
    engine.record_submission(FIRST, &second).await.unwrap();
    let settlement = world.settlement(FIRST, second.tx_hash).await;
    engine.record_settlement(FIRST, &settlement).await.unwrap();
    engine.record_reorg(FIRST, l1_block(2_000)).await.unwrap();
    let again = NewSettlement { block: l1_block(2_001), ..settlement };
    engine.record_settlement(FIRST, &again).await.unwrap();
    engine.record_final(FIRST, l1_block(2_100)).await.unwrap();
}
