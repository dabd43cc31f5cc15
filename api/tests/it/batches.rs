//! Posting batches and reading them back.

use serde_json::{Value, json};

use crate::{
    rollup::{ETH, Rollup, USDC, exit, transfer},
    world::{World, wire},
};

/// A batch is booked once, with everything that it lists, and reads back from every side.
#[tokio::test]
async fn a_batch_is_booked_once_and_reads_back() {
    let world = World::new("booked").await;
    let mut one = Rollup::new(1);
    let parts = one.batch(
        world.word(),
        &[transfer(2, USDC, 1_500_000), transfer(3, USDC, 1), transfer(2, ETH, 5)],
        &[exit(USDC, 499_999)],
    );
    let first = world.post_batch(&parts).await;
    assert_eq!(first.status, 201, "{}", first.text);
    assert_eq!(first.header("location"), "/v1/batches/1/0");
    assert_eq!(first.header("idempotent-replayed"), "");
    let booked = first.json();
    assert_eq!(booked["digest"], parts.digest(world.word()).to_string());
    assert_eq!(
        booked["balances"],
        json!([
            {"asset": 1, "amount": "9.999999999999999995", "atoms": "9999999999999999995"},
            {"asset": 2, "amount": "4998.000000", "atoms": "4998000000"},
        ])
    );
    one.advance(&parts);
    // Something in between: the replay still answers as the first did.
    world.booked(&mut one, &[transfer(2, USDC, 7)], &[]).await;
    let dump = world.database.dump();
    let again = world.post_batch(&parts).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json(), booked);

    let read = world.get("/v1/batches/1/0").await;
    assert_eq!(read.status, 200);
    let read = read.json();
    assert_eq!(read["request"], wire(&parts));
    assert_eq!(world.post_json(&read["request"]).await.status, 200);
    assert_eq!(world.database.dump(), dump);
    assert_eq!(read["lanes"].as_array().unwrap().len(), 4);
    assert_eq!((&read["transfers"], &read["exits"]), (&json!(3), &json!(1)));

    let transfers = world.get("/v1/transfers?rollup=1&height=0").await.json();
    assert_eq!(transfers["items"].as_array().unwrap().len(), 4);
    let id = transfers["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(world.get(&format!("/v1/transfers/{id}")).await.json(), transfers["items"][0]);
    let statement = world.get("/v1/transfers?account=pot:1:2").await.json();
    assert_eq!(statement["items"][0]["credit"]["balance"]["amount"], "0.499999");

    let rollup = world.get("/v1/rollups/1").await.json();
    assert_eq!((&rollup["next_height"], &rollup["exits"]), (&json!(2), &json!(1)));
    assert_eq!(rollup["root"], one.root.to_string());
    let cells = world.get("/v1/cells?rollup=2&asset=2").await.json();
    assert_eq!(cells["items"][0]["balance"]["amount"], "5001.500007");
    assert_balanced(&world).await;
    world.end().await;
}

/// Another batch at a booked height is refused, and the pair of signatures is kept.
#[tokio::test]
async fn another_batch_at_the_same_height_is_a_conflict() {
    let world = World::new("conflict").await;
    let one = Rollup::new(1);
    let first = one.batch(world.word(), &[transfer(2, USDC, 10)], &[]);
    assert_eq!(world.post_batch(&first).await.status, 201);
    let other = one.batch(world.word(), &[transfer(2, USDC, 11)], &[]);
    let refused = world.post_batch(&other).await;
    assert_eq!(refused.status, 409);
    let problem = refused.problem();
    assert_eq!(problem["code"], "batch_conflict");
    assert_eq!((&problem["param"], &problem["value"]), (&json!("height"), &json!(0)));
    let kept = world.engine.equivocations(ledger::PageLimit::MAX).await.unwrap();
    assert_eq!(kept.len(), 1);
    let page = world.get("/").await.text;
    assert!(page.contains("Rollup 1 signed two batches of height 0"), "the page tells");
    world.end().await;
}

