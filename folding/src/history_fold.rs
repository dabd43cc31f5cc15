//! Folding the steps of consecutive epochs into one recursive fold: the history of a domain since an
//! anchor.
//!
//! **Invariant:** a fold holds only steps that satisfy the circuit and continue each other, each
//! epoch the one after the last, from the anchor's opening state on; what is resumed from a
//! checkpoint has been verified first.
//!
//! The emission digest runs on from epoch to epoch. What each epoch shows L1 is in the epoch's own
//! proof and no part of this one; there is no flat fold, since L1 has checked each epoch already.

use domain::{
    DomainIdentity, EpochNumber, LiquidityState, Operation, StepContext, StepOutput, Word,
};

use crate::{
    Error, HistoryProof, Params, Plan, StepWitness,
    circuit::{RECURSIVE_Z_WORDS, RecursiveStep},
    error::FileFault,
    field::{Scalar, scalar, word},
    fields,
    fold::verify_running,
    history_proof::HistoryClaim,
    scheme::{CompressedProof, RecursiveProof, encoding},
    sealed::{Format, Reader, push_counted},
    witness::plan_from,
};

/// More bytes than any checkpoint has.
const CHECKPOINT_LIMIT: usize = 1 << 26;

const FORMAT: Format = Format { magic: b"NFHISTCP", version: 1, limit: CHECKPOINT_LIMIT };

/// The epochs since an anchor, being folded.
#[derive(Clone)]
pub struct HistoryFold {
    params: Params,
    identity: DomainIdentity,
    anchor: EpochNumber,
    opening_digest: Word,
    reached: Reached,
    recursive: Option<RecursiveProof>,
}

/// Where a fold over several epochs is: but for the domain word, its z.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reached {
    /// The epoch of the last step, the anchor before the first.
    pub(crate) epoch: EpochNumber,
    pub(crate) state_digest: Word,
    pub(crate) pending: u64,
    pub(crate) emission_digest: Word,
    pub(crate) steps: u64,
}

impl HistoryFold {
    /// Begins with an epoch, the anchor, from the state that it opens with.
    #[must_use]
    pub fn start(
        params: &Params,
        identity: DomainIdentity,
        anchor: EpochNumber,
        opening_digest: Word,
    ) -> Self {
        let reached = Reached {
            epoch: anchor,
            state_digest: opening_digest,
            pending: 0,
            emission_digest: Word::ZERO,
            steps: 0,
        };
        let params = params.clone();
        Self { params, identity, anchor, opening_digest, reached, recursive: None }
    }

    /// The domain.
    #[must_use]
    pub fn identity(&self) -> &DomainIdentity {
        &self.identity
    }

    /// The first epoch.
    #[must_use]
    pub fn anchor(&self) -> EpochNumber {
        self.anchor
    }

    /// The state digest that the anchor opens with.
    #[must_use]
    pub fn opening_digest(&self) -> Word {
        self.opening_digest
    }

    /// The last epoch of which steps are folded; `None` before the first step.
    #[must_use]
    pub fn last_epoch(&self) -> Option<EpochNumber> {
        (self.reached.steps > 0).then_some(self.reached.epoch)
    }

    /// The state digest that the steps so far lead to.
    #[must_use]
    pub fn closing_digest(&self) -> Word {
        self.reached.state_digest
    }

