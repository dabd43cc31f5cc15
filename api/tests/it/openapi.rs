//! The `OpenAPI` document.

use serde_json::Value;

/// The committed document is what the code describes: a change of the API shows in its diff.
#[test]
fn the_document_is_as_committed() {
    let made = api::openapi().to_pretty_json().unwrap() + "\n";
    let committed = include_str!("../../openapi.json");
    let fresh = concat!(env!("CARGO_TARGET_TMPDIR"), "/openapi.json");
    if made != committed {
        std::fs::write(fresh, &made).unwrap();
        panic!(
            "the API has changed: look at it, then cp {fresh} {}/openapi.json",
            env!("CARGO_MANIFEST_DIR")
        );
    }
}

/// Every operation says what it is, answers errors as problems, and has a name of its own.
#[test]
fn every_operation_is_described() {
    let document: Value = serde_json::from_str(&api::openapi().to_json().unwrap()).unwrap();
    let mut names = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{place}");
            assert!(operation["tags"].is_array(), "{place}");
            names.push(operation["operationId"].as_str().unwrap().to_owned());
            for (status, answer) in operation["responses"].as_object().unwrap() {
                if status.starts_with(['4', '5']) {
                    let content = answer["content"].as_object().unwrap();
                    assert!(content.contains_key("application/problem+json"), "{place} {status}");
                }
            }
        }
    }
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all, "operation ids repeat: {names:?}");
}
