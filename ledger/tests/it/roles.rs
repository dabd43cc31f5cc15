//! History is append-only: by privilege for whoever runs, by trigger for whoever owns; and the guards
//! let nobody write half a posting.

use std::str::FromStr;

use domain::EpochNumber;
use ledger::{Error, Role};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::life::live;
use crate::world::{ETH, ONE, TWO, World, to, with_world};

pub(crate) async fn connect(world: &World, role: Role) -> PgConnection {
    let options = PgConnectOptions::from_str(&world.url).unwrap();
    let options = options.options([("role", role.name())]);
    PgConnection::connect_with(&options).await.unwrap()
}

/// What a statement was refused by: the constraint's name, or the code.
pub(crate) async fn refused_by(connection: &mut PgConnection, statement: &str) -> Option<String> {
    let mut tx = connection.begin().await.unwrap();
    let outcome = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut *tx).await;
    let outcome = match outcome {
        Ok(_) => tx.commit().await,
        Err(error) => Err(error),
    };
    let error = outcome.err()?;
    let refusal = error.as_database_error().unwrap_or_else(|| panic!("{error}"));
    Some(refusal.constraint().map_or_else(|| refusal.code().unwrap().into_owned(), str::to_owned))
}

async fn tables(world: &World) -> Vec<(String, String)> {
    sqlx::query(
        "select relname::text, (
            select attname::text from pg_attribute
            where attrelid = c.oid and attnum > 0 and attgenerated = '' order by attnum limit 1
        ) from pg_class c
        where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
            and relname <> '_sqlx_migrations'
        order by 1",
    )
    .fetch_all(&world.raw)
    .await
    .unwrap()
    .iter()
    .map(|row| (row.get(0), row.get(1)))
    .collect()
}

/// Nobody may update, delete or truncate history: those who run lack the privilege, as `forbidden` shows;
/// the owner, and even a superuser, is stopped by the trigger.
#[test]
fn history_is_append_only() {
    with_world(|mut world| async move {
        live(&mut world).await;
        let before = world.dump().await;
        let tables = tables(&world).await;
        assert!(tables.len() > 30);
        let mut owner = connect(&world, Role::Owner).await;
        for (table, column) in &tables {
            let update = format!("update {table} set {column} = {column}");
            let delete = format!("delete from {table}");
            let truncate = format!("truncate {table} cascade");
            for statement in [update, delete, truncate] {
                // Working data that may go at any time.
                if table == "offer" && statement.starts_with("delete") {
                    continue;
                }
                let found = refused_by(&mut owner, &statement).await;
                let guard = match table.as_str() {
                    // Working data: the checkpoint in use stays all the same.
                    "epoch_checkpoint" if statement.starts_with("delete") => {
                        "epoch_checkpoint_in_use"
                    }
                    "balance" if statement.starts_with("update") => "balance_follows_the_journal",
                    _ => "append_only",
                };
                assert_eq!(found.as_deref(), Some(guard), "{statement}");
            }
        }
        let mut engine = connect(&world, Role::Engine).await;
        let found = refused_by(&mut engine, "delete from epoch_checkpoint").await;
        assert_eq!(found.as_deref(), Some("epoch_checkpoint_in_use"));
        let mut superuser = PgConnection::connect(&world.url).await.unwrap();
        for (table, _) in tables.iter().filter(|(table, _)| table != "offer") {
            let delete = format!("delete from {table}");
            let found = refused_by(&mut superuser, &delete).await;
            assert!(
                matches!(found.as_deref(), Some("append_only" | "epoch_checkpoint_in_use")),
                "{delete}: {found:?}"
            );
        }
        assert_eq!(world.dump().await, before);
    });
}

