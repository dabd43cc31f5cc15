//! `netfold history` on a settled cluster: one file for all its epochs, and what is refused.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::command::{fail, last_json, netfold, path, said, succeed};

fn history(run: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = netfold(&["history", "--state", path(run), "--out", path(out), "--json"]);
    command.args(more);
    command
}

/// The epochs of a run with two are proven in one file, in one go and from a checkpoint; a changed
/// byte, another anchor, and a range that is not settled are refused in words.
pub(crate) fn check(run: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let (first, whole) = (folder.path().join("first"), folder.path().join("whole"));
    let checkpoint = folder.path().join("checkpoint");
    let kept = ["--checkpoint", path(&checkpoint)];
    let said = fail(&mut history(run, &whole, &["--to", "3"]));
    assert!(said.contains("epoch 3 is not settled on L1, the last settled one is 2"), "{said}");
    let said = fail(&mut history(run, &whole, &["--from", "2", "--to", "1"]));
    assert!(said.contains("there is no epoch from 2 to 1"), "{said}");

    let one = last_json(&succeed(&mut history(run, &first, &[&kept[..], &["--to", "1"]].concat())));
    assert_eq!(one["last_epoch"], Value::from(1), "{one}");
    let said = fail(&mut history(run, &whole, &[&kept[..], &["--from", "2"]].concat()));
    assert!(said.contains("it begins with epoch 1: leave --from out"), "{said}");
    let bytes = fs::read(&checkpoint).unwrap();
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    fs::write(&checkpoint, changed).unwrap();
    let said = fail(&mut history(run, &whole, &kept));
    assert!(said.contains("REFUSED: remove it to fold from the anchor"), "{said}");
    fs::write(&checkpoint, bytes).unwrap();
    let both = last_json(&succeed(&mut history(run, &whole, &kept)));
    for (field, expected) in [("anchor", 1), ("last_epoch", 2)] {
        assert_eq!(both[field], Value::from(expected), "{field} of {both}");
    }
    assert!(both["steps"].as_u64() > one["steps"].as_u64(), "{both} {one}");
    assert_eq!(both["opening_digest"], one["opening_digest"]);
    check_file(&whole, &both);
}

fn check_file(file: &Path, made: &Value) {
    let verified = last_json(&succeed(&mut netfold(&["verify", "--json", path(file)])));
    assert_eq!(verified["kind"], "history", "{verified}");
    for field in ["anchor", "opening_digest", "last_epoch", "closing_digest", "steps"] {
        assert_eq!(verified[field], made[field], "{field} of {verified}");
    }
    let words = said(&netfold(&["verify", path(file)]).output().unwrap()).0;
    assert!(words.contains("epochs 1 to 2") && words.contains("proven: "), "{words}");
    assert!(words.contains("trusted: ") && words.contains("INSECURE DEVELOPMENT SETUP"), "{words}");
    let proof = fs::read(file).unwrap();
    let damaged = file.with_extension("damaged");
    // Folding's own tests change every field; here the command's answer is what counts.
    for position in [0, 9, 110, 150, 190, proof.len() / 2, proof.len() - 1] {
        let mut bytes = proof.clone();
        bytes[position] ^= 1;
        fs::write(&damaged, bytes).unwrap();
        let said = fail(&mut netfold(&["verify", path(&damaged)]));
        assert!(said.contains("REFUSED"), "byte {position}: {said}");
    }
}
