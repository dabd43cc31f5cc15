//! Files that are whole or absent.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use sha2::{Digest, Sha256};

use crate::Error;

/// Writes a file under another name and renames it: a crash leaves the old one or none.
pub(crate) fn replace_file(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), Error> {
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    let result = (|| {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut file = File::create(&partial)?;
        write(&mut file)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    })();
    if result.is_err() {
        // The error is the one to tell; the partial file may not even exist.
        fs::remove_file(&partial).unwrap_or_default();
    }
    result.map_err(|source| io_error(path, source))
}

/// Reads a whole file.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| io_error(path, source))
}

/// The SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Names the file in an input or output error.
pub(crate) fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.to_owned(), source }
}
