//! The step circuit of Netfold and the Nova proofs over it.
//!
//! An epoch's operations are cut into steps ([`plan`]); each step is one application of the step
//! circuit, folded into the epoch's fold ([`Fold`]). The fold ends as two proofs of the same steps:
//! one that the L1 contract checks itself ([`SettlementProof`]), and a small aggregated one
//! ([`EpochProof`]) that anybody verifies with the verifying key alone.
//!
//! **Invariant:** nothing is proven that `domain`'s reference transition refuses, and nothing is
//! believed of a proof file that its proof does not prove.
//!
//! It deliberately does not know databases, L1 or async: folding is plain computation, the caller's
//! thread is busy with it.
//!
//! ```
//! use std::path::Path;
//! use domain::{DomainIdentity, EpochNumber, LiquidityState, Operation, StepContext};
//! use folding::{EpochProof, Error, Fold, Params, SettlementProof, Setup};
//!
//! fn prove(
//!     directory: &Path,
//!     identity: DomainIdentity,
//!     opening: &LiquidityState,
//!     operations: &[Operation],
//! ) -> Result<(SettlementProof, EpochProof), Error> {
//!     let params = Params::load_or_create(directory, &Setup::InsecureDevelopment, &mut |_| ())?;
//!     let context = StepContext { domain_word: identity.word(), epoch: EpochNumber::FIRST };
//!     let plan = folding::plan(opening, operations, context)?;
//!     let mut fold = Fold::start(&params, identity, context.epoch, opening.digest());
//!     for step in &plan.steps {
//!         fold.step(step)?;
//!         let _to_be_stored: Vec<u8> = fold.checkpoint()?;
//!     }
//!     let for_l1 = fold.settlement_proof()?;
//!     let (aggregated, _outputs_for_l1) = fold.finish()?;
//!     Ok((for_l1, aggregated))
//! }
//! ```

mod checkpoint;
mod circuit;
mod deferred;
mod error;
mod field;
mod fields;
mod file;
mod flat;
mod fold;
mod gadgets;
#[cfg(test)]
mod history;
mod history_fold;
mod history_proof;
mod key;
mod layout;
mod params;
mod powers_of_tau;
mod proof;
mod scheme;
mod sealed;
mod store;
mod witness;
mod yardstick;

pub use circuit::{CircuitPart, circuit_parts};
pub use error::{Error, FileFault, PowersOfTauFault};
pub use flat::{SettlementProof, SettlementVerifyingKey};
pub use fold::Fold;
pub use history_fold::HistoryFold;
pub use history_proof::{HistoryProof, ProofFile, VerifiedHistory};
pub use key::{KeyId, SetupKind, VerifyingKey};
pub use params::{CircuitSize, Params, Setup, SetupProgress, SetupStage};
pub use powers_of_tau::{PowersOfTau, check_powers_of_tau};
pub use proof::{EpochProof, Verified};
pub use witness::{Plan, StepWitness, plan};
pub use yardstick::Yardstick;
