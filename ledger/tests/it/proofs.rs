//! The two proofs of an epoch: the one that L1 checks makes it proven, the aggregated one may come
//! later.

use domain::{EpochNumber, Word};
use ledger::{EpochStatus, Error, Ledger, NewProof, Role};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;

use crate::world::{ETH, ONE, TWO, World, l1_block, submission, to, with_database, with_world};

const FIRST: EpochNumber = EpochNumber::FIRST;
const SECOND: EpochNumber = EpochNumber::new(2);

/// Which of an epoch's proofs is recorded.
#[derive(Clone, Copy)]
enum Kind {
    Settlement,
    Aggregated,
}

async fn record(world: &World, kind: Kind, proof: &NewProof) -> Result<(), Error> {
    match kind {
        Kind::Settlement => world.engine.record_settlement_proof(FIRST, proof).await,
        Kind::Aggregated => world.engine.record_proof(FIRST, proof).await,
    }
}

/// How far the first epoch is, whether its checkpoint is there, and what is left to aggregate.
async fn check(world: &World, status: EpochStatus, checkpoint: bool, unaggregated: &[EpochNumber]) {
    assert_eq!(world.read.epoch(FIRST).await.unwrap().unwrap().status, status);
    let latest = world.engine.latest_step(FIRST).await.unwrap().unwrap();
    assert_eq!(latest.checkpoint.is_some(), checkpoint);
    assert_eq!(world.engine.unaggregated_epochs().await.unwrap(), unaggregated);
    world.assert_clean().await;
}

/// The settlement proof alone lets an epoch settle and become final; the aggregated one, made from
/// the checkpoint that is kept for it, follows.
#[test]
fn the_aggregated_proof_may_follow_the_settlement() {
    with_world(|world| async move {
        world.seal().await;
        let proof = world.fold(FIRST).await;
        check(&world, EpochStatus::Proving { steps: proof.steps }, true, &[]).await;
        world.engine.record_settlement_proof(FIRST, &proof).await.unwrap();
        check(&world, EpochStatus::Proven, true, &[FIRST]).await;
        let submission = submission(1, 0);
        world.engine.record_submission(FIRST, &submission).await.unwrap();
        check(&world, EpochStatus::Submitted { attempt: 1 }, true, &[FIRST]).await;
        let settlement = world.settlement(FIRST, submission.tx_hash).await;
        world.engine.record_settlement(FIRST, &settlement).await.unwrap();
        check(&world, EpochStatus::Settled, true, &[FIRST]).await;
        world.engine.record_final(FIRST, l1_block(2_000)).await.unwrap();
        check(&world, EpochStatus::Final, true, &[FIRST]).await;
        assert_eq!(world.read.proof(FIRST).await.unwrap(), None);
        world.engine.record_proof(FIRST, &proof).await.unwrap();
        check(&world, EpochStatus::Final, false, &[]).await;
    });
}

/// The aggregated proof may come first, and makes nothing proven.
#[test]
fn the_settlement_proof_may_come_last() {
    with_world(|world| async move {
        world.seal().await;
        let proof = world.fold(FIRST).await;
        let proving = EpochStatus::Proving { steps: proof.steps };
        world.engine.record_proof(FIRST, &proof).await.unwrap();
        check(&world, proving, true, &[]).await;
        let early = world.engine.record_submission(FIRST, &submission(1, 0)).await;
        assert!(matches!(early, Err(Error::NotProven { epoch: FIRST })), "{early:?}");
        let deleted = sqlx::query("delete from epoch_checkpoint").execute(&world.raw).await;
        let refusal = deleted.unwrap_err();
        let refusal = refusal.as_database_error().unwrap().constraint();
        assert_eq!(refusal, Some("epoch_checkpoint_in_use"));
        world.engine.record_settlement_proof(FIRST, &proof).await.unwrap();
        check(&world, EpochStatus::Proven, false, &[]).await;
    });
}

/// What somebody else settled is left to aggregate, too; the oldest comes first.
#[test]
fn an_epoch_settled_otherwise_is_left_to_aggregate() {
    with_world(|mut world| async move {
        world.seal().await;
        let batch = world.batch(ONE, vec![to(TWO, ETH, 5)], Vec::new());
        world.post(&batch).await;
        world.seal().await;
        let proof = world.fold(SECOND).await;
        world.engine.record_settlement_proof(SECOND, &proof).await.unwrap();
        assert_eq!(world.engine.unaggregated_epochs().await.unwrap(), [SECOND]);
        let settlement = world.settlement(FIRST, submission(9, 0).tx_hash).await;
        world.engine.record_settlement(FIRST, &settlement).await.unwrap();
        assert_eq!(world.engine.unaggregated_epochs().await.unwrap(), [FIRST, SECOND]);
        world.engine.record_reorg(FIRST, l1_block(2_000)).await.unwrap();
        assert_eq!(world.engine.unaggregated_epochs().await.unwrap(), [SECOND]);
        world.assert_clean().await;
    });
}