/// Following cursors visits every item once, whatever is added meanwhile.
#[tokio::test]
async fn pages_visit_every_item_once() {
    let world = World::new("pages").await;
    let mut one = Rollup::new(1);
    for amount in 1..=7 {
        let transfers = [transfer(2, USDC, amount), transfer(3, USDC, amount)];
        world.booked(&mut one, &transfers, &[exit(ETH, amount)]).await;
    }
    for (path, expected) in [
        ("/v1/batches?rollup=1", 7),
        ("/v1/transfers?account=cell:1:2", 15),
        ("/v1/exits?rollup=1", 7),
        ("/v1/deposits?", 6),
        ("/v1/epochs?", 1),
    ] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = world.get(&format!("{path}&limit=2{cursor}").replace("?&", "?")).await;
            assert_eq!(page.status, 200, "{path}: {}", page.text);
            let page = page.json();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 2);
            seen.extend(items.iter().map(Value::to_string));
            if path.starts_with("/v1/batches") && seen.len() == 2 {
                world.booked(&mut one, &[], &[]).await;
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), expected, "{path}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), expected, "{path} repeats an item");
    }
    let batches = world.get("/v1/batches?limit=1").await.json();
    let cursor = batches["next_cursor"].as_str().unwrap();
    let refused = world.get(&format!("/v1/exits?cursor={cursor}")).await;
    assert_eq!(refused.problem()["code"], "invalid_cursor");
    world.end().await;
}

/// Sums over everything: debits equal credits, custody equals cells and pots.
async fn assert_balanced(world: &World) {
    let balance = world.get("/v1/trial-balance").await.json();
    assert_eq!(balance["balanced"], true, "{balance}");
    let usdc = &balance["lines"][1];
    assert_eq!(usdc["custody"]["amount"], "15000.000000");
    assert_eq!(usdc["pots"]["amount"], "0.499999");
    let accounts = world.get("/v1/accounts").await.json();
    let custody = accounts["items"].as_array().unwrap().iter();
    let custody = custody.filter(|account| account["account"] == "custody:l1:2");
    assert_eq!(
        custody.map(|account| account["balance"]["atoms"].clone()).collect::<Vec<_>>(),
        ["15000000000"]
    );
}

/// An evicted batch says so, with the reason in words, wherever it is read; its height takes another.
#[tokio::test]
async fn an_evicted_batch_tells_why() {
    let world = World::new("evicted").await;
    let mut one = Rollup::new(1);
    let gone = one.batch(world.word(), &[transfer(2, USDC, 3)], &[exit(ETH, 4)]);
    assert_eq!(world.post_batch(&gone).await.status, 201);
    let reason = "lane 0 <b>has</b> no witness";
    let digest = gone.digest(world.word());
    let evicted = world.engine.evict(one.id, gone.height, digest, reason).await.unwrap();
    let reversal = evicted[0].reversal.number();

    let read = world.get("/v1/batches/1/0").await.json();
    assert_eq!((&read["attempt"], &read["eviction"]["reason"]), (&json!(1), &json!(reason)));
    assert_eq!(read["eviction"]["reversal"], reversal);
    assert_eq!(read["eviction"]["cause"], json!({"rollup": 1, "height": 0, "attempt": 1}));
    let listed = world.get("/v1/batches").await.json();
    assert_eq!(listed["items"][0]["eviction"], read["eviction"]);
    let transfers = world.get("/v1/transfers").await.json();
    let (back, moved) = (&transfers["items"][0], &transfers["items"][3]);
    assert_eq!((&back["kind"], &back["recipient"]), (&json!("reversal"), &Value::Null));
    assert_eq!(back["debit"]["account"], moved["credit"]["account"]);
    assert_eq!(moved["reversed_by"], reversal);
    let exits = world.get("/v1/exits/1/0").await.json();
    assert_eq!((&exits["status"], &exits["claim"]), (&json!("reversed"), &Value::Null));
    assert_eq!(exits["reversed_by"], reversal);
    let page = world.get("/").await;
    assert!(page.text.contains("evicted: lane 0 &#60;b&#62;has&#60;/b&#62; no witness"));

    // The same bytes again are refused for good; the height takes another batch, and the evicted one
    // stays to be seen.
    let again = world.post_batch(&gone).await;
    assert_eq!(again.status, 409, "{}", again.text);
    let problem = again.problem();
    assert_eq!(
        (&problem["code"], &problem["retryable"]),
        (&json!("batch_unprovable"), &json!(false))
    );
    assert_eq!((&problem["param"], &problem["value"]), (&json!("height"), &json!(0)));
    assert_eq!(problem["digest"], digest.to_string());
    assert!(problem["detail"].as_str().unwrap().contains("post another one for this height"));
    let other = one.batch(world.word(), &[transfer(2, USDC, 4)], &[exit(ETH, 4)]);
    assert_eq!(world.post_batch(&other).await.status, 201);
    one.advance(&other);
    let read = world.get("/v1/batches/1/0").await.json();
    assert_eq!((&read["attempt"], &read["eviction"]), (&json!(2), &Value::Null));
    assert_eq!(read["earlier"][0]["eviction"]["reason"], reason);
    let exits = world.get("/v1/exits/1/0").await.json();
    assert_eq!(exits["status"], "open");
    world.end().await;
}
