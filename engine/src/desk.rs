//! Where what is folded and proven is handed in.
//!
//! **Invariant:** only an engine writes the rows that count. A prover in a process of its own offers what
//! it makes, and resumes from its own offers; what an engine refused it begins anew.

use domain::{EpochNumber, StepOutput};
use ledger::{BlockNumber, NewProof, Piece, Work};

use crate::context::Worker;
use crate::error::Error;

/// Where a worker hands in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Desk {
    /// The epoch's own rows: of an engine that folds and proves itself.
    Books,
    /// Offers, which an engine verifies.
    Offers,
}

impl Worker {
    /// Hands in a step and where folding resumes after it. `planned_at` is the journal's last block when the
    /// step was planned.
    pub(crate) async fn hand_in_step(
        &self,
        work: &Work,
        output: &StepOutput,
        checkpoint: &[u8],
        planned_at: BlockNumber,
    ) -> Result<(), Error> {
        let Work { epoch, piece, .. } = *work;
        let (Desk::Books, Piece::Step(step)) = (self.desk, piece) else {
            return Ok(self.ledger.offer_step(work, output, checkpoint).await?);
        };
        self.ledger.record_step(epoch, step, output, Some(checkpoint), planned_at).await?;
        Ok(self.ledger.record_work(work).await?)
    }

    /// Hands in a proof of the work's kind.
    pub(crate) async fn hand_in_proof(&self, work: &Work, proof: &NewProof) -> Result<(), Error> {
        match self.desk {
            Desk::Books => self.record_proof(work, proof).await,
            Desk::Offers => Ok(self.ledger.offer_proof(work, &proof.bytes).await?),
        }
    }

    /// Records a proof of the work's kind that was verified.
    pub(crate) async fn record_proof(&self, work: &Work, proof: &NewProof) -> Result<(), Error> {
        match work.piece {
            Piece::AggregatedProof => self.ledger.record_proof(work.epoch, proof).await?,
            Piece::SettlementProof | Piece::Step(_) => {
                self.ledger.record_settlement_proof(work.epoch, proof).await?;
            }
        }
        Ok(self.ledger.record_work(work).await?)
    }

    /// Whether a proof waits to be verified already.
    pub(crate) async fn has_offered(
        &self,
        epoch: EpochNumber,
        proof: Piece,
    ) -> Result<bool, Error> {
        Ok(match self.desk {
            Desk::Books => false,
            Desk::Offers => self.ledger.is_offered(epoch, proof).await?,
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
