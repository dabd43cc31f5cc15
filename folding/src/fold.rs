//! Folding an epoch, step by step.
//!
//! **Invariant:** a fold holds only steps that satisfy the circuit and continue each other; a step
//! that does not is refused, and the fold is as before. What is resumed from a checkpoint has been
//! verified first.

use domain::{
    DomainIdentity, EpochNumber, EpochStatement, StepContext, StepOutput, Word,
    limits::MAX_STEPS_PER_EPOCH,
};

use crate::{
    Error, Params, SettlementProof, StepWitness, checkpoint,
    circuit::{RECURSIVE_Z_WORDS, RecursiveStep},
    field::{Scalar, scalar, word},
    flat::FlatFold,
    layout::sequence_lengths,
    proof::{Claim, EpochProof, continue_emission},
    scheme::{CompressedProof, RecursiveProof},
};

/// An epoch that is being folded.
#[derive(Clone)]
pub struct Fold {
    params: Params,
    statement: EpochStatement,
    folded: Option<Folded>,
}

/// The same steps folded both ways.
#[derive(Clone)]
pub(crate) struct Folded {
    /// With recursion, for the aggregated proof.
    pub(crate) recursive: RecursiveProof,
    /// Without, for the settlement proof.
    pub(crate) flat: FlatFold,
}

impl Fold {
    /// Begins an epoch from a state.
    #[must_use]
    pub fn start(
        params: &Params,
        identity: DomainIdentity,
        epoch: EpochNumber,
        opening_digest: Word,
    ) -> Self {
        let statement = EpochStatement { identity, epoch, opening_digest, outputs: Vec::new() };
        Self { params: params.clone(), statement, folded: None }
    }

