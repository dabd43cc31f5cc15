//! The archive: partitions of transfers that went into files.
//!
//! **Invariant:** a partition is in the database, or its file was complete, on the disk and read back
//! before the row that names its hash took the partition away, in one db_tx. Only what nobody needs any
//! more goes: every epoch of it is final and has both proofs. Headers stay, so a file is proven by the
//! journal, and what is asked of archived blocks is refused by name, never answered in part.

mod books;
mod check;
mod file;
mod files;
mod posting;
mod range;
mod reader;
mod run;

pub use crate::hash::TransferFields as ArchivedTransfer;
pub use file::{ArchiveHead, ArchiveSummary};
pub use range::ArchivedRange;
pub use reader::{ArchivedBlock, Reader};
pub use run::{ArchiveOrder, Archived};

pub(crate) use files::Files;
pub(crate) use range::{live, refusal};
