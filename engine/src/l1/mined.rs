//! What an l1_tx left on L1, and who may do what there: for whoever compares a file or a claim with L1.

use alloy::providers::Provider;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use domain::l1::L1Block;

use super::{L1, View, block_of};
use crate::error::Error;

/// The logs of the contract in a mined l1_tx.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MinedLogs {
    /// Its block.
    pub block: L1Block,
    /// Whether it took effect.
    pub succeeded: bool,
    /// Topics and data of each of the contract's logs, in their order.
    pub logs: Vec<(Vec<B256>, Bytes)>,
}

/// Who may do what on the contract.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Roles {
    /// Registers assets and rollups, names settler and guardian, lifts a pause.
    pub owner: Address,
    /// Becomes the owner by accepting; the zero address for nobody.
    pub pending_owner: Address,
    /// May pause; the zero address for nobody but the owner.
    pub guardian: Address,
    /// Settles.
    pub settler: Address,
    /// Checks the proofs.
    pub verifier: Address,
    /// The key that it checks by, as it says itself.
    pub verifier_key_id: B256,
    /// Whether the contract is paused.
    pub paused: bool,
}

impl L1 {
    /// The contract's logs in an l1_tx; `None` if the node knows none of that hash that is mined.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn logs_of(&self, tx_hash: B256) -> Result<Option<MinedLogs>, Error> {
        let Some(receipt) = self.receipt(tx_hash).await? else { return Ok(None) };
        let ours = receipt.logs().iter().filter(|log| log.address() == self.settlement());
        let logs = ours.map(|log| (log.topics().to_vec(), log.data().data.clone())).collect();
        let (block, succeeded) = (block_of(&receipt)?, receipt.status());
        Ok(Some(MinedLogs { block, succeeded, logs }))
    }

    /// The hash of the code at an address, `None` where there is none.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn code_hash(&self, address: Address) -> Result<Option<B256>, Error> {
        let code = self.provider.get_code_at(address).await;
        let code = code.map_err(|error| Error::rpc("eth_getCode", error))?;
        Ok((!code.is_empty()).then(|| keccak256(&code)))
    }
}

impl View {
    /// Who may do what.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn roles(&self) -> Result<Roles, Error> {
        let (l1, block) = (&self.l1, self.block);
        let contract = &l1.contract;
        let read = |name| move |error| Error::contract(name, error);
        let owner = contract.owner().block(block).call().await.map_err(read("owner"))?;
        let pending = contract.pendingOwner().block(block).call().await;
        let guardian = contract.guardian().block(block).call().await.map_err(read("guardian"))?;
        let verifier = contract.verifier().block(block).call().await.map_err(read("verifier"))?;
        let paused = contract.paused().block(block).call().await.map_err(read("paused"))?;
        let key = super::bindings::EpochVerifier::new(verifier, l1.provider.clone());
        let key = key.verificationKeyId().block(block).call().await;
        Ok(Roles {
            owner,
            pending_owner: pending.map_err(read("pendingOwner"))?,
            guardian,
            settler: self.settler().await?,
            verifier,
            verifier_key_id: key.map_err(read("verificationKeyId"))?,
            paused,
        })
    }
}
