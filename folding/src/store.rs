//! The directory of parameters: powers of tau for development, and one folder of keys per circuit
//! and kind of setup.
//!
//! **Invariant:** the verifying key is written last, so that a folder that has one is whole.

use std::{
    fs::{self, File},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, KeyId, SetupKind, VerifyingKey,
    circuit::circuit_id,
    file::{io_error, read_file, replace_file},
    flat::{SettlementProverKey, SettlementVerifyingKey},
    scheme::{ProverKey, encoding},
    sealed::{Format, Reader, push_counted},
};

/// More bytes than any prover's key has.
const PROVER_KEY_LIMIT: usize = 1 << 30;

const PROVER_KEY: Format = Format { magic: b"NFPRVKEY", version: 1, limit: PROVER_KEY_LIMIT };

/// The beginning of this program's circuit's id, in the name of the folder of its keys. To hash all
/// constraints takes longer than to load the keys; that it is this one is checked before any are made.
const CIRCUIT: &str = "d000f37021079665";

/// The places of one circuit's files.
pub(crate) struct Store {
    directory: PathBuf,
    keys: PathBuf,
}

impl Store {
    /// The places for this program's circuit. Creates nothing.
    pub(crate) fn new(directory: &Path, kind: SetupKind) -> Self {
        let keys = directory.join(format!("{}-{CIRCUIT}", kind.name()));
        Self { directory: directory.to_owned(), keys }
    }

    /// Finds that the folder is that of this program's circuit.
    ///
    /// # Errors
    /// [`Error::CircuitChanged`].
    pub(crate) fn check_circuit() -> Result<(), Error> {
        let found = hex::encode(circuit_id()?);
        if found.starts_with(CIRCUIT) { Ok(()) } else { Err(Error::CircuitChanged { found }) }
    }

    /// Where the development setup's powers of tau are.
    pub(crate) fn development_powers(&self) -> PathBuf {
        self.directory.join(format!("{}-powers", SetupKind::InsecureDevelopment.name()))
    }

    /// Waits until no other process makes keys in the directory; until the file is dropped none
    /// will.
    pub(crate) fn lock(&self) -> Result<File, Error> {
        let path = self.directory.join("lock");
        let open = || {
            fs::create_dir_all(&self.directory)?;
            let file = File::create(&path)?;
            file.lock()?;
            Ok(file)
        };
        open().map_err(|source| io_error(&path, source))
    }

    /// The verifying key that is there.
    pub(crate) fn verifying_key(&self) -> Result<VerifyingKey, Error> {
        let path = self.verifying_key_path();
        if !path.exists() {
            return Err(Error::KeyMissing { directory: self.keys.clone() });
        }
        VerifyingKey::from_own_bytes(read_file(&path)?).map_err(|error| match error {
            Error::KeyMalformed => self.damaged(),
            other => other,
        })
    }

    /// The prover's key that is there; it must be the one of this verifying key.
    pub(crate) fn prover_key(&self, id: KeyId) -> Result<StoredKey<ProverKey>, Error> {
        StoredKey::read(self.prover_key_path(), id)
    }

    /// The prover's key of the settlement proof that is there; it must be the one of this verifying key.
    pub(crate) fn settlement_prover_key(
        &self,
        id: KeyId,
    ) -> Result<StoredKey<SettlementProverKey>, Error> {
        StoredKey::read(self.settlement_prover_key_path(), id)
    }

    /// The verifying key of the settlement proof that is there.
    pub(crate) fn settlement_verifying_key(&self) -> Result<SettlementVerifyingKey, Error> {
        let path = self.settlement_verifying_key_path();
        if !path.exists() {
            return Err(Error::KeyMissing { directory: self.keys.clone() });
        }
        SettlementVerifyingKey::read(&path).map_err(|error| match error {
            Error::KeyMalformed => Error::KeyDamaged { file: path },
            other => other,
        })
    }

    /// Writes both keys.
    pub(crate) fn save(&self, verifying: &VerifyingKey, prover: &ProverKey) -> Result<(), Error> {
        write_prover_key(&self.prover_key_path(), verifying.id(), prover)?;
        write_file(&self.verifying_key_path(), &verifying.to_bytes()?)
    }

    /// Writes both keys of the settlement proof. Comes before [`Store::save`].
    pub(crate) fn save_settlement(
        &self,
        verifying: &SettlementVerifyingKey,
        prover: &SettlementProverKey,
    ) -> Result<(), Error> {
        write_prover_key(&self.settlement_prover_key_path(), verifying.id(), prover)?;
        write_file(&self.settlement_verifying_key_path(), &verifying.to_bytes()?)
    }

    /// Says that the folder must go.
    pub(crate) fn damaged(&self) -> Error {
        Error::KeyDamaged { file: self.verifying_key_path() }
    }

    pub(crate) fn verifying_key_path(&self) -> PathBuf {
        self.keys.join("verifying.key")
    }

    fn prover_key_path(&self) -> PathBuf {
        self.keys.join("prover.key")
    }

    fn settlement_verifying_key_path(&self) -> PathBuf {
        self.keys.join("settlement-verifying.key")
    }

    fn settlement_prover_key_path(&self) -> PathBuf {
        self.keys.join("settlement-prover.key")
    }
}

/// A prover's key as its file holds it: whole, and the one of its verifying key.
pub(crate) struct StoredKey<K> {
    path: PathBuf,
    bytes: Vec<u8>,
    key: PhantomData<fn() -> K>,
}

impl<K: DeserializeOwned> StoredKey<K> {
    /// Reads a file; it must be the key of this verifying key.
    fn read(path: PathBuf, id: KeyId) -> Result<Self, Error> {
        let bytes = read_file(&path)?;
        let is_of = |mut reader: Reader<'_>| reader.take::<32>().is_ok_and(|of| of == id.digest());
        if PROVER_KEY.open(&bytes).is_ok_and(is_of) {
            Ok(Self { path, bytes, key: PhantomData })
        } else {
            Err(Error::KeyDamaged { file: path })
        }
    }

    /// The key.
    pub(crate) fn decode(&self) -> Result<K, Error> {
        let decode = || {
            let mut reader = PROVER_KEY.reopen(&self.bytes).ok()?;
            reader.take::<32>().ok()?;
            let encoded = reader.take_counted().ok()?;
            reader.finish().ok()?;
            let limited = encoding::<PROVER_KEY_LIMIT>();
            let (key, read) = bincode::serde::decode_from_slice(encoded, limited).ok()?;
            (read == encoded.len()).then_some(key)
        };
        decode().ok_or_else(|| Error::KeyDamaged { file: self.path.clone() })
    }
}

fn write_prover_key(path: &Path, id: KeyId, key: &impl Serialize) -> Result<(), Error> {
    let encoded = bincode::serde::encode_to_vec(key, encoding::<PROVER_KEY_LIMIT>())
        .map_err(|_| Error::KeyMalformed)?;
    let bytes = PROVER_KEY.seal(|bytes| {
        bytes.extend(id.digest());
        push_counted(bytes, &encoded);
    });
    write_file(path, &bytes)
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace_file(path, |file| std::io::Write::write_all(file, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder of the keys is that of this program's circuit.
    #[test]
    fn the_folder_is_the_circuits() {
        Store::check_circuit().unwrap();
    }
}
