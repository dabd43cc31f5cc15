//! Files that carry a magic, a version and, at the end, the SHA-256 of everything before it.

use crate::{error::FileFault, file::sha256};

/// Bytes of the trailer.
const CHECKSUM_BYTES: usize = 32;

/// A kind of file.
pub(crate) struct Format {
    /// How it begins.
    pub(crate) magic: &'static [u8; 8],
    /// The version that this program writes and reads.
    pub(crate) version: u16,
    /// More bytes than any such file has.
    pub(crate) limit: usize,
}

impl Format {
    /// A file of this kind with the body that `write` appends.
    pub(crate) fn seal(&self, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = self.magic.to_vec();
        bytes.extend(self.version.to_be_bytes());
        write(&mut bytes);
        let checksum = sha256(&bytes);
        bytes.extend(checksum);
        bytes
    }

    /// The body of a file of this kind.
    pub(crate) fn open<'a>(&self, bytes: &'a [u8]) -> Result<Reader<'a>, FileFault> {
        let reader = self.reopen(bytes)?;
        let (sealed, checksum) =
            bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(FileFault::Length)?;
        if sha256(sealed) == *checksum { Ok(reader) } else { Err(FileFault::Checksum) }
    }

    /// The body of bytes that [`Format::open`] has found whole before: their checksum is not made again.
    pub(crate) fn reopen<'a>(&self, bytes: &'a [u8]) -> Result<Reader<'a>, FileFault> {
        if bytes.len() > self.limit {
            return Err(FileFault::TooLarge);
        }
        let (sealed, _) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(FileFault::Length)?;
        let mut reader = Reader(sealed);
        if reader.take::<8>()? != *self.magic {
            return Err(FileFault::Magic);
        }
        let found = u16::from_be_bytes(reader.take()?);
        if found != self.version {
            return Err(FileFault::Version { found, known: self.version });
        }
        Ok(reader)
    }
}

/// Bytes that are still to be read.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader of bytes that stand in no file of their own.
    pub(crate) fn over(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `N` bytes.
    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], FileFault> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(FileFault::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// The next `length` bytes.
    pub(crate) fn take_slice(&mut self, length: usize) -> Result<&'a [u8], FileFault> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(FileFault::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Bytes behind their 4-byte length.
    pub(crate) fn take_counted(&mut self) -> Result<&'a [u8], FileFault> {
        let length = u32::from_be_bytes(self.take()?);
        self.take_slice(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Nothing may be left.
    pub(crate) fn finish(self) -> Result<(), FileFault> {
        if self.0.is_empty() { Ok(()) } else { Err(FileFault::Length) }
    }
}

/// Appends bytes behind their 4-byte length.
pub(crate) fn push_counted(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format { magic: b"TESTFILE", version: 3, limit: 100 };

    /// What was sealed opens to the same body; anything else is refused for its own reason.
    #[test]
    fn only_what_was_sealed_opens() {
        let file = FORMAT.seal(|bytes| push_counted(bytes, b"body"));
        let mut reader = FORMAT.open(&file).unwrap();
        assert_eq!(reader.take_counted(), Ok(&b"body"[..]));
        reader.finish().unwrap();

        let fault = |bytes: &[u8]| FORMAT.open(bytes).err();
        assert_eq!(fault(&[]), Some(FileFault::Length));
        assert_eq!(fault(&[0; 101]), Some(FileFault::TooLarge));
        let other = Format { magic: b"ELSEFILE", ..FORMAT };
        assert_eq!(other.open(&file).err(), Some(FileFault::Magic));
        let other = Format { version: 4, ..FORMAT };
        assert_eq!(other.open(&file).err(), Some(FileFault::Version { found: 3, known: 4 }));
        let mut changed = file.clone();
        changed[12] ^= 1;
        assert_eq!(fault(&changed), Some(FileFault::Checksum));
    }

    /// A count beyond the end is refused, and so is a rest.
    #[test]
    fn lengths_are_exact() {
        let file = FORMAT.seal(|bytes| bytes.extend([0, 0, 0, 9, 1]));
        assert_eq!(FORMAT.open(&file).unwrap().take_counted(), Err(FileFault::Length));
        assert_eq!(FORMAT.open(&file).unwrap().finish(), Err(FileFault::Length));
    }
}
