//! The life of an epoch, row by row.
//!
//! **Invariant:** every row is inserted once and never changed; an epoch's state is the last row
//! that exists; the aggregated proof alone stands beside that order. Each insert is idempotent: the
//! same again is the same, something else is an error by its own name.

mod books;
mod fold;
mod proofs;
mod read;
mod seal;
mod settle;
mod submit;

pub(crate) use books::accounts as closing_accounts;
pub use books::{Books, ClosingAccount};
pub(crate) use fold::output as step_output;
pub use fold::{FoldedStep, StepRecord};
pub use proofs::{NewProof, Proof, ProofSummary};
pub use read::{Epoch, EpochStatus, TimelineEntry};
pub(crate) use seal::read as sealed;
pub use seal::{OpenEpoch, SealReason, SealRequest, Sealed, Sealing};
pub(crate) use settle::read as settlement;
pub use settle::{NewSettlement, Settlement};
pub use submit::{NewSubmission, Submission, SupersedeReason};
