//! Simulation: what is said is what posting and sealing do, and saying it does nothing.

use std::time::Duration;

use api::{Access, Settings};
use domain::EpochNumber;
use ledger::{NewProof, NewSettlement, NewSubmission, SealReason};
use serde_json::{Value, json};

use crate::{
    rollup::{ETH, Rollup, USDC, exit, transfer},
    world::{Answer, World, wire},
};

async fn simulate(world: &World, batches: &[Value]) -> Answer {
    let body = json!({"batches": batches}).to_string().into_bytes();
    world.post("/v1/simulate", "application/json", body).await
}

fn unsigned(batch: &Value) -> Value {
    let mut batch = batch.clone();
    batch.as_object_mut().unwrap().remove("signature").unwrap();
    batch
}

/// What a posting that was booked says, but for its time, and what its simulation did.
fn assert_same(said: &Value, done: &Value) {
    assert_eq!(said["status"], done["status"], "{said} {done}");
    let mut booked = done["booked"].clone();
    booked.as_object_mut().unwrap().remove("posted_at").unwrap();
    let mut would = said["would_book"].clone();
    would.as_object_mut().unwrap().remove("exits").unwrap();
    assert_eq!(would, booked);
}

/// Batches that are posted right after they were tried do just what was said, signed or not: blocks, digests,
/// balances, exits and refusals; and trying them changes no row of any table.
#[tokio::test]
async fn posting_does_what_was_said() {
    let world = World::new("simulate").await;
    let (mut one, mut two) = (Rollup::new(1), Rollup::new(2));
    world.booked(&mut two, &[transfer(1, USDC, 5)], &[exit(ETH, 9)]).await;
    let first = one.batch(world.word(), &[transfer(2, USDC, 1_000_000)], &[exit(ETH, 4)]);
    one.advance(&first);
    let rival = two.batch(world.word(), &[transfer(3, USDC, 5_001_000_001)], &[]);
    let spends = two.batch(world.word(), &[transfer(3, USDC, 5_000_999_995)], &[exit(ETH, 1)]);
    let second = one.batch(world.word(), &[transfer(2, ETH, 1)], &[exit(ETH, 5), exit(USDC, 6)]);
    let mut wrong = wire(&second);
    wrong["transfers"][0]["amount"] = json!("0");
    let mut forged = wire(&spends);
    forged["signature"]["s"] = wire(&first)["signature"]["s"].clone();
    let batches =
        [wire(&first), wire(&rival), forged, wire(&spends), wrong, wire(&second), wire(&first)];
    let dump = world.database.dump();
    let said = simulate(&world, &batches).await;
    assert_eq!(said.status, 200, "{}", said.text);
    let said = said.json();
    let bare: Vec<Value> = batches.iter().map(unsigned).collect();
    let bare = simulate(&world, &bare).await.json();
    assert_eq!(world.database.dump(), dump, "something was written");
    let results = said["results"].as_array().unwrap();
    let exits = &results[5]["would_book"]["exits"];
    assert_eq!((&exits[0]["index"], &exits[1]["index"]), (&json!(1), &json!(2)));
    let cells = said["cells"].as_array().unwrap();
    assert!(
        cells
            .iter()
            .any(|cell| cell["rollup"] == 3 && cell["after"]["amount"] != cell["before"]["amount"])
    );

    let body = json!({"batches": batches}).to_string().into_bytes();
    let done = world.post("/v1/batches/bulk", "application/json", body).await.json();
    for (nth, done) in done["results"].as_array().unwrap().iter().enumerate() {
        let said = &results[nth];
        if done["booked"].is_null() {
            assert_eq!(said["status"], done["status"], "{nth}: {said} {done}");
            let without_id = |problem: &Value| {
                let mut problem = problem.clone();
                problem.as_object_mut().unwrap().remove("request_id").unwrap();
                problem
            };
            assert_eq!(without_id(&said["problem"]), without_id(&done["problem"]));
        } else {
            assert_same(said, done);
        }
        // Without signatures the forged one is as good as the one that is signed, which then repeats it.
        if nth != 2 && nth != 3 {
            assert_eq!(bare["results"][nth]["would_book"], said["would_book"], "{nth}");
        }
    }
    assert_eq!(bare["results"][2]["would_book"], results[3]["would_book"]);
    for cell in cells {
        let path = format!("/v1/cells?rollup={}&asset={}", cell["rollup"], cell["asset"]);
        assert_eq!(world.get(&path).await.json()["items"][0]["balance"], cell["after"]);
    }
    for exit in exits.as_array().unwrap() {
        let found = world.get(&format!("/v1/exits/1/{}", exit["index"])).await.json();
        assert_eq!((&found["amount"], &found["recipient"]), (&exit["amount"], &exit["recipient"]));
    }
    let now = world.get("/v1/epochs/1/simulate").await.json();
    for name in
        ["last_block", "closing_digest", "batches", "operations", "transfers", "steps", "positions"]
    {
        assert_eq!(now[name], said["epoch"][name], "{name}");
    }
    world.end().await;
}

