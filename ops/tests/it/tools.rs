//! The small commands, without a cluster.

use std::io::Write as _;
use std::process::Stdio;

use crate::command::{fail, last_json, netfold, path, said, succeed};

const BATCH: &str = r#"{
    "rollup": 1, "height": 0,
    "previous_root": "0x0000000000000000000000000000000000000000000000000000000000000000",
    "new_root": "0x1111111111111111111111111111111111111111111111111111111111111111",
    "exit_root": "0x2222222222222222222222222222222222222222222222222222222222222222",
    "transfers": [{"to": 2, "asset": 2, "amount": "1.5",
                   "recipient": "0x31bc2a964c8cc585ef366e225ea3a5e2a352c287"}]
}"#;

/// A key made by `keygen` signs a batch read from stdin; the same batch is signed the same.
#[test]
fn keygen_and_sign() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("rollup.key");
    let public = last_json(&succeed(&mut netfold(&["keygen", path(&key)])));
    assert!(public["x"].as_str().unwrap().starts_with("0x"), "{public}");
    let word = format!("0x{:064x}", 5);
    let sign = || {
        let mut child = netfold(&["sign", "--key", path(&key), "--domain-word", &word])
            .args(["--decimals", "1=18", "--decimals", "2=6"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(BATCH.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{:?}", said(&output));
        last_json(&said(&output).0)
    };
    let signed = sign();
    assert_eq!(signed["lanes"][0]["amount"], "1.500000", "{signed}");
    assert_eq!(signed, sign());
}

/// A key file is never overwritten.
#[test]
fn keygen_keeps_keys() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("rollup.key");
    succeed(&mut netfold(&["keygen", path(&key)]));
    let said = fail(&mut netfold(&["keygen", path(&key)]));
    assert!(said.contains("never overwritten"), "{said}");
}

/// An api that is not there, and a database that is not there, are named.
#[test]
fn nobody_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("batch.json");
    std::fs::write(&file, "{}").unwrap();
    let said = fail(&mut netfold(&["submit", "--url", "http://127.0.0.1:1", path(&file)]));
    assert!(said.contains("http://127.0.0.1:1") && said.contains("is netfold up there?"), "{said}");
    let url = "postgres://nobody:wrong@127.0.0.1:1/none";
    let said = fail(&mut netfold(&["migrate", "--database-url", url]));
    assert!(said.contains("DATABASE_URL") && !said.contains("wrong"), "{said}");
}

/// A port that somebody else listens on is named.
#[test]
fn a_taken_port() {
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let state = path(folder.path());
    let up = ["up", "--no-scenario", "--state", state, "--l1-port", &port];
    let said = fail(&mut netfold(&up));
    assert!(said.contains(&format!("port {port} is taken")), "{said}");
}

/// A program that is not there is named with the ways out.
#[test]
fn no_anvil() {
    let folder = tempfile::tempdir().unwrap();
    let state = path(folder.path());
    let up = ["up", "--no-scenario", "--state", state, "--anvil-bin", "/nowhere/anvil"];
    let said = fail(&mut netfold(&up));
    assert!(said.contains("npm ci") && said.contains("L1_RPC_URL"), "{said}");
}
