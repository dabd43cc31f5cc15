//! What settling costs, over HTTP.

use crate::filled::filled;

/// Each settled epoch tells its gas, its exact fee, what it settled and what netting left; what was not
/// recorded is absent and never zero; sums are of all that was asked for, whichever page is read.
#[tokio::test]
async fn costs_are_what_was_recorded() {
    let world = filled("costs").await;
    let all = world.get("/v1/costs").await.json();
    let items = all["items"].as_array().unwrap();
    let epochs: Vec<_> = items.iter().map(|item| item["epoch"].as_u64().unwrap()).collect();
    assert_eq!(epochs, [4, 3, 2, 1]);
    let (third, first) = (&items[1], &items[3]);
    assert_eq!(third["gas_used"], 1_065_227);
    assert_eq!(third["fee"]["gas_price_wei"], "2100000007");
    let paid = 1_065_227_u128 * 2_100_000_007;
    assert_eq!(third["fee"]["paid_wei"], paid.to_string());
    // Five rollups, a batch each: three transfers and two exits.
    assert_eq!(
        (&third["batches"], &third["transfers"], &third["exits"]),
        (&5.into(), &15.into(), &10.into())
    );
    assert_eq!(third["gas_per_transfer"], 1_065_227 / 15);
    assert_eq!(third["gas_per_exit"], 1_065_227 / 10);
    assert_eq!(third["fee"]["per_transfer_wei"], (paid / 15).to_string());
    let epoch = world.get("/v1/epochs/3").await.json();
    assert_eq!(third["netting"], epoch["flows"]);
    assert!(third["proving_ms"].as_u64().unwrap() > 22_000);
    assert!(first["fee"].is_null() && first["gas_used"] == 1_043_221);

    let sums = &all["sums"];
    assert_eq!((&sums["epochs"], &sums["epochs_with_fee"]), (&4.into(), &3.into()));
    assert_eq!((&sums["transfers"], &sums["exits"]), (&60.into(), &40.into()));
    let paid: u128 = (2..=4_u128)
        .map(|epoch| (1_043_221 + (epoch - 1) * 11_003) * (epoch * 700_000_000 + 7))
        .sum();
    assert_eq!(sums["paid_wei"], paid.to_string());
    let some = world.get("/v1/costs?from_epoch=1&to_epoch=3&limit=1").await.json();
    assert_eq!((&some["items"][0]["epoch"], &some["sums"]["epochs"]), (&3.into(), &3.into()));
    assert_eq!(some["sums"]["exits"], 30);
    let cursor = some["next_cursor"].as_str().unwrap();
    let next = format!("/v1/costs?from_epoch=1&to_epoch=3&limit=1&cursor={cursor}");
    let next = world.get(&next).await.json();
    assert_eq!((&next["items"][0]["epoch"], &next["sums"]), (&2.into(), &some["sums"]));
    let none = world.get("/v1/costs?from_epoch=6").await.json();
    assert_eq!((&none["sums"]["epochs"], &none["items"]), (&0.into(), &serde_json::json!([])));
    assert!(none["sums"]["paid_wei"].is_null() && none["sums"]["gas_per_transfer"].is_null());
    for wrong in ["limit=101", "limit=0", "from_epoch=3&to_epoch=2", "epoch=1", "cursor=00"] {
        let refused = world.get(&format!("/v1/costs?{wrong}")).await;
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text);
        refused.problem();
    }
    world.end().await;
}
