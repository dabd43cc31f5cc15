//! `netfold bench`: the figures are there, of this run, and sensible.

use serde_json::{Value, json};

use crate::command::{last_json, netfold, proving_turn, said, succeed};

/// The parts add up to the step, and the table tells the same as the object.
#[test]
fn the_circuit_is_told_part_by_part() {
    let found = last_json(&succeed(&mut netfold(&["bench", "circuit", "--json"])));
    let parts = found["parts"].as_array().unwrap();
    assert!(parts.len() > 20, "{found}");
    let number = |value: &Value| value.as_u64().unwrap();
    let sum: u64 = parts.iter().map(|part| number(&part["constraints"])).sum();
    let flat = number(&found["flat_step"]["constraints"]);
    let recursive = number(&found["recursive_step"]["constraints"]);
    // The recursive step has Nova's own part besides; the flat one lacks the emission digest.
    assert!(flat < sum && sum < recursive, "{flat} {sum} {recursive}");
    assert_eq!(number(&found["constraints_per_batch"]), flat / 16, "{found}");
    let table = succeed(&mut netfold(&["bench", "circuit"]));
    assert!(table.contains(&flat.to_string()) && table.contains("non-zeros"), "{table}");
}

/// One run folds, proves, verifies and has a real EVM verify; its object has every figure.
#[test]
fn proving_is_measured() {
    let _turn = proving_turn();
    let found = last_json(&succeed(&mut netfold(&[
        "bench", "proof", "--json", "--rounds", "1", "--steps", "2",
    ])));
    let number = |name: &str| {
        let found = name.split('.').fold(&found, |found, part| &found[part]);
        found.as_f64().unwrap_or_else(|| panic!("{name}: {found}"))
    };
    for name in [
        "cores",
        "constraints_per_batch",
        "step_over_floor",
        "ivc_step_over_floor",
        "batches_per_s.flat",
        "batches_per_s.ivc",
        "batches_per_s.both",
        "seal_to_proof_s",
        "seal_to_proof_folded_ahead_s",
        "peak_gib",
        "proof_bytes.settlement.2",
        "proof_bytes.aggregated",
        "verify_ms.settlement",
        "verify_ms.aggregated",
    ] {
        assert!(number(name) > 0.0, "{name} of {found}");
    }
    assert!(number("seal_to_proof_folded_ahead_s") < number("seal_to_proof_s"), "{found}");
    assert!((300_000.0..900_000.0).contains(&number("gas.2")), "{found}");
}

/// Numbers of steps that no epoch has are refused in words, before anything is measured.
#[test]
fn nonsense_is_refused() {
    let limit = domain::limits::MAX_STEPS_PER_EPOCH;
    let more = (limit + 1).to_string();
    for steps in ["0", &more, "-1", "many", "1.5", ""] {
        let output = netfold(&["bench", "proof", &format!("--steps={steps}")]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{steps}");
        let sentence = format!("an epoch has 1 to {limit} steps");
        assert!(said(&output).1.contains(&sentence), "{steps}");
    }
}

/// One run books in every way, and its object has every figure; the journal's growth is told in
/// steps, and what has grown is audited.
#[test]
fn booking_is_measured() {
    let found = last_json(&succeed(&mut netfold(&["bench", "ledger", "--json", "--rounds", "1"])));
    for name in [
        "cores",
        "rounds",
        "floor_per_s",
        "classic_per_s",
        "classic_hot_per_s",
        "transfers_per_s.1",
        "transfers_per_s.100",
        "transfers_per_s.1000",
        "transfers_per_s.8000",
        "hot_transfers_per_s.1",
        "hot_transfers_per_s.1000",
        "ratio_to_classic",
        "ratio_to_floor",
        "hot_over_spread",
        "function_per_s",
        "function_hot_per_s",
        "ones_over_classic",
        "ones_over_function",
        "lone_batch_ms",
        "lone_verifying_ms",
        "lone_function_ms",
        "lone_over_function",
        "lone_booking_over_function",
    ] {
        let number = name.split('.').fold(&found, |found, part| &found[part]);
        assert!(number.as_f64().is_some_and(|number| number > 0.0), "{name} of {found}");
    }
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("growth.svg");
    let growth = ["bench", "ledger", "--json", "--growth", "5000", "--chart"];
    let found = last_json(&succeed(netfold(&growth).arg(&picture)));
    assert_eq!(std::fs::read_to_string(picture).unwrap().matches("<circle").count(), 3);
    let marks: Vec<u64> = found["growth"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["transfers"].as_u64().unwrap())
        .collect();
    assert_eq!(marks, [1_000, 2_000, 5_000], "{found}");
    let audit = &found["audit"];
    assert_eq!((&audit["transfers"], &audit["drift"]), (&json!(5_064), &json!(0)), "{audit}");
    for nonsense in [["--rounds", "0"], ["--rounds", "many"], ["--growth", "999"]] {
        let output = netfold(&[&["bench", "ledger"][..], &nonsense[..]].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{nonsense:?}");
        assert!(said(&output).1.contains(nonsense[0]), "{nonsense:?}");
    }
}

/// One short run posts to a real api and reads from it, at every number of clients; its object has every figure,
/// says what bounds them, and the parts of the processors are parts.
#[test]
fn the_api_is_measured() {
    let found = last_json(&succeed(&mut netfold(&[
        "bench",
        "api",
        "--json",
        "--seconds",
        "1",
        "--posts",
        "1",
    ])));
    let number =
        |of: &Value, name: &str| of[name].as_f64().unwrap_or_else(|| panic!("{name} of {of}"));
    for (list, clients, own) in [
        ("posts", [1.0, 4.0, 16.0], ["transfers_per_s", "ledger_p50_ms", "p50_over_ledger"]),
        ("reads", [1.0, 16.0, 64.0], ["health_per_s", "health_over_reads", "per_s"]),
    ] {
        let levels = found[list].as_array().unwrap();
        let found: Vec<f64> = levels.iter().map(|level| number(level, "clients")).collect();
        assert_eq!(found, clients, "{list}");
        for level in levels {
            for name in ["requests", "per_s", "p50_ms", "p99_ms"].into_iter().chain(own) {
                assert!(number(level, name) > 0.0, "{name} of {level}");
            }
            assert!(number(level, "p50_ms") <= number(level, "p99_ms"), "{level}");
            for name in ["api", "postgres", "client", "others", "idle"] {
                assert!((0.0..=1.1).contains(&number(&level["usage"], name)), "{name} of {level}");
            }
        }
    }
    assert!(number(&found["reads_beside_posts"], "per_s") > 0.0, "{found}");
    let kinds = found["reads"][0]["p50_ms_of"].as_object().unwrap();
    assert_eq!(
        kinds.keys().collect::<Vec<_>>(),
        ["balance", "batch", "cells", "epoch", "page", "transfer"]
    );
    assert!(number(&found, "verifying_ms") > 0.0, "{found}");
    for name in ["posts_limit", "reads_limit"] {
        let told = found[name].as_str().unwrap();
        assert!(told.contains("api") && told.contains("Postgres"), "{told}");
    }
    for nonsense in [["--seconds", "0"], ["--posts", "51"], ["--posts", "many"]] {
        let output = netfold(&[&["bench", "api"][..], &nonsense[..]].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{nonsense:?}");
        assert!(said(&output).1.contains(nonsense[0]), "{nonsense:?}");
    }
}
