//! Claims of a scenario: every exit of a settled epoch, paid on L1.

use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use engine::l1::ProvenClaim;
use ledger::{ClaimStatus, PageLimit};

use super::{Drive, Driven, POLL, SETTLE_PATIENCE};
use crate::progress::Stage;

impl Drive {
    /// Claims what is claimable, for whomever it belongs to, and waits until the ledger has booked
    /// the payments.
    pub(super) async fn claim_all(&self, what: &str, driven: &mut Driven) -> anyhow::Result<()> {
        let claims = self.claimable().await?;
        let stage = Stage::of(format!("{what}: claiming exits on L1"), claims.len());
        for some in claims.chunks(CLAIMS_PER_L1_TX) {
            let receipt = self.claimant.claim_many(some).await?;
            ensure!(receipt.credited == 0, "{} recipients could not be paid", receipt.credited);
            driven.count(receipt.l1_tx.gas_used);
            for _ in some {
                stage.advance();
            }
        }
        stage.at(format!("{what}: waiting for the ledger to see the payments"));
        let began = Instant::now();
        while !self.all_paid(&claims).await? {
            if began.elapsed() > SETTLE_PATIENCE {
                bail!("an exit was paid on L1 and the ledger does not know");
            }
            tokio::time::sleep(POLL).await;
        }
        stage.done(format!("{what}: {} exits claimed and paid on L1", claims.len()));
        Ok(())
    }

    async fn claimable(&self) -> anyhow::Result<Vec<ProvenClaim>> {
        let mut claims = Vec::new();
        for exit in self.ledger.claimable(PageLimit::MAX).await? {
            let (rollup, index) = (exit.claim.rollup, exit.claim.index);
            let data = self.ledger.claim_data(rollup, index).await?;
            let data = data.with_context(|| format!("exit {rollup}/{index} has no path"))?;
            claims.push(ProvenClaim { epoch: data.epoch, claim: data.exit.claim, path: data.path });
        }
        Ok(claims)
    }

    async fn all_paid(&self, claims: &[ProvenClaim]) -> anyhow::Result<bool> {
        for claim in claims {
            let exit = self.ledger.exit(claim.claim.rollup, claim.claim.index).await?;
            let status = exit.context("a claimed exit is not in the ledger")?.status;
            if !matches!(status, ClaimStatus::Paid { .. }) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// About 60 k gas each: far below a block's limit, few enough to be mined anywhere.
const CLAIMS_PER_L1_TX: usize = 25;
