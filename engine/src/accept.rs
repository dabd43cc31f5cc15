//! Verifies what a prover in a process of its own offers, and records what is right.
//!
//! **Invariant:** whatever a prover offers, nothing wrong is recorded and nothing right is lost: a step is
//! recorded if it is what the engine's own plan shows and satisfies the circuit, a proof if it verifies and
//! agrees with plan and ledger. If one thing is wrong, all offers of the epoch go, and the prover, or the one
//! that takes its place, begins it anew.

use domain::{EpochNumber, StepOutput, fixed_steps};
use folding::{SettlementProof, StepWitness};
use ledger::{NewProof, OfferedProof, OfferedStep, Sealed};
use tracing::{info, warn};

use crate::ahead::{WINDOW_BATCHES, end_after};
use crate::context::{Progress, Worker};
use crate::desk::{Made, ProofKind};
use crate::error::Error;
use crate::provable::Checks;
use crate::prove::{agreed_aggregated, blocking, plan, step_number};
use crate::run::Chain;
use crate::submit::agreed_settlement;

/// What is kept between two looks at what is offered.
#[derive(Default)]
pub(crate) struct Accepting {
    /// What each step of a sealed epoch shows.
    planned: Option<(EpochNumber, Vec<StepOutput>)>,
    /// The open epoch as far as it is checked.
    checks: Option<(EpochNumber, Checks)>,
}

impl Accepting {
    /// Takes what is offered of the oldest epoch that has something.
    pub(crate) async fn accept_next(&mut self, worker: &Worker) -> Result<Progress, Error> {
        for epoch in worker.ledger.offered_epochs().await? {
            let taken = match worker.ledger.sealed(epoch).await? {
                Some(seal) => self.accept_sealed(worker, &seal).await,
                None => Box::pin(self.accept_ahead(worker, epoch)).await,
            };
            match taken {
                Ok(Progress::Idle) => {}
                Ok(Progress::Moved) => return Ok(Progress::Moved),
                Err(Fault::Offer(fault)) => {
                    warn!(%epoch, error = %Chain(&fault), "what the prover offers is wrong: none of the epoch is taken");
                    worker.ledger.withdraw_offers(epoch).await?;
                    return Ok(Progress::Moved);
                }
                Err(Fault::Own(error)) => return Err(error),
            }
        }
        Ok(Progress::Idle)
    }

    async fn accept_sealed(&mut self, worker: &Worker, seal: &Sealed) -> Result<Progress, Fault> {
        let epoch = seal.epoch;
        let steps = self.planned(worker, epoch).await?.len();
        let mut recorded = worker.ledger.steps(epoch).await?.len();
        let mut progress = Progress::Idle;
        for offer in worker.ledger.offered_steps(epoch).await? {
            let planned = self.planned(worker, epoch).await?.get(recorded).cloned();
            record_step(worker, epoch, &offer, recorded, planned, seal.last_block).await?;
            recorded = recorded.saturating_add(1);
            progress = Progress::Moved;
        }
        if recorded < steps {
            return Ok(progress);
        }
        for kind in [ProofKind::Settlement, ProofKind::Aggregated] {
            let is_recorded = match kind {
                ProofKind::Settlement => worker.ledger.settlement_proof(epoch).await?.is_some(),
                ProofKind::Aggregated => worker.ledger.proof(epoch).await?.is_some(),
            };
            let offer = worker.ledger.offered_proof(epoch, kind.piece()).await?;
            if let Some(offer) = offer.filter(|_| !is_recorded) {
                accept_proof(worker, seal, kind, steps, offer).await?;
                progress = Progress::Moved;
            }
        }
        Ok(progress)
    }

    async fn planned(
        &mut self,
        worker: &Worker,
        epoch: EpochNumber,
    ) -> Result<&[StepOutput], Error> {
        if self.planned.as_ref().is_none_or(|(kept, _)| *kept != epoch) {
            let steps = plan(worker, epoch).await?.steps;
            let outputs = steps.iter().map(StepWitness::output).cloned().collect();
            self.planned = Some((epoch, outputs));
        }
        Ok(self.planned.as_ref().map_or(&[], |(_, outputs)| outputs))
    }

