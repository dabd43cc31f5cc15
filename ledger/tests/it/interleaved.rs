//! Two sessions with their statements interleaved by hand: each anomaly that concurrency can bring about
//! is tried, by writers that leave out what the crate does to prevent it.
//!
//! A naive writer reads without the lock of the books and writes later what follows from what it read.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use domain::EpochNumber;
use ledger::{Error, Ledger, Role, SealReason};

use crate::roles::connect;
use crate::world::{ETH, ONE, THREE, TWO, World, to, with_world};

/// Cell 1:1 and the custody of asset 1.
const CELL: i64 = 8_590_000_129;
const CUSTODY: i64 = 4_294_967_297;

/// What a naive writer goes by.
struct Read {
    block: i64,
    hash: Vec<u8>,
    /// What the cell holds, as text.
    cell: String,
    custody: String,
}

/// Reads the head of the journal and two balances, without the lock.
async fn read(connection: &mut PgConnection) -> Read {
    let row = sqlx::query(
        "select block_number, block_hash,
            (select (credits - debits)::text from balance where account_id = $1),
            (select (debits - credits)::text from balance where account_id = $2)
        from journal_block order by block_number desc limit 1",
    )
    .bind(CELL)
    .bind(CUSTODY)
    .fetch_one(connection)
    .await
    .unwrap();
    Read { block: row.get(0), hash: row.get(1), cell: row.get(2), custody: row.get(3) }
}

/// The statements that post a deposit of one atom on top of what was read: a block that continues the
/// last one, its transfer, the log and the deposit, and the sums as they were read plus one.
fn deposit_on(read: &Read, log: u32) -> [String; 3] {
    let Read { block, hash, cell, custody } = read;
    let (block, hash) = (block + 1, hex(hash));
    [
        format!(
            "insert into journal_block (block_number, epoch_number, posting_kind, transfer_count,
                previous_hash, content_digest, block_hash, posted_at)
            values ({block}, 1, 3, 1, '{hash}', sha256('c'), sha256('b{log}'), now())"
        ),
        format!(
            "insert into transfer (block_number, position, epoch_number, posting_kind, asset_id,
                debit_account_id, credit_account_id, atoms, debit_balance, credit_balance,
                transfer_digest)
            values ({block}, 0, 1, 3, 1, {CUSTODY}, {CELL}, 1, {custody} + 1, {cell} + 1,
                sha256('t'));
            insert into l1_log values (sha256('x'), {log}, 3, 9, sha256('h'));
            insert into deposit (block_number, epoch_number, rollup_id, asset_id, depositor, atoms,
                tx_hash, log_index)
            values ({block}, 1, 1, 1, substr(sha256('d'), 1, 20), 1, sha256('x'), {log})"
        ),
        // Nobody ever sent from either: the sums are the balances.
        format!(
            "update balance set version = version + 1, last_block = {block},
                debits = case account_id when {CUSTODY} then {custody} + 1 else debits end,
                credits = case account_id when {CELL} then {cell} + 1 else credits end
            where account_id in ({CUSTODY}, {CELL})"
        ),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// Runs statements; the name of the constraint or guard that refused one.
async fn run(connection: &mut PgConnection, statements: &[String]) -> Result<(), String> {
    for statement in statements {
        let outcome =
            sqlx::raw_sql(AssertSqlSafe(statement.as_str())).execute(&mut *connection).await;
        if let Err(error) = outcome {
            let refusal = error.as_database_error().unwrap_or_else(|| panic!("{error}"));
            return Err(refusal.constraint().unwrap_or(refusal.message()).to_owned());
        }
    }
    Ok(())
}

/// Waits until so many sessions wait for the books.
pub(crate) async fn await_waiting(world: &World, count: i64) {
    let waiting = "select count(*) from pg_locks
        where locktype = 'advisory' and classid = 1852142694 and objid = 0 and not granted
            and database = (select oid from pg_database where datname = current_database())";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&world.raw).await.unwrap() < count {
        tokio::task::yield_now().await;
    }
}

