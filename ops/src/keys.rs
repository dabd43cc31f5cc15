//! Secret keys, and what else is secret, in files.
//!
//! **Invariant**: a key file is readable by its owner alone, holds one 32-byte seed in hex, and is
//! never overwritten.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, ensure};
use domain::SigningKey;

/// Makes a key from the operating system's randomness and writes it to a new file.
///
/// # Errors
/// When the file exists already or cannot be written.
pub fn generate(file: &Path) -> anyhow::Result<SigningKey> {
    make(file).map(SigningKey::from_seed)
}

/// Reads a key file.
///
/// # Errors
/// When others can read the file, or it holds no seed.
pub fn read(file: &Path) -> anyhow::Result<SigningKey> {
    seed(file).map(SigningKey::from_seed)
}

/// The key in a file, made on first use.
///
/// # Errors
/// As [`read`] and [`generate`].
pub fn read_or_generate(file: &Path) -> anyhow::Result<SigningKey> {
    if file.exists() { read(file) } else { generate(file) }
}

/// A secret of 64 hex digits in such a file, made on first use with the folder that it is in.
///
/// # Errors
/// As [`read`] and [`generate`].
pub fn secret_or_generate(file: &Path) -> anyhow::Result<String> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("could not create {}", folder.display()))?;
    }
    let seed = if file.exists() { seed(file)? } else { make(file)? };
    Ok(hex::encode(seed))
}

fn make(file: &Path) -> anyhow::Result<[u8; 32]> {
    let seed: [u8; 32] = rand::random();
    let shown = file.display();
    let mut opened =
        File::options().create_new(true).write(true).mode(0o600).open(file).with_context(|| {
            format!("could not create the key file {shown} (a key is never overwritten)")
        })?;
    writeln!(opened, "{}", hex::encode(seed))
        .and_then(|()| opened.sync_all())
        .with_context(|| format!("could not write the key file {shown}"))?;
    Ok(seed)
}

fn seed(file: &Path) -> anyhow::Result<[u8; 32]> {
    let shown = file.display();
    let metadata =
        file.metadata().with_context(|| format!("could not read the key file {shown}"))?;
    let others = metadata.permissions().mode() & 0o077;
    ensure!(
        others == 0,
        "others can read the key file {shown}: run chmod 600 on it, and make a new key if they may have"
    );
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("could not read the key file {shown}"))?;
    let mut seed = [0; 32];
    // The source is left out: it would quote a character of the secret.
    hex::decode_to_slice(text.trim(), &mut seed)
        .ok()
        .with_context(|| format!("{shown} is no key file: it must hold 64 hex digits"))?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key read is the key generated; the file is private and stays what it is.
    #[test]
    fn round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rollup.key");
        let key = generate(&file).unwrap();
        assert_eq!(read(&file).unwrap().public(), key.public());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(generate(&file).is_err());
        assert_eq!(read_or_generate(&file).unwrap().public(), key.public());
    }

    /// A secret is made once, with its folder, and is as private.
    #[test]
    fn secrets_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys").join("webhook.secret");
        let secret = secret_or_generate(&file).unwrap();
        assert_eq!((secret.len(), secret_or_generate(&file).unwrap()), (64, secret));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    /// A file that others can read, or that holds something else, is refused without quoting it.
    #[test]
    fn refusals() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rollup.key");
        generate(&file).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("chmod 600"));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&file, "secret").unwrap();
        let refused = format!("{:#}", read(&file).unwrap_err());
        assert!(refused.contains("no key file") && !refused.contains("secret"), "{refused}");
    }
}
