//! A small group of batches is written by one call, any other by statements under the lock.

use std::sync::{Arc, Mutex};

use ledger::yardstick::BookingFunction;
use ledger::{Error, Ledger, Role};
use sqlx::{AssertSqlSafe, PgPool};

use crate::world::{ETH, ONE, THREE, TWO, USDC, World, adoption, deposit, out, to, with_world};

/// Notes how each batch is written.
async fn watch(world: &World) {
    sqlx::raw_sql(
        "create table way (by_call boolean);
        grant insert on way to netfold_api;
        create function note_way() returns trigger language plpgsql as $$
            begin insert into way values (current_query() like '%book_batches%'); return null; end
        $$;
        grant execute on function note_way() to netfold_api;
        create trigger note_way after insert on batch for each row execute function note_way();",
    )
    .execute(&world.raw)
    .await
    .unwrap();
}

async fn ways(raw: &PgPool) -> Vec<bool> {
    sqlx::query_scalar("select by_call from way").fetch_all(raw).await.unwrap()
}

/// All rows that batches write, but for the time, which is in the hash of each block. The content of a
/// reversal names such a hash, that of a batch is of what the other rows hold.
async fn rows(raw: &PgPool) -> Vec<String> {
    let mut all = Vec::new();
    for (table, but, key) in [
        ("journal_block", "{block_hash,previous_hash,posted_at,content_digest}", "block_number"),
        ("transfer", "{}", "block_number, position"),
        ("balance", "{}", "account_id"),
        ("batch", "{}", "block_number"),
        ("lane", "{}", "rollup_id, height, attempt, asset_id, destination_id"),
        ("exit", "{}", "block_number, position"),
    ] {
        let select = format!(
            "select '{table} ' || (to_jsonb(one) - '{but}'::text[])::text from {table} one
            order by {key}"
        );
        let rows: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(select)).fetch_all(raw).await.unwrap();
        assert!(!rows.is_empty(), "{table}");
        all.extend(rows);
    }
    all
}

/// Posts what there can be: several lanes, exits, nothing at all, a height and exits anew after an
/// eviction. By one ledger, which knows where the books are, or each by a new one, which does not.
async fn post_everything(mut world: World, knows: bool) -> (Vec<bool>, Vec<String>) {
    watch(&world).await;
    let transfers = || vec![to(TWO, ETH, 5), to(THREE, USDC, 6), to(TWO, ETH, (1 << 8) + 1)];
    let batches = [
        (ONE, transfers(), vec![out(ETH, 1), out(USDC, 2)]),
        (TWO, Vec::new(), Vec::new()),
        (THREE, vec![to(ONE, ETH, 1_000)], vec![]),
        (ONE, transfers(), vec![out(ETH, 3)]),
        (TWO, Vec::new(), vec![out(USDC, 4)]),
        (ONE, vec![to(TWO, USDC, 1)], vec![out(ETH, 9), out(USDC, 8)]),
    ];
    for (nth, (rollup, transfers, exits)) in batches.into_iter().enumerate() {
        let batch = world.batch(rollup, transfers, exits);
        if knows {
            world.api.post_batch(&batch).await.unwrap();
        } else {
            let other = Ledger::connect(&world.url, Role::Api, 2).await.unwrap();
            other.post_batch(&batch).await.unwrap();
            other.close().await;
        }
        world.advance(&batch);
        if nth == 3 {
            world.evict(&batch, "in test").await.unwrap();
            world.back_to(&batch);
        }
    }
    world.assert_clean().await;
    (ways(&world.raw).await, rows(&world.raw).await)
}

/// One call writes what the statements write, row by row.
#[test]
fn both_ways_write_the_same_rows() {
    let found = Arc::new(Mutex::new(Vec::new()));
    for knows in [true, false] {
        let found = Arc::clone(&found);
        with_world(move |world| async move {
            let written = post_everything(world, knows).await;
            found.lock().unwrap().push(written);
        });
    }
    let found = found.lock().unwrap();
    let [(ways, rows), (other_ways, other_rows)] = &found[..] else { panic!("two ways") };
    // Nothing was known before the first; the eviction was somebody else's.
    assert_eq!(ways, &[false, true, true, true, false, true]);
    assert_eq!(other_ways, &[false; 6]);
    assert_eq!(rows.len(), other_rows.len());
    for (row, other) in rows.iter().zip(other_rows) {
        assert_eq!(row, other);
    }
}

/// What was decided where the books no longer are is decided again, refusals too.
#[test]
fn books_that_moved_are_read_again() {
    with_world(|mut world| async move {
        watch(&world).await;
        let other = Ledger::connect(&world.url, Role::Api, 2).await.unwrap();
        for _ in 0..2 {
            let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
            world.post(&batch).await;
        }
        let spends = world.batch(THREE, vec![to(ONE, ETH, 1_500)], Vec::new());
        let refused = world.api.post_batch(&spends).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
        world.record(vec![deposit(THREE, ETH, 500)]).await.unwrap();
        world.post(&spends).await;
        let next = world.batch(TWO, vec![to(ONE, ETH, 1)], Vec::new());
        let posted = other.post_batch(&next).await.unwrap();
        world.advance(&next);
        // At a height that this writer knows as free.
        let again = world.api.post_batch(&next).await.unwrap();
        assert!(again.replayed && again.block == posted.block);
        let last = world.batch(TWO, vec![to(ONE, ETH, 1)], Vec::new());
        world.post(&last).await;
        assert_eq!(ways(&world.raw).await, [false, true, false, false, true]);
        world.assert_clean().await;
        other.close().await;
    });
}

