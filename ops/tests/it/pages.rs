//! Every page of a running cluster, and the ways through them, in a real Chromium.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// The pages of a cluster that has settled the shipped scenario and paid all its exits, and what they say.
const PAGES: [(&str, &[&str]); 16] = [
    ("/", &["Yes, to the last atom", "80 of 80 exits paid on L1"]),
    ("/epochs", &["Epoch 2"]),
    ("/epochs/1", &["aggregated proof", "netted away"]),
    ("/epochs/2", &["final"]),
    ("/rollups", &["Rollup 6"]),
    ("/rollups/6", &["Cells over time", "nothing of its L2 is proven"]),
    ("/batches/6/1", &["A batch of", "Booked"]),
    ("/exits", &["paid"]),
    ("/exits/6/0", &["paid"]),
    ("/ledger", &["balances"]),
    ("/ledger?epoch=1", &["was sealed"]),
    ("/ledger/accounts/cell:6:1", &["Statement"]),
    ("/audit", &["Ledger, proof and contract agree"]),
    ("/jobs", &["Provers and jobs", "To do"]),
    ("/costs", &["Gas on L1", "for 2 epochs"]),
    ("/search?q=6/0", &["names several things"]),
];

/// Each page is sound, wide and narrow, light and dark, and whole without scripts; and people get where they
/// want to: from the overview to a proof, from an exit's number to what became of it, from a rollup to one
/// transfer and what it moved, from the books of today to those of an epoch.
pub(crate) fn check_pages(url: &str) {
    let pages = PAGES.iter().map(|(path, texts)| {
        let live = !path.contains('?');
        json!({"path": path, "status": 200, "live": live, "texts": texts})
    });
    run("walk.mjs", url, &pages.collect());
    let ways = json!([
        {"name": "to the proof of an epoch", "steps": [
            {"open": "/"}, {"click": "Epoch 1"}, {"see": "aggregated proof"},
            {"download": "Download the proof", "bytes": 10_000},
            {"click": "The trial balance at its seal"}, {"see": "was sealed"},
        ]},
        {"name": "where is my money", "steps": [
            {"open": "/"}, {"search": "6/0"}, {"see": "names several things"},
            {"click": "Exit 0 of Rollup 6"}, {"see": "paid"}, {"click": "Transfer"},
            {"see": "Where is my money?"},
        ]},
        {"name": "what a rollup sent", "steps": [
            {"open": "/"}, {"click": "Rollup 6"}, {"see": "Cells over time"},
            {"open": "/batches/6/1"}, {"click": "epoch 1"}, {"see": "aggregated proof"},
        ]},
    ]);
    run("follow.mjs", url, &ways);
}

fn run(script: &str, url: &str, what: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.json");
    std::fs::write(&list, what.to_string()).unwrap();
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(&pictures).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/tests/browser").join(script);
    let output = Command::new("node").arg(script).arg(url).args([list, pictures]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}{failed}");
}
