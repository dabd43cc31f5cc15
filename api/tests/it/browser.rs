//! The pages in a real Chromium: what a program finds wrong with a page, it finds here.
//!
//! `CHROMIUM` names the program; `ops/test` installs it and what `browser/package.json` lists.
//! `NETFOLD_PICTURES` names a folder for pictures of every page.

use std::{collections::BTreeSet, fmt::Write as _, path::Path, process::Command};

use alloy_primitives::B256;
use ledger::{EventNumber, Ledger, NewWebhook, Outcome, PageLimit, Role, WebhookId};
use serde_json::{Value, json};

use crate::{filled::filled, world::World};

/// A page, whether it follows the events, and what is on it without scripts, too.
struct Page {
    path: &'static str,
    status: u16,
    live: bool,
    texts: &'static [&'static str],
}

const fn live(path: &'static str, texts: &'static [&'static str]) -> Page {
    Page { path, status: 200, live: true, texts }
}

const fn still(path: &'static str, status: u16, texts: &'static [&'static str]) -> Page {
    Page { path, status, live: false, texts }
}

const FILLED: &[Page] = &[
    live("/", &["Yes, to the last atom", "1 thing", "signed two batches", "Epoch 5", "As a table"]),
    live("/epochs", &["Epoch 7", "1,043,221", "submitted"]),
    live(
        "/epochs/3",
        &["aggregated proof", "netfold verify epoch-3.proof", "netted away", "landed"],
    ),
    live("/epochs/6", &["1 of 2 steps folded", "No l1_tx was made yet"]),
    live("/rollups/2", &["It signed two batches of one height", "Cells over time", "1,000"]),
    live("/batches/3/10", &["It was evicted", "its step does not satisfy the circuit"]),
    live("/transfers/18-0", &["Where is my money?", "Arrived in"]),
    live("/transfers/18-3", &["Left Rollup 1 for L1", "Its exit, and how to claim it"]),
    live("/exits", &["claimable", "Rollup 4, exit 0"]),
    still("/exits?recipient=0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee&limit=3", 200, &["Older"]),
    live("/exits/2/1", &["Ready to be claimed on L1", "netfold claim 2 1", "Calldata"]),
    live("/ledger", &["balances", "Cell of Rollup 4", "Owed to exits of Rollup 1"]),
    still("/ledger?epoch=2", 200, &["was sealed"]),
    live("/ledger/accounts/cell:1:2", &["Statement", "Owed to exits of Rollup 1"]),
    live(
        "/jobs",
        &[
            "No engine",
            "prover-2, process 4712",
            "Fold, and prove for L1",
            "1 of 2",
            "was evicted",
            "hooks.example.org",
            "refused with status 500",
            "its last post failed",
        ],
    ),
    live("/costs", &["By epoch", "not recorded", "gas each", "400000007", "Over the epochs"]),
    still("/costs?limit=1&to_epoch=3&cursor=636f7374733a33", 200, &["Older", "Epoch 2"]),
    live("/audit", &["Ledger, proof and contract agree", "agrees", "netfold audit"]),
    still("/search?q=1/0", 200, &["names several things", "Exit 0 of Rollup 1"]),
    still("/epochs/99", 404, &["There is no such page", "epoch 99"]),
    still("/epochs/x", 400, &["must be a whole number"]),
];

const EMPTY: &[Page] = &[
    live("/", &["Nothing has moved yet", "No rollup is registered yet", "Not started"]),
    live("/epochs", &["No epoch is open yet"]),
    live("/rollups", &["No rollup is registered yet"]),
    live("/exits", &["Nothing has left for L1 yet"]),
    live("/ledger", &["The books are empty"]),
    live(
        "/jobs",
        &[
            "Nothing is to be done",
            "Nobody",
            "Nothing is recorded yet",
            "Nothing so far",
            "Nobody is told yet",
        ],
    ),
    live("/costs", &["L1 has settled no epoch yet"]),
    live("/audit", &["No epoch is sealed yet"]),
    still("/search?q=1", 200, &["Nothing is called"]),
];

/// Every page loads in Chromium without an error of its own and asks nobody else, follows the events, is
/// whole without scripts, does not scroll sideways on a phone, and axe-core finds nothing serious on
/// it, light and dark; of a cluster with a past and of one without.
#[tokio::test]
async fn every_page_is_sound() {
    let full = filled("browser").await;
    let mut prover = full.engine.lock_prover().await.unwrap().unwrap();
    full.engine.begin_turn(&mut prover, "prover-2, process 4712").await.unwrap();
    failing_webhook(&full).await;
    walk(&full, FILLED, "filled").await;
    let mut full = full;
    full.gate.close().await;
    walk(&full, &[still("/epochs/1", 503, &["The ledger cannot be read"])], "away").await;
    full.end().await;
    let empty = World::unbound("browser_empty", api::Settings::default()).await;
    walk(&empty, EMPTY, "empty").await;
    empty.end().await;
}

/// Somebody who wants two types of event, and refused the first.
pub(crate) async fn failing_webhook(world: &World) {
    let api = Ledger::connect(&world.gate.url, Role::Api, 1).await.unwrap();
    let id = WebhookId::from_random([0xab; 8]);
    let events =
        BTreeSet::from(["epoch_opened", "epoch_settled"].map(|name| name.parse().unwrap()));
    let new = NewWebhook {
        id,
        url: "https://hooks.example.org/a-secret-path",
        events: Some(&events),
        after: Some(EventNumber::START),
        secret_digest: B256::repeat_byte(1),
    };
    let webhook = api.add_webhook(&new, None, None).await.unwrap();
    let first = api.events_after(EventNumber::START, PageLimit::MAX).await.unwrap();
    let first = first.iter().find(|event| webhook.wants(event)).unwrap().number;
    let refused = Outcome::Refused { status: 500 };
    api.record_webhook_attempt(id, webhook.next_attempt(), first, refused).await.unwrap();
    api.close().await;
}

async fn walk(world: &World, pages: &[Page], name: &str) {
    let list = pages.iter().map(|page| {
        let Page { path, status, live, texts } = page;
        json!({"path": path, "status": status, "live": live, "texts": texts})
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, list.collect::<Value>().to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/walk.mjs");
    let mut command = Command::new("node");
    command.arg(script).arg(world.url("")).arg(file.path());
    if let Some(pictures) = std::env::var_os("NETFOLD_PICTURES") {
        let folder = Path::new(&pictures).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        command.arg(folder);
    }
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        write!(said, "{}", String::from_utf8_lossy(&output.stderr)).unwrap();
    }
    assert!(said.is_empty(), "{name}:\n{said}");
}
