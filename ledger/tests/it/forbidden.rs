//! What each role may do, tried: every statement that is not on its list is refused, for every table,
//! view, column and function that the catalogue knows. What is made later is tried without a word here.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::roles::{block, refused_by};
use crate::world::{World, with_world};

/// What a role may do. Everything else is refused.
struct Privileges {
    /// None for a login that takes no role.
    role: Option<&'static str>,
    /// Whether it reads every table and view; of [`PRIVATE`] those that are its own.
    reads: bool,
    /// Tables that it inserts into.
    inserts: &'static [&'static str],
    /// The rest: as [`Attempt::what`] names it.
    may: &'static [&'static str],
    /// Functions by name.
    calls: &'static [&'static str],
}

/// The prover's working data is nobody else's to read, hashes of keys are the api's to compare with and webhooks the api's to
/// tell, what is migrated is the migrator's, and partitions are read through `transfer`.
const PRIVATE: &[&str] = &[
    "_sqlx_migrations",
    "api_key",
    "epoch_checkpoint",
    "offer",
    "transfer_1",
    "webhook",
    "webhook_attempt",
    "webhook_pass",
    "webhook_resumption",
    "webhook_revocation",
];

/// Whoever posts moves the sums, and may lock their rows to do so.
const POSTS: &[&str] = &[
    "update balance.debits",
    "update balance.credits",
    "update balance.version",
    "update balance.last_block",
    "select for update balance",
];

const API_CALLS: &[&str] = &[
    "batches_per_epoch",
    "book_batches_with_keys",
    "books_encoding",
    "content",
    "is_evicted",
    "lock_books",
    "refuse",
    "row_digest",
    "turnover_send",
    "webhook_position",
];

const ENGINE_CALLS: &[&str] = &[
    "batches_per_epoch",
    "books_encoding",
    "content",
    "is_evicted",
    "lock_books",
    "refuse",
    "row_digest",
    "turnover_send",
];

const NOBODY: Privileges =
    Privileges { role: None, reads: false, inserts: &[], may: &[], calls: &[] };

const READ: Privileges = Privileges {
    role: Some("netfold_read"),
    reads: true,
    inserts: &[],
    may: &[],
    calls: &["books_encoding", "content", "row_digest", "turnover_send"],
};

const API: Privileges = Privileges {
    role: Some("netfold_api"),
    reads: true,
    inserts: &[
        "batch",
        "equivocation",
        "exit",
        "journal_block",
        "keyed_write",
        "lane",
        "seal_request",
        "transfer",
        "transfer_1",
        "webhook",
        "webhook_attempt",
        "webhook_pass",
        "webhook_resumption",
        "webhook_revocation",
    ],
    may: &[
        POSTS[0],
        POSTS[1],
        POSTS[2],
        POSTS[3],
        POSTS[4],
        "select api_key",
        "select webhook",
        "select webhook_attempt",
        "select webhook_pass",
        "select webhook_resumption",
        "select webhook_revocation",
    ],
    calls: API_CALLS,
};

const ENGINE: Privileges = Privileges {
    role: Some("netfold_engine"),
    reads: true,
    inserts: &[
        "asset",
        "batch_eviction",
        "claim",
        "deposit",
        "domain_identity",
        "epoch",
        "epoch_balance",
        "epoch_books",
        "epoch_cell",
        "epoch_checkpoint",
        "epoch_final",
        "epoch_proof",
        "epoch_reorg",
        "epoch_rollup",
        "epoch_seal",
        "epoch_settlement",
        "epoch_settlement_fee",
        "epoch_settlement_proof",
        "epoch_step",
        "epoch_submission",
        "epoch_submission_end",
        "epoch_work",
        "foreign_settlement",
        "hold",
        "hold_end",
        "journal_block",
        "l1_log",
        "l1_range",
        "l1_settlement",
        "l1_settlement_books",
        "rollup",
        "seal_request",
        "seen_deposit",
        "transfer",
        "transfer_1",
        "turn",
    ],
    may: &[
        POSTS[0],
        POSTS[1],
        POSTS[2],
        POSTS[3],
        POSTS[4],
        "select epoch_checkpoint",
        // Working data goes when it is used up; to delete is to lock, too.
        "delete epoch_checkpoint",
        "lock epoch_checkpoint",
        "select offer",
        "delete offer",
        "lock offer",
        "update balance.held_debits",
        "update balance.held_credits",
        "update balance.last_held_block",
    ],
    calls: ENGINE_CALLS,
};

/// Folds and proves, and offers what that comes to; nothing that counts.
const PROVER: Privileges = Privileges {
    role: Some("netfold_prover"),
    reads: true,
    inserts: &["offer", "turn"],
    may: &["select offer", "delete offer", "lock offer"],
    calls: &["lock_books", "refuse"],
};

