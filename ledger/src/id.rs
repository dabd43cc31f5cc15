//! Numbers that only the ledger gives out.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A block of the journal, from 1, without gaps.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockNumber(u64);

/// An event, from 1, without gaps.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventNumber(u64);

/// Names one transfer for good: its block, and its position there, from 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TransferId {
    /// The block that booked it.
    pub block: BlockNumber,
    /// Its position in the block.
    pub position: u32,
}

/// How many rows one read may return: 1 to 1,000.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PageLimit(u16);

/// Text that names no transfer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a transfer is named by its block and position, as in 17-3")]
pub struct TransferIdError;

impl BlockNumber {
    /// Wraps the number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl EventNumber {
    /// Before the first event: where a reader begins.
    pub const START: Self = Self(0);

    /// Wraps the number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl PageLimit {
    /// The longest page.
    pub const MAX: Self = Self(1000);

    /// A limit; `None` for 0 and above 1,000.
    #[must_use]
    pub const fn new(rows: u16) -> Option<Self> {
        if rows == 0 || rows > Self::MAX.0 { None } else { Some(Self(rows)) }
    }

    /// The number of rows.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    pub(crate) fn rows(self) -> i64 {
        i64::from(self.0)
    }
}

impl fmt::Display for BlockNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for EventNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for BlockNumber {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl FromStr for EventNumber {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.block, self.position)
    }
}

impl FromStr for TransferId {
    type Err = TransferIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (block, position) = text.split_once('-').ok_or(TransferIdError)?;
        let block = block.parse().map_err(|_| TransferIdError)?;
        let position = position.parse().map_err(|_| TransferIdError)?;
        Ok(Self { block, position })
    }
}

impl TryFrom<String> for TransferId {
    type Error = TransferIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TransferId> for String {
    fn from(id: TransferId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_id_reads_as_it_is_written() {
        let id = TransferId { block: BlockNumber::new(17), position: 3 };
        assert_eq!(id.to_string(), "17-3");
        assert_eq!("17-3".parse(), Ok(id));
        for text in ["", "17", "17-", "-3", "17-3-1", "a-b", "17--3"] {
            assert_eq!(text.parse::<TransferId>(), Err(TransferIdError), "{text}");
        }
    }

    #[test]
    fn a_page_has_one_to_a_thousand_rows() {
        assert_eq!(PageLimit::new(0), None);
        assert_eq!(PageLimit::new(1000), Some(PageLimit::MAX));
        assert_eq!(PageLimit::new(1001), None);
    }
}