    /// Takes the next step of the open epoch if it is fixed, and the circuit takes it: from then on nothing
    /// of it is evicted. What the circuit does not take is the batch's fault, not the prover's.
    async fn accept_ahead(
        &mut self,
        worker: &Worker,
        epoch: EpochNumber,
    ) -> Result<Progress, Fault> {
        let offers = worker.ledger.offered_steps(epoch).await?;
        let Some(offer) = offers.into_iter().next() else { return Ok(Progress::Idle) };
        // Before the operations: what is recorded begins the plan of all that is read later.
        let recorded = worker.ledger.steps(epoch).await?;
        let recorded: Vec<StepOutput> = recorded.into_iter().map(|step| step.output).collect();
        let mut open = Box::pin(worker.ledger.open_operations()).await?;
        if open.epoch != epoch {
            // It was sealed meanwhile.
            return Ok(Progress::Moved);
        }
        let kept = self.checks.take().filter(|(kept, _)| *kept == epoch).map(|(_, checks)| checks);
        let domain_word = worker.identity.word();
        let planned_at = open.last_block;
        let (checks, planned, number) = blocking(move || {
            let mut checks = if let Some(kept) = kept {
                kept
            } else {
                let mut new = Checks::new(domain_word, epoch, open.opening.clone());
                new.skip_folded(&open, &recorded)?;
                new
            };
            let number = recorded.len();
            let batches: usize =
                checks.passed().take(number).map(|step| step.batches().len()).sum();
            end_after(&mut open.operations, batches.saturating_add(WINDOW_BATCHES));
            checks.go_on(&open, &recorded, usize::MAX)?;
            let fixed = fixed_steps(&open.operations).map_err(folding::Error::from)?.len();
            let planned = if number < fixed { checks.output(number)? } else { None };
            Ok((checks, planned, number))
        })
        .await?;
        self.checks = Some((epoch, checks));
        record_step(worker, epoch, &offer, number, planned, planned_at).await?;
        Ok(Progress::Moved)
    }
}

/// Records an offered step, if it is the one after those that are recorded and shows what is planned.
async fn record_step(
    worker: &Worker,
    epoch: EpochNumber,
    offer: &OfferedStep,
    recorded: usize,
    planned: Option<StepOutput>,
    planned_at: ledger::BlockNumber,
) -> Result<(), Fault> {
    let step = step_number(recorded.saturating_add(1));
    let Some(output) =
        planned.filter(|planned| offer.step == step && offer.output.as_ref() == Some(planned))
    else {
        return Err(Fault::Offer(Error::StepNotPlanned { epoch, step: offer.step }));
    };
    let OfferedStep { turn, took, .. } = *offer;
    worker.record_step(Made { epoch, turn, took }, step, &output, None, planned_at).await?;
    info!(
        %epoch, step, state_digest = %output.state_digest, fold_time_ms = took.as_millis(),
        "step of a prover taken"
    );
    Ok(())
}

/// Records an offered proof, if it verifies as a stranger would verify it and agrees with plan and ledger.
async fn accept_proof(
    worker: &Worker,
    seal: &Sealed,
    kind: ProofKind,
    steps: usize,
    offer: OfferedProof,
) -> Result<(), Fault> {
    let epoch = seal.epoch;
    let OfferedProof { bytes, turn, took } = offer;
    let agreed = match kind {
        ProofKind::Settlement => {
            let proof = SettlementProof::new(bytes);
            let agreed = Box::pin(agreed_settlement(worker, seal, proof)).await;
            agreed.map(|(proof, _)| proof.as_bytes().to_vec())
        }
        ProofKind::Aggregated => {
            let plan = plan(worker, epoch).await?;
            Box::pin(agreed_aggregated(worker, seal, &plan, bytes)).await
        }
    };
    let bytes = agreed.map_err(Fault::of_proof)?;
    let (size, steps) = (bytes.len(), step_number(steps));
    let proof = NewProof { closing_digest: seal.closing_digest, steps, bytes };
    worker.record_proof(Made { epoch, turn, took }, kind, &proof).await?;
    info!(%epoch, ?kind, steps, bytes = size, "proof of a prover taken");
    worker.reached(&kind.milestone(epoch, steps, size));
    Ok(())
}

/// Whose fault it is that nothing was recorded.
enum Fault {
    /// The offer's.
    Offer(Error),
    /// Not the offer's.
    Own(Error),
}

impl Fault {
    /// Steps were compared with the plan before, so what a proof fails with is its own fault, unless
    /// somebody else failed to answer. Bytes that the verifier panics over are a fault of theirs, too.
    fn of_proof(error: Error) -> Self {
        match error {
            Error::ProverEnded(ended) if ended.is_panic() => Self::Offer(Error::ProverEnded(ended)),
            Error::Folding(_) | Error::PartsDiffer { .. } | Error::ProofOfAnother { .. } => {
                Self::Offer(error)
            }
            error => Self::Own(error),
        }
    }
}

impl<E: Into<Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        match error.into() {
            // Evicted while it was being folded.
            Error::Ledger(outdated) if matches!(*outdated, ledger::Error::StepOutdated { .. }) => {
                Self::Offer(Error::Ledger(outdated))
            }
            error => Self::Own(error),
        }
    }
}