/// Notes how many rows of tables that grow each batch has had read, from its block to the end of its commit: by
/// constraints and guards. The counters go on from one db_tx to the next for a while, so they are read twice.
const SPY: &str = "create table spy (block bigint, rows_read bigint);
    create function spy() returns trigger language plpgsql security definer as $$ begin
        insert into spy select new.block_number, sum(seq_tup_read + idx_tup_fetch)
        from pg_stat_xact_user_tables where schemaname = 'public'
            and relname not in ('spy', 'balance', 'epoch', 'rollup', 'asset');
        return new;
    end $$;
    create trigger aa_spy before insert on journal_block for each row execute function spy();
    create constraint trigger zz_spy after insert on journal_block
        deferrable initially deferred for each row execute function spy()";

/// What a lone batch has read does not grow with the books, whatever the planner thinks of their size.
#[test]
fn a_lone_batch_reads_no_more_in_large_books() {
    with_world(|mut world| async move {
        sqlx::raw_sql(SPY).execute(&world.raw).await.unwrap();
        let mut read = Vec::new();
        // Plans of when there was little, kept while the books grow, and then made anew.
        for (posts, is_analyzed) in [(40, true), (20, false), (80, false), (0, true)] {
            for _ in 0..posts {
                let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
                world.post(&batch).await;
            }
            if is_analyzed {
                sqlx::raw_sql("analyze").execute(&world.raw).await.unwrap();
            }
            let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
            let posted = world.post(&batch).await;
            let last = "select max(rows_read) - min(rows_read) from spy where block = $1";
            let last = sqlx::query_scalar(last).bind(posted.block.number().cast_signed());
            let rows: i64 = last.fetch_one(&world.raw).await.unwrap();
            read.push(rows);
        }
        let least = read.iter().min().copied().unwrap_or_default();
        assert!(least > 0 && read.iter().all(|rows| *rows <= least + 5), "{read:?}");
    });
}

/// The function that benchmarks hold a lone batch against books what the ledger books: they go on from each
/// other, and an audit finds nothing to say of either.
#[test]
fn the_yardstick_books_the_same() {
    with_world(|mut world| async move {
        BookingFunction::create(&world.url).await.unwrap();
        let mut yardstick = BookingFunction::connect(&world.url).await.unwrap();
        for (rollup, by_yardstick) in
            [(ONE, true), (ONE, false), (TWO, false), (TWO, true), (ONE, true), (THREE, false)]
        {
            let other = if rollup == ONE { TWO } else { ONE };
            let batch = world.batch(rollup, vec![to(other, ETH, 1)], Vec::new());
            if by_yardstick {
                yardstick.post(&batch, batch.digest(adoption().identity.word())).await.unwrap();
                world.advance(&batch);
                let stale = yardstick.post(&batch, batch.digest(adoption().identity.word())).await;
                assert!(stale.is_err(), "{stale:?}");
            } else {
                world.post(&batch).await;
            }
        }
        let batch = world.batch(ONE, vec![to(TWO, ETH, 1 << 80)], Vec::new());
        let uncovered = yardstick.post(&batch, batch.digest(adoption().identity.word())).await;
        assert!(uncovered.is_err(), "{uncovered:?}");
        world.assert_clean().await;
    });
}

/// The call writes nothing on another head, in another epoch or for another time, and is the api's alone.
#[test]
fn the_call_looks_where_the_books_are() {
    with_world(|mut world| async move {
        let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        world.post(&batch).await;
        let names: Vec<String> = sqlx::query_scalar(
            "select unnest(proargnames) from pg_proc where proname = 'book_batches_with_keys'",
        )
        .fetch_all(&world.raw)
        .await
        .unwrap();
        let nothing: Vec<String> =
            names.iter().skip(4).map(|name| format!("{name} => '{{}}'")).collect();
        let calls = async |role: &str, block: &str, hash: &str, epoch: &str, moment: &str| {
            let mut tx = world.raw.begin().await.unwrap();
            sqlx::query(AssertSqlSafe(format!("set local role {role}")))
                .execute(&mut *tx)
                .await
                .unwrap();
            let call = format!(
                "select book_batches_with_keys({block}, {hash}, {epoch}, {moment}, {}) from journal_block
                order by block_number desc limit 1",
                nothing.join(", ")
            );
            sqlx::query_scalar::<_, bool>(AssertSqlSafe(call)).fetch_one(&mut *tx).await
        };
        let (block, hash, now) = ("block_number", "block_hash", "clock_timestamp()");
        for (block, hash, epoch, moment, is_there) in [
            (block, hash, "1", now, true),
            ("block_number + 1", hash, "1", now, false),
            ("block_number - 1", hash, "1", now, false),
            (block, "previous_hash", "1", now, false),
            (block, hash, "2", now, false),
            (block, hash, "1", "clock_timestamp() - interval '2 seconds'", false),
            (block, hash, "1", "clock_timestamp() + interval '1 second'", false),
        ] {
            let found = calls("netfold_api", block, hash, epoch, moment).await.unwrap();
            assert_eq!(found, is_there, "{block} {hash} {epoch} {moment}");
        }
        for role in ["netfold_engine", "netfold_read"] {
            let refused = calls(role, block, hash, "1", now).await.unwrap_err();
            let code = refused.as_database_error().unwrap().code().unwrap().into_owned();
            assert_eq!(code, "42501", "{role}");
        }
    });
}
