//! The guards of evictions: whoever may insert still cannot reverse something else than a batch,
//! leave a batch without the one that it continues, or book on what was evicted.

use ledger::Role;

use crate::life::{evicted, live};
use crate::roles::{Attack, block, connect, refused_by};
use crate::world::with_world;

/// An eviction of the batch of block 22, whose successor of block 23 stands, reversed by block 24.
const EVICTION: &str = "insert into batch_eviction (rollup_id, height, attempt, reversed_block,
        block_number, epoch_number, cause_rollup_id, cause_height, cause_attempt, reason)
    values (1, HEIGHT, 2, REVERSED, 24, 3, 1, HEIGHT, 2, 'a reason');";

/// The mirror of a block's transfers as block 24, and the balances after it.
const MIRROR: &str = "insert into transfer (block_number, position, epoch_number, posting_kind,
            asset_id, debit_account_id, credit_account_id, atoms, debit_balance, credit_balance,
            transfer_digest)
        select 24, 2 - t.position, 3, 6, t.asset_id, credit_account_id, debit_account_id, atoms,
            d.credits - d.debits - atoms, 0, sha256('t')
        from transfer t join balance d on d.account_id = credit_account_id
        where block_number = 22;";

fn eviction(height: u32, reversed: u32) -> String {
    EVICTION.replace("HEIGHT", &height.to_string()).replace("REVERSED", &reversed.to_string())
}

/// A batch of no transfers in block 24, that continues an attempt of the batch before.
fn empty_batch(height: u32, attempt: u32, continued: u32) -> String {
    format!(
        "insert into batch (rollup_id, height, attempt, continued_attempt, block_number,
            epoch_number, place_in_epoch, previous_root, new_root, exit_root, body_digest,
            batch_digest, signature, transfer_count, exit_count, exits_before, exit_tree)
        select 1, {height}, {attempt}, {continued}, 24, 3, 90, new_root, new_root, exit_root,
            body_digest, batch_digest, signature, 0, 0, exits_after, exit_tree
        from batch where rollup_id = 1 and height = {height} - 1 and attempt = {continued};"
    )
}

fn attacks() -> Vec<Attack> {
    vec![
        (Role::Engine, block(3, 6, 0), "journal_block_is_complete"),
        (Role::Api, block(3, 6, 0), "journal_block_of_its_role"),
        (Role::Engine, block(2, 6, 0), "journal_block_in_open_epoch"),
        (Role::Api, eviction(3, 23), "42501"),
        // The batch of block 22 has transfers, this reversal none.
        (Role::Engine, block(3, 6, 0) + &eviction(2, 22), "batch_eviction_moves_back"),
        // As many, but others.
        (
            Role::Engine,
            block(3, 6, 3)
                + &MIRROR.replace(
                    "credit_account_id, debit_account_id, atoms,",
                    "credit_account_id, debit_account_id, atoms + 1,",
                )
                + &eviction(2, 22),
            "batch_eviction_moves_back",
        ),
        (
            Role::Engine,
            block(3, 6, 3) + MIRROR + &eviction(2, 22),
            "batch_eviction_has_no_successor",
        ),
        // Complete but for the balances.
        (
            Role::Engine,
            block(3, 6, 0)
                + &eviction(3, 23)
                + "insert into journal_block
            (block_number, epoch_number, posting_kind, transfer_count, previous_hash,
                content_digest, block_hash, posted_at)
            select 25, 3, 6, 0, block_hash, sha256('c'), sha256('d'), now()
            from journal_block where block_number = 24",
            "journal_block_is_complete",
        ),
        // Batches on what was evicted, and beside what stands.
        (Role::Api, block(3, 4, 0) + &empty_batch(4, 1, 1), "batch_continues_what_stands"),
        (Role::Api, block(3, 4, 0) + &empty_batch(3, 3, 2), "batch_attempt_follows_an_eviction"),
        (Role::Api, block(3, 4, 0) + &empty_batch(3, 2, 2), "batch_height_taken"),
        (
            Role::Api,
            "insert into exit (rollup_id, exit_index, attempt, height, block_number, position,
                epoch_number, asset_id, recipient, atoms, leaf)
            select rollup_id, exit_index, 3, height, block_number, 0, epoch_number, asset_id,
                recipient, atoms, leaf
            from exit where block_number = 22 and exit_index = 3"
                .to_owned(),
            "exit_says_what_its_transfer_says",
        ),
        (
            Role::Engine,
            block(3, 5, 1)
                + "insert into transfer select 24, 0, 3, 5, 1, 12884967425, 4294967297, 2, 0, 0,
                        null, sha256('t');
                    insert into l1_log values (sha256('x'), 0, 5, 9, sha256('h'));
                    insert into claim (rollup_id, exit_index, exit_attempt, asset_id, recipient,
                        atoms, proven_epoch_number, block_number, epoch_number, tx_hash, log_index)
                    select 1, exit_index, 1, 1, recipient, atoms, 3, 24, 3, sha256('x'), 0
                    from exit where block_number = 17",
            "claim_of_what_stands",
        ),
    ]
}

/// Evidence against who may have signed in good faith.
fn attacks_by_evidence() -> Vec<Attack> {
    vec![
        (
            Role::Api,
            "insert into equivocation (rollup_id, height, recorded_digest, refused_digest,
                refused_words, refused_signature)
            select 1, 2, batch_digest, sha256('x'), refused_words, refused_signature
            from equivocation, batch where block_number = 17"
                .to_owned(),
            "equivocation_of_batch",
        ),
        // Two signed for a height, one of which was evicted: whichever way round.
        (
            Role::Api,
            "insert into equivocation (rollup_id, height, recorded_digest, refused_digest,
                refused_words, refused_signature)
            select 1, 2, stands.batch_digest, gone.batch_digest, refused_words, refused_signature
            from equivocation, batch stands, batch gone
            where stands.block_number = 22 and gone.block_number = 17"
                .to_owned(),
            "equivocation_of_no_evicted",
        ),
    ]
}

/// Each is refused by its guard, and every row is as before.
#[test]
fn guards_of_evictions_hold() {
    with_world(|mut world| async move {
        live(&mut world).await;
        evicted(&mut world).await;
        let before = world.dump().await;
        for (role, attack, guard) in attacks().into_iter().chain(attacks_by_evidence()) {
            let mut connection = connect(&world, role).await;
            let found = refused_by(&mut connection, &attack).await;
            assert_eq!(found.as_deref(), Some(guard), "{}: {attack}", role.name());
        }
        assert_eq!(world.dump().await, before);
    });
}
