//! `Idempotency-Key`: the same request is answered the same, whoever of ours is asked and whatever came after.

use std::collections::BTreeSet;

use api::{Access, Settings, State};
use ledger::{ApiKeySecret, Ledger, Role, Scope};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    rollup::{Rollup, USDC, transfer},
    world::{Answer, World, wire},
};

const BATCHES: &str = "/v1/batches";
const BULK: &str = "/v1/batches/bulk";

/// Posts a body with an idempotency key, and with an API key if there is one.
async fn send(world: &World, url: String, key: &str, body: &str, api_key: Option<&str>) -> Answer {
    let request = world.client.post(url).header("content-type", "application/json");
    let request = request.header("idempotency-key", key).body(body.to_owned());
    let request = match api_key {
        Some(api_key) => request.bearer_auth(api_key),
        None => request,
    };
    Answer::of(request.send().await.unwrap()).await
}

async fn post(world: &World, path: &str, key: &str, body: &str) -> Answer {
    send(world, world.url(path), key, body, None).await
}

fn assert_reused(answer: &Answer, key: &str) {
    assert_eq!(answer.status, 409, "{}", answer.text);
    let problem = answer.problem();
    assert_eq!(problem["code"], "idempotency_key_reused");
    assert_eq!((&problem["param"], &problem["value"]), (&json!("idempotency-key"), &json!(key)));
}

/// Status, place and body are those of the first time, by another api process over the same books too, once
/// other batches came and once the batch was evicted; other bytes by the same key are refused.
#[tokio::test]
async fn the_same_request_is_answered_the_same() {
    let world = World::new("keyed").await;
    let mut one = Rollup::new(1);
    let parts = one.batch(world.word(), &[transfer(2, USDC, 7)], &[]);
    let body = wire(&parts).to_string();
    let first = post(&world, BATCHES, "key-1", &body).await;
    assert_eq!(first.status, 201, "{}", first.text);
    assert_eq!(first.header("idempotent-replayed"), "");
    one.advance(&parts);
    world.booked(&mut one, &[transfer(2, USDC, 1)], &[]).await;
    // The same batch without the key, or with another, is a repetition of the batch.
    for key in [None, Some("key-2"), Some("key-2")] {
        let again = match key {
            None => world.post_batch(&parts).await,
            Some(key) => post(&world, BATCHES, key, &body).await,
        };
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"));
        assert_eq!(again.json(), first.json());
    }

    let other = Ledger::connect(&world.database.url, Role::Api, 4).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let settings = Settings { access: Access::Open, ..Settings::default() };
    let state = State::new(other.clone(), settings);
    let server = tokio::spawn(api::serve(listener, state, async { stopped.await.unwrap_or(()) }));
    let digest = parts.digest(world.word());
    for evicts in [false, true] {
        if evicts {
            world.engine.evict(one.id, parts.height, digest, "in test").await.unwrap();
        }
        let dump = world.database.dump();
        for url in [world.url(BATCHES), format!("http://{address}{BATCHES}")] {
            let again = send(&world, url.clone(), "key-1", &body, None).await;
            assert_eq!(again.status, 201, "{}", again.text);
            assert_eq!(again.header("location"), first.header("location"));
            assert_eq!(again.header("idempotent-replayed"), "true");
            assert_eq!(again.text, first.text);
            let spaced = format!("{body} ");
            assert_reused(&send(&world, url.clone(), "key-1", &spaced, None).await, "key-1");
            let good = one.batch(world.word(), &[transfer(2, USDC, 9)], &[]);
            let good = wire(&good).to_string();
            assert_reused(&send(&world, url, "key-1", &good, None).await, "key-1");
        }
        assert_reused(&post(&world, "/v1/epochs/seal", "key-1", "").await, "key-1");
        assert_eq!(world.database.dump(), dump);
    }
    for wrong in ["", "a b", &"k".repeat(256)] {
        let refused = post(&world, BATCHES, wrong, &body).await;
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text);
        assert_eq!(refused.problem()["code"], "invalid_idempotency_key");
    }
    drop(stop);
    server.await.unwrap().unwrap();
    other.close().await;
    world.end().await;
}

