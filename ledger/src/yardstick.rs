//! What booking costs, held against other ways on the same server: the rows alone, and a db_tx per
//! transfer, statement by statement or as one call, into tables of its own or into the books.
//!
//! **Invariant:** what it makes is in schemas of its own, made anew each time, in a database that is for
//! measuring; the floor's rows are those of the journal, byte by byte, and what is booked otherwise than by the
//! ledger is what the ledger would have booked.
//!
//! It deliberately has no clock: the caller times the calls.

mod booking_function;

use alloy_primitives::B256;
use futures_util::TryStreamExt as _;
use rust_decimal::Decimal;
use sqlx::Connection as _;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};

use crate::connection::options;
use crate::{Error, hash};

pub use booking_function::BookingFunction;

/// The journal's rows as Postgres copies them, to be written again without any check.
#[derive(Debug)]
pub struct Floor {
    connection: PgConnection,
    rows: Vec<u8>,
    count: u64,
}

/// Double entry the way it is usually written: for each transfer a db_tx of eight statements, which
/// locks both accounts, writes the transfer and both entries, and moves both balances. Or the same in one
/// call of a function, which is the least that a db_tx per transfer can cost: nothing is signed, nothing
/// chained by hashes, and nobody who writes by hand is stopped from making it wrong.
#[derive(Clone, Debug)]
pub struct Classic {
    pool: PgPool,
}

/// Hashes a made-up block of so many transfers after another one, as booking one does: the transfers, the
/// tree over them, the block.
#[must_use]
pub fn hash_block(transfers: u32, previous: B256) -> B256 {
    hash::sample(transfers, previous)
}

impl Floor {
    /// Takes the first transfers of the journal, as many as asked for or as there are.
    ///
    /// # Errors
    /// As [`crate::Ledger::connect`], or when Postgres fails.
    pub async fn new(url: &str, transfers: u64) -> Result<Self, Error> {
        let mut connection = connect(url).await?;
        sqlx::raw_sql(
            "drop schema if exists yardstick_floor cascade;
            create schema yardstick_floor;
            create table yardstick_floor.transfer as table public.transfer with no data;",
        )
        .execute(&mut connection)
        .await?;
        let select = format!(
            "copy (select * from public.transfer order by block_number, position limit {transfers})
            to stdout (format binary)"
        );
        let mut rows = Vec::new();
        let mut stream = connection.copy_out_raw(&select).await?;
        while let Some(chunk) = stream.try_next().await? {
            rows.extend_from_slice(&chunk);
        }
        drop(stream);
        let count: i64 = sqlx::query_scalar("select least(count(*), $1) from public.transfer")
            .bind(i64::try_from(transfers).unwrap_or(i64::MAX))
            .fetch_one(&mut connection)
            .await?;
        Ok(Self { connection, rows, count: count.unsigned_abs() })
    }

    /// Writes the rows once more, in one db_tx, and tells how many they are.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn copy(&mut self) -> Result<u64, Error> {
        let statement = "copy yardstick_floor.transfer from stdin (format binary)";
        let mut copy = self.connection.copy_in_raw(statement).await?;
        copy.send(self.rows.as_slice()).await?;
        copy.finish().await?;
        Ok(self.count)
    }
}

impl Classic {
    /// Makes the tables and `accounts` accounts with as much as each can hold, for as many clients.
    ///
    /// # Errors
    /// As [`crate::Ledger::connect`], or when Postgres fails.
    pub async fn new(url: &str, accounts: u32, clients: u32) -> Result<Self, Error> {
        // Each client has a connection that is there: no way to the server but for the statements.
        let pool = PgPoolOptions::new().max_connections(clients).min_connections(clients);
        let pool = pool.test_before_acquire(false);
        let pool = pool.connect_with(options(url)?).await.map_err(Error::connecting)?;
        sqlx::raw_sql(CLASSIC).execute(&pool).await?;
        sqlx::query(
            "insert into yardstick_classic.account select n, 1e34 from generate_series(0, $1) n",
        )
        .bind(i64::from(accounts))
        .execute(&pool)
        .await?;
        Ok(Self { pool })
    }

