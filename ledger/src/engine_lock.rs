//! At most one engine works on a set of books, and at most one process folds and proves.
//!
//! **Invariant:** the lock belongs to one connection to Postgres and goes with it, so a killed engine
//! leaves none behind, and an engine whose connection is lost knows that the books may be another's.
//!
//! It keeps two engines from doing the same work; it is not what keeps the books right. Until a lost
//! lock is noticed two engines may work at once: then the lock of the books, the schema's keys and
//! the idempotence of every write hold, as they do for one engine that was restarted.

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use crate::{Error, Ledger};

/// The books, or the folding, are this process's until it is released or dropped, or the archive or the
/// webhooks are whoever's took their lock.
#[derive(Debug)]
pub struct EngineLock {
    connection: PgConnection,
    number: i32,
}

impl Ledger {
    /// Takes the engine's lock of these books; `None` while another engine has it.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn lock_engine(&self) -> Result<Option<EngineLock>, Error> {
        self.try_lock(ENGINE).await
    }

    /// As [`Self::lock_engine`], for whoever folds and proves: an engine or a prover.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn lock_prover(&self) -> Result<Option<EngineLock>, Error> {
        self.try_lock(PROVER).await
    }

    /// As [`Self::lock_engine`], for who archives.
    pub(crate) async fn lock_archive(&self) -> Result<Option<EngineLock>, Error> {
        self.try_lock(ARCHIVE).await
    }

    pub(crate) async fn try_lock(&self, number: i32) -> Result<Option<EngineLock>, Error> {
        // Out of the pool for good: given back there, the connection would keep the lock.
        let mut connection = Box::pin(self.pool().acquire()).await?.detach();
        // Of an engine whose machine is gone no word comes any more: Postgres has to ask.
        sqlx::query(
            "select set_config('tcp_keepalives_idle', '10', false),
                set_config('tcp_keepalives_interval', '5', false),
                set_config('tcp_keepalives_count', '3', false)",
        )
        .execute(&mut connection)
        .await?;
        let locked: bool = sqlx::query_scalar("select pg_try_advisory_lock($1, $2)")
            .bind(BOOKS)
            .bind(number)
            .fetch_one(&mut connection)
            .await?;
        if locked {
            return Ok(Some(EngineLock { connection, number }));
        }
        connection.close().await?;
        Ok(None)
    }
}

impl EngineLock {
    /// Finds that the lock is still held.
    ///
    /// # Errors
    /// When its connection is lost: another engine may have the books by now.
    pub async fn check(&mut self) -> Result<(), Error> {
        sqlx::query("select 1").execute(&mut self.connection).await?;
        Ok(())
    }

    /// Which lock, and the backend that holds it.
    pub(crate) async fn holder(&mut self) -> Result<(i32, i32), Error> {
        let backend = sqlx::query_scalar("select pg_backend_pid()");
        Ok((self.number, backend.fetch_one(&mut self.connection).await?))
    }

    /// Gives the books to the next engine, at once.
    ///
    /// # Errors
    /// When its connection was lost before.
    pub async fn release(mut self) -> Result<(), Error> {
        // The server ends the session some time after the connection is closed, and its locks with it.
        sqlx::query("select pg_advisory_unlock($1, $2)")
            .bind(BOOKS)
            .bind(self.number)
            .execute(&mut self.connection)
            .await?;
        Ok(self.connection.close().await?)
    }
}

/// The first number of the lock of the books, `lock_books()` in the schema; these are beside it.
pub(crate) const BOOKS: i32 = 1_852_142_694;
pub(crate) const ENGINE: i32 = 1;
const ARCHIVE: i32 = 2;
pub(crate) const PROVER: i32 = 3;
pub(crate) const WEBHOOKS: i32 = 4;