    /// How many steps are folded.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.reached.steps
    }

    /// The steps of the epoch after the last, or of the anchor, to be folded one after another.
    ///
    /// # Errors
    /// [`Error::Refused`] for the first operation that breaks a rule, [`Error::OutOfPlace`] for a
    /// state that the fold has not arrived at.
    pub fn plan(&self, opening: &LiquidityState, operations: &[Operation]) -> Result<Plan, Error> {
        let Reached { epoch, state_digest, pending, emission_digest, steps } = self.reached;
        let epoch = if steps == 0 { Some(epoch) } else { epoch.next().filter(|_| pending == 0) };
        let epoch = epoch.filter(|_| opening.digest() == state_digest).ok_or(Error::OutOfPlace)?;
        let context = StepContext { domain_word: self.identity.word(), epoch };
        let mut plan = plan_from(opening, operations, context, emission_digest)?;
        if steps > 0
            && let Some(first) = plan.steps.first_mut()
        {
            *first = first.clone().beginning_epoch();
        }
        Ok(plan)
    }

    /// Folds one more step.
    ///
    /// # Errors
    /// [`Error::OutOfPlace`] for a step that does not continue the fold, or [`Error::Unsatisfied`];
    /// the fold is then as before.
    pub fn step(&mut self, witness: &StepWitness) -> Result<(), Error> {
        if !witness.follows(&self.identity, &self.reached) {
            return Err(Error::OutOfPlace);
        }
        let number = self.reached.steps.checked_add(1).ok_or(Error::OutOfPlace)?;
        // Nova folds a step that breaks constraints without a word, and nothing else looks at it.
        witness.check()?;
        let circuit = RecursiveStep::from(witness.circuit());
        let public = self.params.public()?;
        let mut recursive = match &self.recursive {
            Some(recursive) => recursive.clone(),
            None => RecursiveProof::new(public, &circuit, &self.z0())?,
        };
        recursive.prove_step(public, &circuit)?;
        let StepOutput { state_digest, pending, emission_digest, .. } = *witness.output();
        let epoch = witness.epoch();
        let reached = Reached { epoch, state_digest, pending, emission_digest, steps: number };
        if !recursive.outputs().iter().copied().map(word).eq(z(&self.identity, &reached)) {
            let step = usize::try_from(number).unwrap_or(usize::MAX);
            return Err(Error::OutputDiffers { step });
        }
        (self.reached, self.recursive) = (reached, Some(recursive));
        Ok(())
    }

    /// Compresses the fold into the history's proof, which is verified as a stranger would. The fold
    /// can go on. That every step of the last epoch is folded is for the caller to see to: between
    /// two steps of an epoch there may be nothing pending, too.
    ///
    /// # Errors
    /// [`Error::NoSteps`], or [`Error::Incomplete`] in the midst of an epoch.
    pub fn prove(&self) -> Result<HistoryProof, Error> {
        let recursive = self.recursive.as_ref().ok_or(Error::NoSteps)?;
        let Reached { epoch, state_digest, pending, emission_digest, steps } = self.reached;
        if pending != 0 {
            return Err(Error::Incomplete { pending });
        }
        let params = &self.params;
        let proof = CompressedProof::prove(params.public()?, params.prover_key()?, recursive)?;
        let claim = HistoryClaim {
            identity: self.identity,
            anchor: self.anchor,
            opening_digest: self.opening_digest,
            last_epoch: epoch,
            closing_digest: state_digest,
            steps,
            emission_digest,
        };
        let proof = HistoryProof::new(params.key_id(), claim, proof)?;
        proof.verify(params.verifying_key())?;
        Ok(proof)
    }

    /// Everything needed to go on in another process, some megabytes.
    ///
    /// # Errors
    /// [`Error::NoSteps`], since there is nothing to go on from, or [`Error::CheckpointMalformed`],
    /// if it were larger than any checkpoint.
    pub fn checkpoint(&self) -> Result<Vec<u8>, Error> {
        let recursive = self.recursive.as_ref().ok_or(Error::NoSteps)?;
        let encoded = bincode::serde::encode_to_vec(recursive, encoding::<CHECKPOINT_LIMIT>())
            .map_err(|_| Error::CheckpointMalformed(FileFault::TooLarge))?;
        let Reached { epoch, state_digest, pending, emission_digest, steps } = self.reached;
        Ok(FORMAT.seal(|bytes| {
            fields::push_header(bytes, self.params.key_id(), &self.identity, self.anchor);
            bytes.extend(self.opening_digest.to_bytes());
            bytes.extend(epoch.number().to_be_bytes());
            bytes.extend(state_digest.to_bytes());
            bytes.extend(pending.to_be_bytes());
            bytes.extend(emission_digest.to_bytes());
            bytes.extend(steps.to_be_bytes());
            push_counted(bytes, &encoded);
        }))
    }

    /// Goes on from a checkpoint, after verifying it.
    ///
    /// # Errors
    /// [`Error::CheckpointMalformed`], [`Error::WrongKey`] or [`Error::CheckpointInvalid`].
    pub fn resume(params: &Params, checkpoint: &[u8]) -> Result<Self, Error> {
        let malformed = Error::CheckpointMalformed;
        let mut reader = FORMAT.open(checkpoint).map_err(malformed)?;
        let (key_id, mut fold) = read(params, &mut reader).map_err(malformed)?;
        if key_id != params.key_id() {
            return Err(Error::WrongKey { expected: params.key_id(), found: key_id });
        }
        let encoded = reader.take_counted().map_err(malformed)?;
        reader.finish().map_err(malformed)?;
        let decoded: Result<(RecursiveProof, usize), _> =
            bincode::serde::decode_from_slice(encoded, encoding::<CHECKPOINT_LIMIT>());
        let recursive = match decoded {
            Ok((recursive, read)) if read == encoded.len() => recursive,
            _ => return Err(malformed(FileFault::Field { field: "fold" })),
        };
        let steps = usize::try_from(fold.reached.steps).unwrap_or(usize::MAX);
        let reached = verify_running(params, &recursive, steps, &fold.z0())?;
        if !reached.into_iter().map(word).eq(z(&fold.identity, &fold.reached)) {
            return Err(Error::CheckpointInvalid(None));
        }
        fold.recursive = Some(recursive);
        Ok(fold)
    }

    fn z0(&self) -> Vec<Scalar> {
        let [domain_word, anchor] = [self.identity.word(), Word::from(self.anchor.number())];
        [domain_word, anchor, self.opening_digest, Word::ZERO, Word::ZERO].map(scalar).to_vec()
    }
}

impl std::fmt::Debug for HistoryFold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistoryFold")
            .field("anchor", &self.anchor)
            .field("reached", &self.reached)
            .finish_non_exhaustive()
    }
}

/// The z that a fold has reached.
fn z(identity: &DomainIdentity, reached: &Reached) -> [Word; RECURSIVE_Z_WORDS] {
    let Reached { epoch, state_digest, pending, emission_digest, .. } = *reached;
    [
        identity.word(),
        Word::from(epoch.number()),
        state_digest,
        Word::from(pending),
        emission_digest,
    ]
}

/// The fields of a checkpoint, as a fold that lacks its recursive part.
fn read(
    params: &Params,
    reader: &mut Reader<'_>,
) -> Result<(crate::KeyId, HistoryFold), FileFault> {
    let (key_id, identity, anchor) = fields::read_header(reader)?;
    let opening_digest = fields::read_word(reader, "opening digest")?;
    let mut fold = HistoryFold::start(params, identity, anchor, opening_digest);
    fold.reached = Reached {
        epoch: EpochNumber::new(u64::from_be_bytes(reader.take()?)),
        state_digest: fields::read_word(reader, "state digest")?,
        pending: u64::from_be_bytes(reader.take()?),
        emission_digest: fields::read_word(reader, "emission digest")?,
        steps: u64::from_be_bytes(reader.take()?),
    };
    Ok((key_id, fold))
}