/// The crate's calls are refused to roles that they are not for.
#[test]
fn roles_keep_to_their_own() {
    with_world(|mut world| async move {
        let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        for ledger in [&world.engine, &world.read] {
            let refused = ledger.post_batch(&batch).await;
            assert!(matches!(refused, Err(Error::PermissionDenied(_))), "{refused:?}");
        }
        let log = world.log(crate::world::deposit(ONE, ETH, 1));
        let refused = world.api.record_l1_block_range(std::slice::from_ref(&log), log.block).await;
        assert!(matches!(refused, Err(Error::PermissionDenied(_))), "{refused:?}");
        let refused = world.api.seal(ledger::SealReason::Command).await;
        assert!(matches!(refused, Err(Error::PermissionDenied(_))), "{refused:?}");
        let refused = world.read.request_seal("reader").await;
        assert!(matches!(refused, Err(Error::PermissionDenied(_))), "{refused:?}");
        let closing_digest = world.seal().await.closing_digest;
        let proof = ledger::NewProof { closing_digest, steps: 1, bytes: vec![1] };
        for ledger in [&world.api, &world.read] {
            let refused = ledger.record_settlement_proof(EpochNumber::FIRST, &proof).await;
            assert!(matches!(refused, Err(Error::PermissionDenied(_))), "{refused:?}");
        }
        let refused = world.api.latest_step(EpochNumber::FIRST).await;
        assert!(matches!(refused, Err(Error::PermissionDenied(_))), "{refused:?}");
        world.assert_clean().await;
    });
}

/// A block of the open epoch after the last one, to attack with.
const NEXT_BLOCK: &str = "insert into journal_block (block_number, epoch_number, posting_kind,
        transfer_count, previous_hash, content_digest, block_hash, posted_at)
    select block_number + 1, EPOCH, KIND, COUNT, block_hash, sha256('c'), sha256('b'), now()
    from journal_block order by block_number desc limit 1;";

pub(crate) fn block(epoch: u32, kind: u32, count: u32) -> String {
    NEXT_BLOCK
        .replace("EPOCH", &epoch.to_string())
        .replace("KIND", &kind.to_string())
        .replace("COUNT", &count.to_string())
}

/// A transfer of block 17 from cell 1:1 to cell 2:1.
const TRANSFER: &str = "insert into transfer (block_number, position, epoch_number, posting_kind,
        asset_id, debit_account_id, credit_account_id, atoms, debit_balance, credit_balance,
        recipient, transfer_digest)
    values (17, 0, 3, 4, 1, 8590000129, 8590065665, 1, 0, 0, substr(sha256('r'), 1, 20),
        sha256('t'));";

const INSERT_TRANSFER: &str =
    "insert into transfer (block_number, position, epoch_number, posting_kind,
        asset_id, debit_account_id, credit_account_id, atoms, debit_balance, credit_balance,
        recipient, transfer_digest)";

