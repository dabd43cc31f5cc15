//! The directory of parameters: powers of tau for development, and one folder of keys per circuit
//! and kind of setup.
//!
//! **Invariant:** the verifying key is written last, so that a folder that has one is whole.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, KeyId, SetupKind, VerifyingKey,
    circuit::circuit_id,
    file::{io_error, read_file, replace_file},
    flat::{SettlementProverKey, SettlementVerifyingKey},
    scheme::{ProverKey, encoding},
    sealed::{Format, push_counted},
};

/// More bytes than any prover's key has.
const PROVER_KEY_LIMIT: usize = 1 << 30;

const PROVER_KEY: Format = Format { magic: b"NFPRVKEY", version: 1, limit: PROVER_KEY_LIMIT };

/// Characters of the circuit's id in its folder's name.
const CIRCUIT_CHARACTERS: usize = 16;

/// The places of one circuit's files.
pub(crate) struct Store {
    directory: PathBuf,
    keys: PathBuf,
}

impl Store {
    /// The places for this program's circuit. Creates nothing.
    pub(crate) fn new(directory: &Path, kind: SetupKind) -> Result<Self, Error> {
        let circuit: String = hex::encode(circuit_id()?).chars().take(CIRCUIT_CHARACTERS).collect();
        let keys = directory.join(format!("{}-{circuit}", kind.name()));
        Ok(Self { directory: directory.to_owned(), keys })
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
        VerifyingKey::read(&path).map_err(|error| match error {
            Error::KeyMalformed => self.damaged(),
            other => other,
        })
    }

    /// The prover's key that is there; it must be the one of this verifying key.
    pub(crate) fn prover_key(&self, id: KeyId) -> Result<ProverKey, Error> {
        read_prover_key(&self.prover_key_path(), id)
    }

    /// Both keys of the settlement proof that are there.
    pub(crate) fn settlement_keys(
        &self,
    ) -> Result<(SettlementProverKey, SettlementVerifyingKey), Error> {
        let verifying = self.settlement_verifying_key()?;
        let prover = read_prover_key(&self.settlement_prover_key_path(), verifying.id())?;
        Ok((prover, verifying))
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

    fn verifying_key_path(&self) -> PathBuf {
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

/// Reads a prover's key; it must be the one of this verifying key.
fn read_prover_key<K: DeserializeOwned>(path: &Path, id: KeyId) -> Result<K, Error> {
    let bytes = read_file(path)?;
    let decode = || {
        let mut reader = PROVER_KEY.open(&bytes).ok()?;
        let made_with = reader.take::<32>().ok()?;
        let encoded = reader.take_counted().ok()?;
        reader.finish().ok()?;
        let limited = encoding::<PROVER_KEY_LIMIT>();
        let (key, read) = bincode::serde::decode_from_slice(encoded, limited).ok()?;
        (read == encoded.len() && made_with == id.digest()).then_some(key)
    };
    decode().ok_or_else(|| Error::KeyDamaged { file: path.to_owned() })
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
