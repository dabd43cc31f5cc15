//! The life of an epoch: each step once, in order, and back by a reorg.

use alloy_primitives::B256;
use domain::{EpochNumber, StepContext, Word};
use ledger::{
    EpochStatus, Error, EventKind, EventNumber, NewProof, NewSettlement, PageLimit, SealReason,
    SupersedeReason,
};

use crate::world::{
    ETH, ONE, TWO, World, adoption, l1_block, out, submission, to, with_database, with_schema,
    with_world,
};

const FIRST: EpochNumber = EpochNumber::FIRST;
const SECOND: EpochNumber = EpochNumber::new(2);

async fn status(world: &World, epoch: EpochNumber) -> EpochStatus {
    world.read.epoch(epoch).await.unwrap().unwrap().status
}

/// A call is refused for exactly that, and every row is as before.
async fn check<T>(
    world: &World,
    call: impl Future<Output = Result<T, Error>>,
    refused: impl FnOnce(&Error) -> bool,
) {
    let before = world.dump().await;
    let refusal = call.await.err().unwrap();
    assert!(refused(&refusal), "{refusal:?}");
    assert_eq!(world.dump().await, before);
}

/// Steps of the open epoch are recorded as they are fixed, and go on as those of the sealed one;
/// what is read of it under the lock is what is sealed.
#[test]
fn steps_are_recorded_before_the_seal() {
    with_world(|mut world| async move {
        for _ in 0..=domain::limits::BATCHES_PER_STEP {
            let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
            world.post(&batch).await;
        }
        let open = world.engine.open_operations().await.unwrap();
        assert_eq!(open.epoch, FIRST);
        let [fixed] = &domain::fixed_steps(&open.operations).unwrap()[..] else { panic!() };
        let context = StepContext { domain_word: adoption().identity.word(), epoch: FIRST };
        let (_, output) = fixed.run(&open.opening, context, Word::ZERO).unwrap();
        world
            .engine
            .record_step(FIRST, 1, &output, Some(b"checkpoint"), open.last_block)
            .await
            .unwrap();
        assert_eq!(status(&world, FIRST).await, EpochStatus::Open);
        let early = NewProof { closing_digest: output.state_digest, steps: 1, bytes: vec![7] };
        check(&world, world.engine.record_settlement_proof(FIRST, &early), |error| {
            matches!(error, Error::NotSealed { epoch: FIRST })
        })
        .await;
        world.assert_clean().await;

        let mut sealing = world.engine.begin_seal().await.unwrap();
        assert_eq!(sealing.last_block(), open.last_block);
        assert_eq!(sealing.operations().await.unwrap().operations, open.operations);
        drop(sealing);
        let sealing = world.engine.begin_seal().await.unwrap();
        sealing.seal(SealReason::Size).await.unwrap().unwrap();
        assert_eq!(status(&world, FIRST).await, EpochStatus::Proving { steps: 1 });
        let sealed = world.engine.operations_of(FIRST).await.unwrap();
        assert_eq!(sealed.operations, open.operations);
        world.prove(FIRST).await;
        assert_eq!(status(&world, FIRST).await, EpochStatus::Proven);
        world.assert_clean().await;
    });
}

/// Sealing fixes what is in an epoch and opens the next with what it leaves behind.
#[test]
fn a_sealed_epoch_is_what_the_next_one_opens_with() {
    with_world(|mut world| async move {
        let batch = world.batch(ONE, vec![to(TWO, ETH, 5)], vec![out(ETH, 3)]);
        world.post(&batch).await;
        let sealed = world.seal().await;
        assert_eq!((sealed.epoch, sealed.batches, sealed.operations), (FIRST, 1, 10));
        let first = world.engine.operations_of(FIRST).await.unwrap();
        assert_eq!(first.opening, domain::LiquidityState::genesis());
        assert_eq!(first.operations.len(), 10);
        assert_eq!(status(&world, FIRST).await, EpochStatus::Sealed);

        let open = world.read.open_epoch().await.unwrap();
        assert_eq!((open.epoch, open.operations), (SECOND, 0));
        assert_eq!(open.opening_digest, sealed.closing_digest);
        assert_eq!(world.engine.seal(SealReason::Schedule).await.unwrap(), None);
        let batch = world.batch(ONE, vec![to(TWO, ETH, 5)], Vec::new());
        world.post(&batch).await;
        world.seal().await;
        let second = world.engine.operations_of(SECOND).await.unwrap();
        assert_eq!(second.opening.digest(), sealed.closing_digest);
        assert_eq!(second.operations, [domain::Operation::Batch(Box::new(batch))]);
        let closing = world.read.positions(SECOND).await.unwrap();
        let balances: Vec<_> = closing.iter().map(|cell| cell.balance.number()).collect();
        assert_eq!(balances, [987, 1_010]);
        let kept = world.read.closings(ONE, PageLimit::MAX).await.unwrap();
        let kept = kept.iter().filter(|(_, cell)| cell.asset == ETH);
        let kept: Vec<_> = kept.map(|(epoch, cell)| (*epoch, cell.balance.number())).collect();
        assert_eq!(kept, [(FIRST, 992), (SECOND, 987)]);
        let last = world.read.closings(ONE, PageLimit::new(1).unwrap()).await.unwrap();
        assert!(last.iter().all(|(epoch, _)| *epoch == SECOND) && !last.is_empty());
        let open = world.read.open_operations().await.unwrap();
        assert_eq!((open.epoch, open.operations), (EpochNumber::new(3), vec![]));
        check(&world, world.engine.operations_of(EpochNumber::new(3)), |error| {
            matches!(error, Error::NotSealed { .. })
        })
        .await;
        check(&world, world.engine.operations_of(EpochNumber::new(4)), |error| {
            matches!(error, Error::UnknownEpoch { .. })
        })
        .await;
        world.assert_clean().await;
    });
}

