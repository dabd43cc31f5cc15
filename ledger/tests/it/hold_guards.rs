//! The constraints and guards of holds: whoever may insert still cannot end a hold twice or on other
//! terms, hold what is not there, spend what is held, or move what is held by anything but the journal.

use ledger::Role;

use crate::life::{evicted, held, live};
use crate::roles::{Attack, block, connect, refused_by};
use crate::world::with_world;

/// What each constraint refuses, on the rows of [`held`].
pub(crate) const HOLD_ATTACKS: &[(&str, &str)] = &[
    (
        "hold_key",
        "insert into hold (block_number, epoch_number, asset_id, debit_account_id, credit_account_id, atoms, cause) select block_number, epoch_number, asset_id, debit_account_id, credit_account_id, atoms, cause from hold",
    ),
    ("hold_posted", "update hold set epoch_number = 2 where block_number = 27"),
    ("hold_of_debited", "update hold set debit_account_id = 8590524417 where block_number = 24"),
    ("hold_of_credited", "update hold set credit_account_id = 8590524417 where block_number = 24"),
    ("hold_atoms_in_bound", "update hold set atoms = 0"),
    ("hold_moves", "update hold set credit_account_id = debit_account_id"),
    ("hold_of_one_asset", "update hold set asset_id = 2 where block_number = 24"),
    ("hold_cause_in_bound", "update hold set cause = ''"),
    ("hold_end_once", "insert into hold_end values (24, 27, 8, 3, 1)"),
    ("hold_end_of_hold", "update hold_end set hold_block = 23 where block_number = 28"),
    ("hold_end_block_unique", "update hold_end set block_number = 26 where hold_block = 24"),
    ("hold_end_posted", "update hold_end set block_number = 27 where hold_block = 24"),
    ("hold_end_after_its_hold", "update hold_end set block_number = 24 where hold_block = 24"),
    ("hold_end_kind_known", "update hold_end set posting_kind = 5 where hold_block = 24"),
    ("hold_end_reason_of_releases", "update hold_end set reason = 1 where hold_block = 24"),
    ("hold_end_reason_of_releases", "update hold_end set reason = null where hold_block = 25"),
    ("hold_end_reason_known", "update hold_end set reason = 3 where hold_block = 25"),
    (
        "seen_deposit_key",
        "insert into seen_deposit select block_number, depositor, sha256('x'), 1, 9, sha256('h') from seen_deposit where block_number = 24",
    ),
    ("seen_deposit_of_hold", "update seen_deposit set block_number = 26 where block_number = 27"),
    (
        "seen_deposit_continues_once",
        "update seen_deposit set previous_hold = null where block_number = 27",
    ),
    (
        "seen_deposit_continues_its_log",
        "update seen_deposit set tx_hash = sha256('x') where block_number = 27",
    ),
    (
        "seen_deposit_follows_a_release",
        "update seen_deposit set (tx_hash, log_index, previous_hold) = (select tx_hash, log_index, 24 from seen_deposit where block_number = 24) where block_number = 27",
    ),
    (
        "seen_deposit_goes_forward",
        "update seen_deposit set previous_hold = block_number where block_number = 27",
    ),
    ("seen_deposit_index_in_bound", "update seen_deposit set log_index = -1"),
    ("seen_deposit_block_in_bound", "update seen_deposit set l1_block_number = -1"),
    (
        "balance_not_overdrawn",
        "update balance set held_debits = credits - debits + 1 where account_id = 8590000129",
    ),
    (
        "balance_not_overdrawn",
        "update balance set held_credits = debits - credits + 1 where account_id = 4294967297",
    ),
    ("turnover_in_bound", "update balance set held_debits = -1"),
];

/// A hold as block 29, of ETH from FROM to cell 1:1.
const HOLD: &str = "insert into hold (block_number, epoch_number, asset_id, debit_account_id,
        credit_account_id, atoms, cause)
    values (29, 3, 1, FROM, 8590000129, ATOMS, 'x');";

/// What it makes of the sums.
const MOVE_HELD: &str = "update balance set last_held_block = 29,
        held_debits = held_debits + case account_id when FROM then ATOMS else 0 end,
        held_credits = held_credits + case account_id when FROM then 0 else ATOMS end
    where account_id in (FROM, 8590000129);";

fn fill(template: &str, from: &str, atoms: &str) -> String {
    template.replace("FROM", from).replace("ATOMS", atoms)
}

fn of_custody(template: &str, atoms: &str) -> String {
    fill(template, "4294967297", atoms)
}

