//! The ledger on a real Postgres: each test makes a database of its own on the server of
//! `DATABASE_URL`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a failed unwrap, index or sum is the test's failure"
)]

mod announced;
mod api_key_attacks;
mod api_keys;
mod archive;
mod archive_attacks;
mod as_of;
mod audit;
mod audit_columns;
mod audit_resume;
mod batches;
mod books;
mod by_hand;
mod concurrency;
mod constraints;
mod cost_attacks;
mod costs;
#[path = "../../examples/schema/document.rs"]
mod document;
mod engine_lock;
mod epochs;
mod eviction;
mod eviction_guards;
mod exits;
mod forbidden;
mod hold_guards;
mod holds;
mod interleaved;
mod keyed;
mod l1_logs;
mod life;
mod one_call;
mod partitions;
mod proofs;
#[path = "../../examples/schema/prose.rs"]
mod prose;
mod refusals;
mod retries;
mod roles;
mod schema;
mod sendable;
mod tamper;
mod webhook_attacks;
mod webhooks;
mod world;
mod writer;
