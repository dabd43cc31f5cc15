//! The main job: the shipped scenario from an empty folder to the last claim.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{fail, last_json, netfold, params, path, proving_turn, succeed};
use crate::history;

/// `netfold up --once --json` takes all 223 rows to L1 and ends with the promised line; every proof
/// file verifies and no damaged one does, nor a damaged history of both epochs; the audit finds nothing, and finds an altered row.
#[test]
fn the_shipped_scenario() {
    let _turn = proving_turn();
    let folder = tempfile::tempdir().unwrap();
    let state = path(folder.path());
    let summary = last_json(&succeed(&mut netfold(&["up", "--once", "--json", "--state", state])));
    for (field, expected) in [
        ("epochs", 2),
        ("batches", 24),
        ("transfers", 223),
        ("exits", 80),
        ("claims_paid", 80),
        ("proofs_verified", 2),
        ("drift", 0),
    ] {
        assert_eq!(summary[field], Value::from(expected), "{field} of {summary}");
    }
    let gas = summary["l1_gas"].as_array().unwrap();
    assert_eq!(gas.len(), 2, "{summary}");
    assert!(
        gas.iter().all(|gas| (21_000..1_200_000).contains(&gas.as_u64().unwrap())),
        "{summary}"
    );
    assert!(summary["seconds"].as_u64().unwrap() > 0, "{summary}");
    let run = folder.path().join("once");
    for epoch in 1..=2 {
        check_proof_file(&run.join(format!("proofs/epoch-{epoch}.proof")), epoch);
    }
    history::check(&run);
    check_audit(&run);
}

fn check_proof_file(file: &Path, epoch: u64) {
    let proof = fs::read(file).unwrap();
    let verified = last_json(&succeed(&mut netfold(&["verify", "--json", path(file)])));
    assert_eq!(verified["epoch"], Value::from(epoch), "{verified}");
    let damaged = file.with_extension("damaged");
    // Folding's own tests flip every byte; here the command's answer is what counts.
    for position in [0, proof.len() / 3, proof.len() / 2, proof.len() - 1] {
        let mut bytes = proof.clone();
        bytes[position] ^= 1;
        fs::write(&damaged, bytes).unwrap();
        let said = fail(&mut netfold(&["verify", path(&damaged)]));
        assert!(said.contains("REFUSED"), "byte {position}: {said}");
    }
    fs::write(&damaged, &proof[..proof.len() - 1]).unwrap();
    assert!(fail(&mut netfold(&["verify", path(&damaged)])).contains("REFUSED"));
    fs::remove_file(damaged).unwrap();
}

fn check_audit(run: &Path) {
    let state = path(run);
    let found = last_json(&succeed(&mut netfold(&["audit", "--json", "--state", state])));
    assert_eq!(found["drift"], Value::from(0), "{found}");
    assert_eq!(found["l1_compared"], Value::from(true), "{found}");
    // Behind the ledger's back: as the database's superuser, with the guards switched off.
    let alter = "alter table transfer disable trigger all; \
        update transfer set atoms = atoms + 1 where (block_number, position) = \
        (select block_number, position from transfer order by block_number desc, position limit 1) \
        returning block_number || chr(45) || position";
    let script = format!("psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 \"$DATABASE_URL\" -c '{alter}'");
    let row = succeed(&mut netfold(&["postgres", "--state", state, "--", "sh", "-c", &script]));
    let output = netfold(&["audit", "--json", "--state", state]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let found = last_json(&String::from_utf8_lossy(&output.stdout));
    assert!(found["drift"].as_u64().unwrap() > 0, "{found}");
    let fault = found["faults"][0].as_str().unwrap();
    assert!(fault.contains(&format!("transfer {}", row.trim())), "{row}: {fault}");
}

/// Without parameters, or with a file that is no proof, the sentence says what is wrong.
#[test]
fn nothing_to_verify() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "not a proof").unwrap();
    let empty = path(folder.path());
    let said = fail(&mut netfold(&["verify", "--params", empty, path(&file)]));
    assert!(said.contains("verifying key"), "{said}");
    if params().exists() {
        let said = fail(&mut netfold(&["verify", path(&file)]));
        assert!(said.contains("REFUSED") || said.contains("verifying key"), "{said}");
    }
}
