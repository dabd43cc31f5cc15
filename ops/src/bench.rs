//! What folding and proving cost here, measured in one run on real parts: the crate's own folds, a
//! real EVM.
//!
//! **Invariant:** every figure is of this run; a proof whose size, time or gas is told has been
//! verified.

pub(crate) mod api;
mod books;
mod clock;
mod epoch;
mod figures;
pub(crate) mod ledger;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use domain::EpochStatement;
use domain::limits::BATCHES_PER_STEP;
use engine::l1::Verifier;
use folding::{CircuitSize, Fold, Params, SettlementProof, Yardstick};
use tokio::runtime::Runtime;

use crate::anvil::{self, Anvil};
use crate::cli::BenchProofArguments;
use crate::development::Account;
use crate::progress::Stage;
use clock::{Clock, Times, peak_gib};
use epoch::BenchEpoch;
use figures::{BatchesPerSecond, Figures, ProofBytes, VerifyMs};

/// Measures everything.
///
/// # Errors
/// When a part fails, or the contract refuses a proof.
pub(crate) fn run(
    arguments: &BenchProofArguments,
    params: &Params,
    runtime: &Runtime,
) -> anyhow::Result<Figures> {
    // No measured step is to pay for it.
    params.decode()?;
    // Before minutes of proving: without it there is no gas.
    let folder = scratch_folder();
    let settings =
        anvil::Settings { folder: folder.clone(), program: arguments.anvil_bin.clone(), port: 0 };
    let anvil = Anvil::start(&settings)?;
    let url = anvil.url();
    let outcome = measure(arguments, params, runtime, &url);
    anvil.stop()?;
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("could not remove {}", folder.display()))?;
    outcome
}

fn measure(
    arguments: &BenchProofArguments,
    params: &Params,
    runtime: &Runtime,
    rpc_url: &str,
) -> anyhow::Result<Figures> {
    let constraints = CircuitSize::of_flat_step()?.constraints;
    let steps = measure_steps(params, usize::from(arguments.rounds))?;
    let sealed = measure_sealed(params)?;
    let mut settlement_bytes = BTreeMap::new();
    let mut gas = BTreeMap::new();
    let verifier = runtime.block_on(Verifier::deploy(rpc_url, &Account::Owner.key()?))?;
    for count in &arguments.steps {
        let epoch = match count {
            &SEALED_STEPS => &sealed.settlement,
            count => &prove_for_l1(params, *count)?,
        };
        let (bytes, used) = measure_gas(params, runtime, &verifier, epoch)?;
        settlement_bytes.insert(*count, bytes);
        gas.insert(*count, used);
    }
    let rate = |times: &Times| clock::rate(BATCHES_PER_STEP, times.wall);
    Ok(Figures {
        cores: std::thread::available_parallelism()?.get(),
        key_id: params.key_id().to_string(),
        constraints_per_batch: constraints.checked_div(BATCHES_PER_STEP).unwrap_or_default(),
        step_over_floor: clock::ratio(steps.flat.cpu, steps.flat_floor.cpu),
        step_over_floor_wall: clock::ratio(steps.flat.wall, steps.flat_floor.wall),
        ivc_step_over_floor: clock::ratio(steps.ivc.cpu, steps.ivc_floor.cpu),
        ivc_step_over_floor_wall: clock::ratio(steps.ivc.wall, steps.ivc_floor.wall),
        batches_per_s: BatchesPerSecond {
            flat: rate(&steps.flat),
            ivc: rate(&steps.ivc),
            both: rate(&steps.both),
        },
        flat_step: steps.flat,
        flat_commitments: steps.flat_floor,
        ivc_step: steps.ivc,
        ivc_commitments: steps.ivc_floor,
        both_steps: steps.both,
        seal_to_proof_s: clock::seconds(sealed.seal_to_proof.wall),
        seal_to_proof_cpu_s: clock::seconds(sealed.seal_to_proof.cpu),
        seal_to_proof_folded_ahead_s: clock::seconds(sealed.folded_ahead.wall),
        seal_to_proof_folded_ahead_cpu_s: clock::seconds(sealed.folded_ahead.cpu),
        settlement_proof: sealed.settlement_proof,
        aggregated_proof: sealed.aggregated_proof,
        proof_bytes: ProofBytes {
            settlement: settlement_bytes,
            aggregated: sealed.aggregated_bytes,
        },
        verify_ms: sealed.verify_ms,
        gas,
        peak_gib: peak_gib()?,
    })
}

struct Steps {
    flat: Times,
    flat_floor: Times,
    ivc: Times,
    ivc_floor: Times,
    both: Times,
}

