//! The audit finds what was done behind the ledger's back, and names the row.

use ledger::audit::Row;
use sqlx::AssertSqlSafe;

use crate::life::{evicted, live};
use crate::tamper::Unguarded;
use crate::world::{World, with_world};

/// What is done behind the ledger's back to the rows of [`live`], by somebody who can switch triggers
/// off, and the row that the audit has to name.
const FAULTS: &[(&str, &str)] = &[
    (
        "update transfer set atoms = atoms + 1 where block_number = 12 and position = 1",
        "transfer 12-1",
    ),
    ("update transfer set debit_balance = 5 where block_number = 6", "transfer 6-0"),
    (
        "update transfer set recipient = substr(sha256('x'), 1, 20) where block_number = 12 and position = 2",
        "transfer 12-2",
    ),
    (
        "update transfer set transfer_digest = sha256('x') where block_number = 13 and position = 0",
        "transfer 13-0",
    ),
    (
        "update transfer set epoch_number = 2 where block_number = 12 and position = 0",
        "transfer 12-0",
    ),
    ("delete from transfer where block_number = 12 and position = 3", "transfer 12-3"),
    ("delete from transfer where block_number = 12 and position = 0", "transfer 12-0"),
    (
        "insert into transfer select block_number, 4, epoch_number, posting_kind, asset_id, debit_account_id, credit_account_id, atoms, debit_balance, credit_balance, recipient, transfer_digest from transfer where block_number = 12 and position = 0",
        "transfer 12-4",
    ),
    (
        "update journal_block set posted_at = posted_at + interval '1 microsecond' where block_number = 7",
        "journal block 7",
    ),
    (
        "update journal_block set content_digest = sha256('x') where block_number = 7",
        "journal block 7",
    ),
    ("update journal_block set block_hash = sha256('x') where block_number = 7", "journal block 7"),
    (
        "update journal_block set previous_hash = sha256('x') where block_number = 7",
        "journal block 7",
    ),
    ("update journal_block set epoch_number = 2 where block_number = 7", "journal block 7"),
    ("update journal_block set transfer_count = 3 where block_number = 12", "journal block 12"),
    ("delete from journal_block where block_number = 12", "journal block 12"),
    ("update batch set new_root = sha256('x') where block_number = 12", "batch 0 of rollup 1"),
    ("update batch set previous_root = sha256('x') where block_number = 13", "batch 1 of rollup 1"),
    ("update batch set exit_root = sha256('x') where block_number = 12", "batch 0 of rollup 1"),
    ("update batch set body_digest = sha256('x') where block_number = 12", "batch 0 of rollup 1"),
    (
        "update batch set batch_digest = decode(repeat('00', 32), 'hex') where block_number = 12",
        "batch 0 of rollup 1",
    ),
    (
        "update batch set signature = (select signature from batch where block_number = 14) where block_number = 12",
        "batch 0 of rollup 1",
    ),
    (
        "update batch set exit_tree = decode(repeat('00', 1024), 'hex') where block_number = 13",
        "batch 1 of rollup 1",
    ),
    ("update batch set place_in_epoch = 7 where block_number = 13", "batch 1 of rollup 1"),
    (
        "update lane set atoms = atoms + 1 where height = 0 and rollup_id = 1 and destination_id = 2 and asset_id = 2",
        "lane (asset 2, destination 2) of batch 0 of rollup 1",
    ),
    (
        "update lane set transfer_count = 3 where height = 0 and rollup_id = 1 and destination_id = 0",
        "lane (asset 1, destination 0) of batch 0 of rollup 1",
    ),
    (
        "delete from lane where height = 0 and rollup_id = 1 and destination_id = 0",
        "lane (asset 1, destination 0) of batch 0 of rollup 1",
    ),
    (
        "insert into lane values (1, 0, 2, 3, 1, 1, 1)",
        "lane (asset 2, destination 3) of batch 0 of rollup 1",
    ),
    (
        "update exit set recipient = substr(sha256('x'), 1, 20) where exit_index = 1",
        "exit 1 of rollup 1",
    ),
    ("update exit set atoms = 2 where exit_index = 0", "exit 0 of rollup 1"),
    ("update exit set leaf = sha256('x') where exit_index = 2", "exit 2 of rollup 1"),
    ("delete from exit where exit_index = 2", "exit 2 of rollup 1"),
    ("update claim set recipient = substr(sha256('x'), 1, 20)", "the claim of exit 0 of rollup 1"),
    ("update claim set atoms = 4", "the claim of exit 0 of rollup 1"),
    ("update claim set proven_epoch_number = 2", "the claim of exit 0 of rollup 1"),
    ("update claim set exit_index = 1", "the claim of exit 1 of rollup 1"),
    ("update deposit set atoms = 999 where block_number = 6", "the deposit of journal block 6"),
    ("update deposit set rollup_id = 2 where block_number = 6", "the deposit of journal block 6"),
    (
        "update deposit set depositor = substr(sha256('x'), 1, 20) where block_number = 6",
        "the deposit of journal block 6",
    ),
    (
        "update l1_log set l1_block_hash = sha256('x') where log_kind = 3 and log_index = 6",
        "the deposit of journal block 6",
    ),
    ("delete from deposit where block_number = 6", "journal block 6"),
    ("update asset set ledger_decimals = 17 where asset_id = 1", "asset 1"),
    (
        "update rollup set (key_x, key_y) = (select key_x, key_y from rollup where rollup_id = 2) where rollup_id = 1",
        "rollup 1",
    ),
    (
        "update balance set credits = credits + 1 where account_id = 8590000129",
        "the balance of account cell:1:1",
    ),
    (
        "update balance set debits = debits + 1, credits = credits + 1 where account_id = 8590000130",
        "the balance of account cell:1:2",
    ),
    (
        "update balance set version = version + 1 where account_id = 12884967425",
        "the balance of account pot:1:1",
    ),
    (
        "update balance set last_block = 1 where account_id = 4294967297",
        "the balance of account custody:l1:1",
    ),
    ("delete from balance where account_id = 8590000129", "the balance of account cell:1:1"),
    ("insert into account values (4294967300, 1, 0, 4)", "account custody:l1:4"),
    ("update domain_identity set deployed_at_block = 2", "the domain's identity"),
    (
        "update epoch set opening_digest = decode(repeat('00', 32), 'hex') where epoch_number = 2",
        "epoch 2",
    ),
    ("update epoch set opened_at = now() where epoch_number = 2", "epoch 2"),
    (
        "update epoch_seal set closing_digest = decode(repeat('00', 32), 'hex') where epoch_number = 1",
        "the seal of epoch 1",
    ),
    ("update epoch_seal set reason = 1 where epoch_number = 1", "the seal of epoch 1"),
    ("update epoch_seal set batch_count = 9 where epoch_number = 2", "the seal of epoch 2"),
    ("update epoch_seal set last_block = 12 where epoch_number = 1", "the seal of epoch 1"),
    ("delete from epoch_seal where epoch_number = 1", "the seal of epoch 1"),
    (
        "update epoch_cell set balance = 5 where epoch_number = 2 and rollup_id = 3 and asset_id = 1",
        "the closing of cell (rollup 3, asset 1) in epoch 2",
    ),
    (
        "update epoch_cell set touched = false where epoch_number = 1 and rollup_id = 1 and asset_id = 2",
        "the closing of cell (rollup 1, asset 2) in epoch 1",
    ),
    (
        "delete from epoch_cell where epoch_number = 1 and rollup_id = 1 and asset_id = 2",
        "the closing of cell (rollup 1, asset 2) in epoch 1",
    ),
    (
        "update epoch_rollup set next_height = 9 where epoch_number = 1 and rollup_id = 1",
        "the closing of rollup 1 in epoch 1",
    ),
    (
        "update epoch_rollup set exit_root = sha256('x') where epoch_number = 2 and rollup_id = 1",
        "the closing of rollup 1 in epoch 2",
    ),
    (
        "update epoch_balance set credits = credits + 1, debits = debits + 1 where epoch_number = 2 and account_id = 8590000129",
        "account cell:1:1 in the books of epoch 2",
    ),
    (
        "update epoch_balance set transfer_count = 9 where epoch_number = 1 and account_id = 4294967297",
        "account custody:l1:1 in the books of epoch 1",
    ),
    (
        "delete from epoch_balance where epoch_number = 2 and account_id = 12884967425",
        "account pot:1:1 in the books of epoch 2",
    ),
    (
        "insert into epoch_balance values (2, 12884967426, 0, 0, 0, 0)",
        "account pot:1:2 in the books of epoch 2",
    ),
    (
        "update epoch_books set books_digest = sha256('x') where epoch_number = 1",
        "the books of epoch 1",
    ),
    ("update epoch_books set account_count = 1 where epoch_number = 1", "the books of epoch 1"),
    (
        "delete from epoch_books where epoch_number = 1",
        "account custody:l1:1 in the books of epoch 1",
    ),
    (
        "delete from epoch_balance where epoch_number = 1; delete from epoch_books where epoch_number = 1",
        "the books of epoch 1",
    ),
    (
        "update epoch_submission set tx_hash = (select tx_hash from l1_settlement) where attempt = 2; update l1_settlement_books set books_digest = sha256('x')",
        "what L1's log of the settlement of epoch 1 says of the books",
    ),
    (
        "update epoch_step set output = set_byte(output, 1240, 7) where epoch_number = 1",
        "step 1 of epoch 1",
    ),
    (
        "update epoch_step set output = set_byte(output, 1240, 7) where epoch_number = 2",
        "step 1 of epoch 2",
    ),
    (
        "update epoch_step set recorded_at = now() where epoch_number = 1 and step_number = 1",
        "step 1 of epoch 1",
    ),
    (
        "update epoch_proof set proof = 'forged', proof_digest = sha256('forged')",
        "the aggregated proof of epoch 1",
    ),
    ("update epoch_proof set proven_at = now()", "the aggregated proof of epoch 1"),
    ("delete from epoch_proof", "the aggregated proof of epoch 1"),
    (
        "update epoch_settlement_proof set proof = 'forged', proof_digest = sha256('forged')",
        "the settlement proof of epoch 1",
    ),
    ("update epoch_settlement_proof set proven_at = now()", "the settlement proof of epoch 1"),
    (
        "update epoch_settlement_proof set closing_digest = decode(repeat('00', 32), 'hex')",
        "the settlement proof of epoch 1",
    ),
    ("update epoch_settlement_proof set step_count = 99", "the settlement proof of epoch 1"),
    ("delete from epoch_settlement_proof", "the settlement proof of epoch 1"),
    (
        "insert into epoch_settlement_proof select 2, closing_digest, 1, proof_digest, proof, proven_at from epoch_settlement_proof",
        "the settlement proof of epoch 2",
    ),
    (
        "insert into epoch_settlement_proof select 2, s.closing_digest, 1, p.proof_digest, p.proof, p.proven_at from epoch_settlement_proof p, epoch_seal s where s.epoch_number = 2",
        "a row of table epoch_settlement_proof",
    ),
    (
        "update epoch_submission set raw_tx = '\\x02' where attempt = 2",
        "attempt 2 to settle epoch 1",
    ),
    ("update epoch_submission set nonce = 5 where attempt = 1", "attempt 1 to settle epoch 1"),
    ("update epoch_submission_end set reason = 2", "the end of attempt 1 to settle epoch 1"),
    ("update epoch_settlement set gas_used = 1 where sequence = 2", "settlement 2 of epoch 1"),
    (
        "update epoch_settlement set state_digest = decode(repeat('00', 32), 'hex') where sequence = 1",
        "settlement 1 of epoch 1",
    ),
    ("update epoch_reorg set l1_block_number = 1", "the reorg of settlement 1 of epoch 1"),
    ("delete from epoch_reorg", "the reorg of settlement 1 of epoch 1"),
    ("update epoch_final set l1_block_hash = sha256('x')", "the finality of epoch 1"),
    ("update seal_request set requested_by = 'nobody'", "the wish to seal epoch 3"),
    ("update l1_settlement set step_count = 99", "L1's log of the settlement of epoch 1"),
    (
        "update l1_settlement set state_digest = decode(repeat('00', 32), 'hex')",
        "L1's log of the settlement of epoch 1",
    ),
    (
        "update l1_log set l1_block_hash = sha256('x') where log_kind = 6",
        "L1's log of the settlement of epoch 1",
    ),
    (
        "update l1_range set log_count = 1 where last_block_number = 1",
        "the L1 range that ends at 1",
    ),
    (
        "update equivocation set refused_signature = (select signature from batch where block_number = 14)",
        "the equivocation of rollup 1 at height 0",
    ),
    ("update event set recorded_at = now() where event_number = 3", "event 3"),
    (
        "update event set ordinal = 2 where event_number = (select min(event_number) from event where event_kind = 16)",
        "event 27",
    ),
    ("delete from event where event_number = 5", "event 5"),
    (
        "delete from event where event_number = (select max(event_number) from event)",
        "a row of table seal_request",
    ),
];

