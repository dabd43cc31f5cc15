//! The engine in a process of its own, which kills itself at a milestone.
//!
//! The test binary runs itself again with [`ENTRY`] as its only test and the particulars in the
//! environment. Without them, as in a run of all tests, there is nothing for it to do.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use engine::l1::L1;
use engine::{Milestone, Observer};
use ledger::{Ledger, Role};
use tokio_util::sync::CancellationToken;

use crate::anvil::KEYS;
use crate::world::{World, config, params};

const ENTRY: &str = "engine_process::entry";
const DATABASE: &str = "NETFOLD_TEST_DATABASE";
const RPC: &str = "NETFOLD_TEST_RPC";
const SETTLEMENT: &str = "NETFOLD_TEST_SETTLEMENT";
/// `kill KIND COUNT` or `stop KIND COUNT`.
const END: &str = "NETFOLD_TEST_END";
/// Set for a prover.
const PROVER: &str = "NETFOLD_TEST_PROVER";

/// Runs an engine that kills itself, as `kill -9` does, when it has told `count` milestones of that
/// kind.
pub(crate) fn run_and_kill_at(world: &World, kind: &str, count: u32) {
    let status = run(world, &format!("kill {kind} {count}"));
    assert_eq!(status.signal(), Some(9), "not killed at {kind} {count}: {status}");
}

/// The same with a prover, which knows the database and the parameters alone.
pub(crate) fn run_prover_and_kill_at(world: &World, kind: &str, count: u32) {
    let status = command(world, &format!("kill {kind} {count}")).env(PROVER, "").status().unwrap();
    assert_eq!(status.signal(), Some(9), "not killed at {kind} {count}: {status}");
}

/// Runs an engine that stops orderly when it has told `count` milestones of that kind.
pub(crate) fn run_and_stop_at(world: &World, kind: &str, count: u32) {
    let status = run(world, &format!("stop {kind} {count}"));
    assert!(status.success(), "did not stop at {kind} {count}: {status}");
}

fn run(world: &World, end: &str) -> ExitStatus {
    command(world, end).status().unwrap()
}

fn command(world: &World, end: &str) -> Command {
    // A process per test, with one test: nothing else is in it.
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([ENTRY, "--exact", "--nocapture"])
        .env(DATABASE, &world.database.url)
        .env(RPC, &world.anvil.url)
        .env(SETTLEMENT, world.l1.settlement().to_string())
        .env(END, end);
    command
}

/// The engine's process, when the environment says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entry() {
    let Ok(end) = std::env::var(END) else { return };
    let var = |name| std::env::var(name).unwrap();
    let shutdown = CancellationToken::new();
    let observer = ending(&end, shutdown.clone());
    if std::env::var(PROVER).is_ok() {
        let ledger = Ledger::connect(&var(DATABASE), Role::Prover, 8).await.unwrap();
        let poll = config(0).poll;
        return engine::run_prover(poll, ledger, params(), observer, shutdown).await.unwrap();
    }
    let ledger = Ledger::connect(&var(DATABASE), Role::Engine, 8).await.unwrap();
    let key = KEYS[1].parse().unwrap();
    let l1 = L1::connect(&var(RPC), var(SETTLEMENT).parse().unwrap(), &key).await.unwrap();
    engine::run(config(0), ledger, l1, params(), observer, shutdown).await.unwrap();
}

fn ending(end: &str, shutdown: CancellationToken) -> Observer {
    let words: Vec<_> = end.split(' ').map(str::to_owned).collect();
    let left = AtomicU32::new(words[2].parse().unwrap());
    Arc::new(move |milestone: &Milestone| {
        if milestone.kind() != words[1] || left.fetch_sub(1, Ordering::SeqCst) != 1 {
            return;
        }
        if words[0] == "stop" {
            shutdown.cancel();
            return;
        }
        let own = std::process::id().to_string();
        Command::new("kill").args(["-9", &own]).status().unwrap();
        loop {
            std::thread::park();
        }
    })
}
