//! Transfers are in partitions by epoch: one is there for every epoch that opens, whoever posts finds it,
//! nobody reaches past its table, and what was there before partitions is in the first.

use std::collections::BTreeSet;

use ledger::{PageLimit, Role, SealReason, TransferFilter};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::life::live;
use crate::roles::{connect, refused_by};
use crate::world::{ETH, ONE, TWO, World, deposit, out, to, with_database, with_world};

/// Partitions of so many epochs, the first one too, in which nothing else is yet.
pub(crate) async fn narrow(world: &World, epochs: u32) {
    let script = format!(
        "alter table transfer_partition disable trigger append_only;
        update transfer_partition set last_epoch = {epochs};
        alter table transfer_partition enable always trigger append_only;
        alter table transfer detach partition transfer_1;
        alter table transfer attach partition transfer_1 for values from (1) to ({epochs} + 1);
        create or replace function epochs_per_partition() returns integer language sql immutable
            as 'select {epochs}'"
    );
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&world.raw).await.unwrap();
}

/// Notes how often the db_tx of a block has looked into each partition, at the block and at the end: what it
/// only locks costs little. The counters go on from one db_tx to the next for a while.
const SPY: &str = "create table spy (db_tx xid8, partition text, looks bigint);
    create function spy() returns trigger language plpgsql security definer as $$ begin
        insert into spy select pg_current_xact_id(), relid::regclass::text, seq_scan + idx_scan
        from pg_stat_xact_user_tables where relid in (
            select inhrelid from pg_inherits where inhparent = 'transfer'::regclass
        );
        return new;
    end $$;
    create trigger zz_spy_at_block before insert on journal_block
        for each row execute function spy();
    create constraint trigger zz_spy after insert on journal_block
        deferrable initially deferred for each row execute function spy();
    alter table journal_block enable always trigger zz_spy_at_block;
    alter table journal_block enable always trigger zz_spy";
const SPIED: &str = "select distinct partition from (
        select partition from spy group by db_tx, partition having max(looks) > min(looks)
    ) one";

/// What the crate asks, with the epoch that it always knows.
const READS: &[&str] = &[
    "select * from transfer where epoch_number = 21 and block_number = 31 and position = 0",
    "select * from transfer where block_number between 12 and 20 and epoch_number = 2
        and posting_kind = 4 order by block_number, position",
    "select * from transfer t join journal_block using (block_number)
        where t.epoch_number between 20 and 20 and (t.block_number, t.position) < (99, 0)
        order by t.block_number desc, t.position desc limit 10",
    "select * from transfer where debit_account_id = 8590000129 and epoch_number between 20 and 20
        and (block_number, position) < (99, 0) order by block_number desc, position desc limit 10",
    "select sum(atoms) from transfer where epoch_number between 19 + 1 and 20 and block_number > 1",
];

/// Epochs that open one after the other, each in a partition of its own, while batches are posted and
/// read: nothing fails, nothing is lost, and with two dozen partitions each statement looks into one.
#[test]
fn an_epoch_opens_its_partition_while_batches_are_posted() {
    with_world(|mut world| async move {
        narrow(&world, 1).await;
        let (engine, read) = (world.engine.clone(), world.read.clone());
        let sealing = async {
            for _ in 0..24 {
                engine.seal(SealReason::Grace).await.unwrap().unwrap();
            }
        };
        let reading = async {
            let mut last = 0;
            for _ in 0..24 {
                let page = read.transfers(&TransferFilter::default(), None, PageLimit::MAX).await;
                let found = page.unwrap().items.len();
                assert!(found >= last);
                last = found;
            }
        };
        let posting = async {
            for _ in 0..24 {
                let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
                world.post(&batch).await;
            }
        };
        tokio::join!(sealing, reading, posting);
        let partitions: i64 = sqlx::query_scalar("select count(*) from transfer_partition")
            .fetch_one(&world.raw)
            .await
            .unwrap();
        assert_eq!(partitions, 25);
        let filter = TransferFilter::default();
        let page = world.read.transfers(&filter, None, PageLimit::MAX).await.unwrap();
        assert_eq!((page.items.len(), page.archived_through), (6 + 24, None));
        assert!(page.items.is_sorted_by_key(|one| std::cmp::Reverse(one.id)));
        world.assert_clean().await;
        one_partition_is_looked_into(&mut world).await;
    });
}

