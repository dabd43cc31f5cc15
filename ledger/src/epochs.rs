//! The life of an epoch, row by row.
//!
//! **Invariant:** every row is inserted once and never changed; an epoch's state is the last row
//! that exists; the aggregated proof alone stands beside that order. Each insert is idempotent: the
//! same again is the same, something else is an error by its own name.

mod books;
mod fold;
mod offers;
mod proofs;
mod read;
mod rows;
mod seal;
mod seal_request;
mod settle;
mod submit;

pub(crate) use books::accounts as closing_accounts;
pub use books::{Books, ClosingAccount};
pub(crate) use fold::output as step_output;
pub use fold::{FoldedStep, StepRecord};
pub use offers::{OfferedProof, OfferedStep};
pub use proofs::{NewProof, Proof, ProofSummary};
pub use read::{Epoch, EpochLife, EpochStatus, TimelineEntry};
pub use seal::{OpenEpoch, SealReason, Sealed, Sealing};
pub(crate) use seal::{counts, read as sealed};
pub use seal_request::SealRequest;
pub use settle::{GasPrice, NewSettlement, Settlement, SettlementFee, SettlementSample};
pub(crate) use settle::{fee as settlement_fee, read as settlement};
pub use submit::{NewSubmission, Submission, SupersedeReason};
