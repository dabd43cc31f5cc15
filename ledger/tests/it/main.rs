//! The ledger on a real Postgres.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a failed unwrap, index or sum is the test's failure"
)]

mod batches;
mod postgres;
mod sendable;
mod world;
