//! Takes a scenario through a running cluster, epoch by epoch, from the outside: deposits on L1,
//! signed batches by REST, seal, settlement, claims on L1.
//!
//! **Invariant**: each step first looks at what is there. A drive that was killed anywhere, started
//! again, does what is left and nothing twice: deposits are counted on L1, equal batches are
//! answered as before, a paid claim is skipped by the contract.

pub mod claims;
pub mod deposits;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use api::BatchRequest;
use domain::{Asset, EpochNumber};
use engine::l1::L1;
use ledger::{EpochStatus, Ledger};
use serde_json::Value;

use crate::client::Client;
use crate::progress::Stage;
use crate::scenario::plan::{PlannedBatch, PlannedEpoch};
use crate::scenario::sign::Operators;

/// What a drive works with.
#[derive(Debug)]
pub struct Drive {
    /// To look, never to write.
    pub ledger: Ledger,
    /// Where batches are posted.
    pub client: Client,
    /// The assets as registered.
    pub assets: Vec<Asset>,
    /// Who signs the batches.
    pub operators: Operators,
    /// Who deposits on L1.
    pub depositors: Vec<L1>,
    /// Who claims on L1.
    pub claimant: L1,
}

/// What a drive did on L1.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Driven {
    /// L1 transactions that it sent.
    pub l1_txs: usize,
    /// Gas that they used.
    pub gas: u64,
}

impl Driven {
    fn count(&mut self, gas: u64) {
        self.l1_txs = self.l1_txs.saturating_add(1);
        self.gas = self.gas.saturating_add(gas);
    }
}

impl Drive {
    /// Takes all epochs of the plan to L1 and pays every exit.
    ///
    /// # Errors
    /// Whatever refuses or fails first.
    pub async fn run(&mut self, plan: Vec<PlannedEpoch>) -> anyhow::Result<Driven> {
        let mut driven = Driven::default();
        let of = plan.len();
        let mut targets = deposits::Targets::default();
        for (number, planned) in (1_usize..).zip(plan) {
            let what = format!("Epoch {number} of {of}");
            self.deposit(&what, &planned.deposits, &mut targets, &mut driven).await?;
            let epochs = self.post(&what, planned.batches).await?;
            for epoch in epochs {
                self.settle(epoch).await?;
            }
            self.claim_all(&what, &mut driven).await?;
        }
        Ok(driven)
    }

    /// Posts the batches and says which epochs took them: one, unless the open one was sealed by
    /// schedule or size in between.
    async fn post(
        &mut self,
        what: &str,
        batches: Vec<PlannedBatch>,
    ) -> anyhow::Result<BTreeSet<EpochNumber>> {
        let stage = Stage::of(format!("{what}: posting batches"), batches.len());
        let (mut epochs, mut posted) = (BTreeSet::new(), 0_usize);
        for planned in batches {
            let (batch, _) = self.operators.sign(planned)?;
            let body = serde_json::to_vec(&BatchRequest::new(batch.parts(), &self.assets))?;
            let answer = self.client.post("/v1/batches", body).await?;
            epochs.insert(epoch_in(&answer)?);
            posted = posted.saturating_add(1);
            stage.advance();
        }
        stage.done(format!("{what}: {posted} signed batches posted"));
        Ok(epochs)
    }

    /// Has an epoch sealed, if it is open, and waits until it is settled on L1.
    async fn settle(&self, number: EpochNumber) -> anyhow::Result<()> {
        let stage = Stage::begin(format!("Epoch {number}: sealing"));
        let open = self.ledger.open_epoch().await?;
        if open.epoch == number {
            self.client.post("/v1/epochs/seal", Vec::new()).await?;
        }
        let began = Instant::now();
        loop {
            let epoch = self.ledger.epoch(number).await?;
            let epoch = epoch.with_context(|| format!("epoch {number} is not in the ledger"))?;
            let at = match epoch.status {
                EpochStatus::Open => "sealing".to_owned(),
                EpochStatus::Sealed => "sealed, folding begins".to_owned(),
                EpochStatus::Proving { steps } => format!("folding, {steps} steps done"),
                EpochStatus::Proven => "proven, going to L1".to_owned(),
                EpochStatus::Submitted { .. } => "submitted, waiting for L1".to_owned(),
                EpochStatus::Settled | EpochStatus::Final => {
                    let gas = epoch.settlement.map_or(0, |settlement| settlement.gas_used);
                    let steps = epoch.steps;
                    stage.done(format!(
                        "Epoch {number}: {steps} steps folded, proven, settled on L1 with {gas} gas"
                    ));
                    return Ok(());
                }
            };
            if began.elapsed() > SETTLE_PATIENCE {
                bail!("epoch {number} got no further than \"{at}\": see the log (--log info)");
            }
            stage.at(format!("Epoch {number}: {at}"));
            tokio::time::sleep(POLL).await;
        }
    }
}

/// The epoch that the api says it booked a batch into.
fn epoch_in(answer: &Value) -> anyhow::Result<EpochNumber> {
    let epoch = answer.get("epoch").and_then(Value::as_u64);
    let epoch = epoch.with_context(|| format!("the api answered a batch with {answer}"))?;
    ensure!(epoch > 0, "the api booked a batch into epoch 0");
    Ok(EpochNumber::new(epoch))
}

/// Looked at as often as a person would notice.
const POLL: Duration = Duration::from_millis(200);
/// A loaded machine folds and compresses an epoch of the scenario within a minute or two.
const SETTLE_PATIENCE: Duration = Duration::from_mins(30);
