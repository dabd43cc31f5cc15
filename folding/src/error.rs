//! Why folding, loading or verifying failed.

use std::path::PathBuf;

use domain::{Refusal, StatementError};
use nova_snark::errors::NovaError;

use crate::KeyId;

/// What can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation that the reference transition refuses: it has no witness.
    #[error("an operation has no proof since it breaks a rule")]
    Refused(#[source] Refusal),
    /// A statement that cannot be true, whatever its proof.
    #[error("the proof's statement contradicts itself")]
    Statement(#[source] StatementError),
    /// A witness that breaks a constraint: a defect, since the reference accepted the step.
    #[error("the step breaks constraints of the circuit: {constraint}")]
    Unsatisfied {
        /// The names of the constraints in the circuit.
        constraint: String,
    },
    /// A witness of another domain, epoch or state than the fold has arrived at.
    #[error("the step does not continue the fold")]
    OutOfPlace,
    /// The circuit's output is not the reference's: a defect.
    #[error("the circuit and the reference disagree about step {step}")]
    OutputDiffers {
        /// Number of the step, from 1.
        step: usize,
    },
    /// An epoch without steps has no proof.
    #[error("nothing was folded")]
    NoSteps,
    /// More steps than an epoch may have.
    #[error("an epoch has at most {limit} steps")]
    TooManySteps {
        /// The bound.
        limit: usize,
    },
    /// Something of the epoch is touched and not shown to L1 by its last step.
    #[error("{pending} touched cells and rollups are not emitted")]
    Incomplete {
        /// How many.
        pending: u64,
    },
    /// There are no keys of this circuit and setup in the directory.
    #[error("no keys for this circuit in {}", directory.display())]
    KeyMissing {
        /// Where they were looked for.
        directory: PathBuf,
    },
    /// A key file is not what its manifest says.
    #[error("{} is damaged: remove its directory to have it made again", file.display())]
    KeyDamaged {
        /// The file.
        file: PathBuf,
    },
    /// The circuit has changed, and its keys would be kept where those of another one are.
    #[error("the circuit is {found}: its keys' folder, in folding/src/store.rs, is another one's")]
    CircuitChanged {
        /// Its id, in hex.
        found: String,
    },
    /// Bytes that are no verifying key.
    #[error("these bytes are no verifying key")]
    KeyMalformed,
    /// A text that is no key id.
    #[error("{text:?} is no key id")]
    KeyIdMalformed {
        /// The text.
        text: String,
    },
    /// A proof or checkpoint made with another key.
    #[error("made with key {found}, expected {expected}")]
    WrongKey {
        /// The key that was to check it.
        expected: KeyId,
        /// The key that it names.
        found: KeyId,
    },
    /// A powers-of-tau file that is missing, damaged or inconsistent.
    #[error("{}: {reason}", path.display())]
    PowersOfTau {
        /// The file or the directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: PowersOfTauFault,
    },
    /// Bytes that are no proof file; nothing was verified.
    #[error("no proof file: {0}")]
    ProofMalformed(FileFault),
    /// The proof does not prove its statement.
    #[error("the proof does not prove its statement")]
    ProofInvalid(#[source] Option<NovaError>),
    /// Bytes that are no checkpoint.
    #[error("no checkpoint: {0}")]
    CheckpointMalformed(FileFault),
    /// A checkpoint whose folded instances do not hold.
    #[error("the checkpoint does not hold")]
    CheckpointInvalid(#[source] Option<NovaError>),
    /// A file could not be read or written.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Nova refused for a reason of its own.
    #[error("the proof system failed")]
    Nova(#[source] NovaError),
}

/// Why bytes are no file of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FileFault {
    /// Other first bytes.
    #[error("it does not begin as one")]
    Magic,
    /// A version that this program does not know.
    #[error("its version is {found}, this program reads {known}")]
    Version {
        /// The file's.
        found: u16,
        /// The program's.
        known: u16,
    },
    /// More bytes than any such file has.
    #[error("it is larger than any")]
    TooLarge,
    /// It ends too early, or something follows.
    #[error("its length is wrong")]
    Length,
    /// Its last 32 bytes are not the SHA-256 of the rest.
    #[error("its checksum is wrong")]
    Checksum,
    /// A field that holds no value of its kind.
    #[error("its field {field} is malformed")]
    Field {
        /// The field.
        field: &'static str,
    },
}

/// Why powers of tau cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PowersOfTauFault {
    /// No file with enough powers.
    #[error(
        "no powers-of-tau file with 2^{power} powers or more (ppot_pruned_NN.ptau or ppot_0080_NN.ptau)"
    )]
    Missing {
        /// The least power of two.
        power: u32,
    },
    /// The file is not in the format.
    #[error("it is no powers-of-tau file")]
    Malformed,
    /// The points of another curve.
    #[error("its powers are not on BN254 but on another curve")]
    OtherCurve,
    /// It ends where points should follow.
    #[error("it ends before its last point")]
    Truncated,
    /// The header does not say what follows it.
    #[error(
        "its header says 2^{power} powers, it has {points} points in G1 and {points_in_g2} in G2"
    )]
    PointCount {
        /// The header's exponent.
        power: u32,
        /// Points in G1.
        points: u64,
        /// Points in G2.
        points_in_g2: u64,
    },
    /// Coordinates that are no point of their group.
    #[error("one of its points is not on the curve")]
    NoPoint,
    /// The powers begin with another point.
    #[error("its powers do not begin with the curve's generators")]
    Generator,
    /// A tau that everybody knows.
    #[error("its tau is 0 or 1")]
    Degenerate,
    /// A power that is not tau times the one before: whoever made it could forge, or nobody could
    /// prove.
    #[error("power {number} of its tau is not tau times the one before")]
    Power {
        /// Its exponent.
        number: usize,
    },
    /// The development setup's powers, given as a ceremony's.
    #[error("it is the development setup's, whose secret everybody knows")]
    Development,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StatementError> for Error {
    fn from(error: StatementError) -> Self {
        Self::Statement(error)
    }
}

impl From<NovaError> for Error {
    fn from(error: NovaError) -> Self {
        Self::Nova(error)
    }
}
