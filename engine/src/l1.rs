//! The L1 adapter: the only place that knows an Ethereum node.
//!
//! **Invariant:** everything that leaves here is a value of `domain` or a typed error; what a node
//! says is read strictly, and nothing it says is skipped because it cannot be read.
//!
//! It keeps no state: what was sent and what was seen is the ledger's to remember.

mod bindings;
mod claims;
mod deploy;
mod grace;
mod logs;
mod mined;
mod revert;
mod settle;
mod signer;
mod tokens;
mod verifier;
mod views;

pub use claims::{ClaimReceipt, ProvenClaim};
pub use deploy::Deployment;
pub use grace::Grace;
pub use mined::{MinedLogs, Roles};
pub use revert::Revert;
pub use settle::{PreparedL1Tx, SettlementReceipt};
pub use signer::SignerKey;
pub use tokens::TokenFacts;
pub use verifier::Verifier;
pub use views::{L1Cell, L1Rollup, View};

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::consensus::BlockHeader;
use alloy::contract::{CallBuilder, CallDecoder};
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::network::{BlockResponse, EthereumWallet};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::types::TransactionReceipt;
use alloy::transports::http::reqwest;
use alloy_primitives::{Address, B256};
use domain::l1::L1Block;
use domain::{DomainId, DomainIdentity, Word};
use tokio::sync::Mutex;

use crate::error::{AnswerFault, Error};
use bindings::Settlement;

/// One Settlement contract, on the chain that a node serves, used by one signer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct L1 {
    provider: DynProvider,
    wallet: EthereumWallet,
    signer: Address,
    contract: Settlement::SettlementInstance<DynProvider>,
    chain_id: u64,
    /// Held from choosing a nonce until the node has the l1_tx, so that two calls of this process
    /// never choose the same.
    sending: Arc<Mutex<()>>,
}

/// An l1_tx that was mined and succeeded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MinedL1Tx {
    /// The l1_tx.
    pub tx_hash: B256,
    /// Its block.
    pub block: L1Block,
    /// The gas it used.
    pub gas_used: u64,
    /// Who paid for it.
    pub payer: Address,
    /// What a unit of gas cost in the end, in wei.
    pub gas_price: u128,
}

impl L1 {
    /// Connects to a node and finds the contract there.
    ///
    /// # Errors
    /// [`Error::RpcUrl`], [`Error::NoContract`], or whatever the node fails with.
    pub async fn connect(
        rpc_url: &str,
        settlement: Address,
        key: &SignerKey,
    ) -> Result<Self, Error> {
        let l1 = Self::open(rpc_url, settlement, key).await?;
        l1.check_code().await?;
        Ok(l1)
    }

    /// Connects to a node that must serve the recorded chain and contract.
    ///
    /// # Errors
    /// [`Error::ChainDiffers`], [`Error::NoContract`] or [`Error::ContractDiffers`].
    pub async fn connect_recorded(
        rpc_url: &str,
        recorded: &DomainIdentity,
        key: &SignerKey,
    ) -> Result<Self, Error> {
        let l1 = Self::open(rpc_url, recorded.settlement, key).await?;
        // The chain first: another chain has no contract there either, and that is what is wrong.
        l1.check_chain(recorded)?;
        l1.check_code().await?;
        l1.check(recorded).await?;
        Ok(l1)
    }

    /// The id of the chain that a node serves.
    ///
    /// # Errors
    /// [`Error::RpcUrl`], or whatever the node fails with.
    pub async fn chain_id_at(rpc_url: &str) -> Result<u64, Error> {
        let url = rpc_url.parse().map_err(|_| Error::RpcUrl)?;
        let provider = ProviderBuilder::new().with_reqwest(url, build_client);
        let chain_id = provider.get_chain_id().await;
        chain_id.map_err(|error| Error::rpc("eth_chainId", error))
    }

    /// The account that signs here.
    #[must_use]
    pub fn signer(&self) -> Address {
        self.signer
    }

    /// The contract's address.
    #[must_use]
    pub fn settlement(&self) -> Address {
        *self.contract.address()
    }

    /// The chain's id.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The domain's identity as the contract has it.
    ///
    /// # Errors
    /// [`Error::DomainWordDiffers`] if the contract derives its domain word otherwise than we do.
    pub async fn identity(&self) -> Result<DomainIdentity, Error> {
        let contract = &self.contract;
        let read = |error| Error::contract("domainId", error);
        let domain_id = DomainId::new(contract.domainId().call().await.map_err(read)?);
        let read = |error| Error::contract("verificationKeyId", error);
        let verification_key_id = contract.verificationKeyId().call().await.map_err(read)?;
        let identity = DomainIdentity {
            chain_id: self.chain_id,
            settlement: self.settlement(),
            domain_id,
            verification_key_id,
        };
        let read = |error| Error::contract("domainWord", error);
        let found = contract.domainWord().call().await.map_err(read)?;
        let found = Word::from_uint(found).map_err(|fault| Error::answer("domainWord", fault))?;
        let expected = identity.word();
        if found == expected {
            Ok(identity)
        } else {
            Err(Error::DomainWordDiffers { expected, found })
        }
    }

