//! The engine on a real anvil, a real Postgres and real proofs.
//!
//! Each test has a chain of its own, and a database of its own on the server of `DATABASE_URL`; the
//! proving parameters are made once and kept beside the build.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    reason = "a failure here is the test's failure"
)]

mod anvil;
mod crash;
mod database;
mod engine_process;
mod kept;
mod l1;
mod mirror;
mod operator;
mod provable;
mod settle;
mod turns;
mod world;
