//! The API over real HTTP, on a real Postgres.
//!
//! `DATABASE_URL` names the server to make databases on; without it each test runs a private
//! cluster of the installed Postgres.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a failed expectation is the test's failure"
)]

mod bad_input;
mod batches;
mod cluster;
mod epochs;
mod events;
mod openapi;
mod pages;
mod requests;
mod rollup;
mod world;
