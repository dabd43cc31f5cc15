//! A Postgres of the test's own: for tests that change how the server itself behaves.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::command::{netfold, path, said};

/// A running `netfold postgres`.
pub(crate) struct Server {
    child: Child,
    /// Its database, as its owner.
    pub(crate) url: String,
}

impl Server {
    /// Starts it and waits for its address.
    pub(crate) fn start(state: &Path) -> Self {
        let mut command = netfold(&["postgres", "--state", path(state)]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("postgres://"), "{command:?} ended before it was up");
        Self { child, url: url.trim().to_owned() }
    }

    /// What `psql` says to a query.
    pub(crate) fn ask(&self, query: &str) -> String {
        let output = self.psql(query);
        let (stdout, stderr) = said(&output);
        assert!(output.status.success(), "{query}: {stderr}");
        stdout.trim().to_owned()
    }

    /// Lets nobody in any more without this password.
    pub(crate) fn demand_password(&self, password: &str) {
        self.ask(&format!("alter role netfold password '{password}'"));
        let rules = self.ask("show hba_file");
        std::fs::write(rules, "local all all scram-sha-256\n").unwrap();
        self.ask("select pg_reload_conf()");
        let began = Instant::now();
        while self.psql("select 1").status.success() {
            assert!(began.elapsed() < Duration::from_secs(20), "the rules are not read");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its address with a password in it.
    pub(crate) fn url_with(&self, password: &str) -> String {
        self.url.replacen("netfold@", &format!("netfold:{password}@"), 1)
    }

    /// What `psql` does with a query that may fail.
    pub(crate) fn psql(&self, query: &str) -> Output {
        Command::new("psql")
            .args(["--no-psqlrc", "--no-password", "-qAt", "-c", query, &self.url])
            .output()
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its Postgres ends with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
