//! From posted batches to a final settlement, and what may come between.

use std::time::Duration;

use alloy_primitives::{B256, U256};
use domain::EpochNumber;
use engine::{Config, Error, Milestone, Proving};
use ledger::{CostFilter, Ledger, PageLimit, Piece, Role, SealReason, TurnKind, Work};

use crate::anvil::KEYS;
use crate::engine_process::{run_and_kill_at, run_and_stop_at, run_prover_and_kill_at};
use crate::kept;
use crate::world::{GRACE, World, config, settler};

/// What may happen to an intent between signing and sending: somebody else settles the epoch, which
/// counts; or somebody else spends the nonce, and the intent is replaced by one that can land. Somebody
/// else's settlement leaves the way open to all; the engine shuts it by itself, with an epoch that holds
/// nothing.
#[tokio::test]
async fn an_intent_overtaken() {
    let mut world = World::new().await;
    world.deposit(1, 1, 1_000).await;
    run_and_stop_at(&world, "LogsBooked", 1);
    world.post(1, &[(2, 1, 3)], &[]).await;
    world.posting.request_seal("test").await.unwrap();
    run_and_kill_at(&world, "Sealed", 1);
    let epoch = EpochNumber::FIRST;
    world.prove(epoch).await;
    run_and_kill_at(&world, "IntentWritten", 1);
    let outputs: Vec<_> = world.ledger.steps(epoch).await.unwrap();
    let outputs: Vec<_> = outputs.into_iter().map(|step| step.output).collect();
    let proof = world.ledger.settlement_proof(epoch).await.unwrap().unwrap();
    world.outlast_the_grace().await;
    let theirs =
        world.l1.prepare_settle(epoch, &outputs, B256::repeat_byte(9), &proof.bytes).await.unwrap();
    world.l1.send_raw(&theirs.raw_tx).await.unwrap();
    run_and_kill_at(&world, "Final", 1);
    let settlement = world.ledger.settlement(epoch).await.unwrap().unwrap();
    assert_eq!(settlement.tx_hash, theirs.tx_hash);
    let open = world.l1.grace().await.unwrap();
    assert!(open.open_to_all_at <= open.block_time, "{open:?}");

    run_and_kill_at(&world, "IntentWritten", 1);
    let key = KEYS[1].parse().unwrap();
    let same = engine::l1::L1::connect(&world.anvil.url, world.l1.settlement(), &key).await;
    let ether = &world.assets[0];
    let token_atoms = U256::from(1_000_000_000_u64);
    same.unwrap().deposit(domain::RollupId::new(1), ether, token_atoms).await.unwrap();
    run_and_kill_at(&world, "Final", 1);
    let second = EpochNumber::new(2);
    let sealed = world.ledger.sealed(second).await.unwrap().unwrap();
    assert_eq!((sealed.reason, sealed.operations), (SealReason::Grace, 0));
    let shut = world.l1.grace().await.unwrap();
    assert_eq!(shut.epoch, Some(second));
    assert!(shut.open_to_all_at > open.open_to_all_at + GRACE, "{shut:?}");
    let submissions = world.ledger.submissions(second).await.unwrap();
    let nonces: Vec<_> = submissions.iter().map(|submission| submission.nonce).collect();
    assert_eq!(nonces, [0, 1]);
    let settlement = world.ledger.settlement(second).await.unwrap().unwrap();
    assert_eq!(settlement.tx_hash, submissions[1].tx_hash);
    world.check_books(2).await;
}