/// A statement to try.
struct Attempt {
    /// What it is an attempt at: a word and what it is done to.
    what: String,
    statement: String,
}

/// Every role, and a login without any: what is on its list gets past the privileges, and nothing else
/// does.
#[test]
fn each_role_may_do_what_is_listed_and_nothing_else() {
    with_world(|world| async move {
        let mut attempts = on_relations(&world).await;
        attempts.extend(on_functions(&world).await);
        assert!(attempts.len() > 900, "{}", attempts.len());
        // Ground to build on: what is refused here is refused for what it touches.
        let ground = "create schema ground; grant usage, create on schema ground to public";
        sqlx::raw_sql(ground).execute(&world.raw).await.unwrap();
        for privileges in [&NOBODY, &READ, &API, &ENGINE, &PROVER] {
            with_login(&world, privileges.role, |mut login| async {
                if let Some(role) = privileges.role {
                    login = login.options([("role", role)]);
                }
                let login = PgConnection::connect_with(&login).await.unwrap();
                check(login, privileges, &attempts).await;
            })
            .await;
        }
    });
}

/// A login that has the api's rights by membership, and has not taken the role, still posts batches
/// alone: the guard that knows the role by its name does not meet it, the one of complete blocks does.
#[test]
fn rights_without_the_role_are_no_way_around() {
    with_world(|world| async move {
        with_login(&world, Some("netfold_api"), |login| async move {
            let mut login = PgConnection::connect_with(&login).await.unwrap();
            for kind in [1, 2, 3, 5, 6] {
                for count in [0, 1] {
                    let refused = refused_by(&mut login, &block(1, kind, count)).await;
                    assert!(
                        matches!(
                            refused.as_deref(),
                            Some("journal_block_is_complete" | "journal_block_transfers_in_bound")
                        ),
                        "{kind}: {refused:?}"
                    );
                }
            }
            login.close().await.unwrap();
        })
        .await;
    });
}

/// Each attempt, in a savepoint of one db_tx that ends with nothing done.
async fn check(mut login: PgConnection, privileges: &Privileges, attempts: &[Attempt]) {
    let mut wrong = Vec::new();
    let mut tx = login.begin().await.unwrap();
    let all_mighty: String =
        sqlx::query_scalar("select rolname::text from pg_roles where oid = 10")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
    let elsewhere = beyond_the_tables(privileges.role, &all_mighty);
    for Attempt { what, statement } in attempts.iter().chain(&elsewhere) {
        let mut attempt = tx.begin().await.unwrap();
        let outcome = sqlx::raw_sql(AssertSqlSafe(statement.as_str())).execute(&mut *attempt).await;
        attempt.rollback().await.unwrap();
        let error = outcome.err();
        let refusal = error.as_ref().and_then(sqlx::Error::as_database_error);
        // What gets past the privileges may still meet a rule or a guard.
        if refusal.is_some_and(is_to_all) == privileges.allow(what) {
            wrong.push(format!("{what}: {statement}: {error:?}"));
        }
    }
    tx.rollback().await.unwrap();
    for statement in ["alter system set fsync = off", "create database probe"] {
        // Not in a db_tx.
        let outcome = sqlx::raw_sql(statement).execute(&mut login).await;
        if !outcome.is_err_and(|error| is_insufficient_privilege(&error)) {
            wrong.push(statement.to_owned());
        }
    }
    login.close().await.unwrap();
    assert!(wrong.is_empty(), "{:?}: {wrong:#?}", privileges.role);
}

/// Whether it is refused whatever is there: for want of the privilege, or because a view of several tables has no
/// rows to write, which is looked at first.
fn is_to_all(refusal: &dyn sqlx::error::DatabaseError) -> bool {
    let no_rows =
        refusal.code().as_deref() == Some("55000") && refusal.message().contains(" view ");
    no_rows || refusal.code().as_deref() == Some(INSUFFICIENT_PRIVILEGE)
}

impl Privileges {
    fn allow(&self, what: &str) -> bool {
        if self.may.contains(&what) {
            return true;
        }
        let (verb, object) = what.split_once(' ').unwrap();
        match verb {
            "select" => self.reads && !object.contains(' ') && !PRIVATE.contains(&object),
            "insert" => self.inserts.contains(&object),
            "call" => self.calls.contains(&object),
            _ => false,
        }
    }
}

