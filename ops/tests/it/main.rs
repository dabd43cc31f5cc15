//! The command as people run it: its processes, its words, its exit codes.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed setup or a missing field is the test's failure"
)]

mod browser;
mod command;
mod drill;
mod once;
mod survival;
mod tools;
