//! The API over real HTTP, on a real Postgres.
//!
//! `DATABASE_URL` names the server on which each test makes a database of its own.
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
mod browser;
mod costs;
mod database;
mod deposits;
mod epochs;
mod etag;
mod events;
mod evidence;
mod examples;
mod filled;
mod gate;
mod idempotency;
mod jobs;
mod kept;
mod keys;
mod metrics;
mod openapi;
mod pages;
mod past;
mod rate;
mod receivers;
mod requests;
mod rollup;
mod schemathesis;
mod simulate;
mod statements;
mod webhooks;
mod world;
