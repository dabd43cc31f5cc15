//! Circuit gadgets that the step circuit is built from: bits, Poseidon, Baby Jubjub, signatures.
//!
//! **Invariant:** whatever a gadget returns is determined by what it was given: a prover who
//! departs from the honest witness breaks a constraint. Where a formula has exceptional cases, the
//! module says why they cannot occur or how they are refused.
//!
//! The gadgets know the field, not the ledger: what the words mean is the step circuit's affair.

pub(crate) mod babyjubjub;
pub(crate) mod bits;
pub(crate) mod eddsa;
pub(crate) mod poseidon;

/// The scalar field of BN254, which is also the base field of Baby Jubjub.
pub(crate) type Fr = nova_snark::provider::bn256_grumpkin::bn256::Scalar;

#[cfg(test)]
mod testing;
