//! The writer's connection.

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool};
use tokio::runtime::Handle;

use crate::Error;

/// The one connection of a pool, held from group to group: given back and taken again it would be asked each
/// time whether it still is there, and the next group would wait for the answer.
#[derive(Debug)]
pub(super) struct Line {
    pool: PgPool,
    held: Option<PoolConnection<Postgres>>,
    /// Where it was taken: to give it back takes a task, and the line may be dropped anywhere.
    runtime: Option<Handle>,
}

impl Line {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool, held: None, runtime: None }
    }

    /// The connection, made if there is none.
    pub(super) async fn get(&mut self) -> Result<&mut PgConnection, Error> {
        let held = match self.held.take() {
            Some(held) => held,
            // On the heap: getting a connection is a large future.
            None => Box::pin(self.pool.acquire()).await?,
        };
        self.runtime = Handle::try_current().ok();
        Ok(self.held.insert(held))
    }

    /// Gives the connection back after something failed on it: the pool asks whether it is good.
    pub(super) fn give_back(&mut self) {
        self.held = None;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _inside = self.runtime.as_ref().map(Handle::enter);
        self.held = None;
    }
}