/// The same on the rows of [`evicted`].
const EVICTION_FAULTS: &[(&str, &str)] = &[
    (
        "update batch_eviction set reason = 'no reason' where block_number = 20",
        "the eviction of batch 3 of rollup 1, attempt 1",
    ),
    (
        "update batch_eviction set (cause_height, cause_attempt) = (3, 1) where block_number = 21",
        "the eviction of batch 2 of rollup 1, attempt 1",
    ),
    (
        "update batch_eviction set reversed_block = 19 where block_number = 20",
        "the eviction of batch 3 of rollup 1, attempt 1",
    ),
    (
        "update batch_eviction set epoch_number = 2 where block_number = 20",
        "the eviction of batch 3 of rollup 1, attempt 1",
    ),
    (
        "update batch_eviction set attempt = 2 where block_number = 20",
        "the eviction of batch 3 of rollup 1, attempt 2",
    ),
    // A reversal without an eviction.
    ("delete from batch_eviction where block_number = 20", "journal block 20"),
    // Evictions without a reversal.
    (
        "insert into batch_eviction (rollup_id, height, attempt, reversed_block, block_number, epoch_number, cause_rollup_id, cause_height, cause_attempt, reason) values (1, 3, 2, 23, 99, 3, 1, 3, 2, 'x')",
        "a row of table batch_eviction",
    ),
    ("delete from journal_block where block_number = 21", "journal block 21"),
    ("update transfer set atoms = 7 where block_number = 20 and position = 0", "transfer 20-0"),
    ("delete from transfer where block_number = 21 and position = 2", "transfer 21-2"),
    ("update batch set attempt = 5 where block_number = 22", "batch 2 of rollup 1"),
    ("update batch set continued_attempt = 1 where block_number = 23", "batch 3 of rollup 1"),
    ("update batch set place_in_epoch = 9 where block_number = 22", "batch 2 of rollup 1"),
    (
        "update exit set attempt = 7 where block_number = 22 and exit_index = 3",
        "exit 3 of rollup 1",
    ),
    (
        "update lane set attempt = 9 where rollup_id = 1 and height = 2 and attempt = 2 and destination_id = 2",
        "lane (asset 1, destination 2) of batch 2 of rollup 1",
    ),
];

