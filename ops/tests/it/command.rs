//! Drives the built `netfold`.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// `netfold ARGUMENTS…`, with nothing of the caller's configuration.
pub(crate) fn netfold(arguments: &[&str]) -> Command {
    let mut command = plain(env!("CARGO_BIN_EXE_netfold"));
    command.args(arguments);
    command
}

/// A program, with nothing of the caller's configuration either.
pub(crate) fn plain(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars() {
        let ours = ["NETFOLD_", "L1_"].iter().any(|prefix| name.starts_with(prefix));
        if ours || ["DATABASE_URL", "DATABASE_READ_URL"].contains(&name.as_str()) {
            command.env_remove(name);
        }
    }
    command.env("NETFOLD_PARAMS", params());
    command
}

/// Where the proving parameters are kept between runs: making them takes longer than a test may.
pub(crate) fn params() -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../netfold-params");
    std::env::var_os("NETFOLD_PARAMS").map_or(kept, PathBuf::from)
}

/// Held by the tests that prove: two at once would only slow each other down, and both would make
/// the parameters.
pub(crate) fn proving_turn() -> File {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("proving.lock");
    let turn = File::options().create(true).truncate(false).write(true).open(path).unwrap();
    turn.lock().unwrap();
    turn
}

/// Stdout and stderr as text.
pub(crate) fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Runs to the end, which must be a good one; returns stdout.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (stdout, stderr) = said(&output);
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout
}

/// Runs to the end, which must be exit code 1; returns what stderr says.
pub(crate) fn fail(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (stdout, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(1), "{command:?}: {stdout}\n{stderr}");
    stderr
}

/// The last line of stdout as JSON.
pub(crate) fn last_json(stdout: &str) -> Value {
    let line = stdout.lines().last().unwrap();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
}

/// The path as an argument.
pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A running `netfold up`, ended as a service manager would.
pub(crate) struct Up {
    child: Child,
    /// The page.
    pub(crate) url: String,
}

impl Up {
    /// Starts it and waits until it says that everything runs.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = netfold(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://"), "{command:?} ended before it was up");
        Self { child, url: url.trim().to_owned() }
    }

    /// Asks it to end; it must end well.
    pub(crate) fn end(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // After a failed assertion it may still run.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
