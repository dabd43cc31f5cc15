//! What changes with an event, and what without: whoever keeps an answer until the next event rests on it.

use std::collections::BTreeSet;

use crate::world::with_world;

/// Written in the db_tx that writes a row which is announced: a block, a seal, a settlement, what L1 settled.
const WITH_AN_EVENT: &[&str] = &[
    "account",
    "asset",
    "balance",
    "batch",
    "batch_eviction",
    "claim",
    "deposit",
    "epoch_balance",
    "epoch_cell",
    "epoch_rollup",
    "epoch_settlement_fee",
    "exit",
    "hold",
    "hold_end",
    "l1_log",
    "l1_settlement_books",
    "lane",
    "rollup",
    "seen_deposit",
    "transfer",
    "transfer_partition",
];

/// Written without an event: nothing that is answered from memory may show them, but for what is archived.
const WITHOUT: &[&str] = &[
    "_sqlx_migrations",
    "api_key",
    "api_key_revocation",
    "archived_balance",
    "archived_range",
    "epoch_checkpoint",
    "epoch_work",
    "event",
    "foreign_settlement",
    "keyed_write",
    "l1_range",
    "offer",
    "operator_action",
    "turn",
    "webhook",
    "webhook_attempt",
    "webhook_pass",
    "webhook_resumption",
    "webhook_revocation",
];

/// Every table is announced, or somebody has said here how its changes come to be known. A table that is new is
/// added where it belongs; one of the second list must not be read by what the api keeps (`api/src/router.rs`).
#[test]
fn every_table_says_how_its_changes_are_told() {
    with_world(|world| async move {
        let tables: Vec<(String, bool)> = sqlx::query_as(
            "select relname::text, exists (
                select from pg_trigger t where t.tgrelid = c.oid and tgname = 'append_event'
            ) from pg_class c
            where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
                and not relispartition",
        )
        .fetch_all(&world.raw)
        .await
        .unwrap();
        let silent: BTreeSet<&str> =
            tables.iter().filter(|(_, told)| !told).map(|(name, _)| name.as_str()).collect();
        let said: BTreeSet<&str> = WITH_AN_EVENT.iter().chain(WITHOUT).copied().collect();
        assert_eq!(silent, said);
        assert_eq!(said.len(), WITH_AN_EVENT.len() + WITHOUT.len(), "one is in both lists");
    });
}