/// A settlement that a reorg drops before it is final goes back to submitted and lands again, as the
/// same l1_tx. Its engine leaves proving to a process of its own, which knows no key of L1 and loses no step
/// when it is killed; the engine folds and proves nothing, and believes none of what another one offers before.
#[tokio::test]
async fn a_dropped_settlement_lands_again() {
    let mut world = World::new().await;
    world.deposit(1, 1, 1_000).await;
    world.anvil.mine(3).await;
    let engine = world.engine(Config { proving: Proving::Elsewhere, ..config(3) }).await;
    engine.await_milestone(|milestone| booked_deposits(milestone) > 0).await;
    world.post(1, &[(2, 1, 300)], &[(1, 100)]).await;
    world.posting.request_seal("test").await.unwrap();
    engine.await_milestone(|milestone| matches!(milestone, Milestone::Sealed { .. })).await;
    Box::pin(lie(&world)).await;
    run_prover_and_kill_at(&world, "StepFolded", 1);
    let prover = world.prover().await;
    engine.await_milestone(|milestone| matches!(milestone, Milestone::Settled { .. })).await;
    let turns = world.ledger.turns().await.unwrap();
    assert_eq!(
        turns.iter().map(|turn| turn.kind).collect::<Vec<_>>(),
        [TurnKind::Engine, TurnKind::Prover]
    );
    let folded = |milestone: &Milestone| matches!(milestone, Milestone::StepFolded { .. });
    assert_eq!(prover.seen().iter().filter(|seen| folded(seen)).count(), 1, "of two steps");
    world.anvil.mine(1).await;
    world.anvil.reorg(2).await;
    engine.await_milestone(|milestone| matches!(milestone, Milestone::Reorged { .. })).await;
    let again = |seen: Vec<Milestone>| {
        seen.iter().filter(|milestone| matches!(milestone, Milestone::Settled { .. })).count() == 2
    };
    while !again(engine.seen()) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world.anvil.mine(6).await;
    world.await_final(1).await;
    prover.stop().await.unwrap();
    let proving = ["StepFolded", "StepFoldedAhead", "Compressed"];
    assert!(engine.seen().iter().all(|seen| !proving.contains(&seen.kind())));
    let seen = engine.seen();
    let kinds = seen.iter().map(Milestone::kind);
    let on_l1 = ["IntentWritten", "Sent", "Settled", "Reorged", "Final"];
    let mut kinds: Vec<_> = kinds.filter(|kind| on_l1.contains(kind)).collect();
    assert_eq!(kinds[..2], ["IntentWritten", "Sent"]);
    // Dropped, it may be mined again before it is sent again.
    kinds.retain(|kind| *kind != "Sent");
    assert_eq!(kinds, ["IntentWritten", "Settled", "Reorged", "Settled", "Final"]);
    engine.stop().await.unwrap();
    let submissions = world.ledger.submissions(EpochNumber::FIRST).await.unwrap();
    assert_eq!(submissions.len(), 1);
    let cost = world.ledger.costs(&CostFilter::default(), None, PageLimit::MAX).await.unwrap();
    let fee = cost[0].fee.unwrap();
    assert_eq!(fee.payer, submissions[0].sender);
    assert!(fee.gas_price.wei() > 0 && cost[0].gas_used > 100_000);
    assert_eq!((cost[0].transfers, cost[0].exits), (1, 1));
    world.check_books(1).await;
}