/// Somebody who replaces a row and its digest, its block's digest and its hash, and every hash after
/// it, still cannot forge the signature; this is what is left when the digests are made to fit.
const CONSISTENT: &str = "update transfer set recipient = substr(sha256('x'), 1, 20),
        transfer_digest = sha256('\\x00'::bytea || int4send(0) || int2send(1::smallint)
            || int8send(debit_account_id) || int8send(credit_account_id)
            || decode(lpad(to_hex(atoms::bigint), 32, '0'), 'hex')
            || decode(lpad(to_hex(debit_balance::bigint), 32, '0'), 'hex')
            || decode(lpad(to_hex(credit_balance::bigint), 32, '0'), 'hex')
            || '\\x01'::bytea || substr(sha256('x'), 1, 20))
    where block_number = 13 and position = 0";

/// After any row of any table is altered behind the ledger's back, the audit names that row.
#[test]
fn an_altered_row_is_named() {
    with_world(|mut world| async move {
        live(&mut world).await;
        world.assert_clean().await;
        let report = world.audit().await;
        assert_eq!((report.blocks, report.epochs), (16, 2));
        check(&world, FAULTS).await;
    });
}

/// A reversal that names no eviction, an eviction without its reversal, another reason: each is named.
#[test]
fn an_altered_eviction_is_named() {
    with_world(|mut world| async move {
        live(&mut world).await;
        evicted(&mut world).await;
        world.assert_clean().await;
        assert_eq!(world.audit().await.blocks, 23);
        check(&world, EVICTION_FAULTS).await;
    });
}

