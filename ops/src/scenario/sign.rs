//! A rollup's bridge operator: makes of what is to be sent the next signed batch.

use std::collections::BTreeMap;

use alloy_primitives::keccak256;
use anyhow::Context as _;
use domain::{
    Batch, BatchParts, Claim, ExitRoot, ExitTree, Height, L2Root, RollupId, SigningKey, Word,
};

use super::plan::PlannedBatch;

/// The rollups' side of a scenario: their keys, and how far each has come.
#[derive(Debug)]
pub struct Operators {
    domain_word: Word,
    rollups: BTreeMap<RollupId, Operator>,
}

#[derive(Debug)]
struct Operator {
    key: SigningKey,
    height: Height,
    root: L2Root,
    exits: ExitTree,
}

impl Operators {
    /// Operators of rollups without batches.
    #[must_use]
    pub fn new(domain_word: Word, keys: BTreeMap<RollupId, SigningKey>) -> Self {
        let begin = |key| Operator {
            key,
            height: Height::FIRST,
            root: L2Root::UNSET,
            exits: ExitTree::empty(),
        };
        let rollups = keys.into_iter().map(|(rollup, key)| (rollup, begin(key))).collect();
        Self { domain_word, rollups }
    }

    /// The next batch of a rollup, signed, and its exits as claims.
    ///
    /// # Errors
    /// When the rollup has no key here, or the batch breaks a rule of the domain.
    pub fn sign(&mut self, planned: PlannedBatch) -> anyhow::Result<(Batch, Vec<Claim>)> {
        let PlannedBatch { rollup, transfers, exits } = planned;
        let operator =
            self.rollups.get_mut(&rollup).with_context(|| format!("no key for rollup {rollup}"))?;
        let lanes = Batch::sum_lanes(rollup, &transfers, &exits)?;
        let mut parts = BatchParts {
            rollup,
            height: operator.height,
            previous_root: operator.root,
            new_root: simulated_root(rollup, operator.height),
            exit_root: ExitRoot::UNSET,
            transfers,
            exits,
            lanes,
            signature: operator.key.sign(Word::ZERO),
        };
        // A batch numbers its own exits; only their root needs the tree.
        let claims = Batch::new(parts.clone())?.claims(&operator.exits)?;
        let mut tree = operator.exits.clone();
        for claim in &claims {
            tree = tree.append(claim.leaf()).context("the exit tree is full")?;
        }
        parts.exit_root = tree.root();
        parts.signature = operator.key.sign(parts.digest(self.domain_word));
        let batch = Batch::new(parts)?;
        operator.height = operator.height.next().context("the last height is reached")?;
        operator.root = batch.parts().new_root;
        operator.exits = tree;
        Ok((batch, claims))
    }
}

/// The rollups' own execution is not part of the scenario: their L2 roots are named, not computed.
fn simulated_root(rollup: RollupId, height: Height) -> L2Root {
    L2Root::new(keccak256(format!("netfold scenario: rollup {rollup} after batch {height}")))
}
