//! The examples, as a rollup's engineer runs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use domain::{RollupId, SettlementKey, l1::L1Event};
use serde_json::{Value, json};

use crate::{
    rollup::{ETH, USDC},
    world::{World, deposited},
};

/// How an example is told to sign a batch and post it: with the api's address, the key and the batch.
type Signer = fn(&str, &Path, &Path) -> Command;

/// A batch that JavaScript signs with a library from npm is booked as it is, with exits and in several lanes, and so
/// is the next one; with another rollup's key nothing is signed.
#[tokio::test(flavor = "multi_thread")]
async fn javascript_signs_what_is_booked() {
    let world = World::new("javascript").await;
    let folder = tempfile::tempdir().unwrap();
    let key = write(folder.path(), "rollup.key", &"01".repeat(32));
    signs_what_is_booked(&world, javascript, 1, &key);
    world.end().await;
}

/// The same in Rust, with a key that the example made and will not make over.
#[tokio::test(flavor = "multi_thread")]
async fn rust_signs_what_is_booked() {
    let world = World::new("rust").await;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("rollup.key");
    let keygen = || Command::new(example("sign")).arg("keygen").arg(&key).output().unwrap();
    let public: SettlementKey = serde_json::from_slice(&succeed(&keygen())).unwrap();
    let kept = std::fs::read(&key).unwrap();
    assert!(!keygen().status.success());
    assert_eq!(std::fs::read(&key).unwrap(), kept);

    let registered = L1Event::RollupRegistered { rollup: RollupId::new(4), key: public };
    let eth = deposited(4, ETH, 10 * 10_u128.pow(18));
    let usdc = deposited(4, USDC, 5_000 * 10_u128.pow(6));
    world.book(3, vec![registered, eth, usdc]).await;
    signs_what_is_booked(&world, rust, 4, &key);
    world.end().await;
}

/// A client that a public generator makes of the document, as it is served, typechecks, posts what JavaScript signed,
/// and reads back what it posted; a problem has its code.
#[tokio::test(flavor = "multi_thread")]
async fn a_generated_client_posts_and_reads() {
    let world = World::new("generated").await;
    let folder = tempfile::tempdir().unwrap();
    let key = write(folder.path(), "rollup.key", &"01".repeat(32));
    let batch = write(folder.path(), "batch.json", &batch(1, 0).to_string());
    let mut sign = Command::new("node");
    sign.arg(examples().join("javascript/sign.mjs")).args(["--url", &world.url(""), "--key"]);
    let signed = succeed(&sign.arg(&key).arg(&batch).output().unwrap());
    let file = write(folder.path(), "signed.json", str::from_utf8(&signed).unwrap());

    let client = examples().join("typescript");
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let command = command.args(arguments).current_dir(&client);
        command.env("NETFOLD_URL", world.url("")).output().unwrap()
    };
    succeed(&run("npm", &["run", "generate"]));
    succeed(&run("npm", &["run", "build"]));
    let post = ["generated/post.js", file.to_str().unwrap()];
    let signed: Value = serde_json::from_slice(&signed).unwrap();
    // The second time it is answered as the first, with another status.
    for status in [201, 200] {
        let read: Value = serde_json::from_slice(&succeed(&run("node", &post))).unwrap();
        assert_eq!(read["status"], status, "{read}");
        let request = &read["batch"]["request"];
        assert_eq!(request["signature"], signed["signature"], "{read}");
        assert_eq!(request["exit_root"], signed["exit_root"], "{read}");
    }
    let mut forged = signed.clone();
    forged["new_root"] = format!("0x{}", "99".repeat(32)).into();
    let forged = write(folder.path(), "forged.json", &forged.to_string());
    let refused = run("node", &["generated/post.js", forged.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.starts_with("signature_invalid: "), "{told}");
    world.end().await;
}

fn signs_what_is_booked(world: &World, signer: Signer, rollup: u16, key: &Path) {
    let folder = tempfile::tempdir().unwrap();
    for height in 0..2 {
        let file = write(folder.path(), "batch.json", &batch(rollup, height).to_string());
        let answer = succeed(&signer(&world.url(""), key, &file).output().unwrap());
        let booked: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!((&booked["rollup"], &booked["height"]), (&rollup.into(), &height.into()));
    }
    let other = write(folder.path(), "other.key", &"02".repeat(32));
    let file = folder.path().join("batch.json");
    let output = signer(&world.url(""), &other, &file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    let sentence = format!("rollup {rollup} is registered with another key");
    assert!(told.contains(&sentence), "{told}");
}

/// Transfers and exits in several lanes.
fn batch(rollup: u16, height: u64) -> Value {
    let recipient = format!("0x{}", "ab".repeat(20));
    json!({
        "rollup": rollup,
        "new_root": format!("0x{}", format!("{:02x}", height + 7).repeat(32)),
        "transfers": [
            {"to": 2, "asset": 1, "amount": "0.5", "recipient": recipient},
            {"to": 3, "asset": 2, "amount": "12.25", "recipient": recipient},
            {"to": 2, "asset": 1, "amount": "0.000000000000000001", "recipient": recipient},
        ],
        "exits": [
            {"asset": 2, "amount": "100", "recipient": recipient},
            {"asset": 1, "amount": "1", "recipient": recipient},
            {"asset": 2, "amount": "0.000001", "recipient": recipient},
        ],
    })
}

fn javascript(url: &str, key: &Path, batch: &Path) -> Command {
    let mut node = Command::new("node");
    node.arg(examples().join("javascript/sign.mjs")).args(["--url", url, "--key"]);
    node.arg(key).arg("--post").arg(batch);
    node
}

fn rust(url: &str, key: &Path, batch: &Path) -> Command {
    let mut sign = Command::new(example("sign"));
    sign.args(["post", url]).arg(key).arg(batch);
    sign
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops/examples")
}

/// An example of this crate: cargo builds it before the tests, into a folder beside theirs.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples").join(name)
}

/// What a program printed, that must have ended well.
fn succeed(output: &Output) -> Vec<u8> {
    assert!(output.status.success(), "{output:?}");
    output.stdout.clone()
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file
}
