//! `/metrics`, and the dashboards, alerts and runbooks that rest on it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use api::{Settings, State};
use ledger::{Ledger, Role, SealReason};
use serde_json::Value;

use crate::{
    rollup::{ETH, Rollup, transfer},
    world::{Answer, World},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The value of a sample, by its name with labels.
fn value(text: &str, sample: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample} in\n{text}")).parse().unwrap()
}

/// What is counted of the domain is what the ledger holds, and goes on over a restart of the api; a route that is
/// not there makes no label of its own.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_what_the_ledger_holds() {
    let mut world = World::new("metrics").await;
    let mut one = Rollup::new(1);
    world.booked(&mut one, &[transfer(2, ETH, 5)], &[]).await;
    world.engine.seal(SealReason::Command).await.unwrap().unwrap();
    for _ in 0..3 {
        assert_eq!(world.get("/v1/made-up/123").await.status, 404);
    }
    let answer = world.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics")
    );
    let text = answer.text;
    assert!(text.ends_with("# EOF\n"));
    for (sample, expected) in [
        ("netfold_ledger_readable", 1.0),
        ("netfold_journal_blocks_total", 12.0),
        ("netfold_epochs_total{stage=\"opened\"}", 2.0),
        ("netfold_epochs_total{stage=\"sealed\"}", 1.0),
        ("netfold_epochs_total{stage=\"settled\"}", 0.0),
        ("netfold_rollup_height{rollup=\"1\"}", 1.0),
        ("netfold_rollup_height{rollup=\"2\"}", 0.0),
        ("netfold_amount{asset=\"1\",of=\"custody\"}", 30.0),
        ("netfold_amount{asset=\"2\",of=\"cells\"}", 15_000.0),
        ("netfold_books_balanced{asset=\"1\"}", 1.0),
        ("netfold_engine_running", 0.0),
        ("netfold_books_ended", 0.0),
        ("netfold_l1_block", 2.0),
    ] {
        assert!((value(&text, sample) - expected).abs() < 1e-9, "{sample} in\n{text}");
    }
    assert!(value(&text, "netfold_epoch_waiting_seconds{for=\"settlement_proof\"}") > 0.0);
    assert!(value(&text, "netfold_epoch_waiting_seconds{for=\"settlement\"}") < 1e-9);
    let posts =
        "netfold_http_request_seconds_count{method=\"POST\",route=\"/v1/batches\",status=\"201\"}";
    assert!((value(&text, posts) - 1.0).abs() < 1e-9);
    let nowhere =
        "netfold_http_request_seconds_count{method=\"GET\",route=\"none\",status=\"404\"}";
    assert!((value(&text, nowhere) - 3.0).abs() < 1e-9);
    assert!(!text.contains("made-up"));
    let lock = world.engine.lock_engine().await.unwrap().unwrap();
    world.stop().await;
    let api = Ledger::connect(&world.gate.url, Role::Api, 2).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let metrics = format!("http://{}/metrics", listener.local_addr().unwrap());
    let state = State::new(api.clone(), Settings::default());
    let again = tokio::spawn(api::serve(listener, state, std::future::pending()));
    let text = Answer::of(world.client.get(&metrics).send().await.unwrap()).await.text;
    assert!((value(&text, "netfold_journal_blocks_total") - 12.0).abs() < 1e-9);
    assert!((value(&text, "netfold_engine_running") - 1.0).abs() < 1e-9);
    lock.release().await.unwrap();
    world.gate.close().await;
    let answer = Answer::of(world.client.get(&metrics).send().await.unwrap()).await;
    assert_eq!(answer.status, 200);
    assert!(value(&answer.text, "netfold_ledger_readable").abs() < 1e-9);
    assert!(!answer.text.contains("netfold_journal_blocks"));
    again.abort();
    api.close().await;
    world.end().await;
}

/// Every metric that a panel or an alert asks for is there, every alert names a runbook that is there, and Prometheus
/// takes the configuration and finds each alert to fire when it should and not before.
#[tokio::test(flavor = "multi_thread")]
async fn dashboards_and_alerts_rest_on_metrics_that_are_there() {
    let world = World::new("dashboards").await;
    world.get("/v1/health").await;
    let text = world.get("/metrics").await.text;
    // Without a replica and webhooks there is nothing to tell of them; `webhooks` sees these.
    let mut there = BTreeSet::from([
        "netfold_replica_blocks_behind".to_owned(),
        "netfold_webhook_waiting_seconds".to_owned(),
    ]);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        there.insert(line.split(['{', ' ']).next().unwrap().to_owned());
    }
    let dashboard: Value =
        serde_json::from_str(&read("ops/monitoring/grafana/dashboards/netfold.json")).unwrap();
    let mut asked = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        assert!(panel["type"] == "row" || !targets.is_empty(), "{panel}");
        asked.extend(targets.iter().map(|target| target["expr"].as_str().unwrap().to_owned()));
    }
    let alerts = read("ops/monitoring/alerts.yml");
    asked.push(alerts.clone());
    let mut used = BTreeSet::new();
    for expression in asked {
        let names = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        used.extend(names.filter(|name| name.starts_with("netfold_")).map(str::to_owned));
    }
    let absent: Vec<_> = used.difference(&there).collect();
    assert!(absent.is_empty() && used.len() > 20, "{absent:?} of {used:?}");
    let headings: BTreeSet<String> = read("docs/runbooks.md")
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect();
    let runbooks: Vec<&str> = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("runbook: docs/runbooks.md#"))
        .collect();
    assert_eq!(runbooks.len(), alerts.matches("- alert: ").count());
    for runbook in runbooks {
        assert!(headings.contains(runbook), "docs/runbooks.md has no {runbook}");
    }
    let tests = read("ops/monitoring/alerts.test.yml");
    for alert in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert_eq!(tests.matches(&format!("alertname: {alert}")).count(), 2, "{alert}");
    }
    for arguments in [["check", "config", "prometheus.yml"], ["test", "rules", "alerts.test.yml"]] {
        let mut promtool = Command::new("promtool");
        let output =
            promtool.args(arguments).current_dir(root().join("ops/monitoring")).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
    world.end().await;
}