/// Who tries what, and which guard refuses it.
pub(crate) type Attack = (Role, String, &'static str);

/// A block without its transfers, its balances, its posting, or in the wrong place.
fn posting_attacks() -> Vec<Attack> {
    let move_one = "update balance set debits = debits + 1, version = version + 1,
                last_block = 17 where account_id = 8590000129;";
    let first = TRANSFER.to_owned();
    let second =
        TRANSFER.replace("(17,", "(18,").replace("1, 0, 0, substr", "1, DEBITED, CREDITED, substr");
    let holds = |account: &str, change: &str| {
        format!("(select credits - debits {change} 1 from balance where account_id = {account})")
    };
    let second = second
        .replace("DEBITED", &holds("8590000129", "-"))
        .replace("CREDITED", &holds("8590065665", "+"));
    vec![
        (Role::Api, block(3, 4, 0), "journal_block_is_complete"),
        (Role::Api, block(2, 4, 0), "journal_block_in_open_epoch"),
        (Role::Api, block(3, 3, 1), "journal_block_of_its_role"),
        (Role::Engine, block(3, 1, 0), "journal_block_is_complete"),
        (Role::Api, block(3, 4, 2) + TRANSFER, "transfer_of_the_last_block"),
        (Role::Api, block(3, 4, 0) + TRANSFER, "transfer_of_the_last_block"),
        (Role::Api, TRANSFER.replace("17, 0, 3", "16, 1, 3"), "transfer_of_the_last_block"),
        (Role::Api, block(3, 4, 1) + TRANSFER, "journal_block_is_complete"),
        (Role::Api, move_one.replace("= 17", "= 16"), "balance_follows_the_journal"),
        (Role::Api, block(3, 4, 1) + TRANSFER + move_one, "balance_follows_the_journal"),
        // Of two blocks at once: only the second moves, be it that the first one's transfer comes later.
        (Role::Api, two_blocks() + &second + MOVE_BOTH + &first, "journal_block_is_complete"),
        (Role::Api, two_blocks() + &second + MOVE_BOTH, "journal_block_is_complete"),
        (Role::Api, two_blocks() + &first + &second + MOVE_BOTH, "balance_follows_the_journal"),
        // Both ends are right, and between the two blocks there was more than the cell has.
        (Role::Api, overdraft_between_blocks(), "balance_follows_the_journal"),
    ]
}

/// Cell 1:1 sends more than it has in block 17, and gets it back in block 18, all in one update.
fn overdraft_between_blocks() -> String {
    let there = TRANSFER.replace(
        "8590065665, 1, 0, 0, substr",
        "8590065665, 1000000, 0, (select credits - debits + 1000000 from balance where \
         account_id = 8590065665), substr",
    );
    let back = TRANSFER.replace("(17,", "(18,").replace(
        "8590000129, 8590065665, 1, 0, 0, substr",
        "8590065665, 8590000129, 1000000, (select credits - debits from balance where \
         account_id = 8590065665), (select credits - debits from balance where account_id = \
         8590000129), substr",
    );
    let transfers = there.trim_end().trim_end_matches(';').to_owned()
        + &back.replace(INSERT_TRANSFER, ",").replace("values", "");
    two_blocks()
        + &transfers
        + "update balance set version = version + 2, last_block = 18, debits = debits + 1000000,
            credits = credits + 1000000 where account_id in (8590000129, 8590065665);"
}

fn two_blocks() -> String {
    block(3, 4, 1) + &block(3, 4, 1)
}

/// Both accounts of [`TRANSFER`] by one such transfer, of block 18.
const MOVE_BOTH: &str = "update balance set version = version + 1, last_block = 18,
        debits = debits + case when account_id = 8590000129 then 1 else 0 end,
        credits = credits + case when account_id = 8590065665 then 1 else 0 end
    where account_id in (8590000129, 8590065665);";

/// A batch whose rows do not agree with each other.
fn listing_attacks() -> Vec<Attack> {
    let batch_row = "insert into batch (rollup_id, height, block_number, epoch_number,
                place_in_epoch, previous_root, new_root, exit_root, body_digest, batch_digest,
                signature, transfer_count, exit_count, exits_before, exit_tree)
            select 1, 2, 17, 3, 0, new_root, new_root, exit_root, body_digest, batch_digest,
                signature, COUNTS, exits_after, exit_tree
            from batch where rollup_id = 1 and height = 1;";
    let one_listed = batch_row.replace("COUNTS", "1, 0");
    let lane = |atoms: u32| format!("insert into lane values (1, 2, 1, 2, {atoms}, 1, 1);");
    vec![
        (
            Role::Api,
            block(3, 4, 1) + TRANSFER + &batch_row.replace("COUNTS", "0, 1"),
            "batch_moves_what_it_says",
        ),
        (
            Role::Api,
            block(3, 4, 1)
                + &TRANSFER.replace("8590000129, 8590065665", "8590065665, 8590000129")
                + &one_listed,
            "batch_moves_what_it_says",
        ),
        (Role::Api, block(3, 4, 1) + TRANSFER + &one_listed + &lane(2), "lane_sums_what_is_listed"),
        // Before its transfers, nobody could say whose they are.
        (Role::Api, block(3, 4, 1) + &one_listed, "batch_moves_what_it_says"),
        (Role::Api, lane(1).replace("(1, 2", "(1, 1"), "lane_key"),
        (
            Role::Api,
            "insert into lane values (1, 1, 2, 3, 1, 1, 1)".to_owned(),
            "lane_sums_what_is_listed",
        ),
        (
            Role::Api,
            "insert into exit (rollup_id, exit_index, height, block_number, position,
                    epoch_number, asset_id, recipient, atoms, leaf)
                select 1, 3, 1, 13, 0, 1, 1, recipient, atoms, sha256('l') from transfer
                where block_number = 13 and position = 0"
                .to_owned(),
            "exit_says_what_its_transfer_says",
        ),
    ]
}

