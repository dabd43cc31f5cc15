//! Bad input: each a stable code, the offending value, and a ledger byte for byte as before.

use alloy_primitives::B256;
use domain::{BatchParts, ExitRoot, Height, L2Root, Lane, RollupId, SigningKey, Word};
use serde_json::{Value, json};

use crate::{
    rollup::{ETH, Rollup, USDC, atoms, exit, transfer},
    world::{World, wire},
};

/// What is posted, and what has to come back.
struct Case {
    name: &'static str,
    body: Value,
    status: u16,
    code: &'static str,
    param: Value,
    value: Value,
}

/// Every bad batch is refused with its code, the field to blame and the offending value, and
/// changes nothing.
#[tokio::test]
async fn bad_batches_are_refused_and_change_nothing() {
    let world = World::new("bad").await;
    let mut one = Rollup::new(1);
    world.booked(&mut one, &[transfer(2, USDC, 1_000_000)], &[exit(ETH, 3)]).await;
    let dump = world.database.dump();
    let mut cases = amounts(&one, &world);
    cases.extend(fields(&one, &world));
    cases.extend(rules(&one, &world));
    for case in cases {
        let answer = world.post_json(&case.body).await;
        assert_eq!(answer.status, case.status, "{}: {}", case.name, answer.text);
        let problem = answer.problem();
        assert_eq!(problem["code"], case.code, "{}", case.name);
        assert_eq!(problem["param"], case.param, "{}: {problem}", case.name);
        assert_eq!(problem["value"], case.value, "{}: {problem}", case.name);
    }
    assert_eq!(world.database.dump(), dump, "something was written");
    // The rollup goes on as if nothing had been.
    world.booked(&mut one, &[transfer(2, USDC, 1)], &[]).await;
    world.end().await;
}

