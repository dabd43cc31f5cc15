//! The settlement's l1_tx: signed before it is sent, sent as often as needed, looked up by hash.
//!
//! **Invariant:** [`L1::prepare_settle`] sends nothing, and [`L1::send_raw`] sends the very bytes
//! it is given. An l1_tx with one hash takes effect at most once, so sending it again is harmless.

use alloy::consensus::Transaction as _;
use alloy::consensus::TxEnvelope;
use alloy::eips::Decodable2718;
use alloy::eips::{BlockNumberOrTag, Encodable2718};
use alloy::network::{NetworkTransactionBuilder, TransactionBuilder};
use alloy::providers::Provider;
use alloy::rpc::types::{TransactionReceipt, TransactionRequest};
use alloy::sol_types::SolEvent;
use alloy_primitives::{Address, B256, Bytes, U256};
use domain::{EpochNumber, StepOutput, Word};

use super::bindings::Settlement;
use super::{L1, MinedL1Tx, Revert, mined};
use crate::error::{AnswerFault, Error};

/// A signed l1_tx that nobody has seen yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PreparedL1Tx {
    /// Who signed it.
    pub sender: Address,
    /// Its nonce.
    pub nonce: u64,
    /// Its hash.
    pub tx_hash: B256,
    /// Its bytes.
    pub raw_tx: Vec<u8>,
}

/// What became of a mined settlement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SettlementReceipt {
    /// The epoch settled.
    Settled {
        /// The l1_tx.
        l1_tx: MinedL1Tx,
        /// The state digest that L1 stored.
        state_digest: Word,
        /// What the sender said is the digest of the books.
        books: B256,
    },
    /// It was mined and failed.
    Failed {
        /// The l1_tx.
        l1_tx: MinedL1Tx,
    },
}

impl L1 {
    /// Signs the settlement of an epoch with the account's next nonce, and sends nothing. The contract
    /// passes `books` on as it is.
    ///
    /// # Errors
    /// [`Error::Paused`], [`Error::SettleRefused`] if the contract would revert it, or whatever the
    /// node fails with.
    pub async fn prepare_settle(
        &self,
        epoch: EpochNumber,
        outputs: &[StepOutput],
        books: B256,
        proof: &[u8],
    ) -> Result<PreparedL1Tx, Error> {
        let words = outputs.iter().flat_map(StepOutput::compact_words);
        let steps: Vec<U256> = words.map(Word::to_uint).collect();
        let proof = Bytes::copy_from_slice(proof);
        let call = self.contract.settle(epoch.number(), steps, books, proof);
        let request = call.from(self.signer).into_transaction_request();
        let gas = self.provider.estimate_gas(request.clone()).await;
        let gas = gas.map_err(|error| refused(epoch, Error::rpc("settle", error)))?;
        let nonce = self.provider.get_transaction_count(self.signer).pending().await;
        let nonce = nonce.map_err(|error| Error::rpc("eth_getTransactionCount", error))?;
        let fees = self.provider.estimate_eip1559_fees().await;
        let fees = fees.map_err(|error| Error::rpc("eth_feeHistory", error))?;
        let request = request
            .with_chain_id(self.chain_id)
            .with_nonce(nonce)
            .with_gas_limit(gas.saturating_add(gas / GAS_MARGIN).min(GAS_LIMIT_MAX))
            .with_max_priority_fee_per_gas(fees.max_priority_fee_per_gas)
            .with_max_fee_per_gas(fees.max_fee_per_gas.saturating_mul(FEE_HEADROOM));
        let envelope = request.build(&self.wallet).await.map_err(|_| Error::SignerKey)?;
        let (tx_hash, raw_tx) = (*envelope.tx_hash(), envelope.encoded_2718());
        Ok(PreparedL1Tx { sender: self.signer, nonce, tx_hash, raw_tx })
    }

