//! Keys of the settlement proof, and what of them the contract is made with.

use std::{fmt, path::Path, sync::Arc};

use alloy_primitives::{U256, uint};
use domain::Word;
use nova_snark::{
    frontend::{r1cs::NovaShape, shape_cs::ShapeCS},
    r1cs::R1CSShape,
    traits::{
        Engine,
        commitment::CommitmentEngineTrait,
        snark::{DigestHelperTrait, RelaxedR1CSSNARKTrait},
    },
};

use super::{packed::packed_bytes, proof::message_bytes};
use crate::{
    Error, KeyId, Setup, SetupKind,
    circuit::FlatStep,
    error::FileFault,
    field::word,
    file::{read_file, sha256},
    scheme::{Primary, SettlementArgument, encoding},
    sealed::{Format, Reader, push_counted},
    store::Store,
};

/// The prover's key of settlement proofs.
pub(crate) type SettlementProverKey =
    <SettlementArgument as RelaxedR1CSSNARKTrait<Primary>>::ProverKey;
type VerifierKey = <SettlementArgument as RelaxedR1CSSNARKTrait<Primary>>::VerifierKey;
type CommitmentKey = <<Primary as Engine>::CE as CommitmentEngineTrait<Primary>>::CommitmentKey;
type Shape = R1CSShape<Primary>;

/// More bytes than the verifying key has: it is sizes and a dozen points.
const KEY_LIMIT: usize = 1 << 12;

/// The generator of G2 (EIP-197) that Mercury verifies with whatever the key says.
const H: [U256; 4] = [
    uint!(0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed_U256),
    uint!(0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2_U256),
    uint!(0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa_U256),
    uint!(0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b_U256),
];

const FORMAT: Format = Format { magic: b"NFSETKEY", version: 2, limit: KEY_LIMIT };

/// Rounds of the sum-checks, and with them every length in a proof.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Rounds {
    /// Of the first: the exponent of the padded constraints.
    pub(crate) outer: usize,
    /// Of the second: the exponent of the padded matrix entries.
    pub(crate) inner: usize,
}

/// What settlement proofs are verified with, on L1 and elsewhere. Cheap to clone.
#[derive(Clone)]
pub struct SettlementVerifyingKey {
    id: KeyId,
    evm: Arc<EvmVerificationKey>,
    rounds: Rounds,
    key: Arc<VerifierKey>,
}

/// The verification key as numbers, for the contract.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct EvmVerificationKey {
    /// Nova's digest of the key, which opens every transcript.
    pub(crate) digest: Word,
    /// The exponent of the padded constraints.
    pub(crate) log_constraints: u64,
    /// The exponent of the padded variables.
    pub(crate) log_variables: u64,
    /// The exponent of the padded matrix entries.
    pub(crate) log_entries: u64,
    /// Commitments to the matrices, as (x, y): row, col, `val_A`, `val_B`, `val_C`, `ts_row`, `ts_col`.
    pub(crate) matrix_commitments: [[U256; 2]; 7],
    /// The generator of G2 that commitments are opened with, as (x real, x imaginary, y real, y
    /// imaginary).
    pub(crate) h: [U256; 4],
    /// Its multiple by the setup's secret.
    pub(crate) tau_h: [U256; 4],
}

/// What the flat fold needs besides the circuit.
#[derive(Clone)]
pub(crate) struct SettlementParams(Arc<Parts>);

struct Parts {
    shape: Shape,
    commitment_key: CommitmentKey,
    prover_key: SettlementProverKey,
    verifying_key: SettlementVerifyingKey,
}

impl SettlementParams {
    /// Makes shape and commitment key, and the keys from them unless they are given.
    pub(crate) fn new(
        powers_of_tau: &Path,
        kind: SetupKind,
        keys: Option<(SettlementProverKey, SettlementVerifyingKey)>,
    ) -> Result<Self, Error> {
        let shape = flat_shape()?;
        let commitment_key = Shape::commitment_key_from_ptau_dir(
            &[&shape],
            &[&*SettlementArgument::ck_floor()],
            powers_of_tau,
        )?;
        let (prover_key, verifying_key) = if let Some(keys) = keys {
            keys
        } else {
            let (prover_key, key) = SettlementArgument::setup(&commitment_key, &shape)?;
            (prover_key, SettlementVerifyingKey::new(kind, &key)?)
        };
        // Folding multiplies by the matrices in every step; without this the first one pays for it.
        shape.precompute_sparse_matrices();
        Ok(Self(Arc::new(Parts { shape, commitment_key, prover_key, verifying_key })))
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.0.shape
    }

    pub(crate) fn commitment_key(&self) -> &CommitmentKey {
        &self.0.commitment_key
    }

    pub(crate) fn prover_key(&self) -> &SettlementProverKey {
        &self.0.prover_key
    }

    pub(crate) fn verifying_key(&self) -> &SettlementVerifyingKey {
        &self.0.verifying_key
    }
}

/// The matrices of the flat step.
pub(crate) fn flat_shape() -> Result<Shape, Error> {
    let mut constraints = ShapeCS::<Primary>::new();
    FlatStep::default()
        .synthesize(&mut constraints, None)
        .map_err(|error| Error::Nova(error.into()))?;
    Ok(constraints.r1cs_shape()?)
}

/// Entries of the flat step's matrices: what its proof's cost depends on.
pub(crate) fn flat_entries(shape: &Shape) -> usize {
    SettlementArgument::ck_floor()(shape)
}

