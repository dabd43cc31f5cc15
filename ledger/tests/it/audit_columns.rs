//! No column of history can be altered, no row taken away or put in twice, without the audit finding it.
//!
//! Tables and columns are those of the catalog, so that a new one is attacked as soon as it is there.

use crate::life::{evicted, foreign, held, live};
use crate::tamper::Unguarded;
use crate::world::with_world;

/// What the audit has nothing to compute from, and why that is so: where the last range of L1 blocks
/// ends is L1's word, too. Each entry is attacked, too: one
/// that the audit finds by now has to go.
const EXEMPT: &[(&str, &str, &str)] = &[
    ("domain_identity", "only_one", "a constant that keeps the table to one row"),
    ("foreign_settlement", "only_one", "a constant that keeps the table to one row"),
    ("foreign_settlement", "a row less", L1S_WORD),
    ("foreign_settlement", "recorded_at", "nothing follows from it"),
    ("foreign_settlement", "tx_hash", L1S_WORD),
    ("foreign_settlement", "l1_block_number", L1S_WORD),
    ("foreign_settlement", "l1_block_hash", L1S_WORD),
    ("foreign_settlement", "settled_digest", L1S_WORD),
    ("l1_range", "recorded_at", "nothing follows from it"),
    ("transfer_partition", "made_at", "nothing follows from it"),
    ("l1_settlement_books", "a row less", L1S_WORD),
    ("l1_settlement_books", "books_digest", "said by whoever settled, if that were not we"),
];

/// Tables that are no history.
const NO_HISTORY: &[(&str, &str)] = &[
    // Attacked in `archive`, on rows that are there.
    ("archived_range", "none here"),
    ("archived_balance", "none here"),
    ("api_key", "says who may ask, not what the books are"),
    ("api_key_revocation", "says who may ask, not what the books are"),
    ("keyed_write", "says what a request is answered with when it comes again"),
    ("operator_action", "says who asked, not what the books are"),
    ("epoch_settlement_fee", "says what L1 took for it, not what the books are"),
    ("turn", "says who worked, not what the books are"),
    ("epoch_work", "says how long it took, not what the books are"),
    ("webhook", WHO_IS_TOLD),
    ("webhook_attempt", WHO_IS_TOLD),
    ("webhook_pass", WHO_IS_TOLD),
    ("webhook_resumption", WHO_IS_TOLD),
    ("webhook_revocation", WHO_IS_TOLD),
    ("epoch_checkpoint", "working data: verified when it is used, and deleted"),
    ("offer", "working data: verified before it counts, and deleted"),
    ("_sqlx_migrations", "of the tool that migrates"),
];

const WHO_IS_TOLD: &str = "says who is told of events, not what they are";
const L1S_WORD: &str = "said by L1 alone: `netfold audit` compares it with L1";

/// The first row of a table, or the last.
const ENDS: [&str; 2] = ["asc", "desc"];

#[test]
fn every_column_counts() {
    with_world(|mut world| async move {
        live(&mut world).await;
        evicted(&mut world).await;
        held(&mut world).await;
        foreign(&world).await;
        world.assert_clean().await;
        let attack = Unguarded::new(&world).await;
        attack.run(WITHOUT_CONSTRAINTS).await;
        let mut wrong = Vec::new();
        for table in tables(&attack).await {
            for (tamper, exempt) in attacks(&attack, &table).await {
                let found = attack.audit_after(&tamper).await.first_fault;
                if found.is_some() == exempt {
                    wrong.push(format!("{tamper}: {found:?}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        world.assert_clean().await;
    });
}

/// Another value in each column, of the first row and the last in turn; a row less, a row twice. And
/// whether the audit cannot know.
async fn attacks(attack: &Unguarded<'_>, table: &str) -> Vec<(String, bool)> {
    let exempt = |what: &str| EXEMPT.iter().any(|(t, w, _)| *t == table && *w == what);
    let [first, last] = ENDS.map(|end| row(table, end));
    let columns = columns(attack, table).await;
    let names = attack.columns(table).await.join(", ");
    let mut attacks = vec![
        (format!("delete from {table} where {last}"), exempt("a row less")),
        (
            format!("insert into {table} ({names}) select {names} from {table} where {first}"),
            exempt("a row twice"),
        ),
    ];
    for ((column, kind), row) in columns.iter().zip([first, last].iter().cycle()) {
        let other = other(column, kind);
        attacks
            .push((format!("update {table} set {column} = {other} where {row}"), exempt(column)));
    }
    attacks
}

/// Neither keys nor checks, those of the domains included: whoever can switch triggers off can do
/// without them, too.
const WITHOUT_CONSTRAINTS: &str = "do $$ declare one record; begin
    for one in select contypid::regtype as name, conname from pg_constraint
        where contypid <> 0 and connamespace = 'public'::regnamespace
    loop execute format('alter domain %s drop constraint %I', one.name, one.conname); end loop;
    for one in select conrelid::regclass as name, conname from pg_constraint
        where conrelid <> 0 and connamespace = 'public'::regnamespace
            and contype in ('c', 'f', 'u', 'p') and coninhcount = 0
    loop execute format('alter table %s drop constraint if exists %I cascade',
        one.name, one.conname); end loop;
end $$";

async fn tables(attack: &Unguarded<'_>) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class where relkind in ('r', 'p')
            and relnamespace = 'public'::regnamespace and not relispartition order by 1",
    )
    .fetch_all(&attack.world.raw)
    .await
    .unwrap();
    let is_history = |table: &String| !NO_HISTORY.iter().any(|(name, _)| name == table);
    tables.into_iter().filter(is_history).collect()
}

/// Each with its type.
async fn columns(attack: &Unguarded<'_>, table: &str) -> Vec<(String, String)> {
    sqlx::query_as(
        "select column_name::text, udt_name::text from information_schema.columns
        where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER'
        order by ordinal_position",
    )
    .bind(table)
    .fetch_all(&attack.world.raw)
    .await
    .unwrap()
}

/// Another value of a column than the one that it has, as close to it as can be.
fn other(column: &str, kind: &str) -> String {
    match kind {
        "int2" | "int4" | "int8" | "numeric" => format!("coalesce({column}, 0) + 1"),
        "bool" => format!("not {column}"),
        "text" => format!("{column} || 'x'"),
        "timestamptz" => format!("{column} + interval '1 microsecond'"),
        "bytea" => {
            let last = format!("octet_length({column}) - 1");
            let other = format!("set_byte({column}, {last}, get_byte({column}, {last}) # 1)");
            format!("coalesce({other}, '\\x0000000000000000000000000000000000000001')")
        }
        kind => panic!("no other value of {kind} is known, for {column}"),
    }
}

/// The condition that picks one row.
fn row(table: &str, end: &str) -> String {
    format!(
        "(tableoid, ctid) = (
            select tableoid, ctid from {table} order by {table}::text {end} limit 1
        )"
    )
}
