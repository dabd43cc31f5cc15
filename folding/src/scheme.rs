//! The proof system in use: which curves, commitments and arguments.
//!
//! Nova (eprint 2021/370) over the cycle BN254/Grumpkin; the compressed proof is Spartan with
//! HyperKZG on BN254 and Spartan with IPA on Grumpkin. The settlement proof is MicroSpartan
//! (`ppsnark`) with Mercury: its key is a dozen points, which a contract can hold, where Spartan's
//! has the matrices; Spartan's proof costs by constraints instead of matrix entries, several times
//! less. The feature `evm` of `nova-snark` is on in every build: it changes transcripts and byte
//! orders.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use nova_snark::{
    nova,
    provider::{Bn256EngineKZG, GrumpkinEngine, hyperkzg, ipa_pc, mercury},
    spartan::{ppsnark, snark},
};

use crate::circuit::RecursiveStep;

pub(crate) type Primary = Bn256EngineKZG;
pub(crate) type Secondary = GrumpkinEngine;
/// Of the settlement proof.
pub(crate) type SettlementArgument =
    ppsnark::RelaxedR1CSSNARK<Primary, mercury::EvaluationEngine<Primary>>;
/// Of the aggregated proof's instance on BN254.
pub(crate) type PrimaryArgument =
    snark::RelaxedR1CSSNARK<Primary, hyperkzg::EvaluationEngine<Primary>>;
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
