//! An epoch from open to final, and an exit from booked to paid.

use alloy_primitives::{B256, keccak256};
use domain::{
    Claim, EpochNumber, ExitIndex, ExitRoot, Netting, StepContext, Word,
    l1::{L1Block, L1Event},
    plan_steps,
};
use ledger::{NewProof, NewSettlement, NewSubmission, SealReason};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    rollup::{ETH, Rollup, USDC, exit, transfer},
    world::World,
};

const FIRST: EpochNumber = EpochNumber::FIRST;

/// Each state of an epoch shows, with what exists in it; the exit's claim leads to the settled
/// root.
#[tokio::test]
async fn an_epoch_shows_its_whole_life() {
    let world = World::new("life").await;
    let (mut one, mut two) = (Rollup::new(1), Rollup::new(2));
    world.booked(&mut one, &[transfer(2, USDC, 900), transfer(3, ETH, 8)], &[exit(USDC, 50)]).await;
    world.booked(&mut two, &[transfer(1, USDC, 700)], &[]).await;
    world.booked(&mut one, &[], &[exit(ETH, 4), exit(USDC, 6)]).await;
    assert_eq!(status(&world).await, "open");
    let open = world.get("/v1/exits/1/1").await.json();
    assert_eq!((&open["status"], &open["claim"]), (&json!("open"), &Value::Null));

    let asked = world.send(Method::POST, "/v1/epochs/seal").await;
    assert_eq!((asked.status, asked.header("location")), (202, "/v1/epochs/1"));
    assert_eq!(world.send(Method::POST, "/v1/epochs/seal").await.json(), asked.json());
    assert!(world.engine.pending_seal_request().await.unwrap().is_some());
    world.engine.seal(SealReason::Command).await.unwrap().unwrap();
    assert_eq!(status(&world).await, "sealed");
    Box::pin(prove(&world)).await;
    settle(&world).await;

    let epoch = world.get("/v1/epochs/1").await.json();
    let happened = epoch["timeline"].as_array().unwrap().iter();
    let happened = happened.map(|entry| entry["event"].as_str().unwrap()).collect::<Vec<_>>();
    for event in [
        "epoch_opened",
        "seal_requested",
        "epoch_sealed",
        "step_folded",
        "epoch_proven",
        "settlement_proven",
    ] {
        assert!(happened.contains(&event), "{event} in {happened:?}");
    }
    assert_eq!(epoch["settlement"]["gas_used"], 1_043_221);
    check_books(&world, &epoch).await;
    check_flows(&world, &epoch).await;
    check_proof(&world).await;
    check_claim(&world).await;
    world.end().await;
}

/// Folds every step as the engine does, with the outputs of the reference steps.
async fn prove(world: &World) {
    let work = world.engine.operations_of(FIRST).await.unwrap();
    let steps = plan_steps(&work.operations).unwrap();
    let planned = u32::try_from(steps.len()).unwrap();
    let at = world.engine.sealed(FIRST).await.unwrap().unwrap().last_block;
    let context = StepContext { domain_word: world.word(), epoch: FIRST };
    let (mut state, mut emission) = (work.opening, Word::ZERO);
    for (number, step) in (1_u32..).zip(&steps) {
        let (next, output) = step.run(&state, context, emission).unwrap();
        (state, emission) = (next, output.emission_digest);
        world.engine.record_step(FIRST, number, &output, Some(b"checkpoint"), at).await.unwrap();
        let shown = world.get("/v1/epochs/1").await.json();
        assert_eq!(shown["status"], "proving");
        assert_eq!(shown["steps"], json!({"folded": number, "planned": planned}));
        let page = world.get("/").await.text;
        assert!(page.contains("Epoch 1, after proving"), "the page tells");
    }
    let closing_digest = work.closing_digest;
    let proof = |bytes: &[u8]| NewProof { closing_digest, steps: planned, bytes: bytes.to_vec() };
    world.engine.record_settlement_proof(FIRST, &proof(b"for L1")).await.unwrap();
    assert_eq!(status(world).await, "proven");
    let early = world.get("/v1/epochs/1/proof").await;
    assert_eq!((early.status, early.json()["code"].as_str()), (404, Some("proof_not_ready")));
    world.engine.record_proof(FIRST, &proof(b"a proof")).await.unwrap();
}

async fn settle(world: &World) {
    let tx_hash = B256::repeat_byte(0x77);
    let submission = NewSubmission {
        sender: alloy_primitives::Address::repeat_byte(1),
        nonce: 0,
        tx_hash,
        raw_tx: vec![1, 2, 3],
    };
    world.engine.record_submission(FIRST, &submission).await.unwrap();
    assert_eq!(status(world).await, "submitted");
    let state_digest = world.engine.sealed(FIRST).await.unwrap().unwrap().closing_digest;
    let block = L1Block { number: 5, hash: keccak256(5_u64.to_be_bytes()) };
    let settlement = NewSettlement { tx_hash, block, gas_used: 1_043_221, state_digest, fee: None };
    world.engine.record_settlement(FIRST, &settlement).await.unwrap();
    assert_eq!(status(world).await, "settled");
    world.engine.record_final(FIRST, block).await.unwrap();
    assert_eq!(status(world).await, "final");
}

