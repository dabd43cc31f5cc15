//! Every way in which the schema can refuse is tried, and refuses by its name. What is added later and
//! not attacked is found by asking the catalogue.

use std::collections::BTreeSet;
use std::path::Path;

use sqlx::{AssertSqlSafe, Connection};

use crate::api_key_attacks::API_KEY_ATTACKS;
use crate::archive_attacks::ARCHIVE_ATTACKS;
use crate::constraints::{ATTACKS, EVICTION_ATTACKS};
use crate::cost_attacks::COST_ATTACKS;
use crate::hold_guards::HOLD_ATTACKS;
use crate::life::{evicted, held, live};
use crate::webhook_attacks::WEBHOOK_ATTACKS;
use crate::world::{World, with_world};

/// Each attack is refused by its constraint, whoever tries: here a superuser with the triggers of the
/// second line switched off; and every row is as before.
async fn check(world: &World, attacks: &[(&'static str, &'static str)]) {
    let before = world.dump().await;
    let tables = names(
        world,
        "select format('alter table %I disable trigger user', relname) from pg_class
        where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace",
    )
    .await;
    let mut tx = world.raw.begin().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(tables.join(";"))).execute(&mut *tx).await.unwrap();
    let mut wrong = Vec::new();
    for (constraint, attack) in attacks {
        let mut attempt = tx.begin().await.unwrap();
        let refused = sqlx::raw_sql(*attack).execute(&mut *attempt).await;
        attempt.rollback().await.unwrap();
        let error = refused.err();
        let refusal = error.as_ref().and_then(sqlx::Error::as_database_error);
        if refusal.and_then(|refusal| refusal.constraint()) != Some(*constraint) {
            wrong.push(format!("{constraint}: {attack}: {error:?}"));
        }
    }
    tx.rollback().await.unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(world.dump().await, before);
}

async fn names(world: &World, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query).fetch_all(&world.raw).await.unwrap()
}

/// Every constraint of the catalogue is attacked, and refuses by its own name. A key that has all columns
/// of another one is there for foreign keys to point at: the other refuses before it.
#[test]
fn every_constraint_refuses_by_its_name() {
    with_world(|mut world| async move {
        live(&mut world).await;
        check(&world, ATTACKS).await;
        check(&world, ARCHIVE_ATTACKS).await;
        check(&world, API_KEY_ATTACKS).await;
        check(&world, COST_ATTACKS).await;
        check(&world, WEBHOOK_ATTACKS).await;
        evicted(&mut world).await;
        check(&world, EVICTION_ATTACKS).await;
        held(&mut world).await;
        check(&world, HOLD_ATTACKS).await;
        let attacks = [
            ATTACKS,
            ARCHIVE_ATTACKS,
            API_KEY_ATTACKS,
            COST_ATTACKS,
            WEBHOOK_ATTACKS,
            EVICTION_ATTACKS,
            HOLD_ATTACKS,
        ];
        let attacks = attacks.into_iter().flatten();
        let attacked: BTreeSet<&str> = attacks.map(|(constraint, _)| *constraint).collect();
        let all = names(
            &world,
            r"select conname::text from pg_constraint c
            where connamespace = 'public'::regnamespace and contype in ('c', 'f', 'p', 'u', 'x')
                and conparentid = 0 and coninhcount = 0 and conname not like '\_sqlx%'
                -- Its partitions' keys refuse, each by its own name.
                and conname <> 'transfer_key'
                and not (contype = 'u' and exists (
                    select from pg_constraint key
                    where key.conrelid = c.conrelid and key.contype in ('p', 'u')
                        and key.conkey <@ c.conkey and not key.conkey @> c.conkey
                ))",
        )
        .await;
        let missed: Vec<_> = all.iter().filter(|name| !attacked.contains(name.as_str())).collect();
        assert!(all.len() > 140 && missed.is_empty(), "not attacked: {missed:?}");
        let once: BTreeSet<&String> = all.iter().collect();
        assert_eq!(once.len(), all.len(), "two constraints of one name");
    });
}

