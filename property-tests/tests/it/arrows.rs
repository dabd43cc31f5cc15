//! Dependencies point one way: each ban of `deny.toml` holds among the workspace's own manifests.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

#[test]
fn dependencies_point_one_way() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let rules = std::fs::read_to_string(format!("{root}/deny.toml")).unwrap();
    let rules: toml::Value = toml::from_str(&rules).unwrap();
    let allowed: BTreeMap<String, Vec<String>> = rules["bans"]["deny"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| {
            let wrappers = rule["wrappers"].as_array().unwrap();
            let wrappers = wrappers.iter().map(|name| name.as_str().unwrap().to_owned());
            (rule["crate"].as_str().unwrap().to_owned(), wrappers.collect())
        })
        .collect();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root)
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let mut arrows = 0;
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        // What a crate's own tests use is no arrow of the product.
        let used = package["dependencies"].as_array().unwrap().iter();
        for dependency in used.filter(|dependency| dependency["kind"].is_null()) {
            let dependency = dependency["name"].as_str().unwrap();
            if let Some(wrappers) = allowed.get(dependency) {
                assert!(
                    wrappers.iter().any(|w| w == name),
                    "{name} may not depend on {dependency}"
                );
                arrows += 1;
            }
        }
    }
    assert!(arrows > 5, "the check saw {arrows} arrows: it reads the wrong thing");
}