/// Idempotency keys are each caller's own: no rollup meets, learns of or blocks another's.
#[tokio::test]
async fn callers_have_keys_of_their_own() {
    let settings = Settings { access: Access::PublicRead, ..Settings::default() };
    let world = World::bound("keyed_callers", settings).await;
    let owner = Ledger::connect(&world.database.url, Role::Owner, 2).await.unwrap();
    let mut keys = Vec::new();
    for number in [1, 2] {
        let secret = ApiKeySecret::from_random([number; 8], [number; 32]);
        let scope: Scope = format!("submit:{number}").parse().unwrap();
        owner.add_api_key(&secret, "in test", &BTreeSet::from([scope])).await.unwrap();
        keys.push(secret);
    }
    for (rollup, key) in [1_u16, 2].into_iter().zip(&keys) {
        let parts = Rollup::new(rollup).batch(world.word(), &[transfer(3, USDC, 7)], &[]);
        let body = wire(&parts).to_string();
        for replayed in ["", "true"] {
            let answer = send(&world, world.url(BATCHES), "same", &body, Some(key.expose())).await;
            assert_eq!(answer.status, 201, "{}", answer.text);
            assert_eq!(answer.header("idempotent-replayed"), replayed);
        }
    }
    owner.close().await;
    world.end().await;
}

/// Each batch of a request is booked or refused at its place as it would be alone; sent again by its key, what
/// was booked is answered again and what was refused is tried again.
#[tokio::test]
async fn several_batches_are_answered_each_for_itself() {
    let world = World::new("keyed_bulk").await;
    let mut one = Rollup::new(1);
    let two = Rollup::new(2);
    let first = one.batch(world.word(), &[transfer(2, USDC, 1_000_000)], &[]);
    one.advance(&first);
    let spends = two.batch(world.word(), &[transfer(3, USDC, 5_001_000_001)], &[]);
    let second = one.batch(world.word(), &[transfer(2, USDC, 1)], &[]);
    one.advance(&second);
    let mut wrong = wire(&first);
    wrong["transfers"][0]["amount"] = json!(5);
    let body = json!({"batches": [wire(&first), wrong, wire(&spends), wire(&second)]}).to_string();
    let answer = post(&world, BULK, "bulk", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let results = answer.json()["results"].clone();
    let statuses = |results: &Value| -> Vec<u64> {
        results.as_array().unwrap().iter().map(|one| one["status"].as_u64().unwrap()).collect()
    };
    assert_eq!(statuses(&results), [201, 422, 422, 201], "{results}");
    assert_eq!(results[0]["booked"]["balances"][0]["amount"], "4999.000000");
    assert_eq!(results[1]["problem"]["code"], "amount_not_a_string");
    assert_eq!(results[1]["problem"]["param"], "batches[1].transfers[0].amount");
    assert_eq!(results[1]["problem"]["request_id"], answer.header("x-request-id"));
    assert_eq!(results[2]["problem"]["code"], "overdraft");
    assert_eq!((&results[0]["replayed"], &results[3]["replayed"]), (&json!(false), &json!(false)));

    world.booked(&mut one, &[transfer(2, USDC, 1)], &[]).await;
    let again = post(&world, BULK, "bulk", &body).await.json()["results"].clone();
    assert_eq!(statuses(&again), [201, 422, 201, 201], "{again}");
    for (nth, replayed) in [(0, true), (2, false), (3, true)] {
        assert_eq!(again[nth]["replayed"], replayed, "{again}");
    }
    for nth in [0, 3] {
        assert_eq!(again[nth]["booked"], results[nth]["booked"]);
    }
    let dump = world.database.dump();
    let other = json!({"batches": [wire(&first)]}).to_string();
    assert_reused(&post(&world, BULK, "bulk", &other).await, "bulk");
    assert_reused(&post(&world, BATCHES, "bulk", &wire(&first).to_string()).await, "bulk");
    for (body, code) in [
        (json!({"batches": []}), "invalid_value"),
        (json!({"batches": vec![json!({}); 101]}), "invalid_value"),
        (json!({"batches": {}}), "wrong_type"),
        (json!({}), "missing_field"),
        (json!({"batches": [], "more": 1}), "unknown_field"),
    ] {
        let refused = post(&world, BULK, "other", &body.to_string()).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.text);
        assert_eq!(refused.problem()["code"], code, "{body}");
    }
    assert_eq!(world.database.dump(), dump);
    world.end().await;
}

/// Asked again by its key once the epoch is sealed, a seal is that of then and the next epoch stays open.
#[tokio::test]
async fn a_seal_by_key_is_asked_for_once() {
    let world = World::new("keyed_seal").await;
    world.booked(&mut Rollup::new(1), &[transfer(2, USDC, 1)], &[]).await;
    let first = post(&world, "/v1/epochs/seal", "seal", "").await;
    assert_eq!(first.status, 202, "{}", first.text);
    world.engine.seal(ledger::SealReason::Command).await.unwrap().unwrap();
    let dump = world.database.dump();
    let again = post(&world, "/v1/epochs/seal", "seal", "").await;
    assert_eq!((again.status, &again.text), (202, &first.text));
    assert_eq!(again.header("location"), "/v1/epochs/1");
    assert_eq!(world.database.dump(), dump);
    assert_eq!(post(&world, "/v1/epochs/seal", "next", "").await.json()["epoch"], 2);
    world.end().await;
}
