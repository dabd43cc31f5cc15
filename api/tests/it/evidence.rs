//! Receipts and exit-kits: they prove what they say, and nothing that was altered.

use std::collections::BTreeSet;

use alloy_primitives::{B256, keccak256};
use api::evidence::{Fault, KitCheck, KitEnd, KitExit, KitHead, KitLine, Receipt};
use domain::{
    EpochNumber, ExitIndex, RollupId,
    l1::{L1Block, L1Event, L1Log, L1LogId},
};
use ledger::SealReason;
use serde_json::{Value, json};

use crate::{
    filled::{Reach, filled, take},
    rollup::{ETH, Rollup, USDC, exit},
    world::World,
};

/// What no file can show by itself: L1 knows it, or the operator alone.
const NOT_PROVEN: [&str; 10] = [
    "/asset/token",
    "/asset/token_decimals",
    "/epoch/last_block",
    "/epoch/last_block_hash",
    "/epoch/sealed_at",
    "/posting/block",
    "/posting/posted_at",
    "/settlement/block/hash",
    "/settlement/block/number",
    "/settlement/tx_hash",
];

/// The receipt of every settled exit stands its check; an exit that is not settled has none, and the answer
/// says how far it is.
#[tokio::test]
async fn settled_exits_have_receipts() {
    let world = filled("receipts").await;
    for epoch in 1..=4_u32 {
        for path in
            [format!("/v1/exits/1/{}", 2 * epoch - 1), format!("/v1/exits/5/{}", 2 * epoch - 2)]
        {
            let shown = world.get(&path).await.json();
            let answer = world.get(&format!("{path}/receipt")).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let receipt = Receipt::read(answer.text.as_bytes()).unwrap();
            assert_eq!(u64::from(epoch), receipt.epoch.epoch.number());
            assert_eq!(answer.json()["exit"]["amount"], shown["amount"]);
            assert_eq!(answer.json()["claim"]["status"], shown["status"]);
            assert_eq!(answer.json()["claim"]["data"], shown["claim"]["l1_tx"]["data"]);
        }
    }
    let paid = world.get("/v1/exits/1/0/receipt").await.json();
    assert_eq!(paid["claim"]["status"], "paid");
    for (index, epoch, status) in [(8, 5, "submitted"), (10, 6, "proving"), (18, 7, "open")] {
        let answer = world.get(&format!("/v1/exits/1/{index}/receipt")).await;
        let problem = answer.problem();
        assert_eq!((answer.status, &problem["code"]), (409, &json!("exit_not_settled")));
        assert_eq!((&problem["epoch"], &problem["epoch_status"]), (&json!(epoch), &json!(status)));
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains(&format!("epoch {epoch}, which is {status}"))
        );
    }
    assert_eq!(world.get("/v1/exits/1/99/receipt").await.problem()["code"], "exit_not_found");
    world.end().await;
}

/// The exits of an evicted batch have no receipt, and the answer says that they never will.
#[tokio::test]
async fn a_reversed_exit_has_no_receipt() {
    let world = World::new("reversed").await;
    let gone = Rollup::new(1).batch(world.word(), &[], &[exit(USDC, 5)]);
    assert_eq!(world.post_batch(&gone).await.status, 201);
    let digest = gone.digest(world.word());
    world.engine.evict(gone.rollup, gone.height, digest, "it cannot be proven").await.unwrap();
    let answer = world.get("/v1/exits/1/0/receipt").await;
    assert_eq!((answer.status, &answer.problem()["code"]), (409, &json!("exit_reversed")));
    world.end().await;
}

