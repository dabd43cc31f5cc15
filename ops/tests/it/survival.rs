//! Nothing that `netfold` starts outlives it, and no command leaves a caller without a sentence.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::command::{netfold, path, said};

/// After `kill -9` of the command its Postgres shuts down cleanly, and the next start finds the
/// database in order.
#[test]
fn postgres_ends_with_a_killed_parent() {
    let folder = tempfile::tempdir().unwrap();
    let state = path(folder.path());
    let mut running =
        netfold(&["postgres", "--state", state]).stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(running.stdout.take().unwrap()).read_line(&mut url).unwrap();
    assert!(url.starts_with("postgres://"), "{url}");
    running.kill().unwrap();
    running.wait().unwrap();
    let socket = url.trim().split_once("host=").unwrap().1.replace("%20", " ");
    let began = Instant::now();
    while std::path::Path::new(&socket).join(".s.PGSQL.5432").exists() {
        assert!(began.elapsed() < Duration::from_secs(20), "postgres outlived its parent");
        std::thread::sleep(Duration::from_millis(20));
    }
    let again = netfold(&["postgres", "--state", state, "--", "true"]).output().unwrap();
    assert!(again.status.success(), "{:?}", said(&again));
}

/// The command run beside the database gets its address, and its exit code is passed on.
#[test]
fn a_command_beside_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo \"$DATABASE_URL\"; exit 5";
    let state = path(folder.path());
    let output =
        netfold(&["postgres", "--state", state, "--", "sh", "-c", script]).output().unwrap();
    let (stdout, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(stdout.starts_with("postgres://netfold@localhost/netfold?host=/"), "{stdout}");
}

/// A second process on the same state folder is refused with the first one's process id.
#[test]
fn one_process_per_state_folder() {
    let folder = tempfile::tempdir().unwrap();
    let state = path(folder.path());
    let inner = format!("{} postgres --state {state} -- true", env!("CARGO_BIN_EXE_netfold"));
    let output =
        netfold(&["postgres", "--state", state, "--", "sh", "-c", &inner]).output().unwrap();
    let (_, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("another netfold (process "), "{stderr}");
    assert!(stderr.contains("choose another --state"), "{stderr}");
}

/// Without server programs the sentence names all three ways out.
#[test]
fn no_postgres_programs() {
    let folder = tempfile::tempdir().unwrap();
    let state = path(folder.path());
    let output =
        netfold(&["postgres", "--state", state, "--pg-bin", state, "--", "true"]).output().unwrap();
    let (_, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("--pg-bin"), "{stderr}");
}
