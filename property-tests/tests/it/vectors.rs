//! Digests, encodings and public values are what they were when they were pinned.

use property_tests::{histories::Histories, vectors::Vectors};

#[test]
fn golden_vectors_hold() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/golden.json");
    let committed = std::fs::read_to_string(path).unwrap();
    let computed = Vectors::compute().unwrap().to_json().unwrap();
    assert!(
        committed == computed,
        "an encoding has changed; if that was meant, run \
         `cargo run --release -p property-tests --example vectors` and look at the difference"
    );
}

/// The histories that Foundry plays are those of today's model.
#[test]
fn histories_hold() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/histories.json");
    let committed = std::fs::read_to_string(path).unwrap();
    let computed = Histories::compute().unwrap().to_json().unwrap();
    assert!(
        committed == computed,
        "run `cargo run --release -p property-tests --example vectors` and look at the difference"
    );
}

/// The file itself is consistent: every claim of it is proven by its path.
#[test]
fn golden_claims_are_proven() {
    let vectors = Vectors::compute().unwrap();
    for claim in &vectors.claims {
        let parsed = domain::Claim {
            rollup: claim.rollup.parse().unwrap(),
            index: claim.index.parse().unwrap(),
            asset: claim.asset.parse().unwrap(),
            recipient: claim.recipient,
            atoms: domain::Atoms::parse_decimal(&claim.atoms, 0).unwrap(),
        };
        assert!(parsed.proven_by(&claim.path, domain::ExitRoot::new(vectors.exit_root)));
    }
}
