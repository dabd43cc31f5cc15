//! Key ids and verifying keys.
//!
//! **Invariant:** a key id is the hash of the whole verifying key, with the kind of setup in front;
//! a proof names the id, and is checked with no other key.

use std::{fmt, path::Path, str::FromStr, sync::Arc};

use alloy_primitives::B256;
use domain::Word;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Setup,
    deferred::Deferred,
    error::FileFault,
    file::{read_file, sha256},
    scheme::{VerifierKey, encoding},
    sealed::{Format, Reader, push_counted},
    store::Store,
};

/// More bytes than any verifying key has.
const KEY_LIMIT: usize = 1 << 28;

const FORMAT: Format = Format { magic: b"NFVERKEY", version: 2, limit: KEY_LIMIT };

/// Who could know the secret behind a key.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetupKind {
    /// Everybody: the secret is a constant of this program. Anybody can forge proofs.
    InsecureDevelopment,
    /// Nobody, if one participant of the ceremony was honest.
    PowersOfTau,
}

/// The id of a verifying key.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId {
    kind: SetupKind,
    digest: [u8; 32],
}

/// What proofs are verified with. Cheap to clone.
#[derive(Clone)]
pub struct VerifyingKey {
    id: KeyId,
    sizes: Sizes,
    params_digest: Word,
    key: Arc<Deferred<VerifierKey>>,
}

/// Sizes of parameters and proofs, as powers of two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Sizes {
    /// Powers of tau.
    pub(crate) powers: u8,
    /// Padded constraints of the primary circuit.
    pub(crate) primary_constraints: u8,
    /// Padded constraints of the secondary circuit.
    pub(crate) secondary_constraints: u8,
}

impl SetupKind {
    const ALL: [Self; 2] = [Self::InsecureDevelopment, Self::PowersOfTau];

    /// Its name in key ids and of key directories.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InsecureDevelopment => "insecure-development",
            Self::PowersOfTau => "powers-of-tau",
        }
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::InsecureDevelopment => 0,
            Self::PowersOfTau => 1,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

impl KeyId {
    pub(crate) const fn new(kind: SetupKind, digest: [u8; 32]) -> Self {
        Self { kind, digest }
    }

    /// Who could know the secret behind the key.
    #[must_use]
    pub const fn kind(&self) -> SetupKind {
        self.kind
    }

    /// Whether anybody can forge proofs for the key.
    #[must_use]
    pub const fn is_insecure(&self) -> bool {
        matches!(self.kind, SetupKind::InsecureDevelopment)
    }

    /// The hash of the verifying key.
    #[must_use]
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), hex::encode(self.digest))
    }
}

impl FromStr for KeyId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let (name, digest) = text.split_once(':')?;
            let kind = SetupKind::ALL.into_iter().find(|kind| kind.name() == name)?;
            let mut bytes = [0; 32];
            hex::decode_to_slice(digest, &mut bytes).ok()?;
            Some(Self::new(kind, bytes)).filter(|id| id.to_string() == text)
        };
        // Shortened: it may be anything.
        parse().ok_or_else(|| Error::KeyIdMalformed { text: text.chars().take(120).collect() })
    }
}

impl TryFrom<String> for KeyId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

impl VerifyingKey {
    /// Loads the key of this program's circuit from the directory of
    /// [`Params::load_or_create`](crate::Params::load_or_create). Verifying with it takes a second or so the first
    /// time: load once.
    ///
    /// # Errors
    /// [`Error::KeyMissing`], [`Error::KeyDamaged`] or [`Error::Io`].
    pub fn load(directory: &Path, setup: &Setup) -> Result<Self, Error> {
        Store::new(directory, setup.kind()).verifying_key()
    }

    /// Reads a key from its own file.
    ///
    /// # Errors
    /// [`Error::KeyMalformed`] or [`Error::Io`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::from_bytes(&read_file(path)?)
    }

    pub(crate) fn new(
        kind: SetupKind,
        sizes: Sizes,
        params_digest: Word,
        key: VerifierKey,
    ) -> Result<Self, Error> {
        let id = KeyId::new(kind, [0; 32]);
        let mut key = Self { id, sizes, params_digest, key: Arc::new(Deferred::made(key)) };
        // The id is that of the bytes, so that what is loaded has the id of what was made.
        key.id = KeyId::new(kind, sha256(&key.to_bytes()?));
        Ok(key)
    }

    /// The key of a file that this program wrote: that the file is whole is checked now, it is decoded
    /// when the key is first needed.
    pub(crate) fn from_own_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        let malformed = |_| Error::KeyMalformed;
        let reader = FORMAT.open(&bytes).map_err(malformed)?;
        let (kind, sizes, params_digest, _) = read_parts(reader).map_err(malformed)?;
        let id = KeyId::new(kind, sha256(&bytes));
        let decode = move || {
            let reader = FORMAT.reopen(&bytes).map_err(malformed)?;
            let (.., encoded) = read_parts(reader).map_err(malformed)?;
            decode(encoded)
        };
        Ok(Self { id, sizes, params_digest, key: Arc::new(Deferred::new(decode)) })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The key as a file.
    ///
    /// # Errors
    /// [`Error::KeyMalformed`], which no key that was made or loaded causes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let key = bincode::serde::encode_to_vec(self.key()?, encoding::<KEY_LIMIT>())
            .map_err(|_| Error::KeyMalformed)?;
        let Sizes { powers, primary_constraints, secondary_constraints } = self.sizes;
        Ok(FORMAT.seal(|bytes| {
            bytes.push(self.id.kind.code());
            bytes.extend([powers, primary_constraints, secondary_constraints]);
            bytes.extend(self.params_digest.to_bytes());
            push_counted(bytes, &key);
        }))
    }

    /// Reads a key from the bytes of its file.
    ///
    /// # Errors
    /// [`Error::KeyMalformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |_| Error::KeyMalformed;
        let reader = FORMAT.open(bytes).map_err(malformed)?;
        let (kind, sizes, params_digest, encoded) = read_parts(reader).map_err(malformed)?;
        let key = Arc::new(Deferred::made(decode(encoded)?));
        Ok(Self { id: KeyId::new(kind, sha256(bytes)), sizes, params_digest, key })
    }

    pub(crate) fn key(&self) -> Result<&VerifierKey, Error> {
        self.key.get()
    }

    pub(crate) fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// The digest that Nova computes of the public parameters.
    #[must_use]
    pub fn params_digest(&self) -> Word {
        self.params_digest
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("id", &self.id).finish_non_exhaustive()
    }
}

fn decode(encoded: &[u8]) -> Result<VerifierKey, Error> {
    match bincode::serde::decode_from_slice(encoded, encoding::<KEY_LIMIT>()) {
        Ok((key, read)) if read == encoded.len() => Ok(key),
        _ => Err(Error::KeyMalformed),
    }
}

/// Setup kind, sizes, digest of the public parameters and the encoded key of a key file.
fn read_parts(mut reader: Reader<'_>) -> Result<(SetupKind, Sizes, Word, &[u8]), FileFault> {
    let [kind, powers, primary_constraints, secondary_constraints] = reader.take()?;
    let kind = SetupKind::from_code(kind).ok_or(FileFault::Field { field: "setup" })?;
    let params_digest = Word::from_bytes(B256::from(reader.take::<32>()?))
        .map_err(|_| FileFault::Field { field: "params digest" })?;
    let encoded = reader.take_counted()?;
    reader.finish()?;
    let sizes = Sizes { powers, primary_constraints, secondary_constraints };
    Ok((kind, sizes, params_digest, encoded))
}