/// An epoch that holds nothing is sealed for the grace alone, as often as needed, and the books go on
/// from it; but never before there is a journal to pin.
#[test]
fn an_empty_epoch_is_sealed_for_the_grace_alone() {
    with_world(|mut world| async move {
        let first = world.seal().await;
        for number in 2..=3 {
            assert_eq!(world.engine.seal(SealReason::Command).await.unwrap(), None);
            let sealed = world.engine.seal(SealReason::Grace).await.unwrap().unwrap();
            assert_eq!(sealed.epoch, EpochNumber::new(number));
            assert_eq!((sealed.batches, sealed.operations, sealed.transfers), (0, 0, 0));
            assert_eq!(sealed.last_block, first.last_block);
            assert_eq!(sealed.closing_digest, first.closing_digest);
            assert_eq!(world.read.sealed(sealed.epoch).await.unwrap(), Some(sealed));
            assert_eq!(world.outputs(sealed.epoch).await.len(), 1);
            world.prove(sealed.epoch).await;
            assert_eq!(world.read.positions(sealed.epoch).await.unwrap(), []);
        }
        let batch = world.batch(ONE, vec![to(TWO, ETH, 5)], Vec::new());
        world.post(&batch).await;
        let fourth = world.engine.seal(SealReason::Grace).await.unwrap().unwrap();
        assert_eq!((fourth.epoch.number(), fourth.operations), (4, 1));
        world.prove(fourth.epoch).await;
        world.assert_clean().await;
    });
    with_schema(|url| async move {
        let world = World::empty(url).await;
        world.engine.adopt_domain(&adoption()).await.unwrap();
        world.engine.record_l1_block_range(&[], l1_block(1)).await.unwrap();
        assert_eq!(world.engine.seal(SealReason::Grace).await.unwrap(), None);
    });
}

/// A missing or changed baseline is an error, never zero.
#[test]
fn a_missing_baseline_is_an_error() {
    with_world(|mut world| async move {
        world.seal().await;
        let batch = world.batch(ONE, vec![to(TWO, ETH, 5)], Vec::new());
        world.post(&batch).await;
        let tamper = |sql: &'static str| {
            let raw = world.raw.clone();
            async move {
                let mut tx = raw.begin().await.unwrap();
                sqlx::raw_sql("set local session_replication_role = replica")
                    .execute(&mut *tx)
                    .await
                    .unwrap();
                sqlx::raw_sql(
                    "alter table epoch_cell disable trigger all;
                    alter table epoch_seal disable trigger all",
                )
                .execute(&mut *tx)
                .await
                .unwrap();
                sqlx::raw_sql(sql).execute(&mut *tx).await.unwrap();
                tx.commit().await.unwrap();
            }
        };
        tamper("update epoch_cell set balance = 0 where rollup_id = 1 and asset_id = 1").await;
        check(&world, world.engine.seal(SealReason::Command), |error| {
            matches!(error, Error::BaselineDiffers { .. })
        })
        .await;
        check(&world, world.engine.operations_of(SECOND), |error| {
            matches!(error, Error::BaselineDiffers { .. })
        })
        .await;
        tamper("delete from epoch_seal").await;
        check(&world, world.engine.operations_of(SECOND), |error| {
            matches!(error, Error::BaselineMissing { .. })
        })
        .await;
    });
}