/// Whatever field of a receipt is altered, left out or added, it is refused; and with a checksum made anew,
/// whatever is not L1's or the operator's word.
#[tokio::test]
async fn every_altered_field_of_a_receipt_is_refused() {
    let world = filled("altered").await;
    book_settlement(&world, EpochNumber::FIRST).await;
    let text = world.get("/v1/exits/2/1/receipt").await.text;
    world.end().await;
    let receipt: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(receipt["settlement"]["logs"].as_array().unwrap().len(), 2, "{text}");
    Receipt::read(serde_json::to_string_pretty(&receipt).unwrap().as_bytes()).unwrap();
    let mut believed = BTreeSet::new();
    for place in places(&receipt) {
        for altered in alterations(&receipt, &place) {
            let bytes = altered.to_string();
            assert!(Receipt::read(bytes.as_bytes()).is_err(), "{place}: {bytes}");
            let Ok(forged) = serde_json::from_value::<Receipt>(altered) else { continue };
            let forged = serde_json::to_vec(&forged.sealed().unwrap()).unwrap();
            // What only spells the same otherwise is the same again, and so is a checksum made anew.
            if forged != text.as_bytes() && Receipt::read(&forged).is_ok() {
                believed.insert(place.clone());
            }
        }
    }
    assert_eq!(believed, NOT_PROVEN.map(str::to_owned).into());
}

/// Lanes of nothing, which hash as lanes that are not there, make no second form of a receipt.
#[tokio::test]
async fn a_receipt_has_one_form() {
    let world = filled("padded").await;
    let mut receipt = world.get("/v1/exits/2/1/receipt").await.json();
    world.end().await;
    let nothing = json!({"asset": 0, "destination": 0, "atoms": "0"});
    receipt["posting"]["lanes"].as_array_mut().unwrap().push(nothing);
    let padded: Receipt = serde_json::from_value(receipt).unwrap();
    let padded = serde_json::to_vec(&padded.sealed().unwrap()).unwrap();
    let refused = Receipt::read(&padded).unwrap_err();
    assert_eq!(refused.to_string(), "the batch's digest is not that of its header");
}

/// Two exits that belong to two receipts are not put together into one.
#[tokio::test]
async fn receipts_do_not_mix() {
    let world = filled("mixed").await;
    let one = world.get("/v1/exits/2/1/receipt").await.json();
    let other = world.get("/v1/exits/2/3/receipt").await.json();
    world.end().await;
    for part in ["exit", "posting", "epoch", "path", "settlement", "claim", "asset", "domain"] {
        let mut mixed = one.clone();
        mixed[part] = other[part].clone();
        let forged: Receipt = serde_json::from_value(mixed).unwrap();
        let forged = serde_json::to_vec(&forged.sealed().unwrap()).unwrap();
        let same = ["asset", "domain"].contains(&part);
        // What L1 says of epochs is told apart by L1 alone, but for the state.
        assert_eq!(Receipt::read(&forged).is_ok(), same, "{part}");
    }
}

/// A kit has every exit of its epoch, whatever came before and however many they are; it stands its check,
/// and nothing that is altered, left out, added or put elsewhere does.
#[tokio::test]
async fn an_exit_kit_holds_every_exit() {
    let world = World::new("kit").await;
    let (mut one, mut two) = (Rollup::new(1), Rollup::new(2));
    world.booked(&mut one, &[], &[exit(USDC, 50), exit(ETH, 7), exit(USDC, 1)]).await;
    settle(&world, 1).await;
    let many = (1..=1_000).map(|atoms| exit(USDC, atoms)).collect::<Vec<_>>();
    world.booked(&mut one, &[], &many).await;
    world.booked(&mut two, &[], &[exit(ETH, 9)]).await;
    world.booked(&mut one, &[], &many[..100]).await;
    for (epoch, status, code) in [(2, 409, "epoch_not_ready"), (9, 404, "epoch_not_found")] {
        let answer = world.get(&format!("/v1/epochs/{epoch}/exit-kit")).await;
        assert_eq!((answer.status, &answer.problem()["code"]), (status, &json!(code)));
    }
    settle(&world, 2).await;
    settle_nothing(&world, &mut two, 3).await;
    let answer = world.get("/v1/epochs/2/exit-kit").await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let exits = check(&answer.text).unwrap();
    assert_eq!(exits.len(), 1_101);
    for (rollup, index) in [(1, 3), (1, 700), (1, 1_023), (1, 1_024), (1, 1_102), (2, 0)] {
        let (rollup, index) = (RollupId::new(rollup), ExitIndex::new(index));
        let data = world.engine.claim_data(rollup, index).await.unwrap().unwrap();
        let found = exits.iter().find(|exit| (exit.rollup, exit.index) == (rollup, index)).unwrap();
        assert_eq!((found.claim(), &found.path), (data.exit.claim, &data.path));
    }
    let small = world.get("/v1/epochs/1/exit-kit").await.text;
    assert_eq!(check(&small).unwrap().len(), 3);
    let none = world.get("/v1/epochs/3/exit-kit").await.text;
    assert_eq!(check(&none).unwrap().len(), 0);
    world.end().await;
    tamper(&small);
}

