//! Where an audit was, in a file: so that it can go on from there, another day too.
//!
//! **Invariant:** a checkpoint is whole or refused, and of the domain that it says. It is believed
//! beyond that: whoever can write the file can make an audit that goes on from it find nothing. Keep
//! it where the ledger's operators cannot, or begin anew.
//!
//! Its first line is the format's version and the SHA-256 of all the rest, which is JSON. The version
//! goes up with every check that is added to the audit, too: an earlier audit did not make it.

use alloy_primitives::B256;
use domain::EpochNumber;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::fault::{FaultKind, Row, Stop};
use super::{Auditor, Recomputed};
use crate::column::{Columns, lookup};
use crate::{Adoption, BlockNumber, Error, EventNumber};

/// What an earlier audit has recomputed.
pub struct Checkpoint(Box<Recomputed<()>>);

/// Why an audit cannot go on from a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The bytes are not what was written.
    #[error("it is damaged, or no checkpoint of an audit")]
    Damaged,
    /// Another netfold wrote it, with other checks.
    #[error("it is of another version of the audit than {VERSION}")]
    OtherVersion,
    /// It is of another domain than the ledger.
    #[error("it is of another domain than the ledger")]
    OtherDomain,
    /// Not the checkpoint's fault.
    #[error(transparent)]
    Ledger(#[from] Error),
}

const NAME: &str = "netfold.audit.";
const VERSION: &str = "2";

impl Checkpoint {
    /// Reads what [`super::Reached::checkpoint`] wrote.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] or [`CheckpointError::OtherVersion`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let damaged = CheckpointError::Damaged;
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(CheckpointError::Damaged)?;
        let (line, rest) = bytes.split_at_checked(end).ok_or(CheckpointError::Damaged)?;
        let line = std::str::from_utf8(line).map_err(|_| CheckpointError::Damaged)?;
        let line = line.strip_prefix(NAME).and_then(|rest| rest.split_once(' '));
        let (version, digest) = line.ok_or(CheckpointError::Damaged)?;
        if version != VERSION {
            return Err(CheckpointError::OtherVersion);
        }
        let body = rest.strip_prefix(b"\n").unwrap_or(rest);
        if digest != sha256(body).to_string() {
            return Err(damaged);
        }
        let recomputed = serde_json::from_slice(body).map_err(|_| CheckpointError::Damaged)?;
        Ok(Self(recomputed))
    }

    /// The last block that is recomputed.
    #[must_use]
    pub fn block(&self) -> BlockNumber {
        BlockNumber::new(self.0.head.0)
    }

    /// The epoch of the next one.
    #[must_use]
    pub fn epoch(&self) -> EpochNumber {
        self.0.epoch
    }

    /// What it holds, if that is of this domain.
    pub(super) fn of(self, adoption: Option<&Adoption>) -> Result<Recomputed<()>, CheckpointError> {
        if adoption.is_some_and(|adoption| adoption.identity == self.0.adoption.identity) {
            Ok(*self.0)
        } else {
            Err(CheckpointError::OtherDomain)
        }
    }
}

impl<R> Recomputed<R> {
    pub(super) fn checkpoint(&self) -> Vec<u8> {
        let body = body(self);
        let mut bytes = format!("{NAME}{VERSION} {}\n", sha256(&body)).into_bytes();
        bytes.extend(body);
        bytes
    }
}

impl Auditor<'_> {
    /// The last block and the last event are still those that were recomputed; and what may have come
    /// to earlier epochs since is checked.
    pub(super) async fn rejoin(&mut self) -> Result<(), Stop> {
        let recorded = crate::adoption::read(&mut self.tx).await?;
        let same = recorded == Some(self.adoption);
        Row::DomainIdentity.check(same, FaultKind::Rewritten)?;
        let (block, hash) = self.head;
        if block > 0 {
            let found = sqlx::query_scalar!(
                "select block_hash from journal_block where block_number = $1",
                lookup(block)
            )
            .fetch_optional(&mut *self.tx)
            .await?;
            let name = Row::JournalBlock(BlockNumber::new(block));
            same_hash(name, "journal_block", found, hash)?;
        }
        let (event, hash) = self.heard;
        if event > 0 {
            let found = sqlx::query_scalar!(
                "select event_hash from event where event_number = $1",
                lookup(event)
            )
            .fetch_optional(&mut *self.tx)
            .await?;
            same_hash(Row::Event(EventNumber::new(event)), "event", found, hash)?;
        }
        self.finish_epochs().await
    }
}

fn same_hash(
    row: Row,
    table: &'static str,
    found: Option<Vec<u8>>,
    expected: B256,
) -> Result<(), Stop> {
    let found = found.map(|hash| row.reads(Columns(table).b256(&hash))).transpose()?;
    row.check(found == Some(expected), FaultKind::Rewritten)
}

/// Every value in it has a form in JSON, so there is nothing that could fail.
fn body(of: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(of).unwrap_or_default()
}

fn sha256(bytes: &[u8]) -> B256 {
    B256::new(Sha256::digest(bytes).into())
}
