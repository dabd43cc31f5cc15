//! The page for newcomers: its commands, run in their order, answer as it says.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{plain, proving_turn, said};

/// A command of the page, and the lines that it says will come.
#[derive(Debug, Default)]
struct Step {
    command: String,
    expected: Vec<String>,
}

/// Every command of `docs/first-hour.md` runs and answers what stands below it, from two keys to a paid exit.
#[test]
fn the_page_is_true() {
    let _turn = proving_turn();
    let page = std::fs::read_to_string(root().join("docs/first-hour.md")).unwrap();
    let page = page.replace("127.0.0.1:8080", &format!("127.0.0.1:{}", free_port()));
    let port = free_port().to_string();
    let steps = steps(&page.replace("8545", &port));
    assert!(steps.len() > 20, "{steps:?}");
    let mut script = "set -e\nexec 2>&1\n".to_owned();
    for (nth, step) in steps.iter().enumerate() {
        writeln!(script, "echo '{MARK}{nth}'\n{}", step.command).unwrap();
    }
    // Whatever fails, nothing goes on running.
    script = format!("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}");
    let folder = tempfile::tempdir().unwrap();
    let mut command: Command = plain("bash");
    command.args(["-c", &script]).current_dir(root()).env("TMPDIR", folder.path());
    let (told, _) = said(&command.output().unwrap());
    let mut told_parts = told.split(MARK).skip(1);
    for (nth, step) in steps.iter().enumerate() {
        let answer =
            told_parts.next().unwrap_or_else(|| panic!("{step:?} was not reached:\n{told}"));
        let (number, lines) = answer.split_once('\n').unwrap();
        assert_eq!(number, nth.to_string(), "{told}");
        let lines: Vec<&str> = lines.lines().collect();
        let expected: Vec<&str> = step.expected.iter().map(String::as_str).collect();
        assert!(fits(&expected, &lines), "{step:?} answered:\n{}\nof\n{told}", lines.join("\n"));
    }
}

/// What stands for anything stands for that alone.
#[test]
fn what_differs_is_told_apart() {
    for (expected, lines, fit) in [
        (&["a …", "b"][..], &["a 1", "b"][..], true),
        (&["a …", "b"], &["c 1", "b"], false),
        (&["…", "b"], &["x", "y", "b"], true),
        (&["…", "b"], &["b"], true),
        (&["…", "b"], &["b", "c"], false),
        (&["a…c…e"], &["abcde"], true),
        (&["a…c…e"], &["abde"], false),
        (&["…"], &[], true),
        (&[], &["x"], false),
    ] {
        assert_eq!(fits(expected, lines), fit, "{expected:?} {lines:?}");
    }
}

fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut within = false;
    for line in page.lines() {
        if line.starts_with("```") {
            within = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| within) {
            steps.push(Step { command: command.to_owned(), expected: Vec::new() });
        } else if within {
            steps.last_mut().unwrap().expected.push(line.to_owned());
        }
    }
    steps
}

/// A line of `…` alone stands for any lines, within a line it stands for anything.
fn fits(expected: &[&str], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((&"…", rest)) => (0..=lines.len()).any(|skipped| fits(rest, &lines[skipped..])),
        Some((first, rest)) => lines
            .split_first()
            .is_some_and(|(line, others)| line_fits(first, line) && fits(rest, others)),
    }
}

fn line_fits(expected: &str, line: &str) -> bool {
    let Some((before, after)) = expected.split_once('…') else { return expected == line };
    let Some(rest) = line.strip_prefix(before) else { return false };
    (0..=rest.len())
        .filter(|skipped| rest.is_char_boundary(*skipped))
        .any(|skipped| line_fits(after, &rest[skipped..]))
}

/// Nobody else takes it in the moment until it is used.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

const MARK: &str = "=====next=====";