/// Every field of every line, and the lines themselves.
fn tamper(kit: &str) {
    let lines = kit.lines().collect::<Vec<_>>();
    let mut believed = BTreeSet::new();
    for (number, line) in lines.iter().enumerate() {
        let line: Value = serde_json::from_str(line).unwrap();
        for place in places(&line) {
            for altered in alterations(&line, &place) {
                let mut texts = lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
                // Written as we write it, or it would be refused for that alone.
                texts[number] = spelt(number, lines.len(), altered);
                if texts[number] == lines[number] {
                    continue;
                }
                assert!(check(&join(&texts)).is_err(), "{number} {place}");
                if check(&resealed(&texts)).is_ok() {
                    believed.insert(place.clone());
                }
            }
        }
    }
    assert!(believed.remove("/checksum"));
    let epoch_and_settlement = NOT_PROVEN
        .iter()
        .filter(|place| place.starts_with("/epoch") || place.starts_with("/settlement"));
    let assets = (0..2).flat_map(|asset| {
        [format!("/assets/{asset}/token"), format!("/assets/{asset}/token_decimals")]
    });
    let expected = epoch_and_settlement.map(|place| (*place).to_owned()).chain(assets);
    assert_eq!(believed, expected.collect());
    for gone in 0..lines.len() {
        let rest = lines.iter().enumerate().filter(|(number, _)| *number != gone);
        let rest = rest.map(|(_, line)| (*line).to_owned()).collect::<Vec<_>>();
        assert!(check(&join(&rest)).is_err(), "without line {gone}");
    }
    let mut swapped = lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    swapped.swap(1, 2);
    assert!(matches!(check(&resealed(&swapped)), Err(Fault::OutOfOrder { .. })));
    swapped.swap(1, 2);
    swapped.push(lines[3].to_owned());
    assert!(check(&join(&swapped)).is_err());
    let cut = &kit[..kit.len() - 40];
    assert!(check(cut).is_err());
}

fn spelt(number: usize, lines: usize, line: Value) -> String {
    let text = line.to_string();
    let in_form = match number {
        0 => serde_json::from_value::<KitHead>(line).ok().map(|head| json_of(&head)),
        last if last + 1 == lines => {
            serde_json::from_value::<KitEnd>(line).ok().map(|end| json_of(&end))
        }
        _ => serde_json::from_value::<KitExit>(line).ok().map(|exit| json_of(&exit)),
    };
    in_form.unwrap_or(text)
}

