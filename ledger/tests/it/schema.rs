//! The page that says what the schema is.

use std::path::Path;

use sqlx::{Connection as _, PgConnection};

use crate::document::document;
use crate::prose::Prose;
use crate::world::with_world;

/// The committed page is what a migrated database and the migrations say, and it says something of
/// every table.
#[test]
fn the_document_is_as_committed() {
    with_world(|world| async move {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let prose = Prose::read(&root.join("migrations")).unwrap();
        let mut connection = PgConnection::connect(&world.url).await.unwrap();
        let made = document(&mut connection, &prose).await.unwrap();
        let committed = std::fs::read_to_string(root.join("docs/schema.md")).unwrap();
        assert!(
            made == committed,
            "docs/schema.md is not the schema: look at what changes by `netfold postgres --state \
            FOLDER -- cargo run --release -p ledger --example schema`"
        );
        // Its heading is followed by a sentence and not by its columns.
        let silent: Vec<_> = made
            .split("\n### ")
            .filter(|table| table.lines().nth(2).is_some_and(|line| line.starts_with('|')))
            .filter_map(|table| table.lines().next())
            .collect();
        assert!(silent.is_empty(), "no comment stands before `create table`: {silent:?}");
        connection.close().await.unwrap();
    });
}