/// A sealed epoch is what was said of it while it was open, and only the open one is told of; guesses rest on
/// what was settled, and without that there are none.
#[tokio::test]
async fn sealing_does_what_was_said() {
    let seal_every = Some(Duration::from_hours(1));
    let settings = Settings { access: Access::Open, seal_every, ..Settings::default() };
    let world = World::bound("simulate_seal", settings).await;
    let mut one = Rollup::new(1);
    world.booked(&mut one, &[transfer(2, USDC, 1_500_000)], &[exit(ETH, 4)]).await;
    let dump = world.database.dump();
    let said = world.get("/v1/epochs/1/simulate").await;
    assert_eq!(said.status, 200, "{}", said.text);
    let said = said.json();
    assert_eq!((&said["would_seal"], &said["cost"]["gas"]), (&json!(true), &Value::Null));
    assert_eq!(said["cost"]["rests_on"], json!([]));
    assert!(
        said["schedule"]["settles_about"].is_null() && said["schedule"]["seals_by"].is_string()
    );
    let sent = said["positions"].as_array().unwrap().iter();
    let sent = sent.filter(|one| one["rollup"] == 1 && one["asset"] == 2).collect::<Vec<_>>();
    assert_eq!(
        (&sent[0]["sent"]["amount"], &sent[0]["net"]["amount"]),
        (&json!("1.500000"), &json!("4998.500000"))
    );
    assert_eq!(world.database.dump(), dump);
    for epoch in ["2", "0"] {
        let missing = world.get(&format!("/v1/epochs/{epoch}/simulate")).await;
        assert_eq!((missing.status, &missing.problem()["code"]), (404, &json!("epoch_not_found")));
    }

    let sealed = world.engine.seal(SealReason::Command).await.unwrap().unwrap();
    let planned = world.get("/v1/epochs/1").await.json()["steps"]["planned"].clone();
    assert_eq!(said["closing_digest"], sealed.closing_digest.to_string());
    assert_eq!(said["opening_digest"], sealed.opening_digest.to_string());
    assert_eq!(said["last_block"], sealed.last_block.number());
    let counts = [sealed.batches, sealed.operations, sealed.transfers];
    assert_eq!(
        ["batches", "operations", "transfers"].map(|name| said[name].as_u64().unwrap()),
        counts
    );
    assert_eq!(said["steps"], planned);
    let refused = world.get("/v1/epochs/1/simulate").await;
    assert_eq!((refused.status, &refused.problem()["code"]), (409, &json!("epoch_sealed")));

    Box::pin(settle(&world, EpochNumber::FIRST)).await;
    let empty = world.get("/v1/epochs/2/simulate").await.json();
    assert_eq!((&empty["would_seal"], &empty["cost"]["gas"]), (&json!(false), &Value::Null));
    let parts = one.batch(world.word(), &[transfer(2, USDC, 3)], &[]);
    let said = simulate(&world, &[unsigned(&wire(&parts))]).await.json();
    let cost = &said["epoch"]["cost"];
    assert_eq!((&cost["gas"], &cost["rests_on"][0]["epoch"]), (&json!(900_000), &json!(1)));
    assert_eq!(said["epoch"]["schedule"]["rests_on"], 1);
    assert!(said["epoch"]["schedule"]["settles_about"].is_string());
    world.end().await;
}

/// Takes a sealed epoch to its settlement.
async fn settle(world: &World, epoch: EpochNumber) {
    let (engine, domain_word) = (&world.engine, world.word());
    let of = engine.operations_of(epoch).await.unwrap();
    let at = engine.sealed(epoch).await.unwrap().unwrap().last_block;
    let context = domain::StepContext { domain_word, epoch };
    let (mut state, mut digest, mut steps) = (of.opening, domain::Word::ZERO, 0);
    for step in domain::plan_steps(&of.operations).unwrap() {
        let (next, output) = step.run(&state, context, digest).unwrap();
        (state, digest) = (next, output.emission_digest);
        steps += 1;
        engine.record_step(epoch, steps, &output, Some(b"checkpoint"), at).await.unwrap();
    }
    let closing_digest = of.closing_digest;
    let proof = NewProof { closing_digest, steps, bytes: b"proof".to_vec() };
    engine.record_settlement_proof(epoch, &proof).await.unwrap();
    let tx_hash = alloy_primitives::B256::repeat_byte(7);
    let sender = alloy_primitives::Address::repeat_byte(0xee);
    let submission = NewSubmission { sender, nonce: 0, tx_hash, raw_tx: vec![2] };
    engine.record_submission(epoch, &submission).await.unwrap();
    let block = domain::l1::L1Block { number: 9, hash: alloy_primitives::B256::repeat_byte(9) };
    let settlement = NewSettlement {
        tx_hash,
        block,
        gas_used: 900_000,
        fee: None,
        state_digest: closing_digest,
    };
    engine.record_settlement(epoch, &settlement).await.unwrap();
}

/// Where keys are asked of everybody, trying needs `read`; elsewhere it needs none.
#[tokio::test]
async fn trying_is_reading() {
    for (access, status) in [(Access::PublicRead, 200), (Access::Keys, 401)] {
        let settings = Settings { access, ..Settings::default() };
        let world = World::bound("simulate_keys", settings).await;
        let parts = Rollup::new(1).batch(world.word(), &[transfer(2, USDC, 3)], &[]);
        let answer = simulate(&world, &[wire(&parts)]).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        world.end().await;
    }
}