/// Asking for a seal is answered by the first wish, and over once the epoch is sealed.
#[test]
fn a_wish_to_seal_is_kept_once() {
    with_world(|world| async move {
        assert_eq!(world.engine.pending_seal_request().await.unwrap(), None);
        let first = world.api.request_seal("operator").await.unwrap();
        assert_eq!(world.api.request_seal("somebody else").await.unwrap(), first);
        assert_eq!(world.engine.pending_seal_request().await.unwrap(), Some(first));
        check(&world, world.api.request_seal(""), |error| {
            matches!(error, Error::Forbidden { constraint: "seal_request_name_in_bound" })
        })
        .await;
        world.seal().await;
        assert_eq!(world.engine.pending_seal_request().await.unwrap(), None);
        assert!(world.api.request_seal("operator").await.is_ok());
        world.assert_clean().await;
    });
}

/// Steps are kept in order, each once; only the last checkpoint is kept, and none after both proofs.
#[test]
fn folding_resumes_from_the_last_step() {
    with_world(|mut world| async move {
        for _ in 0..=2 * domain::limits::BATCHES_PER_STEP {
            let batch = world.batch(ONE, vec![to(TWO, ETH, 5)], vec![out(ETH, 3)]);
            world.post(&batch).await;
        }
        let unopened = world
            .engine
            .record_step(SECOND, 1, &world_output(), None, ledger::BlockNumber::new(0))
            .await;
        assert!(matches!(unopened, Err(Error::UnknownEpoch { epoch: SECOND })), "{unopened:?}");
        let sealed = world.seal().await;
        let at = sealed.last_block;
        let outputs = world.outputs(FIRST).await;
        assert!(outputs.len() > 2);
        check(&world, world.engine.record_step(FIRST, 2, &outputs[1], Some(b"2"), at), |error| {
            matches!(error, Error::StepOutOfOrder { step: 2, .. })
        })
        .await;
        for (step, output) in (1..).zip(&outputs) {
            world
                .engine
                .record_step(FIRST, step, output, Some(&step.to_be_bytes()), at)
                .await
                .unwrap();
            world.engine.record_step(FIRST, step, output, Some(b"again"), at).await.unwrap();
        }
        check(&world, world.engine.record_step(FIRST, 1, &outputs[1], None, at), |error| {
            matches!(error, Error::StepConflict { step: 1, .. })
        })
        .await;
        let count = u32::try_from(outputs.len()).unwrap();
        assert_eq!(status(&world, FIRST).await, EpochStatus::Proving { steps: count });
        let latest = world.engine.latest_step(FIRST).await.unwrap().unwrap();
        assert_eq!((latest.step, latest.checkpoint), (count, Some(count.to_be_bytes().to_vec())));
        assert_eq!(latest.output, outputs[outputs.len() - 1]);
        let kept: i64 = sqlx::query_scalar("select count(*) from epoch_checkpoint")
            .fetch_one(&world.raw)
            .await
            .unwrap();
        assert_eq!(kept, 1);

        let proof = |closing_digest, steps| NewProof { closing_digest, steps, bytes: vec![7; 99] };
        check(&world, world.engine.record_proof(FIRST, &proof(Word::ZERO, count)), |error| {
            matches!(error, Error::ProofDiffers { .. })
        })
        .await;
        let digest = sealed.closing_digest;
        check(&world, world.engine.record_proof(FIRST, &proof(digest, count + 1)), |error| {
            matches!(error, Error::StepOutOfOrder { .. })
        })
        .await;
        world.engine.record_proof(FIRST, &proof(digest, count)).await.unwrap();
        world.engine.record_proof(FIRST, &proof(digest, count)).await.unwrap();
        world.engine.record_settlement_proof(FIRST, &proof(digest, count)).await.unwrap();
        let recorded = world.read.proof(FIRST).await.unwrap().unwrap();
        assert_eq!((recorded.bytes.len(), recorded.steps), (99, count));
        let latest = world.engine.latest_step(FIRST).await.unwrap().unwrap();
        assert_eq!(latest.checkpoint, None);
        assert_eq!(status(&world, FIRST).await, EpochStatus::Proven);
        world.assert_clean().await;
    });
}

fn world_output() -> domain::StepOutput {
    domain::StepOutput {
        state_digest: Word::ZERO,
        pending: 0,
        emission_digest: Word::ZERO,
        emitted: vec![Word::ZERO; domain::EMITTED_WORDS],
    }
}

