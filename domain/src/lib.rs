//! The pure model of Netfold: what the ledger books, the circuit proves and the contract settles.
//!
//! **Invariant:** no I/O, no clock, no randomness, no async. Everything here is a function of its
//! arguments, so that the ledger, the circuit and the contract can be tested against it.
//!
//! It deliberately does not know Postgres, Nova, Ethereum nodes or HTTP.
//!
//! ```
//! use domain::{Atoms, AssetId, Cell, LiquidityState, Operation, RollupId, SigningKey};
//!
//! let rollup = RollupId::new(1);
//! let asset = AssetId::new(1);
//! let key = SigningKey::from_seed([7; 32]).public();
//! let domain_word = domain::Word::from(42_u64);
//! let state = LiquidityState::genesis()
//!     .apply(&Operation::Register { rollup, key }, domain_word)?
//!     .apply(&Operation::Deposit { rollup, asset, atoms: Atoms::new(5)? }, domain_word)?;
//! assert_eq!(state.cell(rollup, asset)?.balance, Atoms::new(5)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod amount;
mod asset;
mod batch;
mod exit_tree;
mod id;
mod identity;
mod key;
pub mod l1;
pub mod limits;
mod netting;
mod poseidon;
mod refusal;
mod root;
mod state;
mod statement;
mod step;
mod word;

pub use amount::{AmountError, Atoms};
pub use asset::{Asset, AssetError};
pub use batch::{Batch, BatchHead, BatchParts, Exit, Lane, SignedBatch, Transfer};
pub use exit_tree::{ChunkPaths, Claim, ExitPaths, ExitRange, ExitTree, ExitTreeHistory};
pub use id::{AssetId, DomainId, EpochNumber, ExitIndex, Height, RollupId};
pub use identity::DomainIdentity;
pub use key::{KeyError, SettlementKey, Signature, SigningKey};
pub use netting::{NetPosition, Netting};
pub use poseidon::{chain_hash, chain_hash_tag, hash};
pub use refusal::Refusal;
pub use root::{ExitRoot, L2Root};
pub use state::{Cell, LiquidityState, Operation, RollupState};
pub use statement::{
    CellClosing, EMITTED_WORDS, EpochStatement, RollupClosing, STEP_OUTPUT_WORDS, StatementError,
    StepOutput, Z_WORDS,
};
pub use step::{Step, StepContext, fixed_steps, plan_steps};
pub use word::{Word, WordError};