/// A full step on top of a fold, and its commitments alone, in turn: medians.
fn measure_steps(params: &Params, rounds: usize) -> anyhow::Result<Steps> {
    let stage = Stage::of("Measuring a step against its commitments", rounds);
    let epoch = BenchEpoch::of(params, STEPS_UNDER_MEASURED_STEP.saturating_add(1))?;
    let Some((last, before)) = epoch.plan.steps.split_last() else { bail!("no steps") };
    let mut fold = epoch.start(params);
    for step in before {
        fold.step(step)?;
    }
    let yardstick = Yardstick::new(&fold, last)?;
    let (mut flat, mut flat_floor) = (Vec::new(), Vec::new());
    let (mut ivc, mut ivc_floor, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        flat.push(clock::timed(|| yardstick.flat_step())?);
        flat_floor.push(clock::timed(|| {
            yardstick.flat_commitments();
            anyhow::Ok(())
        })?);
        ivc.push(clock::timed(|| yardstick.recursive_step())?);
        ivc_floor.push(clock::timed(|| {
            yardstick.recursive_commitments();
            anyhow::Ok(())
        })?);
        both.push(clock::timed(|| yardstick.step())?);
        stage.advance();
    }
    let steps = Steps {
        flat: Times::median(&flat),
        flat_floor: Times::median(&flat_floor),
        ivc: Times::median(&ivc),
        ivc_floor: Times::median(&ivc_floor),
        both: Times::median(&both),
    };
    stage.done(format!("A step was folded {rounds} times each way"));
    Ok(steps)
}

struct SealedFigures {
    seal_to_proof: Times,
    folded_ahead: Times,
    settlement_proof: Times,
    aggregated_proof: Times,
    aggregated_bytes: usize,
    verify_ms: VerifyMs,
    settlement: ForL1,
}

/// An epoch, and its proof for L1.
struct ForL1 {
    statement: EpochStatement,
    proof: SettlementProof,
}

/// A sealed epoch of two full steps, from its operations to both proofs, as the engine does it:
/// checkpoints included.
fn measure_sealed(params: &Params) -> anyhow::Result<SealedFigures> {
    let stage = Stage::begin("Proving a sealed epoch of 32 batches");
    let sealed = BenchEpoch::operations(params, SEALED_STEPS)?;
    let began = Clock::start();
    let epoch = sealed.planned()?;
    let planned = began.times();
    let Some((last, before)) = epoch.plan.steps.split_last() else { bail!("no steps") };
    let mut fold = epoch.start(params);
    for step in before {
        fold.step(step)?;
        fold.checkpoint()?;
    }
    let ahead = began.times();
    fold.step(last)?;
    fold.checkpoint()?;
    let clock = Clock::start();
    let settlement = fold.settlement_proof()?;
    let settlement_proof = clock.times();
    let whole = began.times();
    stage.at("Aggregating it");
    let key = params.settlement_verifying_key();
    let settlement_ms = clock::timed(|| settlement.verify(key, fold.statement()))?;
    let statement = fold.statement().clone();
    let clock = Clock::start();
    let (proof, _) = fold.finish()?;
    let aggregated_proof = clock.times();
    let aggregated_ms = clock::timed(|| proof.verify(params.verifying_key()).map(drop))?;
    stage.done("A sealed epoch of 32 batches is proven both ways");
    Ok(SealedFigures {
        seal_to_proof: whole,
        folded_ahead: planned.plus(whole.less(ahead)),
        settlement_proof,
        aggregated_proof,
        aggregated_bytes: proof.to_bytes().len(),
        verify_ms: VerifyMs {
            settlement: clock::milliseconds(settlement_ms.wall),
            aggregated: clock::milliseconds(aggregated_ms.wall),
        },
        settlement: ForL1 { statement, proof: settlement },
    })
}

/// Proves an epoch of that many steps for L1.
fn prove_for_l1(params: &Params, count: usize) -> anyhow::Result<ForL1> {
    let stage = Stage::of(format!("An epoch of {count} steps for L1"), count);
    let epoch = BenchEpoch::of(params, count)?;
    let mut fold: Fold = epoch.start(params);
    for step in &epoch.plan.steps {
        fold.step(step)?;
        stage.advance();
    }
    stage.at(format!("Proving {count} steps for L1"));
    let proof = fold.settlement_proof()?;
    stage.done(format!("{count} steps are proven for L1"));
    Ok(ForL1 { statement: fold.statement().clone(), proof })
}

/// Has the contract verify an epoch's proof: the proof's bytes and the gas.
fn measure_gas(
    params: &Params,
    runtime: &Runtime,
    verifier: &Verifier,
    epoch: &ForL1,
) -> anyhow::Result<(usize, u64)> {
    let ForL1 { statement, proof } = epoch;
    let count = statement.outputs.len();
    let stage = Stage::begin(format!("An EVM verifies {count} steps"));
    let bytes = proof.as_bytes().len();
    let gas = runtime.block_on(verifier.gas(statement, proof.as_bytes()))?;
    let gas = gas.with_context(|| {
        format!(
            "the contract refuses a proof of {count} steps that verifies here: its key is not that \
             of these parameters (key {})",
            params.key_id()
        )
    })?;
    stage.done(format!("{count} steps are verified on the EVM for {gas} gas"));
    Ok((bytes, gas))
}

/// A folder of this process that nothing else uses.
pub(crate) fn scratch_folder() -> PathBuf {
    std::env::temp_dir().join(format!("netfold-bench-{}", std::process::id()))
}

/// A fold of fewer has no error term yet, and folds faster than most steps of an epoch.
const STEPS_UNDER_MEASURED_STEP: usize = 2;
/// 32 batches.
const SEALED_STEPS: usize = 2;
