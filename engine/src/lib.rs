//! The epoch conductor: watches L1, seals, proves, submits, confirms; and the L1 adapter.
//!
//! **Invariant:** whatever was decided or made is a row of the ledger before its effect leaves this
//! process, and each step reads what the one before wrote. So an engine that is killed at any point
//! goes on from the last row, and has each effect on L1 once.
//!
//! It writes neither SQL nor constraints, and does not know HTTP: it meets the API in the ledger.
//!
//! The way of an epoch: [`run`](run()) → `seal` → `prove` → `submit` → `confirm`, with `advance` as
//! the map of its states and `mirror` as the eyes on L1; `ahead` folds what is fixed of it before it is
//! sealed, `provable` finds what could not be proven, which `evict` takes out, and `grace` lets an epoch
//! be sealed before the settler's time on L1 is over.
//!
//! ```no_run
//! use engine::{Config, l1::L1};
//! # async fn start(ledger: ledger::Ledger, params: folding::Params) -> Result<(), engine::Error> {
//! let settlement = alloy_primitives::Address::ZERO;
//! let key = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d".parse()?;
//! let l1 = L1::connect("http://127.0.0.1:8545", settlement, &key).await?;
//! let shutdown = tokio_util::sync::CancellationToken::new();
//! let observer = std::sync::Arc::new(|milestone: &engine::Milestone| println!("{milestone:?}"));
//! engine::run(Config::development(), ledger, l1, params, observer, shutdown).await
//! # }
//! ```

mod accept;
mod advance;
mod ahead;
mod compare;
mod config;
mod confirm;
mod context;
mod desk;
mod error;
mod evict;
mod grace;
pub mod l1;
mod milestone;
mod mirror;
mod provable;
mod prove;
mod run;
mod seal;
mod submit;
mod turn;

pub use config::{Config, Proving, SealPolicy};
pub use confirm::retry_failed;
pub use error::{AnswerFault, Error, Part, Side};
pub use milestone::{Milestone, Observer};
pub use provable::Unprovable;
pub use run::{adopt, run, run_prover};
