//! Kept answers: nobody is answered with what was, whoever wrote and however many ask.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use api::{Access, Settings, State};
use ledger::{Ledger, Role};
use tokio::task::JoinSet;

use crate::{
    rollup::{Rollup, USDC, transfer},
    world::{Answer, World},
};

const CELL: &str = "/v1/cells?rollup=1&asset=2";

fn atoms(answer: &Answer) -> u128 {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["items"][0]["balance"]["atoms"].as_str().unwrap().parse().unwrap()
}

/// One process posts, another is read by many at once: whoever reads after a batch was booked is shown it, and
/// nobody is ever shown what was before something that they saw.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_older_than_its_request() {
    let world = World::new("kept").await;
    let other = Ledger::connect(&world.database.url, Role::Api, 4).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let settings = Settings { access: Access::Open, ..Settings::default() };
    let state = State::new(other.clone(), settings);
    let server = tokio::spawn(api::serve(listener, state, std::future::pending()));

    let done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..8 {
        let (client, url, done) = (world.client.clone(), format!("{base}{CELL}"), done.clone());
        readers.spawn(async move {
            let (mut last, mut reads) = (u128::MAX, 0_u64);
            while !done.load(Ordering::SeqCst) {
                let now = atoms(&Answer::of(client.get(&url).send().await.unwrap()).await);
                assert!(now <= last, "{now} after {last}");
                (last, reads) = (now, reads + 1);
            }
            reads
        });
    }
    let mut one = Rollup::new(1);
    let mut left = 5_000_000_000;
    for moved in 1..=40 {
        world.booked(&mut one, &[transfer(2, USDC, moved)], &[]).await;
        left -= moved;
        for _ in 0..3 {
            let answer = world.client.get(format!("{base}{CELL}")).send().await.unwrap();
            assert_eq!(atoms(&Answer::of(answer).await), left);
        }
        // Long enough for answers to be kept, which the next batch must end.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    done.store(true, Ordering::SeqCst);
    let reads: u64 = readers.join_all().await.into_iter().sum();
    assert!(reads > 100, "{reads}");
    server.abort();
    other.close().await;
    world.end().await;
}

/// An answer that was kept is the one that was read, its headers included; and what is gone with the database is
/// not answered from memory.
#[tokio::test]
async fn kept_answers_are_whole() {
    let mut world = World::new("kept_whole").await;
    let mut one = Rollup::new(1);
    world.booked(&mut one, &[transfer(2, USDC, 7)], &[]).await;
    for path in ["/v1/batches", "/v1/cells", "/v1/batches/1/0", "/v1/rollups/2", "/v1/assets"] {
        let first = world.get(path).await;
        let again = world.get(path).await;
        assert_eq!((first.status, &first.text), (200, &again.text), "{path}");
        for name in ["content-type", "etag", "cache-control", "journal-block", "content-length"] {
            assert_eq!(first.header(name), again.header(name), "{path}: {name}");
        }
        assert_ne!(first.header("x-request-id"), again.header("x-request-id"));
        let known = world.client.get(world.url(path)).header("if-none-match", again.header("etag"));
        assert_eq!(known.send().await.unwrap().status(), 304, "{path}");
        let other = world.get(&format!("{path}?limti=1")).await;
        assert_eq!(other.status, 400, "{path}: {}", other.text);
    }
    world.gate.close().await;
    let away = world.get("/v1/cells").await;
    assert_eq!(away.status, 503, "{}", away.text);
    world.end().await;
}
