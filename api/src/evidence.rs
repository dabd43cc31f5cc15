//! Files that prove exits to somebody who has no books: receipts and exit-kits, written here and read by
//! `netfold verify`.
//!
//! **Invariant:** a file has one form; what is altered in it is a [`Fault`]. Checking needs the file alone:
//! no database, no network, no clock. What only L1 can say is left to L1, by name.

mod fault;
mod kit;
mod parts;
mod receipt;

pub use fault::Fault;
pub use kit::{HOW_TO, KitCheck, KitEnd, KitExit, KitHead, KitLine, KitRollup};
pub use parts::{
    AssetRecord, BlockRecord, BoundDomain, EpochRecord, LaneRecord, RawLog, SettledCell,
    SettledRollup, SettledState, SettlementRecord,
};
pub use receipt::{PaidStatus, PostedHeader, Receipt, ReceiptClaim, ReceiptExit};