async fn begin(connection: &mut PgConnection) {
    sqlx::raw_sql("begin").execute(connection).await.unwrap();
}

async fn end(connection: &mut PgConnection, how: &str) -> Result<(), String> {
    run(connection, &[how.to_owned()]).await
}

/// LOST UPDATE: two writers read the same balance and both write it; without the guard of the balances
/// the second one's sum, which lacks what the first one added, would stand.
#[test]
fn a_stale_balance_is_refused() {
    with_world(|world| async move {
        let mut first = connect(&world, Role::Engine).await;
        let mut second = connect(&world, Role::Engine).await;
        begin(&mut first).await;
        begin(&mut second).await;
        let (mine, theirs) = (read(&mut first).await, read(&mut second).await);
        run(&mut first, &deposit_on(&mine, 0)).await.unwrap();
        // The guard of blocks takes the lock, for whoever has left it out: the second waits here.
        let late = deposit_on(&theirs, 1);
        let waits = run(&mut second, &late);
        let (refused, committed) = tokio::join!(waits, async {
            await_waiting(&world, 1).await;
            end(&mut first, "commit").await
        });
        committed.unwrap();
        assert_eq!(refused.unwrap_err(), "journal_block_key");
        end(&mut second, "rollback").await.unwrap();
        // It finds the new head, but goes on from the balances of before.
        let head = Read { cell: theirs.cell, custody: theirs.custody, ..read(&mut second).await };
        begin(&mut second).await;
        let refused = run(&mut second, &deposit_on(&head, 1)).await;
        assert_eq!(refused.unwrap_err(), "balance_follows_the_journal");
        end(&mut second, "rollback").await.unwrap();
        let now = read(&mut second).await.cell;
        assert_eq!(now.parse::<u32>().unwrap(), mine.cell.parse::<u32>().unwrap() + 1);
    });
}

/// WRITE SKEW: one seals the epoch while another books into it, and neither writes what the other has
/// read; without the lock in both guards the sealed epoch would get a block that its seal does not pin.
#[test]
fn no_block_slips_past_a_seal() {
    with_world(|world| async move {
        let mut sealer = connect(&world, Role::Engine).await;
        let mut poster = connect(&world, Role::Engine).await;
        begin(&mut poster).await;
        let before = read(&mut poster).await;
        begin(&mut sealer).await;
        let seal = "insert into epoch_seal (epoch_number, reason, last_block, last_block_hash,
                l1_block_number, l1_block_hash, batch_count, operation_count, transfer_count,
                opening_digest, closing_digest)
            select 1, 4, block_number, block_hash, last_block_number, last_block_hash, 0, 1, 0,
                opening_digest, sha256('closing')
            from epoch, (select * from journal_block order by block_number desc limit 1) head,
                (select * from l1_range order by last_block_number desc limit 1) range";
        let balances = "insert into epoch_balance
            select 1, account_id, debits, credits, version, last_block from balance
            where version > 0";
        let books = "insert into epoch_books
            select 1, count(*), sha256(books_encoding(1)) from epoch_balance where epoch_number = 1";
        let pinned = [seal, balances, books].map(str::to_owned);
        run(&mut sealer, &pinned).await.unwrap();
        let block = deposit_on(&before, 0);
        let (refused, committed) = tokio::join!(run(&mut poster, &block), async {
            await_waiting(&world, 1).await;
            let next = "insert into epoch (epoch_number, opening_digest)
                values (2, sha256('closing'))";
            run(&mut sealer, &[next.to_owned(), "commit".to_owned()]).await
        });
        committed.unwrap();
        assert_eq!(refused.unwrap_err(), "journal_block_in_open_epoch");
    });
}

