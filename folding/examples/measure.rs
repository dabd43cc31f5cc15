//! Measures the circuit, the setup and the proofs, and prints what it found.
//!
//! `cargo run --release --example measure -- DIRECTORY [STEPS]`: the parameters are made in the
//! directory, or loaded if they are there; then an epoch of that many full steps is folded.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a command for developers: a failure is its result"
)]

#[path = "../src/history.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod history;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use domain::{LiquidityState, Operation, limits::BATCHES_PER_STEP};
use folding::{
    CircuitSize, EpochProof, Fold, Params, Setup, SetupStage, VerifyingKey, circuit_parts, plan,
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().unwrap_or_else(|| "params".to_owned());
    let directory = Path::new(&directory);
    let steps = arguments.next().map_or(4, |steps| steps.parse().unwrap());
    circuit();
    let params = setup(directory);
    let file = epoch(&params, steps);
    verify(directory, &file);
    memory();
}

fn circuit() {
    println!("{:<40} {:>11} {:>10}", "part of the step circuit", "constraints", "nonzeros");
    let parts = circuit_parts().unwrap();
    for part in &parts {
        println!("{:<40} {:>11} {:>10}", part.name, part.constraints, part.nonzeros);
    }
    let constraints: usize = parts.iter().map(|part| part.constraints).sum();
    let nonzeros: usize = parts.iter().map(|part| part.nonzeros).sum();
    println!("{:<40} {constraints:>11} {nonzeros:>10}", "step circuit");
    let flat = CircuitSize::of_flat_step().unwrap();
    println!("{:<40} {:>11} {:>10}", "flat step", flat.constraints, flat.nonzeros);
    println!("flat step, per batch: {}", flat.constraints / BATCHES_PER_STEP);
    let size = CircuitSize::measure().unwrap();
    println!("{:<40} {:>11} {:>10}", "with Nova's own", size.constraints, size.nonzeros);
    println!("variables with Nova's own: {}", size.variables);
}

fn setup(directory: &Path) -> Params {
    let mut stage: Option<SetupStage> = None;
    let mut clock = Clock::start();
    let whole = Clock::start();
    let params = Params::load_or_create(directory, &Setup::InsecureDevelopment, &mut |progress| {
        if let Some(stage) = stage.filter(|stage| *stage != progress.stage) {
            clock.tell(&stage.to_string());
            clock = Clock::start();
        }
        stage = Some(progress.stage);
    });
    let params = params.unwrap();
    whole.tell("setup or loading in all");
    println!("key: {}", params.key_id());
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                println!("{}: {} bytes", entry.path().display(), entry.metadata().unwrap().len());
            }
        }
    }
    params
}

fn epoch(params: &Params, steps: usize) -> Vec<u8> {
    let opening = LiquidityState::genesis();
    let plan = plan(&opening, &operations(steps * BATCHES_PER_STEP), history::context()).unwrap();
    let (first, later) = plan.steps.split_first().unwrap();
    let mut fold =
        Fold::start(params, history::identity(), history::context().epoch, opening.digest());
    let clock = Clock::start();
    fold.step(first).unwrap();
    clock.tell("first step");
    let clock = Clock::start();
    for step in later {
        fold.step(step).unwrap();
    }
    clock.tell(&format!("{} further steps", later.len()));
    let clock = Clock::start();
    first.check().unwrap();
    clock.tell("of which per step checking the constraints");
    let clock = Clock::start();
    let checkpoint = fold.checkpoint().unwrap();
    clock.tell(&format!("checkpoint of {} bytes", checkpoint.len()));
    let clock = Clock::start();
    let fold = Fold::resume(params, &checkpoint).unwrap();
    clock.tell("resuming from it");
    let clock = Clock::start();
    let settlement = fold.settlement_proof().unwrap();
    clock.tell("settlement proof and verifying it");
    println!("settlement proof of {} steps: {} bytes", fold.steps(), settlement.as_bytes().len());
    let clock = Clock::start();
    let (proof, _) = fold.finish().unwrap();
    clock.tell("aggregated proof and verifying it");
    let file = proof.to_bytes();
    println!("proof file of {} steps: {} bytes", plan.steps.len(), file.len());
    file
}

fn verify(directory: &Path, file: &[u8]) {
    let clock = Clock::start();
    let key = VerifyingKey::load(directory, &Setup::InsecureDevelopment).unwrap();
    clock.tell("loading the verifying key");
    for time in ["first", "second"] {
        let clock = Clock::start();
        EpochProof::from_bytes(file).unwrap().verify(&key).unwrap();
        clock.tell(&format!("{time} verification"));
    }
}

/// Wall and processor time, of all threads, since it was started.
struct Clock {
    wall: Instant,
    processor: u64,
}

impl Clock {
    fn start() -> Self {
        Self { wall: Instant::now(), processor: Self::processor_ticks() }
    }

    fn tell(&self, what: &str) {
        let ticks = Self::processor_ticks() - self.processor;
        let processor = Duration::from_millis(ticks * 10);
        println!("{what}: {:.2?} ({processor:.2?} of processors)", self.wall.elapsed());
    }

    /// Hundredths of a second, as Linux tells them.
    fn processor_ticks() -> u64 {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
    }
}

/// Registrations and deposits, then batches with four lanes each, all rollups in turn.
fn operations(batches: usize) -> Vec<Operation> {
    let mut operations: Vec<Operation> = (1..=8).map(history::register).collect();
    operations.extend((1..=8).map(|rollup| history::deposit(rollup, 1, 1 << 64)));
    let mut state = history::apply_all(&LiquidityState::genesis(), &operations);
    for rollup in (1..=8_u16).cycle().take(batches) {
        let to = |distance: u16| (rollup + distance) % 8 + 1;
        let moves = [(0, 1, 5), (to(0), 1, 7), (to(1), 1, 11), (to(2), 1, 13)];
        let batch = history::batch(&state, rollup, &moves);
        state = history::apply_all(&state, std::slice::from_ref(&batch));
        operations.push(batch);
    }
    operations
}

fn memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find(|line| line.starts_with("VmHWM")) {
        println!("{peak}");
    }
}