/// A login of its own for a role, as in production: a member of that role and of no other, and no
/// superuser, so that what it may not take it cannot take.
async fn with_login<F, T>(world: &World, role: Option<&str>, test: F)
where
    F: FnOnce(PgConnectOptions) -> T,
    T: Future<Output = ()>,
{
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("ledger_it_login_{}_{number}", std::process::id());
    let member = role.map(|role| format!("in role {role}")).unwrap_or_default();
    let create = format!("create role {name} login password 'in test' {member}");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&world.raw).await.unwrap();
    test(PgConnectOptions::from_str(&world.url).unwrap().username(&name).password("in test")).await;
    sqlx::raw_sql(AssertSqlSafe(format!("drop role {name}"))).execute(&world.raw).await.unwrap();
}

/// Tables and views with what an attempt has to name: kind, columns, key, triggers.
const RELATIONS: &str = "select relname::text, relkind in ('v', 'm'),
            -- A generated column of a view is refused before privileges are looked at.
            array(select attname::text from pg_attribute a
                where attrelid = c.oid and attnum > 0 and not attisdropped
                    and (relkind in ('r', 'p') or not exists (select from pg_attribute g
                        where g.attname = a.attname and g.attgenerated <> ''))
                order by attnum),
            array(select format_type(atttypid, atttypmod) from pg_constraint
                join unnest(conkey) with ordinality key (attnum, place) on true
                join pg_attribute a on a.attrelid = conrelid and a.attnum = key.attnum
                where conrelid = c.oid and contype = 'p' order by place),
            (select conname::text from pg_constraint where conrelid = c.oid and contype = 'p'),
            array(select tgname::text from pg_trigger where tgrelid = c.oid and not tgisinternal),
            relkind = 'p' or relispartition
        from pg_class c
        where relkind in ('r', 'p', 'v', 'm') and relnamespace = 'public'::regnamespace
        order by 1";

/// What can be done to a table or view: the data's verbs, and what only an owner does.
async fn on_relations(world: &World) -> Vec<Attempt> {
    let relations = sqlx::query(RELATIONS).fetch_all(&world.raw).await.unwrap();
    let mut attempts = Vec::new();
    for row in relations {
        let (relation, is_view): (String, bool) = (row.get(0), row.get(1));
        let (columns, key): (Vec<String>, Vec<String>) = (row.get(2), row.get(3));
        let kind = if is_view { "view" } else { "table" };
        for column in columns {
            attempts.push(Attempt {
                what: format!("update {relation}.{column}"),
                statement: format!("update {relation} set {column} = default"),
            });
        }
        for (what, statement) in VERBS.iter().chain(OWNERS_OF_ALL) {
            attempts.push(Attempt::on(what, &relation, &statement.replace("KIND", kind)));
        }
        if is_view {
            continue;
        }
        let primary: String =
            row.get::<Option<_>, _>(4).unwrap_or_else(|| panic!("no key: {relation}"));
        let is_partitioned: bool = row.get(6);
        for statement in OWNERS_OF_TABLES {
            // Refused to everybody before privileges are looked at.
            if is_partitioned && statement.contains("inherits") {
                continue;
            }
            attempts.push(Attempt::on("own", &relation, &statement.replace("PRIMARY", &primary)));
        }
        for trigger in row.get::<Vec<String>, _>(5) {
            for statement in [
                "drop trigger TRIGGER on RELATION",
                "alter table RELATION disable trigger TRIGGER",
                "alter table RELATION enable replica trigger TRIGGER",
            ] {
                let statement = statement.replace("TRIGGER", &trigger);
                attempts.push(Attempt::on("own", &relation, &statement));
            }
        }
        let columns: Vec<_> = (1..).zip(&key).map(|(nth, kind)| format!("c{nth} {kind}")).collect();
        let names: Vec<_> = (1..=key.len()).map(|nth| format!("c{nth}")).collect();
        attempts.push(Attempt::on(
            "reference",
            &relation,
            &format!(
                "create table ground.probe ({}, foreign key ({}) references RELATION)",
                columns.join(", "),
                names.join(", ")
            ),
        ));
    }
    attempts
}

/// Every function and procedure of the schema, called with nothing, and what only its owner does.
async fn on_functions(world: &World) -> Vec<Attempt> {
    let functions = sqlx::query(
        "select proname::text, prokind = 'p', pg_get_function_identity_arguments(oid),
            array(select 'null::' || format_type(argument, null) from unnest(proargtypes) argument)
        from pg_proc where pronamespace = 'public'::regnamespace order by 1, 3",
    )
    .fetch_all(&world.raw)
    .await
    .unwrap();
    let mut attempts = Vec::new();
    for row in functions {
        let (name, is_procedure): (String, bool) = (row.get(0), row.get(1));
        let (signature, arguments): (String, Vec<String>) = (row.get(2), row.get(3));
        let verb = if is_procedure { "call" } else { "select" };
        let call = format!("{verb} {name}({})", arguments.join(", "));
        attempts.push(Attempt { what: format!("call {name}"), statement: call });
        for statement in [
            "drop routine SIGNATURE",
            "alter routine SIGNATURE rename to probe",
            "alter routine SIGNATURE set search_path = ground",
        ] {
            let statement = statement.replace("SIGNATURE", &format!("{name}({signature})"));
            attempts.push(Attempt { what: format!("own {name}"), statement });
        }
    }
    attempts
}

