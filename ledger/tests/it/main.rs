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

mod audit;
mod batches;
mod concurrency;
mod constraints;
mod engine_lock;
mod epochs;
mod eviction;
mod eviction_guards;
mod exits;
mod l1_logs;
mod life;
mod one_call;
mod proofs;
mod roles;
mod sendable;
mod world;
mod writer;
