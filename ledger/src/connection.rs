//! Getting to the ledger: roles, connections, the schema.
//!
//! **Invariant:** whoever runs holds the role it connected with and no more; the login behind it is
//! only a way in. Every db_tx that writes holds the lock of the books from its first statement.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Postgres, Transaction};

use crate::error::Cause;
use crate::writer::Writer;
use crate::{ApiKeyId, BlockNumber, Error};

/// A db_tx.
pub(crate) type Tx<'a> = Transaction<'a, Postgres>;

/// The ledger, by one role. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Ledger {
    pool: PgPool,
    role: Role,
    writer: Arc<Writer>,
    is_replica: bool,
}

/// What a connection may do. The schema grants it; see `migrations/`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Owns the schema; for migrations.
    Owner,
    /// Books what happened on L1 and moves epochs along.
    Engine,
    /// Folds and proves what is sealed.
    Prover,
    /// Posts batches and asks for sealing.
    Api,
    /// Reads.
    Read,
}

impl Role {
    /// The role's name in Postgres.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "netfold_owner",
            Self::Engine => "netfold_engine",
            Self::Prover => "netfold_prover",
            Self::Api => "netfold_api",
            Self::Read => "netfold_read",
        }
    }
}

impl Ledger {
    /// Makes the roles and brings the schema up to date. Doing it again changes nothing; several at
    /// once wait for each other.
    ///
    /// The login must be a superuser, or own the database and be allowed to create roles.
    ///
    /// # Errors
    /// [`Error::BadUrl`], [`Error::LoginRefused`], [`Error::NoDatabase`], [`Error::Unreachable`] or
    /// [`Error::Migration`].
    pub async fn migrate(url: &str) -> Result<(), Error> {
        // Named, because a login called like a schema would find its tables there first.
        let options = options(url)?.options([("search_path", "public")]);
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await;
        let pool = pool.map_err(Error::connecting)?;
        let migrated = MIGRATOR.run(&pool).await;
        pool.close().await;
        migrated.map_err(|error| Error::Migration(Cause::new(error)))
    }

    /// Connects in a role.
    ///
    /// # Errors
    /// [`Error::BadUrl`], [`Error::LoginRefused`], [`Error::NoDatabase`], [`Error::Unreachable`] or
    /// [`Error::NotMigrated`].
    pub async fn connect(url: &str, role: Role, max_connections: u32) -> Result<Self, Error> {
        let options = session(url, role)?;
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(ACQUIRE_PATIENCE)
            .after_release(|connection, _| Box::pin(is_in_step(connection)))
            .connect_with(options)
            .await
            .map_err(Error::connecting)?;
        // A connection of its own, which keeps the plans of what is asked again and again. Its calls run to
        // their end, so it is never out of step; should it be lost, the call is made again.
        let own = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_PATIENCE)
            .test_before_acquire(false)
            .connect_lazy_with(writing(url, role)?);
        let writer = Arc::new(Writer::new(own));
        let ledger = Self { pool, role, writer, is_replica: false };
        ledger.check_schema().await?;
        Ok(ledger)
    }

    /// Reads from a replica of the database, which may be behind. It connects when it is first asked, so
    /// that whoever starts needs no replica for what is not read there.
    ///
    /// # Errors
    /// [`Error::BadUrl`].
    pub fn replica(url: &str, max_connections: u32) -> Result<Self, Error> {
        let options = session(url, Role::Read)?.options([
            ("default_transaction_read_only", "on"),
            ("statement_timeout", LONGEST_READ),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(REPLICA_PATIENCE)
            .connect_lazy_with(options);
        let writer = Arc::new(Writer::new(pool.clone()));
        Ok(Self { pool, role: Role::Read, writer, is_replica: true })
    }

    /// The journal's last block, 0 for none: of a replica, how far it is. What is read afterwards shows
    /// that block and all before.
    ///
    /// # Errors
    /// [`Error::ReplicaUnreachable`] for whatever keeps a replica from answering.
    pub async fn reached(&self) -> Result<BlockNumber, Error> {
        let head = self.journal_head().await;
        let head = head.map_err(|error| {
            if self.is_replica { Error::ReplicaUnreachable(Cause::new(error)) } else { error }
        })?;
        Ok(head.map_or(BlockNumber::new(0), |head| head.block))
    }

    /// The role it acts in.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether Postgres answers.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn ping(&self) -> Result<(), Error> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Closes all connections, those of clones too.
    pub async fn close(&self) {
        self.pool.close().await;
        self.writer.close().await;
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) fn writer(&self) -> &Writer {
        &self.writer
    }

    /// A db_tx that writes: it alone continues the books until it ends.
    pub(crate) async fn write(&self) -> Result<Tx<'_>, Error> {
        // On the heap: getting a connection is a large future, and every call would carry it.
        alone(Box::pin(self.pool.begin()).await?).await
    }

    /// The same for an operator, whom the log of what operators did names by the key they showed, if any.
    pub(crate) async fn write_as(&self, by: Option<ApiKeyId>) -> Result<Tx<'_>, Error> {
        let mut tx = self.write().await?;
        if let Some(id) = by {
            let acting = "select set_config('netfold.api_key_id', $1, true)";
            sqlx::query(acting).bind(id.to_string()).execute(&mut *tx).await?;
        }
        Ok(tx)
    }

    /// A db_tx that reads one state of the books, however many statements it takes.
    pub(crate) async fn snapshot(&self) -> Result<Tx<'static>, Error> {
        snapshot(&self.pool).await
    }

    /// As [`Self::snapshot`], for reads along keys. Their plans are made once for good: by index and row after
    /// row, which is right however much there is, since each finds a few. Not for transfers: such a plan is of all
    /// partitions, and locks every one of them.
    pub(crate) async fn key_snapshot(&self) -> Result<Tx<'static>, Error> {
        begin(&self.pool, KEY_SNAPSHOT).await
    }

    /// As [`Self::snapshot`], for a read of many rows. It finds them by index, whatever the planner thinks
    /// of a table that has just grown; and it is given up before it holds anybody up.
    pub(crate) async fn long_snapshot(&self) -> Result<Tx<'static>, Error> {
        begin(&self.pool, LONG_SNAPSHOT).await
    }

    async fn check_schema(&self) -> Result<(), Error> {
        let migrated: bool = sqlx::query_scalar("select to_regclass('event') is not null")
            .fetch_one(&self.pool)
            .await?;
        if migrated { Ok(()) } else { Err(Error::NotMigrated) }
    }
}