/// Other rows that do not agree with what they follow from.
fn row_attacks() -> Vec<Attack> {
    vec![
        (
            Role::Engine,
            block(3, 3, 1)
                + "insert into transfer select 17, 0, 3, 3, 1, 4294967297, 8590000129, 5, 0, 0,
                        null, sha256('t');
                    insert into l1_log values (sha256('x'), 0, 3, 9, sha256('h'));
                    insert into deposit (block_number, epoch_number, rollup_id, asset_id, depositor,
                        atoms, tx_hash, log_index)
                    values (17, 3, 1, 1, substr(sha256('d'), 1, 20), 6, sha256('x'), 0)",
            "deposit_moves_what_it_says",
        ),
        (
            Role::Engine,
            block(3, 5, 1)
                + "insert into transfer select 17, 0, 3, 5, 1, 12884967425, 4294967297, 5, 0, 0,
                        null, sha256('t');
                    insert into l1_log values (sha256('x'), 0, 5, 9, sha256('h'));
                    insert into claim (rollup_id, exit_index, asset_id, recipient, atoms,
                        proven_epoch_number, block_number, epoch_number, tx_hash, log_index)
                    select 1, 1, 1, recipient, 4, 1, 17, 3, sha256('x'), 0 from exit
                    where exit_index = 1",
            "claim_moves_what_it_says",
        ),
        (
            Role::Engine,
            "insert into epoch_seal select 3, reason, 12, last_block_hash, l1_block_number,
                    l1_block_hash, 1, 1, 1, opening_digest, closing_digest, now() from epoch_seal
                limit 1"
                .to_owned(),
            "epoch_seal_at_the_head",
        ),
        (
            Role::Engine,
            "insert into epoch_final select 1, 1, l1_block_number, l1_block_hash, now()
                from epoch_final"
                .to_owned(),
            "epoch_final_stands",
        ),
        (
            Role::Engine,
            "insert into epoch_reorg select 1, 2, l1_block_number, l1_block_hash, now()
                from epoch_final"
                .to_owned(),
            "epoch_final_stays",
        ),
        (
            Role::Owner,
            "insert into balance values (1, 5, 5, 0, 0)".to_owned(),
            "balance_opens_with_nothing",
        ),
    ]
}

/// Whoever may insert still cannot write half a posting, move a balance by anything but the journal,
/// or book into a sealed epoch.
#[test]
fn guards_let_nobody_write_half_a_posting() {
    with_world(|mut world| async move {
        live(&mut world).await;
        let before = world.dump().await;
        let attacks = posting_attacks().into_iter().chain(listing_attacks()).chain(row_attacks());
        for (role, attack, guard) in attacks {
            let mut connection = connect(&world, role).await;
            let found = refused_by(&mut connection, &attack).await;
            assert_eq!(found.as_deref(), Some(guard), "{}: {attack}", role.name());
        }
        assert_eq!(world.dump().await, before);
    });
}

/// A temporary table of a role's own does not get in the guards' way. (That a role can neither switch off
/// nor replace them is for `forbidden` to show.)
#[test]
fn guards_cannot_be_switched_off() {
    with_world(|world| async move {
        for role in [Role::Engine, Role::Api] {
            let mut connection = connect(&world, role).await;
            let shadow = "create temporary table transfer (like transfer);
                update balance set credits = credits + 1, version = version + 1, last_block = 11
                where account_id = 8590000129";
            let found = refused_by(&mut connection, shadow).await;
            assert!(
                matches!(found.as_deref(), Some("balance_follows_the_journal" | "42501")),
                "{found:?}"
            );
        }
    });
}