/// The deposit behind the hold of block 29.
fn seen(columns: &str, from: &str) -> String {
    format!(
        "insert into seen_deposit (block_number, depositor, tx_hash, log_index, l1_block_number,
            l1_block_hash, previous_hold)
        select 29, substr(sha256('d'), 1, 20), {columns} {from};"
    )
}

/// The end of the hold of block 27, 5 USDC from custody to cell 2:2, by block 29.
const END: &str = "insert into hold_end values (27, 29, KIND, 3, REASON);";
const END_HELD: &str = "update balance set last_held_block = 29,
        held_debits = held_debits - case account_id when 4294967298 then 5 else 0 end,
        held_credits = held_credits - case account_id when 4294967298 then 0 else 5 end
    where account_id in (4294967298, 8590065666);";

/// Its deposit.
const TRANSFER: &str = "insert into transfer (block_number, position, epoch_number, posting_kind,
        asset_id, debit_account_id, credit_account_id, atoms, debit_balance, credit_balance,
        transfer_digest)
    select 29, 0, 3, 3, 2, c.account_id, t.account_id, ATOMS, c.debits - c.credits + ATOMS,
        t.credits - t.debits + ATOMS, sha256('t')
    from balance c, balance t where c.account_id = 4294967298 and t.account_id = 8590065666;
    update balance set last_block = 29, version = version + 1,
        debits = debits + case account_id when 4294967298 then ATOMS else 0 end,
        credits = credits + case account_id when 4294967298 then 0 else ATOMS end
    where account_id in (4294967298, 8590065666);";
const DEPOSIT: &str = "insert into l1_log
        select tx_hash, log_index, 3, l1_block_number, HASH from seen_deposit where block_number = 27;
    insert into deposit (block_number, epoch_number, rollup_id, asset_id, depositor, atoms, tx_hash,
        log_index)
    select 29, 3, 2, 2, DEPOSITOR, ATOMS, tx_hash, log_index from seen_deposit
    where block_number = 27;";

fn deposit(atoms: &str, hash: &str, depositor: &str) -> String {
    let row = DEPOSIT.replace("HASH", hash).replace("DEPOSITOR", depositor);
    TRANSFER.replace("ATOMS", atoms) + &row.replace("ATOMS", atoms)
}

fn end(kind: &str, reason: &str) -> String {
    END.replace("KIND", kind).replace("REASON", reason)
}

/// All of a deposit that posts its hold.
fn posted(deposit: &str) -> String {
    block(3, 3, 1) + &end("3", "null") + END_HELD + deposit
}

#[expect(clippy::too_many_lines, reason = "one list")]
fn attacks_by_holds() -> Vec<Attack> {
    let max = "79228162514264337593543950335";
    let held = of_custody(HOLD, "7") + &of_custody(MOVE_HELD, "7");
    let shown = |columns: &str, from: &str| {
        block(3, 7, 0) + &of_custody(HOLD, "7") + &seen(columns, from) + &of_custody(MOVE_HELD, "7")
    };
    let of_log = "tx_hash, log_index, 9, sha256('h'),";
    vec![
        (Role::Api, block(3, 7, 0), "journal_block_of_its_role"),
        (Role::Api, of_custody(HOLD, "7"), "42501"),
        (Role::Api, of_custody(MOVE_HELD, "7"), "42501"),
        (Role::Api, end("8", "1"), "42501"),
        (Role::Read, of_custody(HOLD, "7"), "42501"),
        (Role::Engine, block(2, 7, 0), "journal_block_in_open_epoch"),
        (Role::Engine, block(3, 7, 0), "journal_block_is_complete"),
        (Role::Engine, block(3, 7, 1), "journal_block_transfers_in_bound"),
        // What is held has to move, by what is held, and by nothing else.
        (Role::Engine, block(3, 7, 0) + &of_custody(HOLD, "7"), "journal_block_moves_what_is_held"),
        (
            Role::Engine,
            block(3, 7, 0) + &of_custody(HOLD, "7") + &of_custody(MOVE_HELD, "8"),
            "balance_held_follows_the_journal",
        ),
        (Role::Engine, of_custody(MOVE_HELD, "7"), "balance_held_follows_the_journal"),
        // Of two blocks only the second moved, then the first one's hold comes late.
        (
            Role::Engine,
            block(3, 7, 0)
                + &block(3, 7, 0)
                + &held.replace("(29,", "(30,").replace("= 29,", "= 30,")
                + &of_custody(HOLD, "7"),
            "hold_of_the_last_block",
        ),
        // More than there is, or than there could be.
        (
            Role::Engine,
            block(3, 7, 0) + &of_custody(HOLD, max) + &of_custody(MOVE_HELD, max),
            "balance_held_in_bound",
        ),
        (
            Role::Engine,
            block(3, 7, 0)
                + &fill(HOLD, "8590065665", "1000000")
                + &fill(MOVE_HELD, "8590065665", "1000000"),
            "balance_not_overdrawn",
        ),
        // A hold of the same deposit while one is open, of a booked one, of what is no deposit.
        (
            Role::Engine,
            shown(&format!("{of_log} null"), "from seen_deposit where block_number = 27"),
            "seen_deposit_continues_once",
        ),
        (
            Role::Engine,
            shown(&format!("{of_log} 27"), "from seen_deposit where block_number = 27"),
            "seen_deposit_follows_a_release",
        ),
        (
            Role::Engine,
            shown(&format!("{of_log} null"), "from deposit where block_number = 16"),
            "seen_deposit_is_not_booked",
        ),
        (
            Role::Engine,
            block(3, 7, 0)
                + &fill(HOLD, "8590065665", "1")
                + &seen("sha256('x'), 1, 9, sha256('h'), null", "")
                + &fill(MOVE_HELD, "8590065665", "1"),
            "seen_deposit_comes_from_custody",
        ),
        (
            Role::Owner,
            "insert into balance (account_id, held_debits) values (1, 5)".to_owned(),
            "balance_opens_with_nothing",
        ),
    ]
}

