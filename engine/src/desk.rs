//! Where what is folded and proven is handed in.
//!
//! **Invariant:** only an engine writes the rows that count. A prover in a process of its own offers what
//! it makes, and resumes from its own offers; what an engine refused it begins anew.

use std::time::Duration;

use domain::{EpochNumber, StepOutput};
use ledger::{BlockNumber, NewProof, Piece, TurnNumber, Work};

use crate::context::Worker;
use crate::error::Error;
use crate::milestone::Milestone;

/// Where a worker hands in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Desk {
    /// The epoch's own rows: of an engine that folds and proves itself.
    Books,
    /// Offers, which an engine verifies.
    Offers,
}

/// Of which epoch something is, who made it, and how long that took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) epoch: EpochNumber,
    pub(crate) turn: TurnNumber,
    pub(crate) took: Duration,
}

/// The two proofs of an epoch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ProofKind {
    /// What L1 checks.
    Settlement,
    /// What anybody checks without the ledger.
    Aggregated,
}

impl Made {
    fn work(self, piece: Piece) -> Work {
        let Self { epoch, turn, took } = self;
        Work { epoch, piece, turn, took }
    }
}

impl ProofKind {
    pub(crate) fn piece(self) -> Piece {
        match self {
            Self::Settlement => Piece::SettlementProof,
            Self::Aggregated => Piece::AggregatedProof,
        }
    }

    /// What is reached with the proof.
    pub(crate) fn milestone(self, epoch: EpochNumber, steps: u32, bytes: usize) -> Milestone {
        match self {
            Self::Settlement => Milestone::Proven { epoch, steps, bytes },
            Self::Aggregated => Milestone::Aggregated { epoch, steps, bytes },
        }
    }
}

impl Worker {
    /// Hands in a step and where folding resumes after it. `planned_at` is the journal's last block when the
    /// step was planned.
    pub(crate) async fn hand_in_step(
        &self,
        made: Made,
        step: u32,
        output: &StepOutput,
        checkpoint: &[u8],
        planned_at: BlockNumber,
    ) -> Result<(), Error> {
        match self.desk {
            Desk::Books => self.record_step(made, step, output, Some(checkpoint), planned_at).await,
            Desk::Offers => {
                let work = made.work(Piece::Step(step));
                Ok(self.ledger.offer_step(&work, output, checkpoint).await?)
            }
        }
    }

    /// Records a step that is one of the plan.
    pub(crate) async fn record_step(
        &self,
        made: Made,
        step: u32,
        output: &StepOutput,
        checkpoint: Option<&[u8]>,
        planned_at: BlockNumber,
    ) -> Result<(), Error> {
        self.ledger.record_step(made.epoch, step, output, checkpoint, planned_at).await?;
        Ok(self.ledger.record_work(&made.work(Piece::Step(step))).await?)
    }

    /// Hands in a proof.
    pub(crate) async fn hand_in_proof(
        &self,
        made: Made,
        kind: ProofKind,
        proof: &NewProof,
    ) -> Result<(), Error> {
        match self.desk {
            Desk::Books => self.record_proof(made, kind, proof).await,
            Desk::Offers => {
                Ok(self.ledger.offer_proof(&made.work(kind.piece()), &proof.bytes).await?)
            }
        }
    }

    /// Records a proof that was verified.
    pub(crate) async fn record_proof(
        &self,
        made: Made,
        kind: ProofKind,
        proof: &NewProof,
    ) -> Result<(), Error> {
        match kind {
            ProofKind::Settlement => {
                self.ledger.record_settlement_proof(made.epoch, proof).await?;
            }
            ProofKind::Aggregated => self.ledger.record_proof(made.epoch, proof).await?,
        }
        Ok(self.ledger.record_work(&made.work(kind.piece())).await?)
    }

    /// Whether a proof waits to be verified already.
    pub(crate) async fn has_offered(
        &self,
        epoch: EpochNumber,
        kind: ProofKind,
    ) -> Result<bool, Error> {
        Ok(match self.desk {
            Desk::Books => false,
            Desk::Offers => self.ledger.is_offered(epoch, kind.piece()).await?,
        })
    }

    /// The last step of an epoch from which folding resumes, and the fold after it.
    pub(crate) async fn checkpoint(
        &self,
        epoch: EpochNumber,
    ) -> Result<Option<(u32, Vec<u8>)>, Error> {
        match self.desk {
            Desk::Books => {
                let latest = self.ledger.latest_step(epoch).await?;
                Ok(latest.and_then(|last| Some((last.step, last.checkpoint?))))
            }
            Desk::Offers => Ok(self.ledger.offered_checkpoint(epoch).await?),
        }
    }
}
