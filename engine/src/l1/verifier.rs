//! A verifier on its own, without a Settlement contract: what verifying a proof costs on a real EVM.
//!
//! **Invariant:** gas is told only of a proof that the contract has found to be one.

use alloy_primitives::{Address, Bytes, U256};
use domain::{EpochStatement, StepOutput, Word};

use super::bindings::EpochVerifier;
use super::settle::GAS_LIMIT_MAX;
use super::{L1, SignerKey};
use crate::error::Error;

/// A deployed verifier.
#[derive(Clone, Debug)]
pub struct Verifier {
    l1: L1,
    address: Address,
}

impl Verifier {
    /// Deploys the verifier of this program's key.
    ///
    /// # Errors
    /// [`Error::Reverted`] if its key is of an insecure setup and the chain is no development chain,
    /// or whatever the node fails with.
    pub async fn deploy(rpc_url: &str, key: &SignerKey) -> Result<Self, Error> {
        let l1 = L1::open(rpc_url, Address::ZERO, key).await?;
        let deployment = EpochVerifier::deploy_builder(l1.provider.clone());
        let (address, _) = l1.create("deploy EpochVerifier", deployment).await?;
        Ok(Self { l1, address })
    }

    /// The gas of an l1_tx that does nothing but verify this proof, calldata included; `None` if the
    /// contract says that it proves nothing.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn gas(
        &self,
        statement: &EpochStatement,
        proof: &[u8],
    ) -> Result<Option<u64>, Error> {
        let name = "verify";
        let words = statement.outputs.iter().flat_map(StepOutput::compact_words);
        let steps: Vec<U256> = words.map(Word::to_uint).collect();
        let contract = EpochVerifier::new(self.address, self.l1.provider.clone());
        // With a limit of its own: a call with too little gas says no instead of failing, so that an
        // estimate would be of the cheapest no.
        let call = contract
            .verify(
                statement.identity.word().to_uint(),
                statement.epoch.number(),
                statement.opening_digest.to_uint(),
                steps,
                Bytes::copy_from_slice(proof),
            )
            .gas(GAS_LIMIT_MAX);
        if !call.call().await.map_err(|error| Error::contract(name, error))? {
            return Ok(None);
        }
        let (l1_tx, _) = self.l1.send(name, call).await?;
        Ok(Some(l1_tx.gas_used))
    }
}