/// Offers what is wrong, one thing after another: none of it is recorded, each time all offers go, and the engine
/// goes on.
async fn lie(world: &World) {
    let epoch = EpochNumber::FIRST;
    let prover = Ledger::connect(&world.database.url, Role::Prover, 2).await.unwrap();
    let mut lock = prover.lock_prover().await.unwrap().unwrap();
    let turn = prover.begin_turn(&mut lock, "a liar").await.unwrap();
    let work = prover.operations_of(epoch).await.unwrap();
    let context = domain::StepContext { domain_word: world.identity.word(), epoch };
    let plan = folding::plan(&work.opening, &work.operations, context).unwrap();
    let of = |piece| Work { epoch, piece, turn, took: Duration::from_secs(1) };
    let refused = async || {
        while prover.offered_checkpoint(epoch).await.unwrap().is_some()
            || prover.is_offered(epoch, Piece::SettlementProof).await.unwrap()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mut wrong = plan.steps[0].output().clone();
    wrong.pending += 1;
    prover.offer_step(&of(Piece::Step(1)), &wrong, b"none").await.unwrap();
    refused().await;
    world.database.ask(&format!(
        "insert into offer (epoch_number, work_kind, step_number, content, checkpoint, turn_number, took_ms)
        values (1, 1, 1, decode(repeat('ff', {}), 'hex'), '', 1, 0)",
        91 * 32
    ));
    refused().await;
    assert_eq!(world.ledger.steps(epoch).await.unwrap().len(), 0);
    for (step, witness) in (1..).zip(&plan.steps) {
        prover.offer_step(&of(Piece::Step(step)), witness.output(), b"none").await.unwrap();
    }
    prover.offer_proof(&of(Piece::SettlementProof), &[7; 9_000]).await.unwrap();
    refused().await;
    assert_eq!(world.ledger.steps(epoch).await.unwrap().len(), plan.steps.len());
    assert!(world.ledger.settlement_proof(epoch).await.unwrap().is_none());
    // What would be resumed from is nothing either.
    prover.offer_step(&of(Piece::Step(1)), &wrong, b"none").await.unwrap();
    lock.release().await.unwrap();
}

/// A settlement that was mined and failed ends the engine with the contract's reason, again after a
/// restart, and is not sent a second time. It is of an epoch that nothing asked for but the grace, half
/// of which had gone.
#[tokio::test]
async fn a_failed_settlement_is_an_incident() {
    let mut world = World::new().await;
    world.deposit(1, 1, 1_000).await;
    run_and_stop_at(&world, "LogsBooked", 1);
    world.post(1, &[(2, 1, 3)], &[]).await;
    world.pass(GRACE / 2).await;
    run_and_kill_at(&world, "Sealed", 1);
    world.prove(EpochNumber::FIRST).await;
    run_and_kill_at(&world, "IntentWritten", 1);
    let sealed = world.ledger.sealed(EpochNumber::FIRST).await.unwrap().unwrap();
    assert_eq!((sealed.reason, sealed.batches), (SealReason::Grace, 1));
    world.l1.pause().await.unwrap();
    for _ in 0..2 {
        let ended = world.engine(config(0)).await.ended().await.unwrap_err();
        assert!(matches!(ended, Error::SettleReverted { .. }), "{ended}");
        assert!(ended.to_string().contains("EnforcedPause"), "{ended}");
    }
    let submissions = world.ledger.submissions(EpochNumber::FIRST).await.unwrap();
    assert_eq!(submissions.len(), 1);

    // An operator who has mended the cause lets it be signed anew.
    world.l1.unpause().await.unwrap();
    engine::retry_failed(&world.ledger, &world.engine_l1().await, EpochNumber::FIRST)
        .await
        .unwrap();
    run_and_kill_at(&world, "Final", 1);
    let submissions = world.ledger.submissions(EpochNumber::FIRST).await.unwrap();
    assert_eq!(submissions.len(), 2);
    world.check_books(1).await;
}

/// An epoch that somebody else settles with another state ends the books: the engine says so in words
/// whenever it starts, nothing more is booked, and everything can be read.
#[tokio::test]
async fn a_foreign_settlement_ends_the_books() {
    let mut world = World::new().await;
    world.deposit(1, 1, 1_000).await;
    run_and_stop_at(&world, "LogsBooked", 1);
    // Somebody proves that nothing happened: an empty epoch is a valid one.
    let (identity, epoch) = (world.identity, EpochNumber::FIRST);
    let genesis = domain::LiquidityState::genesis();
    let (statement, proof) = kept::proven(identity, epoch, genesis, Vec::new()).await;
    let outputs = &statement.outputs;
    let early = world.l1.prepare_settle(epoch, outputs, B256::ZERO, proof.as_bytes()).await;
    assert!(early.unwrap_err().to_string().contains("SettlerOnly"));
    world.outlast_the_grace().await;
    let theirs = world.l1.prepare_settle(epoch, outputs, B256::ZERO, proof.as_bytes()).await;
    let theirs = theirs.unwrap();
    world.l1.send_raw(&theirs.raw_tx).await.unwrap();

    for _ in 0..2 {
        let ended = world.engine(config(0)).await.ended().await.unwrap_err();
        let Error::SettledElsewhere { epoch: found, tx_hash, ours, theirs: digest, .. } = &ended
        else {
            panic!("{ended}")
        };
        assert_eq!((*found, *tx_hash, *ours), (epoch, theirs.tx_hash, None));
        assert_eq!(*digest, outputs[0].state_digest);
        assert!(ended.to_string().contains(&theirs.tx_hash.to_string()), "{ended}");
    }
    let foreign = world.ledger.foreign_settlement().await.unwrap().unwrap();
    assert_eq!(foreign.tx_hash, theirs.tx_hash);
    let batch = world.operators[0].batch(identity.word(), &[(2, 1, 1)], &[]);
    let refused = world.posting.post_batch(&batch).await.unwrap_err();
    assert!(matches!(refused, ledger::Error::SettledElsewhere { .. }), "{refused}");
    let report = ledger::audit::run(&world.ledger, &mut |_| {}).await.unwrap();
    assert_eq!(report.first_fault.map(|fault| fault.to_string()), None);
}

/// An engine whose account is not the settler does not start, until anybody may settle.
#[tokio::test]
async fn only_the_settlers_engine_starts() {
    let world = World::new().await;
    let ended = world.engine_as(world.l1.clone(), config(0)).ended().await.unwrap_err();
    let Error::NotSettler { settler: named, signer, .. } = ended else { panic!("{ended}") };
    assert_eq!((named, signer), (settler(), world.l1.signer()));
    world.outlast_the_grace().await;
    let engine = world.engine_as(world.l1.clone(), config(0));
    engine.await_milestone(|milestone| matches!(milestone, Milestone::LogsBooked { .. })).await;
    engine.stop().await.unwrap();
}

fn booked_deposits(milestone: &Milestone) -> u32 {
    match milestone {
        Milestone::LogsBooked { booked, .. } => booked.deposits,
        _ => 0,
    }
}
