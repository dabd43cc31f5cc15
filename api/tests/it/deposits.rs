//! Deposits, from when L1 shows them.

use alloy_primitives::{B256, keccak256};
use domain::l1::{L1Block, L1Log, L1LogId};
use serde_json::{Value, json};

use crate::{
    rollup::USDC,
    world::{World, deposited},
};

/// A deposit is listed as held with nothing booked, beside its cell and on the page; then as released or
/// posted, in its place.
#[tokio::test]
async fn a_deposit_is_listed_before_it_is_final() {
    let world = World::new("deposits").await;
    let block = L1Block { number: 3, hash: keccak256(3_u64.to_be_bytes()) };
    let log = |byte: u8| L1Log {
        id: L1LogId { tx_hash: B256::repeat_byte(byte), log_index: 0 },
        block: L1Block { number: 3 + u64::from(byte), ..block },
        event: deposited(2, USDC, 1_250_000),
    };
    let both = [log(0), log(1)];
    world.engine.hold_seen_deposits(&both, both[1].block).await.unwrap();
    let items = listed(&world).await;
    assert_eq!(items.len(), 8);
    let [second, first] = [&items[0], &items[1]];
    assert_eq!((&first["status"], &first["amount"]), (&json!("held"), &json!("1.250000")));
    assert_eq!(first["l1_block"]["number"], 3);
    assert!(first["hold"]["held_at"].is_string() && first["hold"]["release"].is_null());
    for absent in ["block", "epoch", "posted_at"] {
        assert!(first.get(absent).is_none(), "{first}");
    }
    assert_eq!(second["hold"]["block"].as_u64(), first["hold"]["block"].as_u64().map(|b| b + 1));
    let cells = world.get("/v1/cells?rollup=2&asset=2").await.json();
    let cell = &cells["items"][0];
    assert_eq!(
        (&cell["balance"]["amount"], &cell["held_in"]["amount"]),
        (&json!("5000.000000"), &json!("2.500000"))
    );
    assert_eq!(cell["held_out"]["atoms"], "0");
    let page = world.get("/").await.text;
    assert!(page.contains("on its way: on L1, not final yet"), "{page}");

    world.engine.hold_seen_deposits(&both[..1], block).await.unwrap();
    world.engine.record_l1_block_range(&both[..1], block).await.unwrap();
    let items = listed(&world).await;
    let [released, posted] = [&items[0], &items[1]];
    assert_eq!((&released["status"], &posted["status"]), (&json!("released"), &json!("posted")));
    assert_eq!(released["hold"]["release"]["reason"], "reorg");
    assert_eq!(posted["hold"]["block"], first["hold"]["block"]);
    assert_eq!(posted["epoch"], 1);
    assert!(posted["block"].is_u64() && posted["posted_at"].is_string());
    assert!(!world.get("/").await.text.contains("on its way"));
    world.end().await;
}

async fn listed(world: &World) -> Vec<Value> {
    let page = world.get("/v1/deposits").await.json();
    page["items"].as_array().unwrap().clone()
}