/// SINGLE_JOB: one attempt is live, and another can only follow its end.
#[test]
fn one_submission_is_live() {
    with_world(|world| async move {
        world.seal().await;
        check(&world, world.engine.record_submission(FIRST, &submission(1, 0)), |error| {
            matches!(error, Error::NotProven { .. })
        })
        .await;
        let proof = world.fold(FIRST).await;
        world.engine.record_proof(FIRST, &proof).await.unwrap();
        check(&world, world.engine.record_submission(FIRST, &submission(1, 0)), |error| {
            matches!(error, Error::NotProven { .. })
        })
        .await;
        world.engine.record_settlement_proof(FIRST, &proof).await.unwrap();
        let mut racing = tokio::task::JoinSet::new();
        for byte in 1..=8 {
            let engine = world.engine.clone();
            racing
                .spawn(async move { engine.record_submission(FIRST, &submission(byte, 0)).await });
        }
        let outcomes = racing.join_all().await;
        let live: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
        assert_eq!(live.len(), 1);
        let refused = |one: &&Result<_, Error>| matches!(one, Err(Error::SubmissionLive { .. }));
        assert_eq!(outcomes.iter().filter(refused).count(), 7);
        assert_eq!(world.engine.live_submission(FIRST).await.unwrap().as_ref(), Some(live[0]));
        assert_eq!(status(&world, FIRST).await, EpochStatus::Submitted { attempt: 1 });

        let (engine, raised) = (&world.engine, SupersedeReason::FeeRaised);
        check(&world, engine.supersede_submission(FIRST, 2, raised), |error| {
            matches!(error, Error::UnknownSubmission { attempt: 2, .. })
        })
        .await;
        engine.supersede_submission(FIRST, 1, raised).await.unwrap();
        engine.supersede_submission(FIRST, 1, SupersedeReason::Reverted).await.unwrap();
        assert_eq!(status(&world, FIRST).await, EpochStatus::Proven);
        let second = engine.record_submission(FIRST, &submission(20, 0)).await.unwrap();
        assert_eq!(second.attempt, 2);
        let again = engine.record_submission(FIRST, &submission(20, 0)).await.unwrap();
        assert_eq!(again, second);
        let attempts = world.read.submissions(FIRST).await.unwrap();
        assert_eq!(attempts[0].superseded, Some(raised));
        assert_eq!(attempts.len(), 2);
        world.assert_clean().await;
    });
}

/// A settlement is what was sealed; a reorg undoes it without loss; depth makes it final.
#[test]
fn a_reorg_takes_a_settlement_back() {
    with_world(|mut world| async move {
        world.seal().await;
        let batch = world.batch(ONE, vec![to(TWO, ETH, 5)], Vec::new());
        world.post(&batch).await;
        world.seal().await;
        for epoch in [FIRST, SECOND] {
            world.prove(epoch).await;
        }
        let first = submission(1, 0);
        world.engine.record_submission(FIRST, &first).await.unwrap();
        let settlement = world.settlement(FIRST, first.tx_hash).await;
        let early = world.settlement(SECOND, B256::repeat_byte(2)).await;
        check(&world, world.engine.record_settlement(SECOND, &early), |error| {
            matches!(error, Error::NotSettled { epoch: FIRST })
        })
        .await;
        let other = NewSettlement { state_digest: Word::from(3_u64), ..settlement };
        check(&world, world.engine.record_settlement(FIRST, &other), |error| {
            matches!(error, Error::SettledOtherwise { .. })
        })
        .await;
        let seen = l1_block(2_000);
        for call in [true, false] {
            let undo = async {
                if call {
                    world.engine.record_reorg(FIRST, seen).await
                } else {
                    world.engine.record_final(FIRST, seen).await
                }
            };
            check(&world, undo, |error| matches!(error, Error::NotSettled { .. })).await;
        }
        let recorded = world.engine.record_settlement(FIRST, &settlement).await.unwrap();
        let again = world.engine.record_settlement(FIRST, &settlement).await.unwrap();
        assert_eq!(recorded, again);
        assert_eq!(status(&world, FIRST).await, EpochStatus::Settled);
        let moved = NewSettlement { block: l1_block(1_500), ..settlement };
        check(&world, world.engine.record_settlement(FIRST, &moved), |error| {
            matches!(error, Error::SettlementStands { .. })
        })
        .await;

        world.engine.record_settlement(SECOND, &early).await.unwrap();
        check(&world, world.engine.record_reorg(FIRST, seen), |error| {
            matches!(error, Error::Forbidden { constraint: "epoch_settles_in_order" })
        })
        .await;
        world.engine.record_reorg(SECOND, seen).await.unwrap();
        assert_eq!(status(&world, SECOND).await, EpochStatus::Proven);
        world.engine.record_reorg(FIRST, seen).await.unwrap();
        assert_eq!(status(&world, FIRST).await, EpochStatus::Submitted { attempt: 1 });
        let second = world.engine.record_settlement(FIRST, &moved).await.unwrap();
        assert_eq!(second.sequence, 2);
        assert_eq!(world.engine.unfinished_epochs().await.unwrap(), [FIRST, SECOND]);
        world.engine.record_final(FIRST, seen).await.unwrap();
        world.engine.record_final(FIRST, seen).await.unwrap();
        assert_eq!(status(&world, FIRST).await, EpochStatus::Final);
        assert_eq!(world.engine.unfinished_epochs().await.unwrap(), [SECOND]);
        check(&world, world.engine.record_reorg(FIRST, seen), |error| {
            matches!(error, Error::Forbidden { constraint: "epoch_final_stays" })
        })
        .await;
        check_history(&world).await;
        world.assert_clean().await;
    });
}