/// No column that has to say something can be made to say nothing: each that has a row is tried.
#[test]
fn nothing_is_null_that_may_not_be() {
    with_world(|mut world| async move {
        live(&mut world).await;
        evicted(&mut world).await;
        held(&mut world).await;
        let columns: Vec<(String, String)> = sqlx::query_as(
            "select relname::text, attname::text from pg_class c
            join pg_attribute a on attrelid = c.oid
            where relkind in ('r', 'p') and not relispartition and relname <> '_sqlx_migrations'
                and relnamespace = 'public'::regnamespace and attnum > 0 and not attisdropped
                and attgenerated = '' and attnotnull",
        )
        .fetch_all(&world.raw)
        .await
        .unwrap();
        let (mut wrong, mut tried) = (Vec::new(), 0);
        for (table, column) in columns {
            let mut attempt = world.raw.begin().await.unwrap();
            let off = format!("alter table {table} disable trigger user");
            sqlx::raw_sql(AssertSqlSafe(off)).execute(&mut *attempt).await.unwrap();
            let update = format!("update {table} set {column} = null");
            match sqlx::query(AssertSqlSafe(update)).execute(&mut *attempt).await {
                Ok(done) if done.rows_affected() == 0 => {}
                Err(error) if code(&error).as_deref() == Some("23502") => tried += 1,
                // No partition takes it.
                Err(error)
                    if (table.as_str(), column.as_str()) == ("transfer", "epoch_number")
                        && code(&error).as_deref() == Some("23514") =>
                {
                    tried += 1;
                }
                other => wrong.push(format!("{table}.{column}: {other:?}")),
            }
            attempt.rollback().await.unwrap();
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(tried > 200, "{tried}");
    });
}

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// A number of an exit is given out again only after its last exit was evicted. Keys refuse it before the
/// guard is asked, so one of them is out of its way here.
#[test]
fn a_standing_exit_keeps_its_number() {
    with_world(|mut world| async move {
        live(&mut world).await;
        evicted(&mut world).await;
        let mut attempt = world.raw.begin().await.unwrap();
        let again = "alter table exit drop constraint exit_transfer_unique;
            insert into exit (rollup_id, exit_index, attempt, height, block_number, position,
                epoch_number, asset_id, recipient, atoms, leaf)
            select rollup_id, exit_index, attempt + 1, height, block_number, position, epoch_number,
                asset_id, recipient, atoms, leaf
            from exit where block_number = 22 and exit_index = 3";
        let refused = sqlx::raw_sql(again).execute(&mut *attempt).await.unwrap_err();
        let refusal = refused.as_database_error().unwrap();
        assert_eq!(refusal.constraint(), Some("exit_attempt_follows_an_eviction"));
        attempt.rollback().await.unwrap();
    });
}

/// What the guards can refuse by.
const OF_GUARDS: &str = r"select distinct found[1] from (
        select regexp_matches(prosrc, 'refuse\(\s*''(\w+)''', 'g') as found from pg_proc
        where pronamespace = 'public'::regnamespace
        union all
        select regexp_matches(prosrc, 'constraint = ''(\w+)''', 'g') from pg_proc
        where pronamespace = 'public'::regnamespace
    ) one order by 1";

/// Every name that a guard refuses by is one that some test of these is refused by.
#[test]
fn every_guard_is_attacked() {
    with_world(|world| async move {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let tests: String =
            files.map(|file| std::fs::read_to_string(file).unwrap()).collect::<Vec<_>>().concat();
        let all = names(&world, OF_GUARDS).await;
        let is_attacked = |name: &str| {
            tests.contains(&format!("\"{name}\"")) || tests.contains(&format!("by {name}\""))
        };
        let missed: Vec<_> = all.iter().filter(|name| !is_attacked(name)).collect();
        assert!(all.len() > 20 && missed.is_empty(), "not attacked: {missed:?}");
    });
}

/// The crate knows every name that the schema can refuse by, those of the catalogue and those of the
/// guards, and no other.
#[test]
fn every_refusal_has_a_known_name() {
    with_world(|world| async move {
        let mut all = names(
            &world,
            r"select conname::text from pg_constraint
            where connamespace = 'public'::regnamespace and contype <> 'n' and conparentid = 0
                and conname not like '\_sqlx%'",
        )
        .await;
        all.extend(names(&world, OF_GUARDS).await);
        let source = include_str!("../../src/constraint.rs");
        let known: BTreeSet<&str> = source
            .lines()
            .filter_map(|line| line.strip_prefix("    \"")?.strip_suffix("\","))
            .collect();
        let all: BTreeSet<&str> = all.iter().map(String::as_str).collect();
        let unknown: Vec<_> = all.difference(&known).collect();
        let nowhere: Vec<_> = known.difference(&all).collect();
        assert!(all.len() > 150 && unknown.is_empty(), "not in constraint.rs: {unknown:?}");
        assert!(nowhere.is_empty(), "only in constraint.rs: {nowhere:?}");
    });
}