/// Each tampering leads the audit to its row.
pub(crate) async fn check(world: &World, faults: &[(&str, &str)]) {
    let unguarded = Unguarded::new(world).await;
    let mut wrong = Vec::new();
    for (tamper, row) in faults {
        let report = unguarded.audit_after(tamper).await;
        let found = report.first_fault.map(|fault| fault.row.to_string());
        if found.as_deref() != Some(*row) {
            let fault = report.first_fault.map(|fault| fault.to_string());
            wrong.push(format!("{tamper}: {fault:?} instead of {row}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    world.assert_clean().await;
}

/// Digests that were made to fit do not help: the batch is signed.
#[test]
fn a_consistent_forgery_is_found() {
    with_world(|mut world| async move {
        live(&mut world).await;
        let report = Unguarded::new(&world).await.audit_after(CONSISTENT).await;
        let fault = report.first_fault.unwrap();
        assert_eq!(fault.to_string(), "batch 1 of rollup 1 is not what the hash chain covers");
    });
}

/// Whoever hides rows by policies hides nothing: reading is an error then.
#[test]
fn a_policy_hides_nothing() {
    with_world(|world| async move {
        world.assert_clean().await;
        let hidden = "alter table balance enable row level security;
            create policy even on balance for select to netfold_read using (account_id % 2 = 0)";
        sqlx::raw_sql(hidden).execute(&world.raw).await.unwrap();
        let refused = ledger::audit::run(&world.read, &mut |_| ()).await;
        assert!(refused.is_err(), "{refused:?}");
    });
}

/// A function that would cover less of a row than it should is named, and so is one that hashes otherwise
/// or under other settings.
#[test]
fn a_replaced_function_is_named() {
    with_world(|mut world| async move {
        live(&mut world).await;
        for replaced in [
            "create or replace function content(r epoch_seal) returns jsonb language sql stable
                set timezone = 'UTC' set bytea_output = 'hex' as $$
                    select jsonb_build_array(r.epoch_number)
                $$",
            "alter function row_digest(jsonb) set extra_float_digits = 0",
            "create function content(r batch) returns jsonb language sql as 'select null::jsonb'",
            // Last, because its privileges do not come back with it.
            "drop function content(epoch_final)",
        ] {
            let before: Vec<String> =
                sqlx::query_scalar(DEFINITIONS).fetch_all(&world.raw).await.unwrap();
            as_owner(&world, replaced).await;
            let report = world.audit().await;
            let fault = report.first_fault.unwrap_or_else(|| panic!("not found: {replaced}"));
            assert_eq!(fault.row, Row::DigestFunctions, "{replaced}");
            let back = before.join(";") + ";drop function if exists content(batch)";
            as_owner(&world, &back).await;
        }
    });
}

async fn as_owner(world: &World, script: &str) {
    let script = format!("begin; set local role netfold_owner; {script}; commit");
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&world.raw).await.unwrap();
}

const DEFINITIONS: &str = "select pg_get_functiondef(oid) from pg_proc
    where pronamespace = 'public'::regnamespace and proname in ('content', 'row_digest')";

/// The chain of hashes is the one that the module's documentation states.
#[test]
fn the_journal_is_a_hash_chain() {
    with_world(|mut world| async move {
        live(&mut world).await;
        let mut previous = alloy_primitives::B256::ZERO;
        let head = world.read.journal_head().await.unwrap().unwrap();
        for number in 1..=head.block.number() {
            let block = world.read.journal_block(ledger::BlockNumber::new(number)).await;
            let block = block.unwrap().unwrap();
            assert_eq!(block.previous_hash, previous);
            previous = block.hash;
        }
        assert_eq!(previous, head.hash);
        let mut seen = Vec::new();
        let report = ledger::audit::run(&world.read, &mut |progress| seen.push(progress)).await;
        let report = report.unwrap();
        assert_eq!(report.blocks, head.block.number());
        assert_eq!(seen.last().map(|last| (last.blocks, last.of)), Some((16, 16)));
    });
}