async fn one_partition_is_looked_into(world: &mut World) {
    for read in READS {
        let explain = AssertSqlSafe(format!("explain {read}"));
        let plan: Vec<String> = sqlx::query_scalar(explain).fetch_all(&world.raw).await.unwrap();
        let touched: BTreeSet<&str> = plan
            .iter()
            .flat_map(|line| line.split_whitespace())
            .filter(|word| word.strip_prefix("transfer_").is_some_and(is_number))
            .collect();
        assert_eq!(touched.len(), 1, "{read}: {plan:#?}");
    }
    sqlx::raw_sql(SPY).execute(&world.raw).await.unwrap();
    for _ in 0..3 {
        let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], vec![out(ETH, 1)]);
        world.post(&batch).await;
    }
    world.record(vec![deposit(ONE, ETH, 9)]).await.unwrap();
    let batch = world.batch(TWO, vec![to(ONE, ETH, 1)], Vec::new());
    world.post(&batch).await;
    world.evict(&batch, "its witness has no solution").await.unwrap();
    let touched: Vec<String> = sqlx::query_scalar(SPIED).fetch_all(&world.raw).await.unwrap();
    assert_eq!(touched, ["transfer_25"]);
    sqlx::raw_sql("drop function spy cascade; drop table spy").execute(&world.raw).await.unwrap();
    world.assert_clean().await;
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// Who runs can neither read, change nor take away a partition, nor say that one is archived; who may
/// insert does it past the same guard; owners meet the triggers.
#[test]
fn nobody_reaches_into_a_partition() {
    with_world(|mut world| async move {
        live(&mut world).await;
        let before = world.dump().await;
        for role in [Role::Engine, Role::Api, Role::Read] {
            let mut connection = connect(&world, role).await;
            for statement in [
                "select from transfer_1",
                "update transfer_1 set atoms = 1",
                "delete from transfer_1",
                "truncate transfer_1",
                "drop table transfer_1",
                "alter table transfer detach partition transfer_1",
                "alter table transfer_1 disable trigger transfer_guard",
                "create table mine partition of transfer for values from (900) to (901)",
                "insert into transfer_partition (first_epoch, last_epoch) values (65, 128)",
                "insert into archived_range (first_epoch) values (1)",
                "insert into archived_balance (first_epoch) values (1)",
                "call guard_transfers('transfer_1')",
                "select open_partition()",
                "select drop_partition()",
            ] {
                let found = refused_by(&mut connection, statement).await;
                let denied = matches!(found.as_deref(), Some("42501" | "0A000"));
                assert!(denied, "{}: {statement}: {found:?}", role.name());
            }
        }
        let stray = "insert into transfer_1 select block_number, 900, epoch_number, posting_kind,
            asset_id, debit_account_id, credit_account_id, atoms, debit_balance, credit_balance,
            recipient, transfer_digest from FROM where block_number = 12 and position = 0";
        for (role, statement, guard) in [
            (Role::Api, stray.replace("FROM", "transfer"), "transfer_of_the_last_block"),
            (Role::Owner, stray.replace("FROM", "transfer_1"), "transfer_of_the_last_block"),
            (Role::Owner, "update transfer_1 set atoms = 1".to_owned(), "append_only"),
            (Role::Owner, "delete from transfer_1".to_owned(), "append_only"),
            (Role::Owner, "truncate transfer_1".to_owned(), "append_only"),
            (Role::Owner, "delete from transfer_partition".to_owned(), "append_only"),
        ] {
            let mut connection = connect(&world, role).await;
            let found = refused_by(&mut connection, &statement).await;
            assert_eq!(found.as_deref(), Some(guard), "{}: {statement}", role.name());
        }
        assert_eq!(world.dump().await, before);
    });
}

/// Made-up history of 130 epochs as it was before there were partitions, without its other rows.
const OLD_HISTORY: &str = "alter table epoch disable trigger all;
    alter table journal_block disable trigger all;
    alter table transfer disable trigger all;
    insert into epoch (epoch_number, opening_digest) select n, sha256('o')
        from generate_series(1, 130) n;
    insert into journal_block (block_number, epoch_number, posting_kind, transfer_count,
            previous_hash, content_digest, block_hash, posted_at)
        select n, n, 3, 1,
            case n when 1 then decode(repeat('00', 32), 'hex') else sha256('p') end, sha256('c'), sha256(n::text::bytea), now()
        from generate_series(1, 130) n;
    insert into transfer (block_number, position, epoch_number, posting_kind, asset_id,
            debit_account_id, credit_account_id, atoms, debit_balance, credit_balance, transfer_digest)
        select n, 0, n, 3, 1, 4294967297, 8590000129, 1, n, n, sha256('t')
        from generate_series(1, 130) n;
    alter table transfer enable always trigger transfer_guard;
    alter table transfer enable always trigger append_only;
    create table kept as select * from transfer";

/// A database with transfers of more epochs than a partition takes is migrated without a row being moved:
/// all are in the first partition, which ends where the second begins.
#[test]
fn a_database_with_many_epochs_migrates() {
    with_database(|url| async move {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|ending| ending == "sql"));
        files.sort();
        for file in files {
            if file.file_name().unwrap().to_str().unwrap().starts_with("0017") {
                run(&mut connection, OLD_HISTORY).await;
            }
            run(&mut connection, &std::fs::read_to_string(file).unwrap()).await;
        }
        let ranges: Vec<(i64, i64)> =
            sqlx::query_as("select first_epoch, last_epoch from transfer_partition")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        assert_eq!(ranges, [(1, 192)]);
        let lost: i64 = sqlx::query_scalar(
            "select count(*) from (select * from kept except select * from transfer_1) one",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(lost, 0);
        let open = "alter table epoch enable always trigger open_partition;
            insert into epoch (epoch_number, opening_digest) select n, sha256('o')
            from generate_series(131, 193) n";
        run(&mut connection, open).await;
        let ranges: Vec<(i64, i64)> =
            sqlx::query_as("select first_epoch, last_epoch from transfer_partition order by 1")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        assert_eq!(ranges, [(1, 192), (193, 256)]);
    });
}

async fn run(connection: &mut PgConnection, script: &str) {
    let mut tx = connection.begin().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(script.to_owned())).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}
