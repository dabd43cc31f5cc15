//! A world with a row in every table: what attacks on the schema and on history start from.

use domain::l1::L1Event;
use domain::{EpochNumber, Word};
use ledger::{Error, NewSettlement, SupersedeReason};

use crate::world::{ETH, ONE, TWO, USDC, World, deposit, l1_block, out, submission, to};

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
    world.seal().await;
    world.prove(FIRST).await;
    settle_twice(world).await;
    // The second epoch is half folded.
    let outputs = world.outputs(SECOND).await;
    world.engine.record_step(SECOND, 1, &outputs[0], b"checkpoint").await.unwrap();

    let claim = world.claims(ONE).await[0];
    let state_digest = world.engine.sealed(FIRST).await.unwrap().unwrap().closing_digest;
    let steps = u64::from(world.engine.latest_step(FIRST).await.unwrap().unwrap().step);
    world
        .record(vec![
            L1Event::EpochSettled { epoch: FIRST, state_digest, steps },
            L1Event::ClaimPaid { epoch: FIRST, claim },
            deposit(ONE, ETH, 9),
        ])
        .await
        .unwrap();
    world.api.request_seal("operator").await.unwrap();
    assert_ne!(state_digest, Word::ZERO);
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
