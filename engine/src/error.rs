//! Why the engine stops, or tries again.
//!
//! **Invariant:** a transient error is one after which the same call may succeed and has done
//! nothing twice: every write of the ledger is idempotent, and an l1_tx is written down before it
//! is sent. Everything else needs an operator, and says which values disagree.

mod answer;
mod words;

use alloy::transports::http::reqwest;
use alloy::transports::{RpcError, TransportError, TransportErrorKind};
use alloy_primitives::{Address, B256};
use domain::{DomainIdentity, EpochNumber, Word};

pub use self::answer::AnswerFault;
use crate::l1::Revert;
use crate::provable::Unprovable;

/// Why the engine stops, or tries again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger refused or failed.
    #[error("the ledger did not take it")]
    Ledger(#[source] Box<ledger::Error>),
    /// The connection that held the engine's lock is gone, or silent: another engine may have the
    /// books.
    #[error("the engine's lock of the books is lost")]
    LockLost(#[source] Option<Box<ledger::Error>>),
    /// A batch of the open epoch cannot be proven: the epoch is not sealed with it.
    #[error(transparent)]
    Unprovable(Box<Unprovable>),
    /// Folding failed.
    #[error("folding failed")]
    Folding(#[source] Box<folding::Error>),
    /// A proving thread ended without an answer.
    #[error("the proving thread ended without an answer")]
    ProverEnded(#[source] tokio::task::JoinError),
    /// The RPC address is none.
    #[error("the L1 RPC address is no http address")]
    RpcUrl,
    /// The signer's key is no private key.
    #[error("the L1 signer's key is not 32 bytes of hex below the curve's order")]
    SignerKey,
    /// The L1 node did not answer.
    #[error("the L1 node did not answer")]
    L1Unreachable(#[source] Box<TransportError>),
    /// The L1 node answered a request with an error.
    #[error("the L1 node refused a request with code {code}")]
    L1Refused {
        /// The JSON-RPC code.
        code: i64,
        /// The whole answer.
        #[source]
        source: Box<TransportError>,
    },
    /// The L1 node's answer is not of the shape that the contract's ABI has.
    #[error("the L1 node answered {call} with something that it cannot be")]
    L1Answer {
        /// Which question.
        call: &'static str,
        /// What is wrong with the answer.
        #[source]
        fault: AnswerFault,
    },
    /// The contract reverted a call before anything was sent.
    #[error("the contract refuses {call}: {revert}")]
    Reverted {
        /// Which call.
        call: &'static str,
        /// Its reason.
        revert: Revert,
    },
    /// An l1_tx was mined and failed.
    #[error("l1_tx {tx_hash} ({call}) was mined in block {block} and failed")]
    L1TxFailed {
        /// Which call.
        call: &'static str,
        /// The l1_tx.
        tx_hash: B256,
        /// Its block.
        block: u64,
    },
    /// An l1_tx was sent and not mined in time: its outcome is unknown.
    #[error("l1_tx {tx_hash} ({call}) was sent and is not mined after {seconds} s")]
    NotMined {
        /// Which call.
        call: &'static str,
        /// The l1_tx.
        tx_hash: B256,
        /// How long was waited.
        seconds: u64,
    },

    /// The ledger belongs to no domain yet.
    #[error("the ledger has adopted no domain: deploy or connect one first")]
    NoDomain,
    /// Another chain answers than the one that the ledger belongs to.
    #[error(
        "the ledger belongs to chain {recorded}, the L1 node serves chain {found}: name the right \
         node, or use another database"
    )]
    ChainDiffers {
        /// As recorded.
        recorded: u64,
        /// As found.
        found: u64,
    },
    /// There is no contract at the recorded address.
    #[error(
        "chain {chain_id} has no contract at {settlement}: this L1 was reset, or is not synced yet; \
         name the L1 that has it, or use another database"
    )]
    NoContract {
        /// The chain.
        chain_id: u64,
        /// The address.
        settlement: Address,
    },
    /// The contract is not the one that the ledger belongs to.
    #[error("the ledger belongs to {recorded:?}, the contract says {found:?}")]
    ContractDiffers {
        /// As recorded.
        recorded: Box<DomainIdentity>,
        /// As found.
        found: Box<DomainIdentity>,
    },
    /// The contract's domain word does not follow from its own parts.
    #[error("the contract's domain word is {found}, its parts make {expected}")]
    DomainWordDiffers {
        /// From the parts.
        expected: Word,
        /// As the contract says.
        found: Word,
    },

    /// The contract verifies with another key than these parameters prove with.
    #[error(
        "the contract verifies with key {found}, these proving parameters are of key {expected}: \
         use the parameters that the contract was deployed with"
    )]
    VerificationKeyDiffers {
        /// Of the parameters.
        expected: B256,
        /// Of the contract.
        found: B256,
    },

    /// A log of the contract that says nothing the ledger could book.
    #[error("log {log_index} of l1_tx {tx_hash} cannot be read")]
    MalformedLog {
        /// Its l1_tx, zero if the node named none.
        tx_hash: B256,
        /// Its index within the block.
        log_index: u64,
        /// What is wrong with it.
        #[source]
        fault: AnswerFault,
    },
    /// A block that was final enough for booking is no longer on the chain.
    #[error(
        "block {number} was booked as {recorded}, the chain now has {found}: a reorg deeper than \
         the configured confirmations, or another chain"
    )]
    BookedBlockDropped {
        /// The block.
        number: u64,
        /// Its hash as booked.
        recorded: B256,
        /// Its hash now.
        found: B256,
    },
    /// The node is behind what was booked already.
    #[error("the L1 node is at block {head}, booked is up to {cursor}")]
    HeadBehindCursor {
        /// The node's head.
        head: u64,
        /// The cursor.
        cursor: u64,
    },
    /// The chain moved while its logs were read.
    #[error("block {number} changed while its logs were read")]
    ChainMoved {
        /// The block.
        number: u64,
    },

    /// Plan, ledger and proof disagree: nothing was sent.
    #[error("epoch {epoch}: the {left} says {left_digest}, the {right} says {right_digest}")]
    StatesDiffer {
        /// The epoch.
        epoch: EpochNumber,
        /// One side.
        left: Side,
        /// Its digest.
        left_digest: Word,
        /// The other side.
        right: Side,
        /// Its digest.
        right_digest: Word,
    },
    /// Two sides agree in the digest and disagree in a step's or cell's words.
    #[error("epoch {epoch}: the {left} and the {right} disagree in {part} {position}")]
    PartsDiffer {
        /// The epoch.
        epoch: EpochNumber,
        /// One side.
        left: Side,
        /// The other side.
        right: Side,
        /// Step, cell or rollup.
        part: Part,
        /// Its position, from 1.
        position: usize,
    },
    /// A step is offered that is not the next one of the plan, or does not show what that does.
    #[error("step {step} as offered is not what the plan of epoch {epoch} has next")]
    StepNotPlanned {
        /// The epoch.
        epoch: EpochNumber,
        /// The number under which it is offered, from 1.
        step: u32,
    },
    /// A proof states something else than this epoch.
    #[error("the proof for epoch {epoch} is of epoch {found} of {identity:?}")]
    ProofOfAnother {
        /// The epoch.
        epoch: EpochNumber,
        /// The proof's domain.
        identity: Box<DomainIdentity>,
        /// The proof's epoch.
        found: EpochNumber,
    },
    /// The settled state on L1 is not the one that the epoch opens with.
    #[error("epoch {epoch} opens with {expected}, L1 holds {found}")]
    OpeningDiffers {
        /// The epoch.
        epoch: EpochNumber,
        /// The ledger's opening digest.
        expected: Word,
        /// L1's state digest.
        found: Word,
    },
    /// L1 has not settled the epoch before; the node may lag.
    #[error("epoch {epoch} waits: L1 has settled {settled}")]
    L1Behind {
        /// The epoch to submit.
        epoch: EpochNumber,
        /// The last that L1 has settled, 0 for none.
        settled: u64,
    },
    /// The contract is paused.
    #[error("epoch {epoch} waits: the contract is paused")]
    Paused {
        /// The epoch to submit.
        epoch: EpochNumber,
    },
    /// The contract would refuse the settlement: nothing was sent.
    #[error("the contract refuses to settle epoch {epoch}: {revert}")]
    SettleRefused {
        /// The epoch.
        epoch: EpochNumber,
        /// Its reason.
        revert: Revert,
    },
    /// The settlement was mined and failed. It is not sent again.
    #[error("l1_tx {tx_hash} of epoch {epoch} was mined in block {block} and failed: {revert}")]
    SettleReverted {
        /// The epoch.
        epoch: EpochNumber,
        /// The l1_tx.
        tx_hash: B256,
        /// Its block.
        block: u64,
        /// The reason, as a replay tells it.
        revert: Revert,
    },
    /// There is no failed settlement to sign anew.
    #[error("epoch {epoch} has no l1_tx that was mined and failed")]
    NotFailed {
        /// The epoch.
        epoch: EpochNumber,
    },
    /// Somebody else settled an epoch, with another state than the ledger's.
    #[error(
        "epoch {epoch} was settled on L1 by somebody else, in l1_tx {tx_hash} of block {block}: it \
         closes there with {theirs}, here {}. The books end with the epoch before; they are true to \
         there and nothing of them is lost, but this engine cannot go on: see \"What if somebody \
         else settles?\" in DESIGN.md",
        Closing(*.ours)
    )]
    SettledElsewhere {
        /// The first epoch that is another one on L1.
        epoch: EpochNumber,
        /// The l1_tx that settled it.
        tx_hash: B256,
        /// Its block.
        block: u64,
        /// The ledger's closing digest, if the epoch was sealed.
        ours: Option<Word>,
        /// The settled digest.
        theirs: Word,
    },
    /// The engine's account may not settle.
    #[error(
        "the contract's settler is {settler}, this engine signs as {signer}: use the settler's key, \
         or have the contract's owner name this account; anybody may settle from timestamp \
         {open_to_all_at} on"
    )]
    NotSettler {
        /// Who settles.
        settler: Address,
        /// Who signs here.
        signer: Address,
        /// The L1 time from which anybody may.
        open_to_all_at: u64,
    },
    /// Our own settlement said something else of the books than the ledger does now.
    #[error(
        "epoch {epoch} was sealed with books {ours}, our l1_tx {tx_hash} told L1 {theirs}: one of the \
         two was changed since, run the audit"
    )]
    BooksDiffer {
        /// The epoch.
        epoch: EpochNumber,
        /// Their digest as the ledger has it.
        ours: B256,
        /// Their digest on L1.
        theirs: B256,
        /// The l1_tx that settled it.
        tx_hash: B256,
    },
    /// L1 settled the epoch with another state than the ledger's.
    #[error("epoch {epoch} closes with {ours}, L1 settled it with {theirs} in l1_tx {tx_hash}")]
    SettledOtherwise {
        /// The epoch.
        epoch: EpochNumber,
        /// The ledger's closing digest.
        ours: Word,
        /// The settled digest.
        theirs: Word,
        /// The l1_tx that settled it.
        tx_hash: B256,
    },
}

