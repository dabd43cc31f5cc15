//! Public parameters: made once per circuit and setup, then loaded from files.
//!
//! **Invariant:** the same program and the same powers of tau make the same keys, byte for byte; a
//! key that is loaded is the one that was made, by SHA-256. That is checked at once; decoding, which
//! takes seconds, waits until somebody folds, proves or verifies.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use nova_snark::{errors::NovaError, r1cs::R1CSShape, traits::snark::RelaxedR1CSSNARKTrait};

use crate::{
    Error, KeyId, SetupKind, VerifyingKey,
    circuit::RecursiveStep,
    deferred::Deferred,
    field::word,
    flat::{SettlementParams, SettlementVerifyingKey, flat_entries, flat_shape},
    key::Sizes,
    powers_of_tau,
    scheme::{
        CompressedProof, Primary, PrimaryArgument, ProverKey, PublicParams, SecondaryArgument,
    },
    store::Store,
};

/// Where the structured reference string comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Setup {
    /// A string whose secret is a constant of this program: for development and tests only, since
    /// anybody can forge proofs. The key id says so.
    InsecureDevelopment,
    /// A directory with a ceremony's powers-of-tau files (`ppot_pruned_NN.ptau` or
    /// `ppot_0080_NN.ptau`).
    PowersOfTau(PathBuf),
}

/// What the setup is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SetupStage {
    /// Reads the key files that are there.
    Loading,
    /// Makes or checks the powers of tau.
    PowersOfTau,
    /// Makes the public parameters.
    PublicParameters,
    /// Makes the prover's and the verifier's key.
    Keys,
    /// Writes the key files.
    Saving,
}

/// How far the setup is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SetupProgress {
    /// What it is doing.
    pub stage: SetupStage,
    /// How much of the stage is done, from 0 to 1.
    pub fraction: f64,
}

/// What folding needs: public parameters, prover's key, verifier's key. Cheap to clone.
#[derive(Clone)]
pub struct Params(Arc<Parts>);

struct Parts {
    verifying_key: VerifyingKey,
    settlement_verifying_key: SettlementVerifyingKey,
    recursive: Deferred<Recursive>,
    settlement: Deferred<SettlementParams>,
    /// Held by who decodes, so that nobody does it beside.
    decoding: Mutex<()>,
}

/// What the aggregated proof takes.
struct Recursive {
    public: PublicParams,
    prover_key: ProverKey,
}

/// The size of a form of the circuit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CircuitSize {
    /// Its constraints.
    pub constraints: usize,
    /// Its variables.
    pub variables: usize,
    /// Entries of its three matrices.
    pub nonzeros: usize,
}

impl Setup {
    /// Who could know the secret behind it.
    #[must_use]
    pub const fn kind(&self) -> SetupKind {
        match self {
            Self::InsecureDevelopment => SetupKind::InsecureDevelopment,
            Self::PowersOfTau(_) => SetupKind::PowersOfTau,
        }
    }
}

impl fmt::Display for SetupStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loading => "loading keys",
            Self::PowersOfTau => "powers of tau",
            Self::PublicParameters => "public parameters",
            Self::Keys => "keys",
            Self::Saving => "saving keys",
        })
    }
}