fn attacks_by_ends() -> Vec<Attack> {
    let fitting = deposit("5", "l1_block_hash", "depositor");
    vec![
        (Role::Engine, block(3, 8, 0), "journal_block_is_complete"),
        (Role::Engine, block(3, 8, 0) + &end("8", "1"), "journal_block_moves_what_is_held"),
        (
            Role::Engine,
            block(3, 8, 0) + &end("8", "1") + &END_HELD.replace("then 5", "then 4"),
            "balance_held_follows_the_journal",
        ),
        // One that is posted is neither posted again nor released, and one that is released not posted.
        (Role::Engine, block(3, 3, 1) + &end("3", "null").replace("(27", "(24"), "hold_end_once"),
        (Role::Engine, block(3, 8, 0) + &end("8", "1").replace("(27", "(24"), "hold_end_once"),
        (Role::Engine, block(3, 3, 1) + &end("3", "null").replace("(27", "(25"), "hold_end_once"),
        (Role::Engine, block(3, 8, 0) + &end("8", "1").replace("(27", "(23"), "hold_end_of_hold"),
        // The deposit of a hold, without ending it, or on other terms.
        (Role::Engine, block(3, 3, 1) + &fitting, "deposit_ends_its_hold"),
        (
            Role::Engine,
            posted(&deposit("4", "l1_block_hash", "depositor")),
            "hold_end_posts_what_is_held",
        ),
        (
            Role::Engine,
            posted(&deposit("5", "sha256('another')", "depositor")),
            "hold_end_posts_what_is_held",
        ),
        (
            Role::Engine,
            posted(&deposit("5", "l1_block_hash", "substr(sha256('x'), 1, 20)")),
            "hold_end_posts_what_is_held",
        ),
        // The end comes first: not even its own transfer spends what is held.
        (
            Role::Engine,
            block(3, 3, 1) + &fitting + &end("3", "null") + END_HELD,
            "hold_end_before_its_transfer",
        ),
        (
            Role::Engine,
            block(3, 3, 1) + &end("3", "null") + &fitting,
            "journal_block_moves_what_is_held",
        ),
    ]
}

/// Each is refused by its guard, and every row is as before; what they attack with is taken without the
/// flaw.
#[test]
fn guards_of_holds_hold() {
    with_world(|mut world| async move {
        live(&mut world).await;
        evicted(&mut world).await;
        held(&mut world).await;
        let before = world.dump().await;
        let mut wrong = Vec::new();
        for (role, attack, guard) in attacks_by_holds().into_iter().chain(attacks_by_ends()) {
            let mut connection = connect(&world, role).await;
            let found = refused_by(&mut connection, &attack).await;
            if found.as_deref() != Some(guard) {
                wrong.push(format!("{}: {attack}: {found:?} instead of {guard}", role.name()));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert_eq!(world.dump().await, before);
        let mut connection = connect(&world, Role::Engine).await;
        let flawless = posted(&deposit("5", "l1_block_hash", "depositor"));
        assert_eq!(refused_by(&mut connection, &flawless).await, None);
    });
}
