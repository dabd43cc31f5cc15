//! The signing example, as a rollup's engineer runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::world::World;

fn sign(world: &World, arguments: &[&str]) -> Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops/examples/javascript");
    let mut node = Command::new("node");
    node.arg(folder.join("sign.mjs")).args(["--url", &world.url("")]).args(arguments);
    node.output().unwrap()
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

/// A batch that JavaScript signs with a library from npm is booked as it is, with exits and in several lanes, and so
/// is the next one; with another rollup's key nothing is signed.
#[tokio::test(flavor = "multi_thread")]
async fn javascript_signs_what_is_booked() {
    let world = World::new("javascript").await;
    let folder = tempfile::tempdir().unwrap();
    let key = write(folder.path(), "rollup.key", &"01".repeat(32));
    let recipient = format!("0x{}", "ab".repeat(20));
    for height in 0..2 {
        let batch = json!({
            "rollup": 1,
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
        });
        let file = write(folder.path(), "batch.json", &batch.to_string());
        let (key, file) = (key.to_str().unwrap(), file.to_str().unwrap());
        let output = sign(&world, &["--key", key, "--post", file]);
        assert!(output.status.success(), "{output:?}");
        let booked: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&booked["rollup"], &booked["height"]), (&1.into(), &height.into()), "{booked}");
    }
    let other = write(folder.path(), "other.key", &"02".repeat(32));
    let file = folder.path().join("batch.json");
    let output = sign(&world, &["--key", other.to_str().unwrap(), file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("rollup 1 is registered with another key"), "{told}");
    world.end().await;
}