/// The batch that would be booked, with one thing changed after it was signed.
fn changed(good: &Value, pointer: &str, value: Value) -> Value {
    let mut body = good.clone();
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

fn good(one: &Rollup, world: &World) -> BatchParts {
    let transfers = [transfer(2, USDC, 2_000_000), transfer(3, USDC, 5)];
    one.batch(world.word(), &transfers, &[exit(ETH, 4)])
}

fn amounts(one: &Rollup, world: &World) -> Vec<Case> {
    let good = wire(&good(one, world));
    let two_96 = "79228162514264337593543950336";
    [
        ("too many decimals", json!("0.0000001"), "amount_too_many_decimals"),
        ("zero", json!("0"), "amount_zero"),
        ("zero with decimals", json!("0.000000"), "amount_zero"),
        ("negative", json!("-1"), "amount_negative"),
        ("exponent", json!("1e3"), "amount_has_exponent"),
        ("NaN", json!("NaN"), "amount_not_a_number"),
        ("leading zero", json!("01"), "amount_not_a_number"),
        ("plus", json!("+1"), "amount_not_a_number"),
        ("empty", json!(""), "amount_not_a_number"),
        ("a JSON number", json!(2), "amount_not_a_string"),
        ("a JSON fraction", json!(0.5), "amount_not_a_string"),
        ("null", json!(null), "amount_not_a_string"),
        ("2^96 atoms", json!("79228162514264337593543.950336"), "amount_too_large"),
        ("2^96", json!(two_96), "amount_too_large"),
    ]
    .into_iter()
    .map(|(name, value, code)| Case {
        name,
        body: changed(&good, "/transfers/1/amount", value.clone()),
        status: 422,
        code,
        param: json!("transfers[1].amount"),
        value,
    })
    .collect()
}

fn fields(one: &Rollup, world: &World) -> Vec<Case> {
    let good = wire(&good(one, world));
    let case = |name, (pointer, value): (&str, Value), status, code, param: &str| Case {
        name,
        body: changed(&good, pointer, value.clone()),
        status,
        code,
        param: json!(param),
        value,
    };
    let order = "0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
    let malleable = format!("0x{}", "ff".repeat(32));
    let mut unknown = good.clone();
    unknown["exits"][0]["memo"] = json!("hi");
    let mut missing = good.clone();
    missing["signature"].as_object_mut().unwrap().remove("s");
    let without_value = |name, body, code, param: &str| Case {
        name,
        body,
        status: 400,
        code,
        param: json!(param),
        value: Value::Null,
    };
    vec![
        case(
            "asset 9",
            ("/transfers/0/asset", json!(9)),
            422,
            "unknown_asset",
            "transfers[0].asset",
        ),
        case("asset 3", ("/exits/0/asset", json!(3)), 422, "unknown_asset", "exits[0].asset"),
        case("rollup 17", ("/rollup", json!(17)), 422, "unknown_rollup", "rollup"),
        case("to 17", ("/transfers/0/to", json!(17)), 422, "unknown_rollup", "transfers[0].to"),
        case("to itself", ("/transfers/1/to", json!(1)), 422, "bad_destination", "transfers[1].to"),
        case("to L1", ("/transfers/1/to", json!(0)), 422, "bad_destination", "transfers[1].to"),
        case("a negative id", ("/rollup", json!(-1)), 400, "invalid_value", "rollup"),
        case("a text id", ("/rollup", json!("1")), 400, "wrong_type", "rollup"),
        case("a short root", ("/new_root", json!("0x12")), 400, "invalid_value", "new_root"),
        case(
            "an address without 0x",
            ("/exits/0/recipient", json!("ee".repeat(20))),
            400,
            "invalid_value",
            "exits[0].recipient",
        ),
        case("r8x = r", ("/signature/r8x", json!(order)), 400, "invalid_value", "signature.r8x"),
        case(
            "S too large",
            ("/signature/s", json!(malleable)),
            422,
            "signature_malleable",
            "signature.s",
        ),
        case("no list", ("/transfers", json!({})), 400, "wrong_type", "transfers"),
        without_value("an unknown field", unknown, "unknown_field", "exits[0].memo"),
        without_value("a missing field", missing, "missing_field", "signature.s"),
    ]
}

/// Batches that are what they say, and break a rule.
fn rules(one: &Rollup, world: &World) -> Vec<Case> {
    let mut cases = signatures(one, world);
    cases.extend(places(one, world));
    cases.extend(lanes(one, world));
    cases.extend(movements(one, world));
    cases
}

fn refused(
    name: &'static str,
    parts: &BatchParts,
    (status, code): (u16, &'static str),
    param: Value,
    value: Value,
) -> Case {
    Case { name, body: wire(parts), status, code, param, value }
}

/// The good batch with something else in it, signed again.
fn signed(one: &Rollup, world: &World, change: impl FnOnce(&mut BatchParts)) -> BatchParts {
    let mut parts = good(one, world);
    change(&mut parts);
    one.sign(world.word(), parts)
}

fn signatures(one: &Rollup, world: &World) -> Vec<Case> {
    let good = good(one, world);
    let signature = SigningKey::from_seed([99; 32]).sign(good.digest(world.word()));
    let forged = BatchParts { signature, ..good.clone() };
    let elsewhere = one.sign(Word::from(1_u64), good.clone());
    let changed = BatchParts { new_root: L2Root::new(OTHER_ROOT), ..good };
    let invalid = (403, "signature_invalid");
    [("another key's", forged), ("another domain's", elsewhere), ("an older one", changed)]
        .into_iter()
        .map(|(name, parts)| refused(name, &parts, invalid, json!("signature"), Value::Null))
        .collect()
}

fn places(one: &Rollup, world: &World) -> Vec<Case> {
    let other_root = json!(OTHER_ROOT.to_string());
    vec![
        refused(
            "a height ahead",
            &signed(one, world, |parts| parts.height = Height::new(2)),
            (409, "height_out_of_order"),
            json!("height"),
            json!(2),
        ),
        refused(
            "another previous root",
            &signed(one, world, |parts| parts.previous_root = L2Root::new(OTHER_ROOT)),
            (409, "previous_root_mismatch"),
            json!("previous_root"),
            other_root.clone(),
        ),
        refused(
            "another exit root",
            &signed(one, world, |parts| parts.exit_root = ExitRoot::new(OTHER_ROOT)),
            (422, "exit_root_mismatch"),
            json!("exit_root"),
            other_root,
        ),
    ]
}

fn lanes(one: &Rollup, world: &World) -> Vec<Case> {
    let lane = Lane { asset: ETH, destination: RollupId::new(2), atoms: atoms(1) };
    vec![
        refused(
            "a lane with one atom more",
            &signed(one, world, |parts| parts.lanes[1].atoms = atoms(2_000_001)),
            (422, "lanes_differ"),
            json!("lanes"),
            json!("2000001"),
        ),
        refused(
            "a lane missing",
            &signed(one, world, |parts| parts.lanes.truncate(2)),
            (422, "lanes_differ"),
            json!("lanes"),
            json!("0"),
        ),
        refused(
            "lanes out of order",
            &signed(one, world, |parts| parts.lanes.reverse()),
            (422, "lanes_out_of_order"),
            json!("lanes[1]"),
            Value::Null,
        ),
        refused(
            "nine lanes",
            &signed(one, world, |parts| parts.lanes = vec![lane; 9]),
            (422, "too_many_lanes"),
            json!("lanes"),
            json!(9),
        ),
    ]
}

fn movements(one: &Rollup, world: &World) -> Vec<Case> {
    let batch = |rollup: &Rollup, transfers: &[_]| rollup.batch(world.word(), transfers, &[]);
    let held = 5_000_000_000 - 1_000_000;
    let stranger = batch(&Rollup::new(4), &[]);
    let nowhere = batch(one, &[transfer(4, USDC, 1)]);
    let overdraft = batch(one, &[transfer(2, USDC, held + 1)]);
    let halves = [transfer(2, USDC, held), transfer(3, USDC, 1)];
    let (unknown, overdrawn) = ((422, "unknown_rollup"), (422, "overdraft"));
    let needed = json!((held + 1).to_string());
    let mut crowded = good(one, world);
    crowded.transfers = vec![transfer(2, USDC, 1); 1_001];
    vec![
        refused("an unregistered rollup", &stranger, unknown, Value::Null, json!(4)),
        refused("an unregistered destination", &nowhere, unknown, Value::Null, json!(4)),
        refused("one atom too much", &overdraft, overdrawn, Value::Null, needed.clone()),
        refused("one atom too much in two", &batch(one, &halves), overdrawn, Value::Null, needed),
        refused(
            "1,002 transfers and exits",
            &crowded,
            (422, "too_many_transfers"),
            json!("transfers"),
            json!(1_002),
        ),
    ]
}

const OTHER_ROOT: B256 = B256::repeat_byte(0x77);

/// Bodies that are no request at all.
#[tokio::test]
async fn bad_bodies_are_refused_and_change_nothing() {
    let world = World::new("bodies").await;
    let dump = world.database.dump();
    let json = "application/json";
    let large = format!("{{\"x\": \"{}\"}}", "y".repeat(api::BODY_LIMIT));
    let deep = "[".repeat(200_000);
    for (name, content_type, body, status, code) in [
        ("cut off", json, "{\"rollup\": 1,", 400, "malformed_json"),
        ("no JSON", json, "rollup=1", 400, "malformed_json"),
        ("a bare NaN", json, "{\"rollup\": NaN}", 400, "malformed_json"),
        ("trailing", json, "{} {}", 400, "malformed_json"),
        ("empty", json, "", 400, "malformed_json"),
        ("deep", json, deep.as_str(), 400, "malformed_json"),
        ("1e999", json, "{\"rollup\": 1e999}", 400, "malformed_json"),
        ("a name twice", json, "{\"rollup\": 1, \"rollup\": 2}", 400, "duplicate_field"),
        ("a list", json, "[]", 400, "wrong_type"),
        ("nothing in it", json, "{}", 400, "missing_field"),
        ("too large", json, large.as_str(), 413, "body_too_large"),
        ("text", "text/plain", "{}", 415, "unsupported_media_type"),
        ("a form", "application/x-www-form-urlencoded", "{}", 415, "unsupported_media_type"),
    ] {
        let answer = world.post("/v1/batches", content_type, body.as_bytes().to_vec()).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        assert_eq!(answer.problem()["code"], code, "{name}");
    }
    let utf8 = world.post("/v1/batches", json, vec![b'"', 0xff, b'"']).await;
    assert_eq!(utf8.problem()["code"], "malformed_json");
    let charset = world.post("/v1/batches", "application/json; charset=utf-8", b"{}".to_vec());
    assert_eq!(charset.await.problem()["code"], "missing_field");
    assert_eq!(world.database.dump(), dump, "something was written");
    world.end().await;
}
