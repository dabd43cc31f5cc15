//! Files that people hand to the command, `-` for stdin.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::Path;

use anyhow::{Context as _, ensure};

/// Reads a file of bounded size.
///
/// # Errors
/// When it cannot be read, or is larger than anything this command takes.
pub fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = file.display();
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES)?.saturating_add(1);
    let length = if file == Path::new("-") {
        stdin().take(limit).read_to_end(&mut bytes)
    } else {
        let opened = File::open(file).with_context(|| format!("could not open {shown}"))?;
        opened.take(limit).read_to_end(&mut bytes)
    };
    let length = length.with_context(|| format!("could not read {shown}"))?;
    ensure!(length <= MAX_BYTES, "{shown} is larger than {MAX_BYTES} bytes");
    Ok(bytes)
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
