//! Files that people hand to the command, `-` for stdin.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::Path;

use anyhow::{Context as _, ensure};

/// Reads a file of bounded size.
///
/// # Errors
/// When it cannot be read, or is larger than anything this command takes.
pub fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    rest(open(file)?, file)
}

/// Opens a file to read it bit by bit.
///
/// # Errors
/// When it cannot be opened.
pub fn open(file: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(stdin())));
    }
    let opened = File::open(file).with_context(|| format!("could not open {}", file.display()))?;
    Ok(Box::new(BufReader::new(opened)))
}

/// Reads what is left of a file, within the same bound.
///
/// # Errors
/// When it cannot be read, or is larger than anything this command takes as a whole.
pub fn rest(opened: impl BufRead, file: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = file.display();
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES)?.saturating_add(1);
    let length = opened.take(limit).read_to_end(&mut bytes);
    let length = length.with_context(|| format!("could not read {shown}"))?;
    ensure!(length <= MAX_BYTES, "{shown} is larger than {MAX_BYTES} bytes");
    Ok(bytes)
}

/// Reads the next line of a file without its line feed, within the same bound; `None` at the end. The
/// last line needs a line feed, too.
///
/// # Errors
/// When it cannot be read, is too long, or breaks off.
pub fn line(opened: &mut dyn BufRead, file: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let shown = file.display();
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES)?.saturating_add(1);
    let length = opened.take(limit).read_until(b'\n', &mut bytes);
    let length = length.with_context(|| format!("could not read {shown}"))?;
    if length == 0 {
        return Ok(None);
    }
    ensure!(
        bytes.pop() == Some(b'\n'),
        "{shown} breaks off in a line, or has one that is too long"
    );
    Ok(Some(bytes))
}

/// A full batch is a quarter of this, a proof a hundredth.
const MAX_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is too large is refused, not cut off.
    #[test]
    fn bounded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, vec![1; MAX_BYTES]).unwrap();
        assert_eq!(read(&file).unwrap().len(), MAX_BYTES);
        std::fs::write(&file, vec![1; MAX_BYTES + 1]).unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("larger"));
    }
}