    /// Sends a signed l1_tx. An error says nothing about its outcome: look it up by its hash.
    ///
    /// # Errors
    /// Whatever the node fails with, "already known" among it.
    pub async fn send_raw(&self, raw_tx: &[u8]) -> Result<(), Error> {
        let sent = self.provider.send_raw_transaction(raw_tx).await;
        sent.map(|_| ()).map_err(|error| Error::rpc("eth_sendRawTransaction", error))
    }

    /// What became of the settlement of an epoch in that l1_tx; `None` while it is not mined.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn settlement_receipt(
        &self,
        epoch: EpochNumber,
        tx_hash: B256,
    ) -> Result<Option<SettlementReceipt>, Error> {
        let Some(receipt) = self.receipt(tx_hash).await? else { return Ok(None) };
        let l1_tx = mined(&receipt)?;
        if !receipt.status() {
            return Ok(Some(SettlementReceipt::Failed { l1_tx }));
        }
        let (state_digest, books) = self.settled(epoch, &receipt)?;
        Ok(Some(SettlementReceipt::Settled { l1_tx, state_digest, books }))
    }

    /// Whether the node knows the l1_tx, mined or waiting.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn knows(&self, tx_hash: B256) -> Result<bool, Error> {
        let found = self.provider.get_transaction_by_hash(tx_hash).await;
        Ok(found.map_err(|error| Error::rpc("eth_getTransactionByHash", error))?.is_some())
    }

    /// The next nonce of an account as of a block.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn nonce_at(&self, account: Address, block: u64) -> Result<u64, Error> {
        let nonce = self.provider.get_transaction_count(account);
        let nonce = nonce.block_id(BlockNumberOrTag::Number(block).into()).await;
        nonce.map_err(|error| Error::rpc("eth_getTransactionCount", error))
    }

    /// Replays a failed l1_tx on the state before its block, to hear its reason. Empty if it would
    /// succeed there.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn replay(&self, raw_tx: &[u8], block: u64) -> Result<Revert, Error> {
        let envelope = TxEnvelope::decode_2718_exact(raw_tx)
            .map_err(|_| Error::answer("replay", AnswerFault::missing("l1_tx")))?;
        let request = TransactionRequest::default()
            .with_from(self.signer)
            .with_to(self.settlement())
            .with_input(envelope.input().clone())
            .with_gas_limit(envelope.gas_limit());
        let before = BlockNumberOrTag::Number(block.saturating_sub(1));
        match self.provider.call(request).block(before.into()).await {
            Ok(_) => Ok(Revert::new(Bytes::new())),
            Err(error) => match Error::rpc("settle", error) {
                Error::Reverted { revert, .. } => Ok(revert),
                error => Err(error),
            },
        }
    }

    fn settled(
        &self,
        epoch: EpochNumber,
        receipt: &TransactionReceipt,
    ) -> Result<(Word, B256), Error> {
        let call = "eth_getTransactionReceipt";
        let ours = receipt.logs().iter().filter(|log| log.address() == self.settlement());
        let settled = ours
            .filter_map(|log| Settlement::EpochSettled::decode_log(&log.inner).ok())
            .find(|event| event.epoch == epoch.number())
            .ok_or_else(|| Error::answer(call, AnswerFault::missing("EpochSettled")))?;
        let digest = Word::from_bytes(settled.stateDigest);
        Ok((digest.map_err(|fault| Error::answer(call, fault))?, settled.books))
    }
}

fn refused(epoch: EpochNumber, error: Error) -> Error {
    match error {
        Error::Reverted { revert, .. } if revert.is_pause() => Error::Paused { epoch },
        Error::Reverted { revert, .. } => Error::SettleRefused { epoch, revert },
        error => error,
    }
}

/// A quarter more gas than estimated: storage that others change between estimate and mining.
const GAS_MARGIN: u64 = 4;
/// EIP-7825: no l1_tx may ask for more than 2^24 gas.
pub(super) const GAS_LIMIT_MAX: u64 = 1 << 24;
/// The estimate allows for a doubled base fee already; with this it is worth waiting out a fourfold
/// one, since the l1_tx is rebroadcast as it is.
const FEE_HEADROOM: u128 = 2;
