//! The chain of hashes that the folding challenges come from.
//!
//! **Invariant:** what is hashed determines domain word, epoch, opening digest, each output and each
//! commitment: an output's words are those that L1 gets, whose second says how many follow, so that
//! no two histories have the same bytes. The first hash begins with the key's digest and each later
//! one with the hash before: to mistake one for the other takes a hash that is the key's digest.

use alloy_primitives::{B256, Keccak256};
use domain::{EpochStatement, StepOutput, Word};

use crate::field::{Scalar, from_u128};

/// Bytes of a commitment in transcript and proof: both coordinates, zeros for infinity.
pub(crate) const POINT_BYTES: usize = 64;

/// The chain after some steps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Transcript(B256);

impl Transcript {
    /// After the first step, with the commitment to its witness. No challenge comes from it.
    pub(crate) fn start(
        key_digest: Word,
        statement: &EpochStatement,
        output: &StepOutput,
        witness: &[u8; POINT_BYTES],
    ) -> Self {
        let mut hash = Keccak256::new();
        let opening = [
            key_digest,
            statement.identity.word(),
            Word::from(statement.epoch.number()),
            statement.opening_digest,
        ];
        absorb(&mut hash, opening);
        absorb(&mut hash, output.compact_words());
        hash.update(witness);
        Self(hash.finalize())
    }

    /// After one more step, with the commitments to its witness and to the cross term; and the
    /// challenge to fold it with.
    pub(crate) fn next(
        self,
        output: &StepOutput,
        witness: &[u8; POINT_BYTES],
        cross_term: &[u8; POINT_BYTES],
    ) -> (Self, Scalar) {
        let mut hash = Keccak256::new();
        hash.update(self.0);
        absorb(&mut hash, output.compact_words());
        hash.update(witness);
        hash.update(cross_term);
        let next = Self(hash.finalize());
        (next, next.challenge())
    }

    /// The low 128 bits: enough for folding, and half the price of a multiplication.
    fn challenge(self) -> Scalar {
        let mut low = [0; 16];
        low.copy_from_slice(self.0.get(16..).unwrap_or(&[0; 16]));
        from_u128(u128::from_be_bytes(low))
    }
}

fn absorb(hash: &mut Keccak256, words: impl IntoIterator<Item = Word>) {
    for word in words {
        hash.update(word.to_bytes());
    }
}