/// One side of a comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The native plan: the reference transition over the epoch's operations.
    Plan,
    /// The ledger's own rows.
    Ledger,
    /// The proof's statement.
    Proof,
}

/// A part of an epoch that two sides can disagree in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// A step's output.
    Step,
    /// A cell's closing position.
    Cell,
}

impl Error {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Ledger(error) => {
                error.is_transient() || error.is_outcome_unknown() || is_outdated(error)
            }
            Self::L1Refused { code, .. } => !MALFORMED_REQUEST.contains(code),
            // The epoch can be sealed once the batch is out of it.
            Self::Unprovable(_)
            | Self::LockLost(_)
            | Self::L1Unreachable(_)
            | Self::NotMined { .. }
            | Self::HeadBehindCursor { .. }
            | Self::ChainMoved { .. }
            | Self::L1Behind { .. }
            | Self::Paused { .. } => true,
            Self::Folding(_)
            | Self::ProverEnded(_)
            | Self::RpcUrl
            | Self::SignerKey
            | Self::L1Answer { .. }
            | Self::Reverted { .. }
            | Self::L1TxFailed { .. }
            | Self::NoDomain
            | Self::ChainDiffers { .. }
            | Self::NoContract { .. }
            | Self::ContractDiffers { .. }
            | Self::VerificationKeyDiffers { .. }
            | Self::DomainWordDiffers { .. }
            | Self::MalformedLog { .. }
            | Self::BookedBlockDropped { .. }
            | Self::StatesDiffer { .. }
            | Self::PartsDiffer { .. }
            | Self::StepNotPlanned { .. }
            | Self::ProofOfAnother { .. }
            | Self::OpeningDiffers { .. }
            | Self::SettleRefused { .. }
            | Self::SettleReverted { .. }
            | Self::NotFailed { .. }
            | Self::SettledElsewhere { .. }
            | Self::NotSettler { .. }
            | Self::BooksDiffer { .. }
            | Self::SettledOtherwise { .. } => false,
        }
    }

    pub(crate) fn answer(call: &'static str, fault: impl Into<AnswerFault>) -> Self {
        Self::L1Answer { call, fault: fault.into() }
    }

    /// What an RPC request failed with: a revert's data, a refusal, or no answer at all.
    pub(crate) fn rpc(call: &'static str, error: TransportError) -> Self {
        if let Some(answer) = error.as_error_resp()
            && let Some(data) = answer.as_revert_data()
        {
            return Self::Reverted { call, revert: Revert::new(data) };
        }
        match &error {
            RpcError::ErrorResp(payload) => {
                Self::L1Refused { code: payload.code, source: Box::new(error) }
            }
            RpcError::NullResp => Self::answer(call, AnswerFault::Missing { field: "result" }),
            _ => Self::L1Unreachable(Box::new(without_url(error))),
        }
    }

    /// What a contract call failed with.
    pub(crate) fn contract(call: &'static str, error: alloy::contract::Error) -> Self {
        match error {
            alloy::contract::Error::TransportError(error) => Self::rpc(call, error),
            alloy::contract::Error::AbiError(_) | alloy::contract::Error::ZeroData(..) => {
                Self::answer(call, AnswerFault::Missing { field: "result" })
            }
            _ => Self::answer(call, AnswerFault::Missing { field: "receipt" }),
        }
    }
}