    /// How many steps are folded.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.statement.outputs.len()
    }

    /// What is stated so far; what L1 gets at the end.
    #[must_use]
    pub fn statement(&self) -> &EpochStatement {
        &self.statement
    }

    /// What each step shows so far, in order.
    #[must_use]
    pub fn outputs(&self) -> &[StepOutput] {
        &self.statement.outputs
    }

    /// Folds one more step, and says what it shows.
    ///
    /// # Errors
    /// [`Error::OutOfPlace`] for a step of another domain, epoch or state, [`Error::TooManySteps`],
    /// or [`Error::Unsatisfied`]; the fold is then as before.
    pub fn step(&mut self, witness: &StepWitness) -> Result<StepOutput, Error> {
        if self.steps() >= MAX_STEPS_PER_EPOCH {
            return Err(Error::TooManySteps { limit: MAX_STEPS_PER_EPOCH });
        }
        if !witness.continues(self.context(), &self.statement) {
            return Err(Error::OutOfPlace);
        }
        self.params.decode()?;
        // Side by side, since making a witness keeps one core busy and committing to it all of them.
        let (flat, recursive) =
            rayon::join(|| self.flat_step(witness), || self.recursive_step(witness));
        // The flat fold checks the constraints: what it refuses, the recursive fold is dropped with.
        self.folded = Some(Folded { flat: flat?, recursive: recursive? });
        let output = witness.output().clone();
        self.statement.outputs.push(output.clone());
        Ok(output)
    }

    /// The flat fold with one more step.
    pub(crate) fn flat_step(&self, witness: &StepWitness) -> Result<FlatFold, Error> {
        let before = self.folded.as_ref().map(|folded| &folded.flat);
        FlatFold::step(before, self.params.settlement()?, &self.statement, witness)
    }

    /// The recursive fold with one more step, whose constraints nobody has looked at.
    pub(crate) fn recursive_step(&self, witness: &StepWitness) -> Result<RecursiveProof, Error> {
        let StepContext { domain_word, epoch } = self.context();
        let circuit = RecursiveStep::from(witness.circuit());
        let public = self.params.public()?;
        let mut recursive = match &self.folded {
            Some(folded) => folded.recursive.clone(),
            None => RecursiveProof::new(public, &circuit, &self.z0())?,
        };
        recursive.prove_step(public, &circuit)?;
        let expected = witness.output().z(domain_word, epoch).into_iter().take(RECURSIVE_Z_WORDS);
        if !recursive.outputs().iter().copied().map(word).eq(expected) {
            return Err(Error::OutputDiffers { step: self.steps().saturating_add(1) });
        }
        Ok(recursive)
    }

    /// What the folds are made with.
    pub(crate) fn params(&self) -> &Params {
        &self.params
    }

    /// Both folds, once there is a step.
    pub(crate) fn folded(&self) -> Option<&Folded> {
        self.folded.as_ref()
    }

    /// Everything needed to go on in another process, a few megabytes.
    ///
    /// # Errors
    /// [`Error::CheckpointMalformed`], if it were larger than any checkpoint.
    pub fn checkpoint(&self) -> Result<Vec<u8>, Error> {
        checkpoint::encode(self.params.key_id(), &self.statement, self.folded.as_ref())
    }

    /// Goes on from a checkpoint, after verifying it.
    ///
    /// # Errors
    /// [`Error::CheckpointMalformed`], [`Error::WrongKey`] or [`Error::CheckpointInvalid`].
    pub fn resume(params: &Params, checkpoint: &[u8]) -> Result<Self, Error> {
        let (statement, folded) = checkpoint::decode(params, checkpoint)?;
        let fold = Self { params: params.clone(), statement, folded };
        fold.verify_recursive()?;
        Ok(fold)
    }

    /// Proves the flat fold: what L1 checks. It is verified as L1 does, before anybody gets it.
    ///
    /// # Errors
    /// [`Error::NoSteps`], or [`Error::Incomplete`] when the steps so far leave something to emit.
    pub fn settlement_proof(&self) -> Result<SettlementProof, Error> {
        self.complete()?.flat.prove(self.params.settlement()?, &self.statement)
    }

    /// Compresses the fold into the epoch's aggregated proof, which is verified as a stranger would.
    ///
    /// # Errors
    /// [`Error::NoSteps`], or [`Error::Incomplete`] when the steps so far leave something to emit.
    pub fn finish(self) -> Result<(EpochProof, EpochStatement), Error> {
        let recursive = &self.complete()?.recursive;
        let params = &self.params;
        let proof = CompressedProof::prove(params.public()?, params.prover_key()?, recursive)?;
        let claim = Claim {
            identity: self.statement.identity,
            epoch: self.statement.epoch,
            opening_digest: self.statement.opening_digest,
            closing_digest: self.statement.closing_digest(),
            emitted: self.statement.outputs.iter().map(|output| output.emitted.clone()).collect(),
        };
        let proof = EpochProof::new(params.key_id(), claim, proof)?;
        proof.verify(params.verifying_key())?;
        Ok((proof, self.statement))
    }

    /// Both folds, if the last step has left nothing to emit.
    fn complete(&self) -> Result<&Folded, Error> {
        let (Some(folded), Some(last)) = (&self.folded, self.statement.outputs.last()) else {
            return Err(Error::NoSteps);
        };
        match last.pending {
            0 => Ok(folded),
            pending => Err(Error::Incomplete { pending }),
        }
    }

    fn context(&self) -> StepContext {
        let EpochStatement { identity, epoch, .. } = &self.statement;
        StepContext { domain_word: identity.word(), epoch: *epoch }
    }

    fn z0(&self) -> Vec<Scalar> {
        self.statement.z0().into_iter().take(RECURSIVE_Z_WORDS).map(scalar).collect()
    }

    /// Whether the folded instances hold and lead to what is stated.
    fn verify_recursive(&self) -> Result<(), Error> {
        let Some(Folded { recursive, .. }) = &self.folded else { return Ok(()) };
        let reached = verify_running(&self.params, recursive, self.steps(), &self.z0())?;
        let stated = self.statement.last_z().unwrap_or_default();
        let mut digest = Word::ZERO;
        let emitted = self.statement.outputs.iter().all(|output| {
            digest = continue_emission(digest, &output.emitted);
            digest == output.emission_digest
        });
        let stated = stated.into_iter().take(RECURSIVE_Z_WORDS);
        if emitted && reached.into_iter().map(word).eq(stated) {
            Ok(())
        } else {
            Err(Error::CheckpointInvalid(None))
        }
    }
}

/// Whether a recursive fold from a checkpoint holds: the z that it has reached in so many steps.
pub(crate) fn verify_running(
    params: &Params,
    recursive: &RecursiveProof,
    steps: usize,
    z0: &[Scalar],
) -> Result<Vec<Scalar>, Error> {
    let public = params.public()?;
    let ((constraints, secondary_constraints), (variables, secondary_variables)) =
        (public.num_constraints(), public.num_variables());
    let (public_values, z) = (2, RECURSIVE_Z_WORDS);
    let lengths = vec![
        z,
        variables,
        constraints,
        public_values,
        secondary_variables,
        secondary_constraints,
        public_values,
        secondary_variables,
        public_values,
        z,
    ];
    if sequence_lengths(recursive) != Some(lengths) {
        return Err(Error::CheckpointInvalid(None));
    }
    recursive.verify(public, steps, z0).map_err(|error| Error::CheckpointInvalid(Some(error)))
}

#[cfg(test)]
pub(crate) mod tests;
