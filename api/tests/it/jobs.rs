//! What there is to do and who does it, over HTTP.

use serde_json::json;

use crate::filled::filled;

/// Jobs are told from the rows of their epochs, and a process as at work only while it holds its lock.
#[tokio::test]
async fn jobs_say_what_they_wait_for() {
    let world = filled("jobs").await;
    let jobs = world.get("/v1/jobs").await.json();
    assert_eq!(jobs["workers"], json!([]));
    assert_eq!(
        jobs["queue"],
        json!({"unproven": 1, "unsettled": 1, "unfinal": 1, "unaggregated": 3})
    );
    let told = |jobs: &serde_json::Value| -> Vec<_> {
        let jobs = jobs["jobs"].as_array().unwrap().iter();
        jobs.map(|job| (job["epoch"].clone(), job["kind"].clone(), job["waits_for"].clone()))
            .collect()
    };
    assert_eq!(
        told(&jobs),
        [
            (4.into(), "finalise".into(), "engine".into()),
            (4.into(), "aggregate".into(), "prover".into()),
            (5.into(), "settle".into(), "engine".into()),
            (5.into(), "aggregate".into(), "prover".into()),
            (6.into(), "prove".into(), "prover".into()),
        ]
    );
    let steps = &jobs["jobs"][4]["steps"];
    assert_eq!((&steps["folded"], &steps["planned"]), (&1.into(), &2.into()));
    assert_eq!(steps["average_ms"], 5_780);
    assert_eq!(jobs["done"][0]["epoch"], 6);
    assert_eq!((&jobs["done"][0]["piece"], &jobs["done"][0]["step"]), (&"step".into(), &1.into()));
    assert_eq!(jobs["done"][0]["by"], "prover-1, process 4711");
    assert_eq!(jobs["incidents"][0]["kind"], "batch_evicted");

    let mut engine = world.engine.lock_engine().await.unwrap().unwrap();
    world.engine.begin_turn(&mut engine, "engine-1").await.unwrap();
    let mut prover = world.engine.lock_prover().await.unwrap().unwrap();
    world.engine.begin_turn(&mut prover, "prover-2").await.unwrap();
    let jobs = world.get("/v1/jobs").await.json();
    assert_eq!(
        (&jobs["workers"][0]["kind"], &jobs["workers"][0]["name"]),
        (&"engine".into(), &"engine-1".into())
    );
    assert_eq!(
        (&jobs["workers"][1]["kind"], &jobs["workers"][1]["name"]),
        (&"prover".into(), &"prover-2".into())
    );
    assert_eq!(
        told(&jobs),
        [
            (4.into(), "finalise".into(), "confirmations".into()),
            (4.into(), "aggregate".into(), "settlement_proofs".into()),
            (5.into(), "settle".into(), "l1".into()),
            (5.into(), "aggregate".into(), "settlement_proofs".into()),
            (6.into(), "prove".into(), serde_json::Value::Null),
        ]
    );
    prover.release().await.unwrap();
    let jobs = world.get("/v1/jobs").await.json();
    assert_eq!(jobs["workers"].as_array().unwrap().len(), 1);
    engine.release().await.unwrap();
    world.end().await;
}