/// Either proof is refused by the same names, is recorded once, and is read as it was recorded.
#[test]
fn either_proof_is_recorded_once() {
    with_world(|world| async move {
        let zero = NewProof { closing_digest: Word::ZERO, steps: 1, bytes: vec![7] };
        for kind in [Kind::Settlement, Kind::Aggregated] {
            let open = record(&world, kind, &zero).await;
            assert!(matches!(open, Err(Error::NotSealed { epoch: FIRST })), "{open:?}");
        }
        world.seal().await;
        let proof = world.fold(FIRST).await;
        for (kind, limit) in [(Kind::Settlement, 1 << 20), (Kind::Aggregated, 1 << 24)] {
            let before = world.dump().await;
            let elsewhere = record(&world, kind, &zero).await;
            assert!(matches!(elsewhere, Err(Error::ProofDiffers { .. })), "{elsewhere:?}");
            let further = NewProof { steps: proof.steps + 1, ..proof.clone() };
            let further = record(&world, kind, &further).await;
            assert!(matches!(further, Err(Error::StepOutOfOrder { .. })), "{further:?}");
            for bytes in [Vec::new(), vec![7; limit + 1]] {
                let unbound = record(&world, kind, &NewProof { bytes, ..proof.clone() }).await;
                assert!(matches!(unbound, Err(Error::OutOfBound { .. })), "{unbound:?}");
            }
            assert_eq!(world.dump().await, before);
            record(&world, kind, &NewProof { bytes: vec![7; limit], ..proof.clone() })
                .await
                .unwrap();
            record(&world, kind, &proof).await.unwrap();
            let recorded = match kind {
                Kind::Settlement => world.read.settlement_proof(FIRST).await,
                Kind::Aggregated => world.read.proof(FIRST).await,
            };
            let recorded = recorded.unwrap().unwrap();
            assert_eq!((recorded.bytes.len(), recorded.steps), (limit, proof.steps));
            assert_eq!(recorded.closing_digest, proof.closing_digest);
        }
        let epoch = world.api.epoch(FIRST).await.unwrap().unwrap();
        let sizes = [epoch.settlement_proof, epoch.proof].map(|proof| proof.unwrap().bytes);
        assert_eq!(sizes, [1 << 20, 1 << 24]);
        world.assert_clean().await;
    });
}

/// A submission from before there were settlement proofs stays; a new one needs its proof.
#[test]
fn an_older_database_keeps_its_submissions() {
    with_database(|url| async move {
        let raw = PgPoolOptions::new().max_connections(1).connect(&url).await.unwrap();
        let older = sqlx::migrate!("../migrations").migrations.iter().filter(|one| one.version < 8);
        let older = Migrator { migrations: older.cloned().collect(), ..Migrator::DEFAULT };
        older.run(&raw).await.unwrap();
        let submission = "insert into epoch_submission
                (epoch_number, attempt, sender, nonce, tx_hash, raw_tx)
            select epoch, 1, substr(sha256('s'), 1, 20), 0, sha256(int4send(epoch)), 'x'
            from generate_series";
        let alone = format!("set session_replication_role = replica; {submission}(1, 2) epoch");
        sqlx::raw_sql(sqlx::AssertSqlSafe(alone)).execute(&raw).await.unwrap();
        Ledger::migrate(&url).await.unwrap();
        let read = Ledger::connect(&url, Role::Read, 1).await.unwrap();
        for epoch in [FIRST, SECOND] {
            assert_eq!(read.submissions(epoch).await.unwrap().len(), 1);
        }
        let another = format!("reset session_replication_role; {submission}(3, 3) epoch");
        let refused = sqlx::raw_sql(sqlx::AssertSqlSafe(another)).execute(&raw).await;
        let refused = refused.unwrap_err();
        let refused = refused.as_database_error().unwrap().constraint();
        assert_eq!(refused, Some("epoch_submission_of_settlement_proof"));
    });
}
