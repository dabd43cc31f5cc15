//! Claims: exits paid on L1.

use alloy::sol_types::SolEvent;
use alloy_primitives::B256;
use alloy_primitives::aliases::U96;
use domain::{AssetId, Claim, EpochNumber};

use super::bindings::Settlement;
use super::{L1, MinedL1Tx};
use crate::error::Error;

/// An exit with the path that proves it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProvenClaim {
    /// The epoch whose exit root proves it.
    pub epoch: EpochNumber,
    /// The exit.
    pub claim: Claim,
    /// Its siblings, bottom up.
    pub path: Vec<B256>,
}

/// What a mined claim did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClaimReceipt {
    /// The l1_tx.
    pub l1_tx: MinedL1Tx,
    /// Exits that it paid, whether sent or credited; those paid before are not among them.
    pub paid: usize,
    /// Of these, exits whose recipient could not be paid and was credited.
    pub credited: usize,
}

impl L1 {
    /// Claims one exit.
    ///
    /// # Errors
    /// [`Error::Reverted`], also when it has been paid already.
    pub async fn claim(&self, claim: &ProvenClaim) -> Result<ClaimReceipt, Error> {
        let call = self.contract.claim(encoded(claim), claim.path.clone());
        let (l1_tx, receipt) = self.send("claim", call).await?;
        Ok(self.claim_receipt(l1_tx, &receipt))
    }

    /// Claims many exits in one l1_tx; those paid meanwhile are skipped. About 60 k gas each: the
    /// caller bounds the list.
    ///
    /// # Errors
    /// [`Error::Reverted`] if one path does not fit: nothing was paid then.
    pub async fn claim_many(&self, claims: &[ProvenClaim]) -> Result<ClaimReceipt, Error> {
        let paths = claims.iter().map(|claim| claim.path.clone()).collect();
        let call = self.contract.claimMany(claims.iter().map(encoded).collect(), paths);
        let (l1_tx, receipt) = self.send("claimMany", call).await?;
        Ok(self.claim_receipt(l1_tx, &receipt))
    }

    fn claim_receipt(
        &self,
        l1_tx: MinedL1Tx,
        receipt: &alloy::rpc::types::TransactionReceipt,
    ) -> ClaimReceipt {
        let ours = || receipt.logs().iter().filter(|log| log.address() == self.settlement());
        let count = |signature| ours().filter(|log| log.topic0() == Some(&signature)).count();
        ClaimReceipt {
            l1_tx,
            paid: count(Settlement::ClaimPaid::SIGNATURE_HASH),
            credited: count(Settlement::CreditAdded::SIGNATURE_HASH),
        }
    }

    /// Pays the signer's whole credit in an asset to the signer.
    ///
    /// # Errors
    /// [`Error::Reverted`] if nothing is owed.
    pub async fn withdraw_credit(&self, asset: AssetId) -> Result<MinedL1Tx, Error> {
        let call = self.contract.withdrawCredit(asset.number(), self.signer);
        Ok(self.send("withdrawCredit", call).await?.0)
    }
}

fn encoded(claim: &ProvenClaim) -> Settlement::Claim {
    let ProvenClaim { epoch, claim, .. } = claim;
    Settlement::Claim {
        epoch: epoch.number(),
        rollup: claim.rollup.number(),
        index: claim.index.number(),
        asset: claim.asset.number(),
        recipient: claim.recipient,
        // 96 bits by the invariant of `Atoms`.
        atoms: U96::saturating_from(claim.atoms.number()),
    }
}
