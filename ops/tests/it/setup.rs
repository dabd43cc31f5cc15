//! `netfold setup check`: what nobody should rely on is told before anybody does.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{fail, last_json, netfold, params, path, proving_turn, succeed};

/// The development setup's largest file; the parameters are made first, if they are not there.
fn development_file() -> PathBuf {
    let folder = params().join("insecure-development-powers");
    if !folder.is_dir() {
        succeed(&mut netfold(&["contracts", "verifier"]));
    }
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|ending| ending == "ptau")).max().unwrap()
}

/// Checks what is nothing to rely on: stdout.
fn check(target: &Path, more: &[&str]) -> String {
    let output = netfold(&["setup", "check", path(target)]).args(more).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The development setup is sound and large enough, is named insecure with the key made from it, and
/// is nothing to rely on; with a byte changed or cut short it is refused for that.
#[test]
fn the_development_setup_is_named() {
    let _turn = proving_turn();
    let file = development_file();
    let found = last_json(&check(&file, &["--json"]));
    assert_eq!(found["usable"], Value::from(false), "{found}");
    let only = &found["files"][0];
    for (field, expected) in [("sound", true), ("enough", true)] {
        assert_eq!(only[field], Value::from(expected), "{field} of {found}");
    }
    assert_eq!(only["setup"], "insecure-development", "{found}");
    let key = only["settlement_key"].as_str().unwrap();
    assert!(key.starts_with("insecure-development:"), "{found}");
    let said = check(&file, &[]);
    assert!(said.contains("INSECURE: the development setup") && said.contains(key), "{said}");
    assert!(said.contains("NOT USABLE"), "{said}");

    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join(file.file_name().unwrap());
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&copy, &bytes).unwrap();
    let said = check(folder.path(), &[]);
    assert!(said.contains("one of its points is not on the curve"), "{said}");
    let found = last_json(&check(folder.path(), &["--json"]));
    assert_eq!(found["files"][0]["sound"], Value::from(false), "{found}");
    bytes[middle] ^= 1;
    bytes.truncate(middle);
    fs::write(&copy, &bytes).unwrap();
    assert!(check(&copy, &[]).contains("it ends before its last point"));
}

/// What is not there, and what is no such file, is said so.
#[test]
fn nothing_to_check() {
    let folder = tempfile::tempdir().unwrap();
    let said = fail(&mut netfold(&["setup", "check", path(folder.path())]));
    assert!(said.contains("has no file that ends in .ptau"), "{said}");
    let file = folder.path().join("file.ptau");
    fs::write(&file, "no powers").unwrap();
    assert!(check(&file, &[]).contains("it is no powers-of-tau file"));
    assert!(check(&folder.path().join("none.ptau"), &[]).contains("cannot use"));
}
