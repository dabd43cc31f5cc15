//! A database of its own on the server of `DATABASE_URL`, gone with the test.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

/// A database that is removed when it is dropped, also by a test that fails.
pub(crate) struct Database {
    pub(crate) url: String,
    server: String,
    name: String,
}

impl Database {
    /// A new one, with the schema.
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("engine_it_{}_{number}", std::process::id());
        let server = std::env::var("DATABASE_URL").expect(NO_SERVER);
        let url = ledger::database::create_migrated(&server, &name).await.unwrap();
        Self { url, server, name }
    }

    /// What `psql` says to a query, as the superuser that it is on the tests' server.
    pub(crate) fn ask(&self, query: &str) -> String {
        let output = Command::new("psql")
            .args(["--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", query, &self.url])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // A thread with a runtime of its own: the test's may be the one that is dropping this.
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(ledger::database::remove(&server, &name))
        });
        let removed = removed.join();
        // A second panic would hide the first.
        assert!(std::thread::panicking() || matches!(removed, Ok(Ok(()))), "{removed:?}");
    }
}

const NO_SERVER: &str = "DATABASE_URL names no Postgres server: run ops/test, or `netfold postgres \
    --state DIR -- cargo nextest run -p engine`, which starts one for the tests";
