//! The figures of a run, for machines and for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::clock::Times;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(super) cores: usize,
    pub(super) key_id: String,
    pub(super) constraints_per_batch: usize,
    /// Processor time of a flat step over that of its two commitments.
    pub(super) step_over_floor: f64,
    pub(super) step_over_floor_wall: f64,
    pub(super) ivc_step_over_floor: f64,
    pub(super) ivc_step_over_floor_wall: f64,
    pub(super) flat_step: Times,
    pub(super) flat_commitments: Times,
    pub(super) ivc_step: Times,
    pub(super) ivc_commitments: Times,
    pub(super) both_steps: Times,
    pub(super) batches_per_s: BatchesPerSecond,
    /// Of 32 batches, none folded before the seal.
    pub(super) seal_to_proof_s: f64,
    pub(super) seal_to_proof_cpu_s: f64,
    /// All but the last step folded before the seal.
    pub(super) seal_to_proof_folded_ahead_s: f64,
    pub(super) seal_to_proof_folded_ahead_cpu_s: f64,
    pub(super) settlement_proof: Times,
    pub(super) aggregated_proof: Times,
    pub(super) proof_bytes: ProofBytes,
    pub(super) verify_ms: VerifyMs,
    /// By number of steps: an l1_tx that only verifies.
    pub(super) gas: BTreeMap<usize, u64>,
    pub(super) peak_gib: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct BatchesPerSecond {
    pub(super) flat: f64,
    pub(super) ivc: f64,
    pub(super) both: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct ProofBytes {
    /// By number of steps.
    pub(super) settlement: BTreeMap<usize, usize>,
    /// Of two steps, the file.
    pub(super) aggregated: usize,
}

/// With the key loaded.
#[derive(Debug, Serialize)]
pub(super) struct VerifyMs {
    pub(super) settlement: f64,
    pub(super) aggregated: f64,
}

impl Figures {
    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        let mut row = |what: &str, value: String| {
            // Writing to a string does not fail.
            let _ = writeln!(table, "{what:<52} {value}");
        };
        let times = |times: &Times| {
            let (wall, cpu) = (times.wall.as_secs_f64(), times.cpu.as_secs_f64());
            format!("{wall:.2} s, {cpu:.2} s of processors")
        };
        row("cores", self.cores.to_string());
        row("key", self.key_id.clone());
        row("constraints per batch", self.constraints_per_batch.to_string());
        row("flat step", times(&self.flat_step));
        row("  its two commitments alone", times(&self.flat_commitments));
        row(
            "  step over commitments",
            format!("{:.2} ({:.2} by wall time)", self.step_over_floor, self.step_over_floor_wall),
        );
        row("recursive step", times(&self.ivc_step));
        row("  its four commitments alone", times(&self.ivc_commitments));
        row(
            "  step over commitments",
            format!(
                "{:.2} ({:.2} by wall time)",
                self.ivc_step_over_floor, self.ivc_step_over_floor_wall
            ),
        );
        row("both folds of a step", times(&self.both_steps));
        let BatchesPerSecond { flat, ivc, both } = self.batches_per_s;
        row("batches per second: flat, recursive, both", format!("{flat:.1}, {ivc:.1}, {both:.1}"));
        let both = |wall: f64, cpu: f64| format!("{wall:.1} s, {cpu:.1} s of processors");
        row(
            "32 batches, from seal to verified proof",
            both(self.seal_to_proof_s, self.seal_to_proof_cpu_s),
        );
        row(
            "  all but the last step folded before",
            both(self.seal_to_proof_folded_ahead_s, self.seal_to_proof_folded_ahead_cpu_s),
        );
        row("settlement proof", times(&self.settlement_proof));
        row("aggregated proof", times(&self.aggregated_proof));
        row("aggregated proof file", format!("{} bytes", self.proof_bytes.aggregated));
        let VerifyMs { settlement, aggregated } = self.verify_ms;
        row("verifying: settlement, aggregated", format!("{settlement:.0} ms, {aggregated:.0} ms"));
        for (steps, gas) in &self.gas {
            let bytes = self.proof_bytes.settlement.get(steps).copied().unwrap_or_default();
            row(&format!("{steps} steps on L1"), format!("{gas} gas, proof of {bytes} bytes"));
        }
        row("peak memory", format!("{:.2} GiB", self.peak_gib));
        table.trim_end().to_owned()
    }
}
