//! Reading an archive file.
//!
//! **Invariant:** a block is given out only if its transfers, its content, its hash and its place in the
//! chain agree; at most one block is in memory, whatever the file holds. What it cannot know is whether
//! these are the blocks of the ledger: compare the hashes with the journal's.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::str::{FromStr, SplitAsciiWhitespace};

use alloy_primitives::B256;
use domain::limits::MAX_TRANSFERS_PER_BATCH;
use domain::{Atoms, EpochNumber, Word};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::file::{ArchiveHead, ArchiveSummary, MAGIC, failed};
use crate::hash::{self, BlockFields, TransferFields};
use crate::{Account, BlockNumber, Error, PostingKind};

/// Reads an archive file block by block.
#[derive(Debug)]
pub struct Reader {
    file: BufReader<File>,
    head: ArchiveHead,
    /// The last block that was given out, and its epoch.
    last: (BlockNumber, B256, EpochNumber),
    transfers: u64,
    ended: bool,
    line: u64,
    length: u64,
    hash: Sha256,
}

/// A block of an archive file.
#[derive(Clone, Debug)]
pub struct ArchivedBlock {
    pub(crate) fields: BlockFields,
    pub(crate) hash: B256,
    pub(crate) transfers: Vec<TransferFields>,
}

impl ArchivedBlock {
    /// Its number.
    #[must_use]
    pub fn block(&self) -> BlockNumber {
        self.fields.number
    }

    /// Its hash, computed from all that it holds.
    #[must_use]
    pub fn hash(&self) -> B256 {
        self.hash
    }

    /// Its transfers, in order.
    #[must_use]
    pub fn transfers(&self) -> &[TransferFields] {
        &self.transfers
    }
}

impl Reader {
    /// Opens a file and reads what it says of itself.
    ///
    /// # Errors
    /// [`Error::ArchiveFile`] when it cannot be read, [`Error::ArchiveDamaged`] when it is none.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = BufReader::new(File::open(path).map_err(failed)?);
        let mut reader = Self {
            file,
            head: ArchiveHead {
                domain_word: Word::ZERO,
                first_epoch: EpochNumber::FIRST,
                last_epoch: EpochNumber::FIRST,
                first_block: BlockNumber::new(1),
                last_block: BlockNumber::new(0),
                previous_hash: B256::ZERO,
            },
            last: (BlockNumber::new(0), B256::ZERO, EpochNumber::FIRST),
            transfers: 0,
            ended: false,
            line: 0,
            length: 0,
            hash: Sha256::new(),
        };
        let line = reader.next_line()?;
        let head = parse(&line, read_head).ok_or_else(|| reader.damaged())?;
        let before = head.first_block.number().checked_sub(1).ok_or_else(|| reader.damaged())?;
        reader.last = (BlockNumber::new(before), head.previous_hash, head.first_epoch);
        reader.head = head;
        Ok(reader)
    }

    /// What the file says of itself.
    #[must_use]
    pub fn head(&self) -> &ArchiveHead {
        &self.head
    }

    /// The next block; `None` at the end.
    ///
    /// # Errors
    /// [`Error::ArchiveFile`], or [`Error::ArchiveDamaged`] with the block that is not what was archived.
    pub fn next_block(&mut self) -> Result<Option<ArchivedBlock>, Error> {
        if self.ended {
            return Ok(None);
        }
        let line = self.next_line()?;
        if let Some(end) = line.strip_prefix("end ") {
            // None of epochs in which nothing was posted, whose last block is the one before the first.
            let next = self.last.0.number().saturating_add(1);
            let blocks = next.saturating_sub(self.head.first_block.number());
            let expected = format!("{blocks} {}", self.transfers);
            let whole = self.last.0 == self.head.last_block && end == expected;
            if !whole || !self.file.fill_buf().map_err(failed)?.is_empty() {
                return Err(self.damaged());
            }
            self.ended = true;
            return Ok(None);
        }
        let stated = parse(&line, |parts| read_block(parts, self.last.1));
        let (mut fields, posting, hash) = stated.ok_or_else(|| self.damaged())?;
        let (number, _, epoch) = self.last;
        let follows = Some(fields.number.number()) == number.number().checked_add(1)
            && fields.epoch >= epoch
            && fields.epoch <= self.head.last_epoch
            && usize::try_from(fields.transfers).is_ok_and(|one| one <= MAX_TRANSFERS_PER_BATCH);
        if !follows {
            return Err(self.damaged());
        }
        let mut transfers = Vec::new();
        for position in 0..fields.transfers {
            let line = self.next_line()?;
            let one = parse(&line, |parts| read_transfer(parts, position));
            transfers.push(one.ok_or_else(|| self.damaged())?);
        }
        let root = hash::root(transfers.iter().map(TransferFields::digest));
        fields.content = hash::content(posting, root);
        if fields.hash() != hash {
            return Err(self.damaged());
        }
        self.last = (fields.number, hash, fields.epoch);
        self.transfers = self.transfers.saturating_add(u64::from(fields.transfers));
        Ok(Some(ArchivedBlock { fields, hash, transfers }))
    }

    /// Reads what is left, and says what the file is as a whole.
    ///
    /// # Errors
    /// As [`Self::next_block`].
    pub fn finish(mut self) -> Result<ArchiveSummary, Error> {
        while self.next_block()?.is_some() {}
        Ok(ArchiveSummary {
            head: self.head,
            last_hash: self.last.1,
            transfers: self.transfers,
            digest: B256::new(self.hash.finalize().into()),
            length: self.length,
        })
    }

    /// The next line, without its end.
    fn next_line(&mut self) -> Result<String, Error> {
        let mut line = Vec::new();
        self.line = self.line.saturating_add(1);
        let mut bounded = self.file.by_ref().take(LONGEST_LINE);
        let read = bounded.read_until(b'\n', &mut line).map_err(failed)?;
        self.hash.update(&line);
        self.length = self.length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        let text = line.strip_suffix(b"\n").map(<[u8]>::to_vec);
        text.and_then(|text| String::from_utf8(text).ok()).ok_or_else(|| self.damaged())
    }

    /// The line just read is not what was archived.
    fn damaged(&self) -> Error {
        let block = BlockNumber::new(self.last.0.number().saturating_add(1));
        Error::ArchiveDamaged { line: self.line, block }
    }
}