    /// Compares chain and contract with what was recorded.
    ///
    /// # Errors
    /// [`Error::ChainDiffers`] or [`Error::ContractDiffers`], with both values.
    pub async fn check(&self, recorded: &DomainIdentity) -> Result<(), Error> {
        self.check_chain(recorded)?;
        let found = self.identity().await?;
        if found == *recorded {
            Ok(())
        } else {
            let (recorded, found) = (Box::new(*recorded), Box::new(found));
            Err(Error::ContractDiffers { recorded, found })
        }
    }

    /// The newest block.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn head(&self) -> Result<L1Block, Error> {
        self.block_at(BlockNumberOrTag::Latest)
            .await?
            .ok_or_else(|| Error::answer("eth_getBlockByNumber", AnswerFault::missing("head")))
    }

    /// The block of that number, `None` beyond the head.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn block(&self, number: u64) -> Result<Option<L1Block>, Error> {
        self.block_at(BlockNumberOrTag::Number(number)).await
    }

    async fn open(rpc_url: &str, settlement: Address, key: &SignerKey) -> Result<Self, Error> {
        let url = rpc_url.parse().map_err(|_| Error::RpcUrl)?;
        let wallet = EthereumWallet::from(key.signer().clone());
        let provider = ProviderBuilder::new()
            .disable_recommended_fillers()
            .with_gas_estimation()
            .with_simple_nonce_management()
            .fetch_chain_id()
            .wallet(wallet.clone())
            .with_reqwest(url, build_client)
            .erased();
        let chain_id = provider.get_chain_id().await;
        let chain_id = chain_id.map_err(|error| Error::rpc("eth_chainId", error))?;
        let sending = Arc::new(Mutex::new(()));
        let contract = Settlement::new(settlement, provider.clone());
        Ok(Self { provider, wallet, signer: key.address(), contract, chain_id, sending })
    }

    fn check_chain(&self, recorded: &DomainIdentity) -> Result<(), Error> {
        let (recorded, found) = (recorded.chain_id, self.chain_id);
        if recorded == found { Ok(()) } else { Err(Error::ChainDiffers { recorded, found }) }
    }

    async fn check_code(&self) -> Result<(), Error> {
        let settlement = self.settlement();
        let code = self.provider.get_code_at(settlement).await;
        if code.map_err(|error| Error::rpc("eth_getCode", error))?.is_empty() {
            return Err(Error::NoContract { chain_id: self.chain_id, settlement });
        }
        Ok(())
    }

    async fn block_at(&self, tag: BlockNumberOrTag) -> Result<Option<L1Block>, Error> {
        let block = self.provider.get_block(BlockId::Number(tag)).await;
        let block = block.map_err(|error| Error::rpc("eth_getBlockByNumber", error))?;
        Ok(block
            .map(|block| L1Block { number: block.header().number(), hash: block.header().hash }))
    }

    /// Sends a call and waits until it is mined.
    async fn send<P: Provider, D: CallDecoder>(
        &self,
        name: &'static str,
        call: CallBuilder<P, D>,
    ) -> Result<(MinedL1Tx, TransactionReceipt), Error> {
        let tx_hash = {
            let _turn = self.sending.lock().await;
            let sent = call.send().await.map_err(|error| Error::contract(name, error))?;
            *sent.tx_hash()
        };
        let receipt = self.await_receipt(name, tx_hash).await?;
        let mined = mined(&receipt)?;
        if receipt.status() {
            Ok((mined, receipt))
        } else {
            Err(Error::L1TxFailed { call: name, tx_hash, block: mined.block.number })
        }
    }

    async fn await_receipt(
        &self,
        call: &'static str,
        tx_hash: B256,
    ) -> Result<TransactionReceipt, Error> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(20);
        while began.elapsed() < MINING_PATIENCE {
            if let Some(receipt) = self.receipt(tx_hash).await? {
                return Ok(receipt);
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(Duration::from_secs(2));
        }
        Err(Error::NotMined { call, tx_hash, seconds: MINING_PATIENCE.as_secs() })
    }

    async fn receipt(&self, tx_hash: B256) -> Result<Option<TransactionReceipt>, Error> {
        let receipt = self.provider.get_transaction_receipt(tx_hash).await;
        receipt.map_err(|error| Error::rpc("eth_getTransactionReceipt", error))
    }
}

/// Without a bound a silent node would hold a request, and its epoch, for ever.
fn build_client(client: reqwest::ClientBuilder) -> reqwest::Client {
    client.timeout(ANSWER_PATIENCE).build().unwrap_or_default()
}

fn mined(receipt: &TransactionReceipt) -> Result<MinedL1Tx, Error> {
    Ok(MinedL1Tx {
        tx_hash: receipt.transaction_hash,
        block: block_of(receipt)?,
        gas_used: receipt.gas_used,
        payer: receipt.from,
        gas_price: receipt.effective_gas_price,
    })
}

fn block_of(receipt: &TransactionReceipt) -> Result<L1Block, Error> {
    let missing = |field| Error::answer("eth_getTransactionReceipt", AnswerFault::missing(field));
    Ok(L1Block {
        number: receipt.block_number.ok_or_else(|| missing("blockNumber"))?,
        hash: receipt.block_hash.ok_or_else(|| missing("blockHash"))?,
    })
}

/// A node that has not answered by then is asked again.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// A dozen blocks of Ethereum: an l1_tx that is not mined by then has an unknown outcome.
const MINING_PATIENCE: Duration = Duration::from_secs(150);
