//! What only the ledger's own code would see to: whoever has a role and writes by hand is held to it by the
//! schema's guards.

use domain::l1::L1Event;
use domain::{RollupId, SigningKey};
use ledger::Role;

use crate::books::SEAL;
use crate::life::{foreign, live};
use crate::roles::{Attack, block, connect, refused_by};
use crate::world::{World, with_world};

/// The next batch of rollup 1, which lists nothing, at a place that leaves one out.
const BATCH: &str =
    "insert into batch (rollup_id, height, block_number, epoch_number, place_in_epoch,
        previous_root, new_root, exit_root, body_digest, batch_digest, signature, transfer_count,
        exit_count, exits_before, exit_tree)
    select 1, 2, (select max(block_number) from journal_block), 3, 1, new_root, new_root, exit_root,
        body_digest, batch_digest, signature, 0, 0, exits_after, exit_tree
    from batch where rollup_id = 1 and height = 1;";

fn attacks() -> Vec<Attack> {
    let at = |time: &str| block(3, 4, 0).replace("now()", time);
    vec![
        // A block from before the last one, one to come, and one of no time.
        (Role::Api, at("now() - interval '1 hour'"), "journal_block_in_time"),
        (Role::Engine, at("clock_timestamp() + interval '1 minute'"), "journal_block_in_time"),
        (Role::Api, at("'infinity'"), "journal_block_in_time"),
        // Into an epoch that is sealed, before the next one opens.
        (Role::Engine, SEAL.to_owned() + &block(3, 4, 0), "journal_block_in_open_epoch"),
        (Role::Api, block(3, 4, 0) + BATCH, "batch_place_without_gap"),
        // Of a rollup that was not there yet.
        (
            Role::Engine,
            "insert into epoch_cell values (2, 4, 1, 1, 0, 0, true)".to_owned(),
            "epoch_closing_before_the_next",
        ),
        (
            Role::Engine,
            "insert into epoch_rollup values (2, 4, 0, sha256('r'), sha256('e'), true)".to_owned(),
            "epoch_closing_before_the_next",
        ),
    ]
}

async fn check(world: &World, attacks: Vec<Attack>) {
    let before = world.dump().await;
    for (role, attack, guard) in attacks {
        let mut connection = connect(world, role).await;
        let found = refused_by(&mut connection, &attack).await;
        assert_eq!(found.as_deref(), Some(guard), "{}: {attack}", role.name());
    }
    assert_eq!(world.dump().await, before);
}

#[test]
fn nothing_else_is_written_by_hand() {
    with_world(|mut world| async move {
        live(&mut world).await;
        let key = SigningKey::from_seed([4; 32]).public();
        let registered = L1Event::RollupRegistered { rollup: RollupId::new(4), key };
        world.record(vec![registered]).await.unwrap();
        check(&world, attacks()).await;
        foreign(&world).await;
        let batch = (Role::Api, block(3, 4, 0), "journal_block_of_our_own_state");
        check(&world, vec![batch]).await;
    });
}

/// A lane of no batch is refused to a superuser, too, who has switched foreign keys off; and whoever comes
/// with the server's own settings waits for no guard to be compiled.
#[test]
fn guards_need_no_foreign_key_and_no_compiler() {
    with_world(|mut world| async move {
        live(&mut world).await;
        let mut superuser = world.raw.acquire().await.unwrap();
        let lane = "set local session_replication_role = replica;
            insert into lane (rollup_id, height, attempt, asset_id, destination_id, atoms,
                transfer_count) values (1, 9, 1, 1, 2, 5, 1)";
        let refused = refused_by(&mut superuser, lane).await;
        assert_eq!(refused.as_deref(), Some("lane_sums_what_is_listed"));
        let compiled: Vec<String> = sqlx::query_scalar(
            "select proname::text from pg_proc
            where pronamespace = 'public'::regnamespace and prorettype = 'trigger'::regtype
                and not 'jit=off' = any (coalesce(proconfig, '{}'))",
        )
        .fetch_all(&world.raw)
        .await
        .unwrap();
        assert_eq!(compiled, Vec::<String>::new());
    });
}