/// Gross and net are those of the reference netting.
async fn check_flows(world: &World, epoch: &Value) {
    let work = world.engine.operations_of(FIRST).await.unwrap();
    let netting = Netting::of(&work.operations);
    let flows = epoch["flows"].as_array().unwrap();
    assert_eq!(flows.len(), 2);
    for (flow, asset) in flows.iter().zip([ETH, USDC]) {
        assert_eq!(flow["gross"]["atoms"], netting.gross(asset).to_string());
        assert_eq!(flow["net"]["atoms"], netting.net(asset).to_string());
    }
    assert_eq!(flows[1]["net"]["amount"], "0.000256");
}

/// Whoever has the answer alone makes the bytes that the digest is over, out of what it says.
async fn check_books(world: &World, epoch: &Value) {
    let pinned = epoch["sealed"]["books"].as_str().unwrap();
    assert!(world.get("/").await.text.contains(&pinned[..6]), "the page shows it");
    let answer = world.get("/v1/epochs/1/books").await.json();
    assert_eq!(answer["digest"], pinned);
    let bytes = alloy_primitives::hex::decode(answer["encoding"].as_str().unwrap()).unwrap();
    let books = world.engine.books(FIRST).await.unwrap().unwrap();
    assert_eq!((books.digest().to_string().as_str(), books.encoding()), (pinned, bytes.clone()));
    let mut told = b"netfold.books.v1".to_vec();
    told.extend(answer["epoch"].as_u64().unwrap().to_be_bytes());
    told.extend(answer["last_block"].as_u64().unwrap().to_be_bytes());
    told.extend(answer["last_block_hash"].as_str().unwrap().parse::<B256>().unwrap());
    let accounts = answer["accounts"].as_array().unwrap();
    told.extend(u32::try_from(accounts.len()).unwrap().to_be_bytes());
    for account in accounts {
        told.extend(account["number"].as_u64().unwrap().to_be_bytes());
        for side in ["debits", "credits"] {
            let atoms: u128 = account[side]["atoms"].as_str().unwrap().parse().unwrap();
            told.extend(atoms.to_be_bytes());
        }
        told.extend(account["transfers"].as_u64().unwrap().to_be_bytes());
        told.extend(account["last_block"].as_u64().unwrap().to_be_bytes());
    }
    assert_eq!(told, bytes);
    let open = world.get("/v1/epochs/2/books").await;
    assert_eq!((open.status, open.json()["code"].as_str()), (404, Some("books_not_found")));
}

async fn check_proof(world: &World) {
    let answer = world.get("/v1/epochs/1/proof").await;
    assert_eq!(answer.text, "a proof");
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"epoch-1.proof\"");
}

/// The claim as it is shown proves against the exit root that the epoch settled, and once L1 has
/// paid it the exit says by what.
async fn check_claim(world: &World) {
    let shown = world.get("/v1/exits/1/1").await.json();
    assert_eq!(shown["status"], "claimable");
    let path = shown["claim"]["path"].as_array().unwrap().iter();
    let path = path.map(|node| node.as_str().unwrap().parse().unwrap()).collect::<Vec<B256>>();
    let root = shown["claim"]["exit_root"].as_str().unwrap().parse().unwrap();
    let claim =
        world.engine.exit(Rollup::new(1).id, ExitIndex::new(1)).await.unwrap().unwrap().claim;
    assert!(claim.proven_by(&path, ExitRoot::new(root)));
    assert!(!Claim { atoms: domain::Atoms::ZERO, ..claim }.proven_by(&path, ExitRoot::new(root)));
    let l1_tx = &shown["claim"]["l1_tx"];
    assert_eq!((&l1_tx["chain_id"], &l1_tx["value"]), (&json!(31337), &json!("0")));
    // Selector, eight words, 32 siblings.
    assert_eq!(l1_tx["data"].as_str().unwrap().len(), 2 + 2 * (4 + 32 * (8 + 32)));

    world.book(9, vec![L1Event::ClaimPaid { epoch: FIRST, claim }]).await;
    let paid = world.get("/v1/exits/1/1").await.json();
    assert_eq!(paid["status"], "paid");
    assert!(paid["paid_by"].as_str().unwrap().starts_with("0x"));
    let to = world.get(&format!("/v1/exits?recipient={}", claim.recipient)).await.json();
    assert_eq!(to["items"].as_array().unwrap().len(), 3);
    assert!(world.get("/").await.text.contains("1 of 3 exits paid on L1"));
}

async fn status(world: &World) -> String {
    let list = world.get("/v1/epochs").await.json();
    let epochs = list["items"].as_array().unwrap();
    epochs.last().unwrap()["status"].as_str().unwrap().to_owned()
}