/// Reads a line; `None` if something is left of it.
fn parse<'a, T>(
    line: &'a str,
    read: impl FnOnce(&mut SplitAsciiWhitespace<'a>) -> Option<T>,
) -> Option<T> {
    let mut parts = line.split_ascii_whitespace();
    let value = read(&mut parts)?;
    parts.next().is_none().then_some(value)
}

fn next<T: FromStr>(parts: &mut SplitAsciiWhitespace<'_>) -> Option<T> {
    parts.next()?.parse().ok()
}

fn read_head(parts: &mut SplitAsciiWhitespace<'_>) -> Option<ArchiveHead> {
    (parts.next()? == MAGIC).then_some(())?;
    Some(ArchiveHead {
        domain_word: Word::from_bytes(next(parts)?).ok()?,
        first_epoch: EpochNumber::new(next(parts)?),
        last_epoch: EpochNumber::new(next(parts)?),
        first_block: BlockNumber::new(next(parts)?),
        last_block: BlockNumber::new(next(parts)?),
        previous_hash: next(parts)?,
    })
}

/// A block's fields but for its content, the digest of its posting, and its hash.
fn read_block(
    parts: &mut SplitAsciiWhitespace<'_>,
    previous_hash: B256,
) -> Option<(BlockFields, B256, B256)> {
    (parts.next()? == "block").then_some(())?;
    let fields = BlockFields {
        previous_hash,
        number: BlockNumber::new(next(parts)?),
        epoch: EpochNumber::new(next(parts)?),
        kind: PostingKind::from_code(next(parts)?)?,
        transfers: next(parts)?,
        posted_at: OffsetDateTime::from_unix_timestamp_nanos(next(parts)?).ok()?,
        content: B256::ZERO,
    };
    Some((fields, next(parts)?, next(parts)?))
}

fn read_transfer(parts: &mut SplitAsciiWhitespace<'_>, position: u32) -> Option<TransferFields> {
    let (debit, credit): (Account, Account) = (next(parts)?, next(parts)?);
    let mut atoms = || Atoms::new(next(parts)?).ok();
    let (atoms, debit_balance, credit_balance) = (atoms()?, atoms()?, atoms()?);
    let recipient = match parts.next()? {
        "-" => None,
        address => Some(address.parse().ok()?),
    };
    let asset = debit.asset();
    let one = TransferFields {
        position,
        debit,
        credit,
        asset,
        atoms,
        debit_balance,
        credit_balance,
        recipient,
    };
    (credit.asset() == asset).then_some(one)
}

/// The longest line that was ever written has some 350 bytes.
const LONGEST_LINE: u64 = 512;