impl SettlementVerifyingKey {
    /// Loads the key of this program's circuit from the directory of
    /// [`Params::load_or_create`](crate::Params::load_or_create).
    ///
    /// # Errors
    /// [`Error::KeyMissing`], [`Error::KeyDamaged`] or [`Error::Io`].
    pub fn load(directory: &Path, setup: &Setup) -> Result<Self, Error> {
        Store::new(directory, setup.kind()).settlement_verifying_key()
    }

    /// Reads a key from its own file.
    ///
    /// # Errors
    /// [`Error::KeyMalformed`] or [`Error::Io`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::from_bytes(&read_file(path)?)
    }

    fn new(kind: SetupKind, key: &VerifierKey) -> Result<Self, Error> {
        Self::from_bytes(&seal(kind, key)?)
    }

    /// Its id, of which the hash is the contract's `verificationKeyId`.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The key as numbers.
    pub(crate) fn evm(&self) -> &EvmVerificationKey {
        &self.evm
    }

    /// Bytes of a settlement proof of that many steps.
    #[must_use]
    pub fn proof_bytes(&self, steps: usize) -> usize {
        message_bytes(steps).saturating_add(packed_bytes(self.rounds))
    }

    /// The key as a file.
    ///
    /// # Errors
    /// [`Error::KeyMalformed`], which no key that was made or loaded causes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        seal(self.id.kind(), &self.key)
    }

    /// Reads a key from the bytes of its file.
    ///
    /// # Errors
    /// [`Error::KeyMalformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |_| Error::KeyMalformed;
        let (kind, encoded) = read_parts(bytes).map_err(malformed)?;
        let decoded: Result<(VerifierKey, usize), _> =
            bincode::serde::decode_from_slice(encoded, encoding::<KEY_LIMIT>());
        let key = match decoded {
            Ok((key, read)) if read == encoded.len() => key,
            _ => return Err(Error::KeyMalformed),
        };
        let digest = word(DigestHelperTrait::<Primary>::digest(&key));
        let evm = EvmVerificationKey::read(digest, encoded).map_err(malformed)?;
        let exponent = |exponent| usize::try_from(exponent).unwrap_or(usize::MAX);
        let rounds =
            Rounds { outer: exponent(evm.log_constraints), inner: exponent(evm.log_entries) };
        let id = KeyId::new(kind, sha256(bytes));
        Ok(Self { id, evm: Arc::new(evm), rounds, key: Arc::new(key) })
    }

    /// Nova's digest of the key.
    pub(crate) fn digest(&self) -> Word {
        self.evm.digest
    }

    pub(crate) fn rounds(&self) -> Rounds {
        self.rounds
    }

    pub(crate) fn argument_key(&self) -> &VerifierKey {
        &self.key
    }
}

impl fmt::Debug for SettlementVerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettlementVerifyingKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The key file of a key.
fn seal(kind: SetupKind, key: &VerifierKey) -> Result<Vec<u8>, Error> {
    let encoded = bincode::serde::encode_to_vec(key, encoding::<KEY_LIMIT>())
        .map_err(|_| Error::KeyMalformed)?;
    Ok(FORMAT.seal(|bytes| {
        bytes.push(kind.code());
        push_counted(bytes, &encoded);
    }))
}

/// Setup kind and encoded key of a key file.
fn read_parts(bytes: &[u8]) -> Result<(SetupKind, &[u8]), FileFault> {
    let mut reader = FORMAT.open(bytes)?;
    let [kind] = reader.take()?;
    let kind = SetupKind::from_code(kind).ok_or(FileFault::Field { field: "setup" })?;
    let encoded = reader.take_counted()?;
    reader.finish()?;
    Ok((kind, encoded))
}

impl EvmVerificationKey {
    /// Reads Nova's encoding: constraints, variables, G, H, τH, entries, commitments.
    fn read(digest: Word, encoded: &[u8]) -> Result<Self, FileFault> {
        let mut reader = Reader::over(encoded);
        let log_constraints = exponent(&mut reader)?;
        let log_variables = exponent(&mut reader)?;
        let generator: [U256; 2] = numbers(&mut reader)?;
        if generator != [U256::ONE, U256::from(2)] {
            return Err(FileFault::Field { field: "generator" });
        }
        let (h, tau_h) = (numbers(&mut reader)?, numbers(&mut reader)?);
        if h != H {
            return Err(FileFault::Field { field: "generator of G2" });
        }
        let log_entries = exponent(&mut reader)?;
        // Mercury as the contract has it splits the point into two halves.
        if log_entries % 2 != 0 {
            return Err(FileFault::Field { field: "size" });
        }
        let mut matrix_commitments = [[U256::ZERO; 2]; 7];
        for commitment in &mut matrix_commitments {
            *commitment = numbers(&mut reader)?;
        }
        reader.finish()?;
        Ok(Self {
            digest,
            log_constraints,
            log_variables,
            log_entries,
            matrix_commitments,
            h,
            tau_h,
        })
    }
}

/// The exponent of a size, which is a power of two.
fn exponent(reader: &mut Reader<'_>) -> Result<u64, FileFault> {
    let size = u64::from_le_bytes(reader.take()?);
    if size.is_power_of_two() {
        Ok(u64::from(size.ilog2()))
    } else {
        Err(FileFault::Field { field: "size" })
    }
}

fn numbers<const N: usize>(reader: &mut Reader<'_>) -> Result<[U256; N], FileFault> {
    let mut numbers = [U256::ZERO; N];
    for number in &mut numbers {
        *number = U256::from_be_bytes(reader.take::<32>()?);
    }
    Ok(numbers)
}
