//! How much a read asks of the database.

use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Method;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::{filled::filled, world::World};

/// Counts the reads that the driver says it has sent, but for what it asks a connection that comes back: that
/// may be after the answer.
struct Counter;

/// Whether a statement is one that counts.
#[derive(Default)]
struct Reads(bool);

impl Visit for Reads {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "summary" {
            let reads = value.starts_with("select") || value.starts_with("with");
            self.0 = reads && value != "select true";
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

static STATEMENTS: AtomicU64 = AtomicU64::new(0);

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn event(&self, event: &Event<'_>) {
        let mut reads = Reads::default();
        event.record(&mut reads);
        STATEMENTS.fetch_add(reads.0.into(), Ordering::SeqCst);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

async fn statements(world: &World, path: &str) -> u64 {
    asked(world, Method::HEAD, path).await
}

/// The statements of a request that was sent before: what is kept of sealed epochs is read once. No answer to `HEAD`
/// is kept.
async fn asked(world: &World, method: Method, path: &str) -> u64 {
    assert_eq!(world.send(method.clone(), path).await.status, 200, "{path}");
    let before = STATEMENTS.load(Ordering::SeqCst);
    assert_eq!(world.send(method, path).await.status, 200, "{path}");
    STATEMENTS.load(Ordering::SeqCst) - before
}

/// A list takes as many statements for a row as for all that there are, as an answer and as a page. What was read
/// since the last event is answered again for one statement.
#[tokio::test]
async fn lists_take_as_many_statements_however_long() {
    let world = filled("statements").await;
    tracing::subscriber::set_global_default(Counter).unwrap();
    for (path, most) in [
        ("/v1/epochs", 1_000),
        ("/epochs", 1_000),
        ("/rollups/1", 1_000),
        ("/v1/costs", 100),
        ("/costs", 100),
    ] {
        let one = statements(&world, &format!("{path}?limit=1")).await;
        let all = statements(&world, &format!("{path}?limit={most}")).await;
        assert!(one > 1, "{path}: {one}");
        assert_eq!(one, all, "{path}");
    }
    for path in ["/v1/cells", "/v1/batches/1/0", "/v1/transfers", "/v1/epochs/1", "/v1/exits/1/0"] {
        assert!(asked(&world, Method::HEAD, path).await > 1, "{path}");
        assert_eq!(asked(&world, Method::GET, path).await, 1, "{path}");
    }
    world.end().await;
}
