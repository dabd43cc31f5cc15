//! The settlement proof: an epoch's steps folded on BN254 alone, so that L1 can check the fold
//! itself.
//!
//! Nova's folding of relaxed R1CS (eprint 2021/370, section 4) without recursion, then one
//! MicroSpartan proof with Mercury of the last folded instance. The challenges are a Keccak chain:
//!
//! ```text
//! t_1 = keccak(key digest ‖ domain word ‖ epoch ‖ opening digest ‖ output_1 ‖ W_1)
//! t_j = keccak(t_{j−1} ‖ output_j ‖ W_j ‖ T_j),   ρ_j = t_j mod 2^128
//! ```
//!
//! **Invariant:** every challenge depends on everything that both folded instances are made of; the
//! witness of a fold satisfies its instance. Commitments are not blinded: what is folded is public.

mod fold;
mod key;
mod packed;
mod proof;
mod solidity;
mod transcript;

pub(crate) use self::{
    fold::FlatFold,
    key::{SettlementParams, SettlementProverKey, flat_entries, flat_shape},
};
pub use self::{key::SettlementVerifyingKey, proof::SettlementProof};
