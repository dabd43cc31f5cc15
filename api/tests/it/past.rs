//! The books as they stood, flows and statements, over HTTP.

use ledger::SealReason;
use serde_json::{Value, json};

use crate::{
    rollup::{ETH, Rollup, USDC, exit, transfer},
    world::World,
};

/// The past is told in the form of the present, at seals, blocks and times; what is no state of the books
/// is refused by its code.
#[tokio::test]
async fn the_books_are_told_as_they_stood() {
    let world = World::new("past").await;
    let mut one = Rollup::new(1);
    let opening = told(&world, "").await;
    let block = opening.3["journal_head"]["block"].as_u64().unwrap();
    world.booked(&mut one, &[transfer(2, USDC, 900), transfer(2, ETH, 8)], &[exit(USDC, 50)]).await;
    let closing = told(&world, "").await;
    assert_ne!(opening, closing);
    world.engine.seal(SealReason::Command).await.unwrap().unwrap();
    world.booked(&mut one, &[transfer(3, USDC, 1)], &[]).await;
    assert_eq!(told(&world, &format!("?as_of=block:{block}")).await, opening);
    assert_eq!(told(&world, &format!("?as_of=block:{}", block + 1)).await, closing);
    assert_eq!(told(&world, "?as_of=epoch:1").await, closing);
    let posted_at =
        world.get(&format!("/v1/transfers/{}-0", block + 1)).await.json()["posted_at"].clone();
    let moment = posted_at.as_str().unwrap().to_owned();
    assert_eq!(told(&world, &format!("?as_of={moment}")).await, closing);
    let empty = told(&world, "?as_of=2020-01-01T00:00:00Z").await;
    assert_eq!((empty.0.len(), &empty.3["balanced"]), (0, &json!(true)));

    for (as_of, status, code) in [
        ("yesterday", 400, "invalid_parameter"),
        ("epoch:0", 400, "invalid_parameter"),
        ("block:3000", 409, "as_of_not_reached"),
        ("2999-01-01T00:00:00Z", 409, "as_of_not_reached"),
        ("epoch:2", 409, "epoch_not_ready"),
        ("epoch:3", 404, "epoch_not_found"),
    ] {
        for place in ["accounts", "cells", "trial-balance"] {
            let refused = world.get(&format!("/v1/{place}?as_of={as_of}")).await;
            assert_eq!(refused.status, status, "{place} {as_of}: {}", refused.text);
            assert_eq!(refused.problem()["code"], code, "{place} {as_of}");
        }
    }
    world.end().await;
}

/// A statement says what its page opens and closes with; flows go from L1 over the rollups to L1; and what
/// is read where it could be behind says how far it was.
#[tokio::test]
async fn statements_and_flows() {
    let world = World::new("flows").await;
    let mut one = Rollup::new(1);
    world
        .booked(&mut one, &[transfer(2, USDC, 900), transfer(2, USDC, 8)], &[exit(USDC, 50)])
        .await;
    let page = world.get("/v1/transfers?account=cell:1:2&limit=3").await;
    let statement = &page.json()["statement"];
    assert_eq!(statement["account"], "cell:1:2");
    assert_eq!(statement["opening"]["amount"], "5000.000000");
    assert_eq!(statement["closing"]["amount"], "4999.999042");
    let cursor = page.json()["next_cursor"].as_str().unwrap().to_owned();
    let older = world.get(&format!("/v1/transfers?account=cell:1:2&cursor={cursor}")).await.json();
    assert_eq!(older["statement"]["closing"]["amount"], "5000.000000");
    assert_eq!(older["statement"]["opening"]["atoms"], "0");
    assert_eq!(world.get("/v1/transfers").await.json()["statement"], Value::Null);

    let head = world.get("/v1/trial-balance").await.json()["journal_head"]["block"].clone();
    assert_eq!(page.header("journal-block"), head.to_string());
    assert_eq!(world.get("/v1/cells").await.header("journal-block"), "");

    let flows = world.get("/v1/flows?asset=2&from_epoch=1&to_epoch=1").await.json();
    let ways = flows["items"].as_array().unwrap().iter();
    let ways: Vec<_> = ways
        .map(|way| {
            (
                way["from"].clone(),
                way["to"].clone(),
                way["amount"].clone(),
                way["transfers"].clone(),
            )
        })
        .map(|(from, to, amount, transfers)| format!("{from} {to} {amount} {transfers}"))
        .collect();
    let expected = [
        "0 1 \"5000.000000\" 1",
        "0 2 \"5000.000000\" 1",
        "0 3 \"5000.000000\" 1",
        "1 0 \"0.000050\" 1",
        "1 2 \"0.000908\" 2",
    ];
    assert_eq!(ways, expected);
    assert_eq!(world.get("/v1/flows?from_epoch=2").await.json()["items"], json!([]));
    let refused = world.get("/v1/flows?from_epoch=2&to_epoch=1").await;
    assert_eq!((refused.status, &refused.problem()["code"]), (400, &json!("invalid_parameter")));
    world.end().await;
}

/// Accounts, cells, what is on one cell, and the trial balance.
async fn told(world: &World, query: &str) -> (Vec<Value>, Vec<Value>, Value, Value) {
    let list = async |place: &str| {
        let answer = world.get(&format!("/v1/{place}{query}")).await;
        answer.json()["items"].as_array().unwrap_or_else(|| panic!("{}", answer.text)).clone()
    };
    let (accounts, mut cells) = (list("accounts").await, list("cells").await);
    // What is held is of now alone.
    for cell in cells.iter_mut().filter_map(Value::as_object_mut) {
        cell.retain(|name, _| !name.starts_with("held_"));
    }
    let cell = accounts.iter().find(|one| one["account"] == "cell:1:2").cloned();
    let books = world.get(&format!("/v1/trial-balance{query}")).await.json();
    (accounts, cells, cell.unwrap_or_default(), books)
}