/// The same without the node's address, which goes into logs and may hold the key of a provider.
fn without_url(error: TransportError) -> TransportError {
    match error {
        RpcError::Transport(TransportErrorKind::Custom(cause)) => {
            let cause = match cause.downcast::<reqwest::Error>() {
                Ok(cause) => Box::new(cause.without_url()),
                Err(cause) => cause,
            };
            RpcError::Transport(TransportErrorKind::Custom(cause))
        }
        other => other,
    }
}

/// Whether the open epoch is another one than what this was worked out from: since a batch was found
/// unprovable it was replaced, or folded in a step that passed; since a step was planned a batch was
/// evicted. The lane looks at the epoch anew.
fn is_outdated(error: &ledger::Error) -> bool {
    matches!(
        error,
        ledger::Error::BatchReplaced { .. }
            | ledger::Error::BatchFolded { .. }
            | ledger::Error::StepOutdated { .. }
    )
}

impl From<ledger::ForeignSettlement> for Error {
    fn from(foreign: ledger::ForeignSettlement) -> Self {
        let ledger::ForeignSettlement { epoch, tx_hash, block, settled, sealed, .. } = foreign;
        Self::SettledElsewhere {
            epoch,
            tx_hash,
            block: block.number,
            ours: sealed,
            theirs: settled,
        }
    }
}

impl From<ledger::Error> for Error {
    fn from(error: ledger::Error) -> Self {
        Self::Ledger(Box::new(error))
    }
}

impl From<folding::Error> for Error {
    fn from(error: folding::Error) -> Self {
        Self::Folding(Box::new(error))
    }
}

/// What an epoch closes with in the ledger.
struct Closing(Option<Word>);

/// JSON-RPC codes of a request that no node will ever take: parse error, invalid request, unknown
/// method, invalid parameters.
const MALFORMED_REQUEST: [i64; 4] = [-32700, -32600, -32601, -32602];