/// The first of three epochs has its reorg in its timeline, and ends with its finality.
async fn check_history(world: &World) {
    let timeline = world.read.epoch_life(FIRST).await.unwrap().unwrap().timeline;
    let reorgs = timeline.iter().filter(|one| one.event == EventKind::EpochReorged { sequence: 1 });
    assert_eq!(reorgs.count(), 1);
    assert_eq!(timeline.last().unwrap().event, EventKind::EpochFinal);
    let epochs = world.read.epochs(None, PageLimit::MAX).await.unwrap();
    let numbers: Vec<_> = epochs.iter().map(|epoch| epoch.epoch.number()).collect();
    assert_eq!(numbers, [3, 2, 1]);
}

/// Events are numbered without gaps in spite of many writers, and a listener is woken.
#[test]
fn events_have_no_gaps() {
    with_world(|mut world| async move {
        let mut listener = world.read.listen().await.unwrap();
        let start = world.read.last_event().await.unwrap();
        let mut racing = tokio::task::JoinSet::new();
        for rollup in [ONE, TWO, crate::world::THREE] {
            let other = if rollup == ONE { TWO } else { ONE };
            let batch = world.batch(rollup, vec![to(other, ETH, 1)], Vec::new());
            world.advance(&batch);
            let api = world.api.clone();
            racing.spawn(async move {
                api.post_batch(&batch).await.unwrap();
            });
        }
        let api = world.api.clone();
        racing.spawn(async move {
            api.request_seal("operator").await.unwrap();
        });
        let woken = listener.changed();
        tokio::time::timeout(std::time::Duration::from_secs(30), woken).await.unwrap().unwrap();
        racing.join_all().await;
        world.seal().await;
        let events = world.read.events_after(start, PageLimit::MAX).await.unwrap();
        let numbers: Vec<_> = events.iter().map(|event| event.number.number()).collect();
        let expected: Vec<_> = (start.number() + 1..=start.number() + 7).collect();
        assert_eq!(numbers, expected);
        let posted = events.iter().filter(|one| matches!(one.kind, EventKind::BatchPosted { .. }));
        assert_eq!(posted.count(), 3);
        let page =
            world.read.events_after(EventNumber::START, PageLimit::new(2).unwrap()).await.unwrap();
        assert_eq!(page.len(), 2);
        assert_eq!(page[0].kind, EventKind::DomainAdopted);
        world.assert_clean().await;
    });
}

/// Migrating is idempotent, waits for others, and several databases of one server may do it at once.
#[test]
fn migrations_can_race() {
    with_database(|url| async move {
        let early = ledger::Ledger::connect(&url, ledger::Role::Read, 1).await;
        assert!(matches!(early, Err(Error::NotMigrated)), "{early:?}");
        let mut racing = tokio::task::JoinSet::new();
        let mut others = Vec::new();
        for number in 0..3 {
            let name = format!("ledger_it_race_{}_{number}", std::process::id());
            let other = ledger::database::create(&url, &name).await.unwrap();
            others.push(name);
            for url in [url.clone(), other] {
                racing.spawn(async move { ledger::Ledger::migrate(&url).await });
            }
        }
        let outcomes = racing.join_all().await;
        for name in others {
            ledger::database::remove(&url, &name).await.unwrap();
        }
        for outcome in outcomes {
            outcome.unwrap();
        }
        let nowhere = url.replace("ledger_it_", "no_such_");
        let nowhere = ledger::Ledger::connect(&nowhere, ledger::Role::Read, 1).await;
        assert!(matches!(nowhere, Err(Error::NoDatabase(_))), "{nowhere:?}");
        let bad = ledger::Ledger::connect("nonsense", ledger::Role::Read, 1).await;
        assert!(matches!(bad, Err(Error::BadUrl(_))), "{bad:?}");
    });
}