/// Whether a connection that comes back answers what it is asked. A call that is dropped while Postgres
/// ends a `COPY` leaves an answer behind that the driver does not count: to the next question that one
/// would be the answer.
async fn is_in_step(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select true").fetch_one(connection).await
}

/// A db_tx that writes, on a connection: it alone continues the books until it ends.
pub(crate) async fn write_on(connection: &mut PgConnection) -> Result<Tx<'_>, Error> {
    alone(connection.begin().await?).await
}

async fn alone(mut tx: Tx<'_>) -> Result<Tx<'_>, Error> {
    // A statement of its own: the next one then sees what was committed while it waited.
    sqlx::query("select lock_books()").execute(&mut *tx).await?;
    Ok(tx)
}

/// A db_tx that reads one state of the books, however many statements it takes. Transfers are held before
/// the state is taken: a partition that is archived would be gone from every state at once.
pub(crate) async fn snapshot(pool: &PgPool) -> Result<Tx<'static>, Error> {
    begin(pool, SNAPSHOT).await
}

/// Goes on in a snapshot as in [`Ledger::key_snapshot`].
pub(crate) async fn along_keys(tx: &mut Tx<'_>) -> Result<(), Error> {
    sqlx::raw_sql(ALONG_KEYS).execute(&mut **tx).await?;
    Ok(())
}

/// Goes on after [`along_keys`], or in such a snapshot, with what is planned for the partition that is asked for.
pub(crate) async fn by_partition(tx: &mut Tx<'_>) -> Result<(), Error> {
    sqlx::raw_sql("set local plan_cache_mode = force_custom_plan").execute(&mut **tx).await?;
    Ok(())
}

async fn begin(pool: &PgPool, how: &'static str) -> Result<Tx<'static>, Error> {
    Ok(Box::pin(pool.begin_with(how)).await?)
}

/// How every session of the ledger behaves.
pub(crate) fn session(url: &str, role: Role) -> Result<PgConnectOptions, Error> {
    Ok(options(url)?.options([
        ("role", role.name()),
        ("search_path", "public"),
        ("timezone", "UTC"),
        ("default_transaction_isolation", "read committed"),
        // Nobody is shown other rows than everybody else: a policy on a table is an error.
        ("row_security", "off"),
        // A plan made while tables were empty would be kept when they no longer are.
        ("plan_cache_mode", "force_custom_plan"),
        // Compiling a guard's few rows takes a thousand times longer than looking at them.
        ("jit", "off"),
        // Whoever waits for the books longer than this is told so, and may try again; whoever
        // holds them without a word loses them, and may try again, too.
        ("lock_timeout", "30s"),
        ("idle_in_transaction_session_timeout", "60s"),
        // Of one whose machine is gone in the middle of a statement no word comes: Postgres has to ask.
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ]))
}

/// A session that writes the same again and again: plans of its statements are kept, those of foreign keys above
/// all, of which every row has several. To make them anew takes longer than to run them.
pub(crate) fn writing(url: &str, role: Role) -> Result<PgConnectOptions, Error> {
    Ok(session(url, role)?.options([("plan_cache_mode", "auto")]))
}

pub(crate) fn options(url: &str) -> Result<PgConnectOptions, Error> {
    // The driver takes any scheme for its own.
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("postgres" | "postgresql")) {
        return Err(Error::BadUrl(Cause::new(sqlx::Error::Configuration(
            "the address starts with neither postgres:// nor postgresql://".into(),
        ))));
    }
    let options = PgConnectOptions::from_str(url).map_err(|e| Error::BadUrl(Cause::new(e)))?;
    Ok(options.application_name("netfold"))
}

macro_rules! longest_read {
    () => {
        "15s"
    };
}

/// How long one statement of a long read may take.
const LONGEST_READ: &str = longest_read!();

macro_rules! snapshot {
    () => {
        "begin isolation level repeatable read, read only; \
        lock table only transfer in access share mode; "
    };
}

macro_rules! along_keys {
    () => {
        "set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off; \
        set local enable_hashjoin = off; set local enable_mergejoin = off"
    };
}

const SNAPSHOT: &str = snapshot!();
const KEY_SNAPSHOT: &str = concat!(snapshot!(), along_keys!());
const ALONG_KEYS: &str = along_keys!();

/// With [`LONGEST_READ`].
const LONG_SNAPSHOT: &str = concat!(
    snapshot!(),
    "set local enable_seqscan = off; set local statement_timeout = '",
    longest_read!(),
    "'"
);

/// How long a replica that does not answer is waited for.
const REPLICA_PATIENCE: Duration = Duration::from_secs(5);

/// How long a call waits for a free connection.
const ACQUIRE_PATIENCE: Duration = Duration::from_secs(30);

pub(crate) static MIGRATOR: Migrator = sqlx::migrate!("../migrations");