/// PHANTOM: what a seal counts and sums is no longer all there is, because a batch came between the
/// reading and the sealing; without the guard of seals, which compares with the head under the lock, the
/// epoch would be sealed without that batch.
#[test]
fn what_came_after_the_reading_is_not_sealed_away() {
    with_world(|mut world| async move {
        let mut sealer = connect(&world, Role::Engine).await;
        begin(&mut sealer).await;
        let before = read(&mut sealer).await;
        let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        world.post(&batch).await;
        let seal = format!(
            "insert into epoch_seal (epoch_number, reason, last_block, last_block_hash,
                l1_block_number, l1_block_hash, batch_count, operation_count, transfer_count,
                opening_digest, closing_digest)
            select 1, 4, {}, '{}', last_block_number, last_block_hash, 0, 1, 0, opening_digest,
                sha256('closing')
            from epoch, (select * from l1_range order by last_block_number desc limit 1) range",
            before.block,
            hex(&before.hash)
        );
        assert_eq!(run(&mut sealer, &[seal]).await.unwrap_err(), "epoch_seal_at_the_head");
        end(&mut sealer, "rollback").await.unwrap();
        assert_eq!(world.seal().await.batches, 1);
        world.assert_clean().await;
    });
}

/// PHANTOM: each of three rollups' writers counts the epoch's batches and finds room for one more;
/// without the lock all three would take the last place.
#[test]
fn the_last_place_of_an_epoch_is_taken_once() {
    with_world(|mut world| async move {
        for _ in 0..2 {
            let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
            world.post(&batch).await;
        }
        let three = "create or replace function batches_per_epoch() returns integer
            language sql immutable as 'select 3'";
        sqlx::raw_sql(three).execute(&world.raw).await.unwrap();
        let mut held = world.raw.begin().await.unwrap();
        sqlx::query("select lock_books()").execute(&mut *held).await.unwrap();
        let mut racing = tokio::task::JoinSet::new();
        for rollup in [ONE, TWO, THREE] {
            let other = if rollup == ONE { TWO } else { ONE };
            let batch = world.batch(rollup, vec![to(other, ETH, 1)], Vec::new());
            let own = Ledger::connect(&world.url, Role::Api, 2).await.unwrap();
            racing.spawn(async move { own.post_batch(&batch).await });
        }
        await_waiting(&world, 3).await;
        held.rollback().await.unwrap();
        let outcomes = racing.join_all().await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1, "{lost:?}");
        for refused in lost {
            let full = matches!(
                refused,
                Err(Error::EpochFull { .. } | Error::Forbidden { constraint: "batch_epoch_full" })
            );
            assert!(full, "{refused:?}");
        }
        assert_eq!(world.seal().await.batches, 3);
        assert_eq!(world.read.open_epoch().await.unwrap().epoch, EpochNumber::new(2));
    });
}

/// WRITE SKEW: one evicts a batch because none continues it, another posts the one that continues it;
/// without the lock both would look before the other's row is there, and a batch would stand on one that
/// is gone.
#[test]
fn a_batch_does_not_continue_what_is_being_evicted() {
    with_world(|mut world| async move {
        for _ in 0..3 {
            let base = world.batch(ONE, vec![to(TWO, ETH, 5)], Vec::new());
            world.post(&base).await;
            let next = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
            let mut held = world.raw.begin().await.unwrap();
            sqlx::query("select lock_books()").execute(&mut *held).await.unwrap();
            let (gone, posted, ()) =
                tokio::join!(world.evict(&base, "in test"), world.api.post_batch(&next), async {
                    await_waiting(&world, 2).await;
                    held.rollback().await.unwrap();
                });
            // Whoever came second knew of the first.
            match posted {
                Ok(_) => assert_eq!(gone.unwrap().len(), 2),
                Err(Error::Refused(_)) => assert_eq!(gone.unwrap().len(), 1),
                Err(other) => panic!("{other:?}"),
            }
            world.back_to(&base);
            let mended = world.batch(ONE, vec![to(TWO, ETH, 6)], Vec::new());
            world.post(&mended).await;
            world.assert_clean().await;
        }
        world.engine.seal(SealReason::Command).await.unwrap();
    });
}
