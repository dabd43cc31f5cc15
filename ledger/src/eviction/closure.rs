//! What goes with a batch, by the reference transition alone.
//!
//! **Invariant:** as little as can be: a batch goes only if it is the one, continues one that goes,
//! or is refused by what is left before it.

use std::collections::BTreeMap;

use domain::{Height, LiquidityState, Operation, Refusal, RollupId, Word};

use crate::BlockNumber;

/// What goes, and what is left.
pub(super) struct Closure {
    /// The batches that go, by block.
    pub(super) evicted: BTreeMap<BlockNumber, Why>,
    /// The state after everything else.
    pub(super) left: LiquidityState,
}

/// Why a batch goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Why {
    /// It is the one that cannot be proven.
    Unprovable,
    /// The batch before it goes.
    Continues {
        /// The height of that one.
        height: Height,
    },
    /// Without those that go a rule refuses it.
    Refused(Refusal),
}

/// Plays the operations of an epoch in ledger order without the batch of block `root`, and without
/// whatever cannot stand without it.
///
/// # Errors
/// What refuses a registration or a deposit, which stand on no batch: the books are not the model's.
pub(super) fn of(
    opening: LiquidityState,
    operations: &BTreeMap<BlockNumber, Operation>,
    root: BlockNumber,
    domain_word: Word,
) -> Result<Closure, Refusal> {
    let mut left = opening;
    let mut evicted = BTreeMap::new();
    let mut last_evicted: BTreeMap<RollupId, Height> = BTreeMap::new();
    for (block, operation) in operations {
        let Operation::Batch(batch) = operation else {
            left = left.apply(operation, domain_word)?;
            continue;
        };
        let rollup = batch.rollup();
        let why = match last_evicted.get(&rollup) {
            Some(height) => Why::Continues { height: *height },
            None if *block == root => Why::Unprovable,
            None => match left.apply(operation, domain_word) {
                Ok(next) => {
                    left = next;
                    continue;
                }
                Err(refusal) => Why::Refused(refusal),
            },
        };
        last_evicted.insert(rollup, batch.height());
        evicted.insert(*block, why);
    }
    Ok(Closure { evicted, left })
}
