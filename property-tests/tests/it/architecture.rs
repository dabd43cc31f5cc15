//! ARCHITECTURE.md keeps its word: each test that it names is there, and each invariant has one.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure here is the test's failure"
)]

use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A row of the document: what is claimed, and the tests named for it.
struct Row {
    claim: String,
    tests: Vec<String>,
}

/// Every test that the tables of invariants and of rules name is in the sources, as a Rust test or a
/// function of a Solidity test, and no row of theirs is without one.
#[test]
fn every_named_test_is_there() {
    let document = std::fs::read_to_string(format!("{ROOT}/ARCHITECTURE.md")).unwrap();
    let (rust, solidity) = (rust_tests(), solidity_tests());
    assert!(rust.len() > 200 && solidity.len() > 50, "the check reads the wrong thing");
    let mut missing = Vec::new();
    let mut rows = 0;
    for (heading, within) in
        [("## Invariants", ""), ("## Rules of the step circuit", "circuit::tests::")]
    {
        for Row { claim, tests } in table(&document, heading) {
            rows += 1;
            if tests.is_empty() {
                missing.push(format!("{claim}: no test is named"));
            }
            for test in tests {
                let named = format!("{within}{test}");
                let is_solidity = solidity.contains(&test);
                if !is_solidity && !rust.iter().any(|path| is_named(path, &named)) {
                    missing.push(format!("{claim}: there is no test {named}"));
                }
            }
        }
    }
    let check = "arrows::dependencies_point_one_way";
    assert!(document.contains(check) && rust.iter().any(|path| is_named(path, check)));
    assert!(rows > 40, "the check saw {rows} rows: it reads the wrong thing");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The check itself finds what is missing.
#[test]
fn names_are_whole() {
    let path = "folding::circuit::tests::batch::an_overdraft_is_refused";
    let check = |name: &str, expected| assert_eq!(is_named(path, name), expected, "{name}");
    check("an_overdraft_is_refused", true);
    check("batch::an_overdraft_is_refused", true);
    check("circuit::tests::batch::*", true);
    check("circuit::tests", true);
    check("overdraft_is_refused", false);
    check("batch::an_overdraft", false);
    check("lane::an_overdraft_is_refused", false);
    check("emission::*", false);
}

/// Whether a test is the one named, or belongs to the modules named.
fn is_named(path: &str, name: &str) -> bool {
    let path: Vec<&str> = path.split("::").collect();
    let name: Vec<&str> = name.trim_end_matches("::*").split("::").collect();
    // A module may stand anywhere on the way to a test, a test only at its end.
    let is_module = name.last() == Some(&"tests") || path.last() != name.last();
    let mut places = path.windows(name.len());
    if is_module { places.any(|place| place == name) } else { path.ends_with(&name) }
}

/// The rows of the table under a heading; the tests are the words in backticks of its last column.
fn table(document: &str, heading: &str) -> Vec<Row> {
    let lines = document.lines().skip_while(|line| !line.starts_with(heading)).skip(1);
    let section = lines.take_while(|line| !line.starts_with("## "));
    let rows = section.filter(|line| line.starts_with("| ")).skip(1);
    rows.filter(|line| !line.starts_with("| ---"))
        .map(|line| {
            let columns: Vec<&str> = line.trim_matches('|').split('|').collect();
            let tests = columns.last().unwrap().split('`').skip(1).step_by(2);
            let tests = tests.map(str::to_owned).collect();
            Row { claim: columns[0].trim().to_owned(), tests }
        })
        .collect()
}

/// The paths of all tests of the workspace, as their runner names them, after their crate's name.
fn rust_tests() -> Vec<String> {
    let mut found = Vec::new();
    for package in ["domain", "ledger", "folding", "engine", "api", "ops", "property-tests"] {
        for part in ["src", "tests/it"] {
            let folder = Path::new(ROOT).join(package).join(part);
            for file in files(&folder, "rs") {
                let within = file.strip_prefix(&folder).unwrap().with_extension("");
                let modules = within.to_str().unwrap().replace('/', "::");
                found.extend(tests_in(&std::fs::read_to_string(&file).unwrap()).map(|test| {
                    let separator = if test.inline { "::tests" } else { "" };
                    format!("{package}::{modules}{separator}::{}", test.name)
                }));
            }
        }
    }
    found
}

struct Test {
    name: String,
    /// In the file's own `mod tests`.
    inline: bool,
}

/// The functions that carry an attribute `#[test]` or `#[tokio::test]`.
fn tests_in(source: &str) -> impl Iterator<Item = Test> {
    let (mut inline, mut attributed) = (false, false);
    source.lines().filter_map(move |line| {
        let line = line.trim();
        inline |= line == "mod tests {";
        let attribute = line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        let test = function.filter(|_| attributed).and_then(|rest| rest.split_once('('));
        attributed = attribute || (attributed && line.starts_with("#["));
        test.map(|(name, _)| Test { name: name.to_owned(), inline })
    })
}

/// The functions of `contracts/test` that forge runs.
fn solidity_tests() -> Vec<String> {
    let files = files(&Path::new(ROOT).join("contracts/test"), "sol");
    let sources = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
    sources
        .flat_map(|source| {
            let functions = source.split("function ").skip(1);
            let names = functions.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned()));
            names.collect::<Vec<_>>()
        })
        .filter(|name| name.starts_with("test") || name.starts_with("invariant_"))
        .collect()
}

/// All files below a folder with that ending; none if the folder is not there.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found
}
