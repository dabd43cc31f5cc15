//! The fold itself, on the prover's side.
#![expect(clippy::arithmetic_side_effects, reason = "field arithmetic cannot overflow")]

use domain::EpochStatement;
use ff::Field;
use nova_snark::{
    frontend::util_cs::witness_cs::WitnessCS,
    r1cs::{RelaxedR1CSInstance, RelaxedR1CSWitness},
    spartan::ppsnark,
    traits::{Engine, commitment::CommitmentEngineTrait, snark::RelaxedR1CSSNARKTrait},
};

use super::{
    SettlementParams, SettlementProof,
    packed::{pack, point_bytes},
    proof::{fold_public, public_words},
    transcript::Transcript,
};
use crate::{
    Error, StepWitness,
    circuit::FlatStep,
    error::FileFault,
    field::{Scalar, scalar},
    scheme::{Primary, encoding},
    sealed::{Reader, push_counted},
};

/// More bytes than the folded witness of any circuit has.
const WITNESS_LIMIT: usize = 1 << 26;

type Instance = RelaxedR1CSInstance<Primary>;
type Witness = RelaxedR1CSWitness<Primary>;

/// The flat fold of an epoch's first steps.
#[derive(Clone)]
pub(crate) struct FlatFold {
    transcript: Transcript,
    /// What the verifier gets of each step: its commitments.
    messages: Vec<u8>,
    instance: Instance,
    witness: Witness,
}

impl FlatFold {
    /// Folds one more step into what is there; the first becomes the fold. `statement` is what is
    /// stated so far, without the step.
    pub(crate) fn step(
        before: Option<&Self>,
        params: &SettlementParams,
        statement: &EpochStatement,
        step: &StepWitness,
    ) -> Result<Self, Error> {
        let (fresh, fresh_witness) = satisfied(params, step)?;
        let committed = point_bytes(fresh.comm_W()).map_err(Error::ProofMalformed)?;
        let output = step.output();
        let Some(Self { transcript, messages, instance, witness }) = before else {
            let transcript =
                Transcript::start(params.verifying_key().digest(), statement, output, &committed);
            let messages = committed.to_vec();
            return Ok(Self { transcript, messages, instance: fresh, witness: fresh_witness });
        };
        let (cross_term, cross_commitment) = params.shape().commit_T_relaxed(
            params.commitment_key(),
            instance,
            witness,
            &fresh,
            &fresh_witness,
            &Scalar::ZERO,
        )?;
        let cross_bytes = point_bytes(&cross_commitment).map_err(Error::ProofMalformed)?;
        let (transcript, challenge) = transcript.next(output, &committed, &cross_bytes);
        let instance = instance.fold_relaxed(&fresh, &cross_commitment, &challenge);
        let witness =
            witness.fold_relaxed(&fresh_witness, &cross_term, &Scalar::ZERO, &challenge)?;
        let messages = [messages.as_slice(), &committed, &cross_bytes].concat();
        Ok(Self { transcript, messages, instance, witness })
    }

    /// What folding this step commits to: its witness, and the cross term.
    pub(crate) fn committed(
        &self,
        params: &SettlementParams,
        step: &StepWitness,
    ) -> Result<[Vec<Scalar>; 2], Error> {
        let (fresh, fresh_witness) = satisfied(params, step)?;
        let (cross_term, _) = params.shape().commit_T_relaxed(
            params.commitment_key(),
            &self.instance,
            &self.witness,
            &fresh,
            &fresh_witness,
            &Scalar::ZERO,
        )?;
        Ok([fresh_witness.W().to_vec(), cross_term])
    }

    /// Proves the folded instance; the whole is verified as L1 does.
    pub(crate) fn prove(
        &self,
        params: &SettlementParams,
        statement: &EpochStatement,
    ) -> Result<SettlementProof, Error> {
        let argument = ppsnark::RelaxedR1CSSNARK::prove(
            params.commitment_key(),
            params.prover_key(),
            params.shape(),
            &self.instance,
            &self.witness,
        )?;
        let key = params.verifying_key();
        let packed = pack(&argument, key.rounds()).map_err(Error::ProofMalformed)?;
        let proof = SettlementProof::new([self.messages.as_slice(), &packed].concat());
        proof.verify(key, statement)?;
        Ok(proof)
    }

    /// Appends what [`FlatFold::read`] needs.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let too_large = |_| Error::CheckpointMalformed(FileFault::TooLarge);
        let witness = bincode::serde::encode_to_vec(&self.witness, encoding::<WITNESS_LIMIT>())
            .map_err(too_large)?;
        push_counted(bytes, &self.messages);
        push_counted(bytes, &witness);
        Ok(())
    }

    /// Reads a fold of these steps, which is verified: its instance is the one that the steps'
    /// messages lead to, and its witness satisfies it.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        params: &SettlementParams,
        statement: &EpochStatement,
    ) -> Result<Self, Error> {
        let messages = reader.take_counted().map_err(Error::CheckpointMalformed)?.to_vec();
        let encoded = reader.take_counted().map_err(Error::CheckpointMalformed)?;
        let malformed = Error::CheckpointMalformed(FileFault::Field { field: "flat fold" });
        let decoded: Result<(Witness, usize), _> =
            bincode::serde::decode_from_slice(encoded, encoding::<WITNESS_LIMIT>());
        let witness = match decoded {
            Ok((witness, read)) if read == encoded.len() => witness,
            _ => return Err(malformed),
        };
        let shape = params.shape();
        if witness.W().len() != shape.num_vars() || witness.E().len() != shape.num_cons() {
            return Err(malformed);
        }
        let key_digest = params.verifying_key().digest();
        let (transcript, instance) = fold_public(key_digest, statement, &messages)
            .map_err(|_| Error::CheckpointInvalid(None))?;
        shape
            .is_sat_relaxed(params.commitment_key(), &instance, &witness)
            .map_err(|error| Error::CheckpointInvalid(Some(error)))?;
        Ok(Self { transcript, messages, instance, witness })
    }
}

/// A step as an instance of the circuit with its witness, neither of them relaxed. It satisfies
/// every constraint, by the circuit's matrices: folded all the same, a step that does not would
/// spoil the proof of the whole epoch without a word.
fn satisfied(params: &SettlementParams, step: &StepWitness) -> Result<(Instance, Witness), Error> {
    let shape = params.shape();
    let mut constraints = WitnessCS::<Scalar>::with_capacity(shape.num_vars(), shape.num_io());
    FlatStep::from(step.circuit())
        .synthesize(&mut constraints, Some(step.opening_words()))
        .map_err(|error| Error::Nova(error.into()))?;
    let variables = constraints.aux_assignment().to_vec();
    // The first input is the constant one.
    let z = [variables.as_slice(), constraints.input_assignment()].concat();
    let (left, right, product) = shape.multiply_vec(&z)?;
    let mut rows = left.iter().zip(&right).zip(&product);
    if !rows.all(|((left, right), product)| *left * right == *product) {
        return Err(step.broken());
    }
    let errors = vec![Scalar::ZERO; shape.num_cons()];
    let witness = Witness::new(shape, variables, Scalar::ZERO, errors, Scalar::ZERO)?;
    let commitment =
        <Primary as Engine>::CE::commit(params.commitment_key(), witness.W(), &Scalar::ZERO);
    let public = constraints.input_assignment().get(1..).unwrap_or_default();
    let expected = public_words(step.opening(), step.output()).map(scalar);
    if !expected.eq(public.iter().copied()) {
        return Err(Error::OutOfPlace);
    }
    Ok((Instance::from_r1cs_instance_unchecked(&commitment, public), witness))
}
