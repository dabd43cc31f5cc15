//! The proof system in use: which curves, commitments and arguments.
//!
//! Nova (eprint 2021/370) over the cycle BN254/Grumpkin; the compressed proof is MicroSpartan
//! (`ppsnark`) with HyperKZG on BN254 and Spartan with IPA on Grumpkin. The feature `evm` of
//! `nova-snark` is on in every build: it changes transcripts and byte orders.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use nova_snark::{
    nova,
    provider::{Bn256EngineKZG, GrumpkinEngine, hyperkzg, ipa_pc},
    spartan::{ppsnark, snark},
};

use crate::circuit::RecursiveStep;

pub(crate) type Primary = Bn256EngineKZG;
pub(crate) type Secondary = GrumpkinEngine;
pub(crate) type PrimaryArgument =
    ppsnark::RelaxedR1CSSNARK<Primary, hyperkzg::EvaluationEngine<Primary>>;
pub(crate) type SecondaryArgument =
    snark::RelaxedR1CSSNARK<Secondary, ipa_pc::EvaluationEngine<Secondary>>;

pub(crate) type PublicParams = nova::PublicParams<Primary, Secondary, RecursiveStep>;
pub(crate) type RecursiveProof = nova::RecursiveSNARK<Primary, Secondary, RecursiveStep>;
pub(crate) type CompressedProof =
    nova::CompressedSNARK<Primary, Secondary, RecursiveStep, PrimaryArgument, SecondaryArgument>;
pub(crate) type ProverKey =
    nova::ProverKey<Primary, Secondary, RecursiveStep, PrimaryArgument, SecondaryArgument>;
pub(crate) type VerifierKey =
    nova::VerifierKey<Primary, Secondary, RecursiveStep, PrimaryArgument, SecondaryArgument>;

/// How Nova's own types are written: fixed width, little-endian, at most `LIMIT` bytes.
pub(crate) fn encoding<const LIMIT: usize>() -> Configuration<LittleEndian, Fixint, Limit<LIMIT>> {
    bincode::config::legacy().with_limit::<LIMIT>()
}