impl Params {
    /// Loads the parameters of this program's circuit from a directory, where they are made first
    /// if they are not there.
    ///
    /// # Errors
    /// [`Error::PowersOfTau`] for a ceremony's files that cannot be used, [`Error::KeyDamaged`] for
    /// key files that are not what was written, or [`Error::Io`].
    pub fn load_or_create(
        directory: &Path,
        setup: &Setup,
        progress: &mut dyn FnMut(SetupProgress),
    ) -> Result<Self, Error> {
        let store = Store::new(directory, setup.kind());
        match store.verifying_key() {
            Ok(verifying_key) => Self::load(&store, setup, verifying_key, progress),
            Err(Error::KeyMissing { .. }) => {
                // Two processes that start together would both make what one can.
                let _lock = store.lock()?;
                match store.verifying_key() {
                    Ok(verifying_key) => Self::load(&store, setup, verifying_key, progress),
                    Err(Error::KeyMissing { .. }) => Self::create(&store, setup, progress),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The exponent of the powers of tau that this program's parameters take.
    ///
    /// # Errors
    /// [`Error::Nova`], which this program's circuit does not cause.
    pub fn powers_needed() -> Result<u32, Error> {
        powers(&CircuitSize::measure()?)
    }

    /// The id of the verifying key.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.0.verifying_key.id()
    }

    /// What proofs are verified with.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.0.verifying_key
    }

    /// What settlement proofs are verified with.
    #[must_use]
    pub fn settlement_verifying_key(&self) -> &SettlementVerifyingKey {
        &self.0.settlement_verifying_key
    }

    /// Decodes what both folds take, side by side. Otherwise the first step that is folded has to wait
    /// for it, a second or two.
    ///
    /// # Errors
    /// [`Error::KeyDamaged`] or [`Error::Nova`], when the powers of tau are other ones than the keys
    /// were made of.
    pub fn decode(&self) -> Result<(), Error> {
        // Nobody of the pool may wait for what the pool has to do.
        let outside = rayon::current_thread_index().is_none();
        let _turn = outside.then(|| self.0.decoding.lock().unwrap_or_else(PoisonError::into_inner));
        let (settlement, public) = rayon::join(|| self.settlement(), || self.public());
        settlement.and(public.map(drop))
    }

    pub(crate) fn settlement(&self) -> Result<&SettlementParams, Error> {
        self.0.settlement.get()
    }

    pub(crate) fn public(&self) -> Result<&PublicParams, Error> {
        Ok(&self.0.recursive.get()?.public)
    }

    pub(crate) fn prover_key(&self) -> Result<&ProverKey, Error> {
        Ok(&self.0.recursive.get()?.prover_key)
    }

    fn load(
        store: &Store,
        setup: &Setup,
        verifying_key: VerifyingKey,
        progress: &mut dyn FnMut(SetupProgress),
    ) -> Result<Self, Error> {
        progress(SetupProgress { stage: SetupStage::Loading, fraction: 0.0 });
        let powers = u32::from(verifying_key.sizes().powers);
        let powers_of_tau = powers_of_tau(store, setup, powers, progress)?;
        let prover_key = store.prover_key(verifying_key.id())?;
        let settlement_verifying_key = store.settlement_verifying_key()?;
        let settlement_prover_key = store.settlement_prover_key(settlement_verifying_key.id())?;
        progress(SetupProgress { stage: SetupStage::Loading, fraction: 1.0 });
        let (powers, digest) = (powers_of_tau.clone(), verifying_key.params_digest());
        let damaged = store.verifying_key_path();
        let recursive = Deferred::new(move || {
            let public = public_params(&powers)?;
            if word(public.digest()) != digest {
                return Err(Error::KeyDamaged { file: damaged.clone() });
            }
            Ok(Recursive { public, prover_key: prover_key.decode()? })
        });
        let (kind, key) = (setup.kind(), settlement_verifying_key.clone());
        let settlement = Deferred::new(move || {
            let keys = (settlement_prover_key.decode()?, key.clone());
            SettlementParams::new(&powers_of_tau, kind, Some(keys))
        });
        let decoding = Mutex::default();
        Ok(Self(Arc::new(Parts {
            verifying_key,
            settlement_verifying_key,
            recursive,
            settlement,
            decoding,
        })))
    }

    fn create(
        store: &Store,
        setup: &Setup,
        progress: &mut dyn FnMut(SetupProgress),
    ) -> Result<Self, Error> {
        Store::check_circuit()?;
        let size = CircuitSize::measure()?;
        let powers = powers(&size)?;
        let powers_of_tau = powers_of_tau(store, setup, powers, progress)?;
        if matches!(setup, Setup::PowersOfTau(_)) {
            let file = powers_of_tau::find(&powers_of_tau, powers)?;
            powers_of_tau::check_ceremony(&file, powers)?;
        }
        progress(SetupProgress { stage: SetupStage::PublicParameters, fraction: 0.0 });
        let public = public_params(&powers_of_tau)?;
        progress(SetupProgress { stage: SetupStage::Keys, fraction: 0.0 });
        let (prover_key, verifier_key) = CompressedProof::setup(&public)?;
        let (_, secondary) = public.num_constraints();
        let (_, secondary_variables) = public.num_variables();
        let sizes = Sizes {
            powers: exponent(1 << powers),
            primary_constraints: exponent(size.constraints.max(size.variables)),
            secondary_constraints: exponent(secondary.max(secondary_variables)),
        };
        let digest = word(public.digest());
        let verifying_key = VerifyingKey::new(setup.kind(), sizes, digest, verifier_key)?;
        progress(SetupProgress { stage: SetupStage::Keys, fraction: 0.5 });
        let settlement = SettlementParams::new(&powers_of_tau, setup.kind(), None)?;
        progress(SetupProgress { stage: SetupStage::Saving, fraction: 0.0 });
        store.save_settlement(settlement.verifying_key(), settlement.prover_key())?;
        store.save(&verifying_key, &prover_key)?;
        progress(SetupProgress { stage: SetupStage::Saving, fraction: 1.0 });
        Ok(Self(Arc::new(Parts {
            verifying_key,
            settlement_verifying_key: settlement.verifying_key().clone(),
            recursive: Deferred::made(Recursive { public, prover_key }),
            settlement: Deferred::made(settlement),
            decoding: Mutex::default(),
        })))
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Params").field("key_id", &self.key_id()).finish_non_exhaustive()
    }
}

impl CircuitSize {
    /// The size of the primary circuit of the aggregated proof, Nova's own part included.
    ///
    /// # Errors
    /// [`Error::Nova`], which this program's circuit does not cause.
    pub fn measure() -> Result<Self, Error> {
        // Nova hands the shape to this function and to nothing else; without any file of powers it
        // then stops.
        let measured = Arc::new(OnceLock::new());
        let seen = Arc::clone(&measured);
        let hint = move |shape: &R1CSShape<Primary>| {
            seen.get_or_init(|| Self {
                constraints: shape.num_cons(),
                variables: shape.num_vars(),
                nonzeros: flat_entries(shape),
            })
            .nonzeros
        };
        let nowhere = Path::new("");
        let stopped = PublicParams::setup_with_ptau_dir(
            &RecursiveStep::default(),
            &hint,
            &*SecondaryArgument::ck_floor(),
            &nowhere.join("no powers of tau here"),
        );
        match (measured.get(), stopped) {
            (Some(size), _) => Ok(*size),
            (None, Err(error)) => Err(Error::Nova(error)),
            (None, Ok(_)) => Err(Error::Nova(NovaError::InvalidCommitmentKeyLength)),
        }
    }

    /// The size of the step as the settlement proof folds it, without anything of Nova's own.
    ///
    /// # Errors
    /// [`Error::Nova`], which this program's circuit does not cause.
    pub fn of_flat_step() -> Result<Self, Error> {
        let shape = flat_shape()?;
        let (constraints, variables) = (shape.num_cons(), shape.num_vars());
        Ok(Self { constraints, variables, nonzeros: flat_entries(&shape) })
    }

    /// The power of two of the powers of tau that its parameters need.
    fn powers(&self) -> u32 {
        self.constraints.max(self.variables).next_power_of_two().ilog2()
    }
}

/// The exponent of the powers of tau that both proofs take.
fn powers(size: &CircuitSize) -> Result<u32, Error> {
    let flat = flat_entries(&flat_shape()?);
    Ok(size.powers().max(flat.next_power_of_two().ilog2()))
}

/// The directory of the setup's powers of tau, made or checked first if they are the program's own.
fn powers_of_tau(
    store: &Store,
    setup: &Setup,
    powers: u32,
    progress: &mut dyn FnMut(SetupProgress),
) -> Result<PathBuf, Error> {
    let stage = SetupStage::PowersOfTau;
    match setup {
        Setup::InsecureDevelopment => {
            let directory = store.development_powers();
            powers_of_tau::write_development_file(&directory, powers, &mut |fraction| {
                progress(SetupProgress { stage, fraction });
            })?;
            Ok(directory)
        }
        Setup::PowersOfTau(directory) => {
            powers_of_tau::find(directory, powers)?;
            Ok(directory.clone())
        }
    }
}

fn public_params(powers_of_tau: &Path) -> Result<PublicParams, Error> {
    Ok(PublicParams::setup_with_ptau_dir(
        &RecursiveStep::default(),
        &*PrimaryArgument::ck_floor(),
        &*SecondaryArgument::ck_floor(),
        powers_of_tau,
    )?)
}

/// The exponent of the next power of two.
fn exponent(size: usize) -> u8 {
    u8::try_from(size.next_power_of_two().ilog2()).unwrap_or(u8::MAX)
}
