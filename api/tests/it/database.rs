//! A database of its own for each test, on the server of `DATABASE_URL`.

use std::{path::PathBuf, process::Command};

use crate::gate::Gate;

/// A database with the ledger's schema.
pub(crate) struct Database {
    pub(crate) url: String,
    server: String,
    name: String,
}

impl Database {
    pub(crate) async fn new(name: &str) -> Self {
        let server = std::env::var("DATABASE_URL").expect(NO_SERVER);
        let name = format!("api_{name}_{}", std::process::id());
        let url = ledger::database::create_migrated(&server, &name).await.unwrap();
        Self { url, server, name }
    }

    /// A way to it that can be closed.
    pub(crate) fn behind_a_gate(&self) -> Gate {
        Gate::open(&self.url)
    }

    /// Everything in it, as text: to compare before and after.
    pub(crate) fn dump(&self) -> String {
        let dump = Command::new(pg_dump())
            .args(["--data-only", "--inserts", "--dbname"])
            .arg(&self.url)
            .output()
            .unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        // These two carry a new random key each time.
        let changes =
            |line: &&str| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict");
        String::from_utf8(dump.stdout)
            .unwrap()
            .lines()
            .filter(changes)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Removes it from the server.
    pub(crate) async fn remove(self) {
        ledger::database::remove(&self.server, &self.name).await.unwrap();
    }
}

/// The newest installed one: an older one refuses a newer server.
fn pg_dump() -> PathBuf {
    let homes = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let major = |home: &PathBuf| home.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = homes.map(|home| home.path()).max_by_key(major);
    newest.map_or_else(|| PathBuf::from("pg_dump"), |home| home.join("bin/pg_dump"))
}

const NO_SERVER: &str = "DATABASE_URL names no Postgres server: run ops/test, or `netfold postgres \
    --state DIR -- cargo nextest run -p api`, which starts one for the tests";