fn json_of(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

/// With an end that goes with the rest.
fn resealed(lines: &[String]) -> String {
    let (end, rest) = lines.split_last().unwrap();
    let rest = join(rest);
    let Ok(end) = serde_json::from_str::<KitEnd>(end) else { return rest + end };
    let checksum = keccak256(&rest);
    rest + &json_of(&KitEnd { checksum, ..end }) + "\n"
}

fn join(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

fn check(kit: &str) -> Result<Vec<KitExit>, Fault> {
    let mut lines = kit.split_terminator('\n');
    let mut check = KitCheck::begin(lines.next().unwrap_or("").as_bytes())?;
    let mut exits = Vec::new();
    for line in lines {
        if let KitLine::Exit(exit) = check.line(line.as_bytes())? {
            exits.push(*exit);
        }
    }
    check.finish()?;
    Ok(exits)
}

/// Pointers to every value in it that holds no others, and to every object and list.
fn places(value: &Value) -> Vec<String> {
    let below = |name: &str, value: &Value| {
        places(value).into_iter().map(|place| format!("/{name}{place}")).collect::<Vec<_>>()
    };
    let mut found = match value {
        Value::Object(fields) => fields.iter().flat_map(|(name, one)| below(name, one)).collect(),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.flat_map(|(place, one)| below(&place.to_string(), one)).collect()
        }
        _ => Vec::new(),
    };
    found.push(String::new());
    found
}

/// The document with the value at this place changed in the ways that its type has.
fn alterations(document: &Value, place: &str) -> Vec<Value> {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut altered = document.clone();
        change(altered.pointer_mut(place).unwrap());
        altered
    };
    let found = document.pointer(place).unwrap();
    let mut all = vec![with(&|value| *value = Value::Null)];
    match found {
        Value::Object(fields) => {
            all.push(with(&|value| value["unknown"] = json!(1)));
            all.extend(
                fields
                    .keys()
                    .map(|name| with(&|value| drop(value.as_object_mut().unwrap().remove(name)))),
            );
        }
        Value::Array(items) if !items.is_empty() => {
            all.push(with(&|value| drop(value.as_array_mut().unwrap().pop())));
            all.push(with(&|value| {
                let items = value.as_array_mut().unwrap();
                items.push(items[0].clone());
            }));
        }
        Value::Number(_) => all.push(with(&|value| *value = json!(value.as_u64().unwrap() + 1))),
        Value::String(text) => {
            all.push(with(&|value| *value = json!(format!("{text}0"))));
            all.push(with(&|value| *value = json!(text.to_uppercase())));
            all.extend(other_digit(text).map(|other| with(&|value| *value = json!(other))));
        }
        _ => {}
    }
    all.retain(|altered| altered != document);
    all
}

/// The text with one of its digits, not the first, changed into another; times stay times.
fn other_digit(text: &str) -> Option<String> {
    let place = text.rfind(|letter: char| letter.is_ascii_digit())?;
    let other = if &text[place..=place] == "1" { "2" } else { "1" };
    let mut changed = text.to_owned();
    changed.replace_range(place..=place, other);
    Some(changed)
}

/// L1's log of a settlement, as the watcher books it.
async fn book_settlement(world: &World, epoch: EpochNumber) {
    let sealed = world.engine.sealed(epoch).await.unwrap().unwrap();
    let settlement = world.engine.settlement(epoch).await.unwrap().unwrap();
    let steps = world.engine.steps(epoch).await.unwrap().len();
    let block = L1Block { number: 95, hash: B256::repeat_byte(0x95) };
    let event = L1Event::EpochSettled {
        epoch,
        state_digest: sealed.closing_digest,
        steps: u64::try_from(steps).unwrap(),
        books: sealed.books.unwrap(),
    };
    let id = L1LogId { tx_hash: settlement.tx_hash, log_index: 0 };
    world.engine.record_l1_block_range(&[L1Log { id, block, event }], block).await.unwrap();
}

async fn settle(world: &World, epoch: u64) {
    world.engine.seal(SealReason::Schedule).await.unwrap().unwrap();
    let mut lock = world.engine.lock_prover().await.unwrap().unwrap();
    let turn = world.engine.begin_turn(&mut lock, "prover-1, process 4711").await.unwrap();
    Box::pin(take(world, EpochNumber::new(epoch), Reach::Settled, turn)).await;
    lock.release().await.unwrap();
}

/// An epoch without exits.
async fn settle_nothing(world: &World, rollup: &mut Rollup, epoch: u64) {
    world.booked(rollup, &[crate::rollup::transfer(1, ETH, 1)], &[]).await;
    settle(world, epoch).await;
}
