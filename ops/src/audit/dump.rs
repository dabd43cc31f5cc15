//! A dump, restored into a server of its own for as long as it is audited.
//!
//! **Invariant**: nothing but the dump is read, nothing of the server stays, and the books that are
//! audited are those of the dump: a ledger's, brought to this version's schema, or it is refused.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use ledger::{Error, Ledger, Role};
use sha2::{Digest as _, Sha256};

use crate::postgres::{DumpForm, DumpRefusal, Postgres, Settings};
use crate::progress::Stage;

/// A restored dump.
#[derive(Debug)]
pub(crate) struct Dump {
    postgres: Postgres,
    folder: PathBuf,
    sha256: String,
}

impl Dump {
    /// Restores a dump, with the roles that it names.
    pub(crate) fn restore(
        dump: &Path,
        programs: Option<PathBuf>,
        runtime: &tokio::runtime::Runtime,
    ) -> anyhow::Result<Self> {
        // Before a server is started for what is none.
        DumpForm::of(dump)?;
        let stage = Stage::begin(format!("Reading {}", dump.display()));
        let sha256 = digest(dump).with_context(|| format!("could not read {}", dump.display()))?;
        stage.at(format!("Restoring {}", dump.display()));
        let name = format!("netfold-audit-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let settings = Settings { folder: folder.clone(), programs };
        let restored = Self { postgres: Postgres::start(&settings)?, folder, sha256 };
        match restored.fill(dump, runtime) {
            Ok(()) => {
                stage.done(format!("Restored the dump of SHA-256 {}", restored.sha256));
                Ok(restored)
            }
            Err(error) => {
                restored.remove()?;
                Err(error)
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        self.postgres.url()
    }

    /// The SHA-256 of the file; of a folder, of its files' names and hashes, in order.
    pub(crate) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Ends the server and takes everything away.
    pub(crate) fn remove(self) -> anyhow::Result<()> {
        let data = self.postgres.folder().to_path_buf();
        self.postgres.stop()?;
        for folder in [&data, &self.folder] {
            match fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error)
                        .with_context(|| format!("could not remove {}", folder.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn fill(&self, dump: &Path, runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
        let url = self.url();
        runtime.block_on(ledger::database::make_roles(&url))?;
        for _ in 0..MOST_ROLES {
            match self.postgres.restore(dump) {
                Ok(()) => return runtime.block_on(check_schema(&url, dump)),
                // Whoever may read the ledger beside its own roles: nobody here.
                Err(DumpRefusal::NoRole { role, .. }) => runtime.block_on(async {
                    ledger::database::make_role(&url, &role).await?;
                    ledger::database::empty(&url).await?;
                    ledger::database::make_roles(&url).await
                })?,
                Err(refusal) => return Err(refusal.into()),
            }
        }
        bail!("{} names more than {MOST_ROLES} roles", dump.display())
    }
}

async fn check_schema(url: &str, dump: &Path) -> anyhow::Result<()> {
    match Ledger::connect(url, Role::Owner, 1).await {
        Ok(ledger) => ledger.close().await,
        Err(Error::NotMigrated) => bail!("{} holds no ledger of netfold", dump.display()),
        Err(error) => return Err(error.into()),
    }
    let migrated = Ledger::migrate(url).await;
    migrated.with_context(|| format!("{} is of another version's schema", dump.display()))
}

fn digest(dump: &Path) -> io::Result<String> {
    if !dump.is_dir() {
        return digest_of_file(dump);
    }
    let mut files: Vec<PathBuf> =
        fs::read_dir(dump)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let name = file.file_name().unwrap_or_default();
        hash.update(name.as_encoded_bytes());
        hash.update([0]);
        hash.update(digest_of_file(&file)?);
    }
    Ok(hex::encode(hash.finalize()))
}

fn digest_of_file(file: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(file)?, &mut hash)?;
    Ok(hex::encode(hash.finalize()))
}

/// A ledger has four; this many more are enough for anybody who reads it.
const MOST_ROLES: usize = 32;