    /// Closes its connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Books one transfer between two different accounts, numbered from 0.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn post(&self, debit: u32, credit: u32, atoms: u64) -> Result<(), Error> {
        let (debit, credit) = (i64::from(debit), i64::from(credit));
        let mut tx = self.pool.begin().await?;
        let balances = "select id, balance from yardstick_classic.account
            where id in ($1, $2) order by id for update";
        sqlx::query(balances).bind(debit).bind(credit).fetch_all(&mut *tx).await?;
        let insert = "insert into yardstick_classic.transfer (debit_id, credit_id, atoms)
            values ($1, $2, $3) returning id";
        let mut atoms = Decimal::from(atoms);
        let insert = sqlx::query_scalar(insert).bind(debit).bind(credit).bind(atoms);
        let transfer: i64 = insert.fetch_one(&mut *tx).await?;
        atoms.set_sign_negative(true);
        for account in [debit, credit] {
            let update = "update yardstick_classic.account set balance = balance + $2,
                version = version + 1 where id = $1 returning balance::text, version";
            let update = sqlx::query_as(update).bind(account).bind(atoms);
            let (balance, version): (String, i64) = update.fetch_one(&mut *tx).await?;
            sqlx::query("insert into yardstick_classic.entry values ($1, $2, $3, $4, $5::numeric)")
                .bind(account)
                .bind(version)
                .bind(transfer)
                .bind(atoms)
                .bind(balance)
                .execute(&mut *tx)
                .await?;
            // What the one gives the other gets.
            atoms.set_sign_positive(true);
        }
        tx.commit().await?;
        Ok(())
    }

    /// Books the same by one call: one way to the server and back.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn call(&self, debit: u32, credit: u32, atoms: u64) -> Result<(), Error> {
        sqlx::query("select yardstick_classic.post($1, $2, $3)")
            .bind(i64::from(debit))
            .bind(i64::from(credit))
            .bind(Decimal::from(atoms))
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

async fn connect(url: &str) -> Result<PgConnection, Error> {
    PgConnection::connect_with(&options(url)?).await.map_err(Error::connecting)
}

const CLASSIC: &str = "
drop schema if exists yardstick_classic cascade;
create schema yardstick_classic;
create table yardstick_classic.account (
    id bigint primary key,
    balance numeric(78, 0) not null check (balance >= 0),
    version bigint not null default 0
) with (fillfactor = 50);
create table yardstick_classic.transfer (
    id bigint generated always as identity primary key,
    debit_id bigint not null references yardstick_classic.account,
    credit_id bigint not null references yardstick_classic.account,
    atoms numeric(78, 0) not null check (atoms > 0),
    created_at timestamptz not null default now(),
    check (debit_id <> credit_id)
);
create table yardstick_classic.entry (
    account_id bigint not null references yardstick_classic.account,
    version bigint not null,
    transfer_id bigint not null references yardstick_classic.transfer,
    atoms numeric(78, 0) not null,
    balance_after numeric(78, 0) not null,
    primary key (account_id, version)
);
create function yardstick_classic.post(debited bigint, credited bigint, amount numeric) returns void
language plpgsql as $$
declare
    transfer bigint;
    after numeric;
    nth bigint;
begin
    perform from yardstick_classic.account where id in (debited, credited) order by id for update;
    insert into yardstick_classic.transfer (debit_id, credit_id, atoms)
        values (debited, credited, amount) returning id into transfer;
    update yardstick_classic.account set balance = balance - amount, version = version + 1
        where id = debited returning balance, version into after, nth;
    insert into yardstick_classic.entry values (debited, nth, transfer, -amount, after);
    update yardstick_classic.account set balance = balance + amount, version = version + 1
        where id = credited returning balance, version into after, nth;
    insert into yardstick_classic.entry values (credited, nth, transfer, amount, after);
end $$;";
