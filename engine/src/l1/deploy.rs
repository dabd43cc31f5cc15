//! Bringing a domain to L1: the contract, its assets, its rollups.

use alloy_primitives::Address;
use domain::{Asset, AssetId, DomainId, RollupId, SettlementKey, Word};

use alloy::contract::{CallBuilder, CallDecoder};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionReceipt;
use alloy::sol_types::SolEvent;

use super::bindings::{EpochVerifier, Settlement};
use super::{L1, MinedL1Tx, SignerKey};
use crate::error::{AnswerFault, Error};

/// A Settlement contract just deployed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Deployment {
    /// Its verifier.
    pub verifier: Address,
    /// Its address.
    pub settlement: Address,
    /// Its deployment; nothing of the contract is in an earlier block.
    pub l1_tx: MinedL1Tx,
}

impl L1 {
    /// Deploys the verifier and a Settlement contract owned by the signer, which that settler
    /// settles. A verifier whose key is of
    /// an insecure setup refuses every chain that is not a development chain.
    ///
    /// # Errors
    /// [`Error::Reverted`] if the verifier refuses the chain, or whatever the node fails with.
    pub async fn deploy(
        rpc_url: &str,
        key: &SignerKey,
        domain_id: DomainId,
        genesis_digest: Word,
        settler: Address,
    ) -> Result<(Self, Deployment), Error> {
        let l1 = Self::open(rpc_url, Address::ZERO, key).await?;
        let verifier = EpochVerifier::deploy_builder(l1.provider.clone());
        let (verifier, _) = l1.create("deploy EpochVerifier", verifier).await?;
        let settlement = Settlement::deploy_builder(
            l1.provider.clone(),
            l1.signer,
            domain_id.number(),
            verifier,
            genesis_digest.to_bytes(),
            settler,
            SETTLER_GRACE,
        );
        let (settlement, l1_tx) = l1.create("deploy Settlement", settlement).await?;
        let contract = Settlement::new(settlement, l1.provider.clone());
        Ok((Self { contract, ..l1 }, Deployment { verifier, settlement, l1_tx }))
    }

    /// Registers an asset; the zero address stands for Ether.
    ///
    /// # Errors
    /// [`Error::Reverted`] if the contract refuses it.
    pub async fn register_asset(
        &self,
        token: Address,
        token_decimals: u8,
        ledger_decimals: u8,
    ) -> Result<(Asset, MinedL1Tx), Error> {
        let name = "registerAsset";
        let call = self.contract.registerAsset(token, token_decimals, ledger_decimals);
        let (l1_tx, receipt) = self.send(name, call).await?;
        let event: Settlement::AssetRegistered = self.event(name, &receipt)?;
        let asset = Asset::new(
            AssetId::new(event.asset),
            event.token,
            event.tokenDecimals,
            event.ledgerDecimals,
        );
        Ok((asset.map_err(|fault| Error::answer(name, fault))?, l1_tx))
    }

    /// Registers a rollup.
    ///
    /// # Errors
    /// [`Error::Reverted`] if the contract refuses it.
    pub async fn register_rollup(
        &self,
        key: SettlementKey,
    ) -> Result<(RollupId, MinedL1Tx), Error> {
        let name = "registerRollup";
        let call = self.contract.registerRollup(key.x().to_uint(), key.y().to_uint());
        let (l1_tx, receipt) = self.send(name, call).await?;
        let event: Settlement::RollupRegistered = self.event(name, &receipt)?;
        Ok((RollupId::new(event.rollup), l1_tx))
    }

    /// Ends the deposits of an asset, for good. Only the owner.
    ///
    /// # Errors
    /// [`Error::Reverted`] if the contract refuses it, as for one that is revoked.
    pub async fn revoke_asset(&self, id: AssetId) -> Result<MinedL1Tx, Error> {
        Ok(self.send("revokeAsset", self.contract.revokeAsset(id.number())).await?.0)
    }

    /// Ends the deposits for a rollup, for good. Only the owner.
    ///
    /// # Errors
    /// [`Error::Reverted`] if the contract refuses it, as for one that is revoked.
    pub async fn revoke_rollup(&self, id: RollupId) -> Result<MinedL1Tx, Error> {
        Ok(self.send("revokeRollup", self.contract.revokeRollup(id.number())).await?.0)
    }

    /// The contract's single event of a kind in a receipt.
    fn event<E: SolEvent>(
        &self,
        call: &'static str,
        receipt: &TransactionReceipt,
    ) -> Result<E, Error> {
        let ours = receipt.logs().iter().filter(|log| log.address() == self.settlement());
        ours.filter_map(|log| E::decode_log(&log.inner).ok())
            .map(|log| log.data)
            .next()
            .ok_or_else(|| Error::answer(call, AnswerFault::missing("event")))
    }

    /// Deploys a contract and returns its address.
    pub(super) async fn create<P: Provider, D: CallDecoder>(
        &self,
        name: &'static str,
        call: CallBuilder<P, D>,
    ) -> Result<(Address, MinedL1Tx), Error> {
        let (l1_tx, receipt) = self.send(name, call).await?;
        let missing = || Error::answer(name, AnswerFault::missing("contractAddress"));
        Ok((receipt.contract_address.ok_or_else(missing)?, l1_tx))
    }

    /// Stops intake and settlement, never claims. Only the owner and the guardian.
    ///
    /// # Errors
    /// [`Error::Reverted`] for any other account.
    pub async fn pause(&self) -> Result<MinedL1Tx, Error> {
        Ok(self.send("pause", self.contract.pause()).await?.0)
    }

    /// Lets intake and settlement go on. Only the owner.
    ///
    /// # Errors
    /// [`Error::Reverted`] for any other account.
    pub async fn unpause(&self) -> Result<MinedL1Tx, Error> {
        Ok(self.send("unpause", self.contract.unpause()).await?.0)
    }
}

/// A week without a settlement, and anybody may settle. The contract takes an hour to 30 days.
const SETTLER_GRACE: u64 = 7 * 24 * 60 * 60;
