//! The files of a folder as one stretch of blocks: what an audit reads where the database has no rows.
//!
//! **Invariant:** each file is the one whose hash was recorded, and the blocks come in order; at most one
//! is in memory beside those asked for.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::range::{self, ArchivedRange};
use super::{ArchivedBlock, Reader};
use crate::Error;
use crate::connection::Tx;

/// Archived blocks that are still to be read.
#[derive(Debug)]
pub(crate) struct Files {
    folder: PathBuf,
    ranges: VecDeque<ArchivedRange>,
    open: Option<(Reader, ArchivedRange)>,
}

impl Files {
    /// Those with blocks after one; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Archived`] if there are some and no folder is named.
    pub(crate) async fn after(
        tx: &mut Tx<'_>,
        folder: Option<&Path>,
        block: u64,
    ) -> Result<Option<Self>, Error> {
        let mut ranges: VecDeque<_> = range::all(tx).await?.into();
        ranges.retain(|range| range.last_block.number() > block);
        match (ranges.front(), ranges.back(), folder) {
            (Some(_), Some(_), Some(folder)) => {
                Ok(Some(Self { folder: folder.to_owned(), ranges, open: None }))
            }
            (Some(first), Some(last), None) => {
                Err(Error::Archived { epoch: first.first_epoch, through: last.last_epoch })
            }
            _ => Ok(None),
        }
    }

    /// The blocks of a stretch, which follows the one before; those that are archived.
    pub(crate) fn blocks(&mut self, first: i64, last: i64) -> Result<Vec<ArchivedBlock>, Error> {
        let stretch = u64::try_from(first).unwrap_or(0)..=u64::try_from(last).unwrap_or(0);
        let mut found = Vec::new();
        while let Some((mut reader, range)) = self.current(*stretch.end())? {
            let Some(block) = reader.next_block()? else {
                // Of epochs in which nothing was posted, or not the file of that range.
                close(reader, &range)?;
                continue;
            };
            let number = block.block().number();
            if stretch.contains(&number) {
                found.push(block);
            }
            if number == range.last_block.number() {
                close(reader, &range)?;
            } else {
                self.open = Some((reader, range));
            }
            if number >= *stretch.end() {
                break;
            }
        }
        Ok(found)
    }

    /// The file that is being read, or the next one, if it has blocks up to `end`.
    fn current(&mut self, end: u64) -> Result<Option<(Reader, ArchivedRange)>, Error> {
        if let Some(open) = self.open.take() {
            return Ok(Some(open));
        }
        let Some(range) = self.ranges.pop_front_if(|range| range.first_block.number() <= end)
        else {
            return Ok(None);
        };
        let reader = Reader::open(&self.folder.join(range.file_name()))?;
        Ok(Some((reader, range)))
    }
}

/// The file ends there, and is the one that was archived.
fn close(reader: Reader, range: &ArchivedRange) -> Result<(), Error> {
    let whole = reader.finish()?;
    if (whole.digest, whole.length) == (range.digest, range.length) {
        Ok(())
    } else {
        Err(Error::ArchiveTaken { epoch: range.first_epoch })
    }
}
