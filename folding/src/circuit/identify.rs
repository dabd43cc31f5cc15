//! Which circuit this is.

use std::sync::OnceLock;

use ff::PrimeField;
use nova_snark::{
    frontend::{ConstraintSystem, Index, SynthesisError, num::AllocatedNum, shape_cs::ShapeCS},
    traits::circuit::StepCircuit,
};
use sha2::{Digest, Sha256};

use super::{FlatStep, RECURSIVE_Z_WORDS, RecursiveStep};
use crate::{Error, field::Scalar, scheme::Primary};

/// What keys depend on besides the step circuit.
const SCHEME: &[u8] =
    b"nova-snark 0.76.0 evm, BN254/Grumpkin, snark HyperKZG, snark IPA; flat fold, ppsnark Mercury";

/// The SHA-256 of all constraints of both forms of the step: another circuit has other keys.
///
/// # Errors
/// [`Error::Nova`], which this program's circuit does not cause.
pub(crate) fn circuit_id() -> Result<[u8; 32], Error> {
    static ID: OnceLock<[u8; 32]> = OnceLock::new();
    if let Some(id) = ID.get() {
        return Ok(*id);
    }
    let id = hash_constraints().map_err(|error| Error::Nova(error.into()))?;
    Ok(*ID.get_or_init(|| id))
}

fn hash_constraints() -> Result<[u8; 32], SynthesisError> {
    let mut hash = Sha256::new_with_prefix(SCHEME);
    let mut shape = ShapeCS::<Primary>::new();
    let z = (0..RECURSIVE_Z_WORDS)
        .map(|at| {
            let unknown = || Err(SynthesisError::AssignmentMissing);
            AllocatedNum::alloc(shape.namespace(|| format!("z {at}")), unknown)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let output = RecursiveStep::default().synthesize(&mut shape, &z)?;
    hash_shape(&mut hash, &shape);
    for word in &output {
        hash_term(&mut hash, word.get_variable().get_unchecked(), &Scalar::from(1));
    }
    let mut shape = ShapeCS::<Primary>::new();
    FlatStep::default().synthesize(&mut shape, None)?;
    hash_shape(&mut hash, &shape);
    Ok(hash.finalize().into())
}

fn hash_shape(hash: &mut Sha256, shape: &ShapeCS<Primary>) {
    for (left, right, product) in &shape.constraints {
        for combination in [left, right, product] {
            hash_index(hash, 0, combination.len());
            for (variable, factor) in combination.iter() {
                hash_term(hash, variable.get_unchecked(), factor);
            }
        }
    }
}

fn hash_term(hash: &mut Sha256, index: Index, factor: &Scalar) {
    match index {
        Index::Input(at) => hash_index(hash, 1, at),
        Index::Aux(at) => hash_index(hash, 2, at),
    }
    hash.update(factor.to_repr());
}

fn hash_index(hash: &mut Sha256, kind: u8, index: usize) {
    hash.update([kind]);
    hash.update(u64::try_from(index).unwrap_or(u64::MAX).to_be_bytes());
}
