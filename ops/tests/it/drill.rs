//! Crash drills over the shipped scenario, and the page that shows what came of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::browser;
use crate::command::{Up, last_json, netfold, path, proving_turn, said, succeed};
use crate::pages::check_pages;

/// Each is durable when it is told; a restart goes on from there. A proof that is made and not recorded is not one of
/// them: killed then, nothing is other than after the last step.
const POINTS: [&str; 12] = [
    "LogsBooked:2",
    "Sealed",
    "StepFolded",
    "Proven",
    "IntentWritten",
    "Sent",
    "Settled",
    "Final",
    "Aggregated",
    "StepFolded",
    "IntentWritten",
    "Sent",
];

/// Killed at every persistence point and started again, the cluster comes to the state that an
/// undisturbed one comes to, with each effect on L1 once; the pages then say so.
#[test]
fn killed_at_every_point() {
    let _turn = proving_turn();
    let folder = tempfile::tempdir().unwrap();
    let state = path(folder.path());
    let up = ["up", "--state", state, "--listen", "127.0.0.1:0"];
    let mut died = 0;
    for point in POINTS {
        let output = netfold(&[up.as_slice(), &["--crash-at", point]].concat()).output().unwrap();
        let (_, stderr) = said(&output);
        assert!(stderr.contains("a drill ends this process"), "{point}: {stderr}");
        assert!(!output.status.success(), "{point}");
        died += 1;
    }
    assert_eq!(died, POINTS.len());
    let running = Up::start(&up);
    let cells = browser::read_json(&running.url, "/v1/cells");
    assert_eq!(balances(&cells), expected_balances(), "{cells}");
    let epochs = browser::read_json(&running.url, "/v1/epochs");
    let settled = |epoch: &Value| epoch["settlement"].is_object();
    let epochs = epochs["items"].as_array().unwrap().iter().filter(|epoch| settled(epoch)).count();
    assert_eq!(epochs, 2);
    let audit = last_json(&succeed(&mut netfold(&["audit", "--json", "--state", state])));
    assert_eq!(audit["drift"], Value::from(0), "{audit}");
    browser::check_overview(&running.url);
    check_pages(&running.url);
    running.end();
}

/// By (rollup, asset), in atoms.
fn balances(cells: &Value) -> BTreeMap<(u64, u64), String> {
    let cells = cells["items"].as_array().unwrap();
    cells
        .iter()
        .map(|cell| {
            let number = |name: &str| cell[name].as_u64().unwrap();
            let atoms = cell["balance"]["atoms"].as_str().unwrap().to_owned();
            ((number("rollup"), number("asset")), atoms)
        })
        .filter(|(_, atoms)| atoms != "0")
        .collect()
}

/// What each rollup received: everything that left it had been deposited before.
fn expected_balances() -> BTreeMap<(u64, u64), String> {
    let scenario = ops::scenario::Scenario::shipped().unwrap();
    let mut received: BTreeMap<(u64, u64), u128> = BTreeMap::new();
    for epoch in scenario.plan().unwrap() {
        for transfer in epoch.batches.iter().flat_map(|batch| &batch.transfers) {
            let cell = (u64::from(transfer.to.number()), u64::from(transfer.asset.number()));
            *received.entry(cell).or_default() += transfer.atoms.number();
        }
    }
    received.into_iter().map(|(cell, atoms)| (cell, atoms.to_string())).collect()
}
