//! The file that a partition is archived in, and its writer.
//!
//! **Invariant:** the same blocks make the same bytes, so that what was written twice is one file; and a
//! file proves itself: it has every block's header with the digest of its posting, so that transfers,
//! contents and the hash chain can be computed from it alone.
//!
//! UTF-8 lines, parted by spaces; numbers in decimal, 32-byte values as `0x` and hex, amounts in atoms:
//!
//! ```text
//! netfold.archive.v1 DOMAIN FIRST_EPOCH LAST_EPOCH FIRST_BLOCK LAST_BLOCK HASH_BEFORE
//! block NUMBER EPOCH KIND TRANSFERS TIME POSTING HASH
//! DEBIT CREDIT ATOMS DEBIT_BALANCE CREDIT_BALANCE RECIPIENT
//! end BLOCKS TRANSFERS
//! ```
//!
//! One line a block, its transfers after it in order, `-` for no recipient. `KIND` is the posting's code,
//! `TIME` in nanoseconds since 1970, `POSTING` the digest that the content's is over beside the root of
//! the transfers (`ledger/src/hash.rs`).

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use alloy_primitives::B256;
use domain::{EpochNumber, Word};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::Reader;
use super::range::file_name;
use crate::error::Cause;
use crate::hash::{BlockFields, TransferFields};
use crate::{BlockNumber, Error};

/// What a file says of itself first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ArchiveHead {
    /// The word of the domain whose books these are.
    pub domain_word: Word,
    /// Its first epoch.
    pub first_epoch: EpochNumber,
    /// Its last epoch.
    pub last_epoch: EpochNumber,
    /// The first block of those epochs.
    pub first_block: BlockNumber,
    /// The last block; one before the first if they have none.
    pub last_block: BlockNumber,
    /// The hash of the block before the first.
    pub previous_hash: B256,
}

/// A file as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ArchiveSummary {
    /// What it said first.
    pub head: ArchiveHead,
    /// The hash of its last block.
    pub last_hash: B256,
    /// How many transfers it has.
    pub transfers: u64,
    /// The SHA-256 of all its bytes.
    pub digest: B256,
    /// How many bytes it has.
    pub length: u64,
}

/// Writes a file under another name, which nobody else has, until it is whole.
pub(super) struct Writer {
    out: BufWriter<NamedTempFile>,
    path: PathBuf,
    blocks: u64,
    transfers: u64,
}

/// The first word of every file.
pub(super) const MAGIC: &str = "netfold.archive.v1";

impl ArchiveHead {
    /// The name that its file gets.
    #[must_use]
    pub fn file_name(&self) -> String {
        file_name(self.first_epoch, self.last_epoch)
    }
}

impl Writer {
    pub(super) fn create(folder: &Path, head: &ArchiveHead) -> Result<Self, Error> {
        let path = folder.join(head.file_name());
        create_folder(folder).map_err(failed)?;
        let partial = tempfile::Builder::new()
            .prefix(&head.file_name())
            .suffix(".partial")
            .permissions(Permissions::from_mode(MODE))
            .tempfile_in(folder);
        let out = BufWriter::new(partial.map_err(failed)?);
        let mut writer = Self { out, path, blocks: 0, transfers: 0 };
        writer.line(format_args!(
            "{MAGIC} {} {} {} {} {} {}",
            head.domain_word.to_bytes(),
            head.first_epoch,
            head.last_epoch,
            head.first_block,
            head.last_block,
            head.previous_hash
        ))?;
        Ok(writer)
    }

    pub(super) fn block(
        &mut self,
        fields: &BlockFields,
        posting: B256,
        transfers: &[TransferFields],
    ) -> Result<(), Error> {
        self.blocks = self.blocks.saturating_add(1);
        self.transfers = self.transfers.saturating_add(u64::from(fields.transfers));
        self.line(format_args!(
            "block {} {} {} {} {} {posting} {}",
            fields.number,
            fields.epoch,
            fields.kind.code(),
            fields.transfers,
            fields.posted_at.unix_timestamp_nanos(),
            fields.hash()
        ))?;
        for one in transfers {
            let recipient = one.recipient.map(|recipient| format!("{recipient:#x}"));
            self.line(format_args!(
                "{} {} {} {} {} {}",
                one.debit,
                one.credit,
                one.atoms.number(),
                one.debit_balance.number(),
                one.credit_balance.number(),
                recipient.as_deref().unwrap_or("-")
            ))?;
        }
        Ok(())
    }

    /// Ends the file and brings it to the disk, its name last; then reads it as anybody would.
    pub(super) fn finish(mut self) -> Result<(PathBuf, ArchiveSummary), Error> {
        let (blocks, transfers) = (self.blocks, self.transfers);
        self.line(format_args!("end {blocks} {transfers}"))?;
        let partial = self.out.into_inner().map_err(|error| failed(error.into_error()))?;
        partial.as_file().sync_all().map_err(failed)?;
        let written = Reader::open(partial.path())?.finish()?;
        match partial.persist_noclobber(&self.path) {
            Ok(_) => {}
            // Left by a run that ended before its row was there, or another one's, which is not ours to
            // replace.
            Err(taken) if taken.error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error.error)),
        }
        if digest_of(&self.path)? != written.digest {
            return Err(Error::ArchiveTaken { epoch: written.head.first_epoch });
        }
        sync_folder(self.path.parent()).map_err(failed)?;
        Ok((self.path, written))
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) -> Result<(), Error> {
        self.out.write_fmt(line).and_then(|()| self.out.write_all(b"\n")).map_err(failed)
    }
}

/// Makes a folder, and the folders that it is in, so that they outlive a power cut.
fn create_folder(folder: &Path) -> io::Result<()> {
    let new: Vec<&Path> = folder.ancestors().take_while(|one| !one.exists()).collect();
    std::fs::create_dir_all(folder)?;
    new.into_iter().try_for_each(|one| sync_folder(one.parent()))
}

fn sync_folder(folder: Option<&Path>) -> io::Result<()> {
    let named = folder.filter(|folder| !folder.as_os_str().is_empty());
    File::open(named.unwrap_or(Path::new(".")))?.sync_all()
}

/// As of any file that is made for others to read.
const MODE: u32 = 0o644;

fn digest_of(path: &Path) -> Result<B256, Error> {
    let mut hash = Sha256::new();
    std::io::copy(&mut File::open(path).map_err(failed)?, &mut hash).map_err(failed)?;
    Ok(B256::new(hash.finalize().into()))
}

pub(super) fn failed(error: std::io::Error) -> Error {
    Error::ArchiveFile(Cause::new(error))
}