/// What would get around the tables: another's rights, the schema, the server.
fn beyond_the_tables(own: Option<&str>, all_mighty: &str) -> Vec<Attempt> {
    let roles = [all_mighty, "netfold_owner", "netfold_engine", "netfold_api", "netfold_read"];
    let others: BTreeSet<&str> = roles.into_iter().filter(|role| Some(*role) != own).collect();
    let others = others.into_iter().flat_map(|other| {
        ["set role OTHER", "set session authorization OTHER", "grant OTHER to current_user"]
            .map(|statement| statement.replace("OTHER", other))
    });
    let statements = BEYOND.iter().map(|statement| (*statement).to_owned()).chain(others);
    statements.map(|statement| Attempt { what: "get around".to_owned(), statement }).collect()
}

impl Attempt {
    fn on(what: &str, relation: &str, statement: &str) -> Self {
        Self {
            what: format!("{what} {relation}"),
            statement: statement.replace("RELATION", relation),
        }
    }
}

fn is_insufficient_privilege(error: &sqlx::Error) -> bool {
    let refusal = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    refusal.as_deref() == Some(INSUFFICIENT_PRIVILEGE)
}

const INSUFFICIENT_PRIVILEGE: &str = "42501";

const VERBS: &[(&str, &str)] = &[
    ("select", "select from RELATION limit 1"),
    ("insert", "insert into RELATION default values"),
    ("delete", "delete from RELATION"),
    ("select for update", "select from RELATION for update"),
    ("lock", "lock table RELATION in access exclusive mode"),
];

const OWNERS_OF_ALL: &[(&str, &str)] = &[
    ("own", "drop KIND RELATION cascade"),
    ("own", "alter KIND RELATION rename to probe"),
    ("own", "alter KIND RELATION owner to current_user"),
    ("own", "alter KIND RELATION set schema ground"),
    ("own", "comment on KIND RELATION is 'in test'"),
    ("own", "create rule probe as on insert to RELATION do instead nothing"),
];

const OWNERS_OF_TABLES: &[&str] = &[
    "truncate RELATION",
    "alter table RELATION add column probe integer",
    "alter table RELATION drop constraint PRIMARY cascade",
    "alter table RELATION disable trigger all",
    "alter table RELATION disable trigger user",
    "alter table RELATION enable row level security",
    "create policy probe on RELATION using (true)",
    "create trigger probe before insert on RELATION for each row
        execute function suppress_redundant_updates_trigger()",
    "create index on RELATION ((1))",
    "create table ground.probe () inherits (RELATION)",
    "reindex table RELATION",
    "cluster RELATION using PRIMARY",
];

const BEYOND: &[&str] = &[
    "set session_replication_role = replica",
    "set log_statement = 'none'",
    "create table public.probe ()",
    "create view public.probe as select 1",
    "create function public.probe() returns integer language sql as 'select 1'",
    "create sequence public.probe",
    "create domain public.probe as integer",
    "create operator public.= (leftarg = atoms, rightarg = atoms, function = numeric_eq)",
    "create schema probe",
    "alter schema public rename to probe",
    "alter schema public owner to current_user",
    "drop schema public cascade",
    "alter domain atoms drop constraint atoms_in_bound",
    "drop domain hash32 cascade",
    "drop extension plpgsql cascade",
    "create role probe",
    "alter role current_user superuser",
    "alter role netfold_owner login",
    "drop role netfold_read",
    "drop owned by netfold_owner",
    "reassign owned by netfold_owner to current_user",
    "alter default privileges for role netfold_owner grant all on tables to public",
    "create event trigger probe on ddl_command_start execute function append_only()",
    "create publication probe for all tables",
    "create foreign data wrapper probe",
    "copy batch to program 'true'",
    "copy (select 1) to '/tmp/netfold_in_test'",
    "copy l1_log from '/dev/null'",
    "select pg_read_file('PG_VERSION')",
    "select lo_import('/dev/null')",
    "select pg_reload_conf()",
    "select pg_switch_wal()",
    "do $$ begin execute format('alter database %I set role netfold_owner', current_database()); end $$",
];
