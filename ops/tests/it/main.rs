//! The command as people run it: its processes, its words, its exit codes.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed setup, a missing field or an overflow is the test's failure"
)]

mod adopted;
mod audit;
mod bad_input;
mod bench;
mod browser;
mod command;
mod configuration;
mod disk;
mod drill;
mod first_hour;
mod history;
mod keys;
mod l1;
mod once;
mod operator;
mod pages;
mod power_cut;
mod replica;
mod scenarios;
mod server;
mod setup;
mod survival;
mod tools;
mod webhooks;
