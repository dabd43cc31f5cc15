//! Evictions: what a reversal names, and what it moves back.
//!
//! **Invariant:** after reversals the model is the epoch played again without what was evicted, from
//! its opening state: nothing is undone by subtraction. What is remembered of the open epoch is what
//! the state sees of it: none of its transfers.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use domain::{
    AssetId, Atoms, Batch, BatchHead, ExitIndex, ExitTree, Height, LiquidityState, Operation,
    RollupId, SettlementKey, SignedBatch,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Auditor;
use super::block::{Posting, missing};
use super::fault::{FaultKind, Row, Stop};
use super::page::{EvictionRow, Page};
use crate::column::Columns;
use crate::eviction::attempt;
use crate::hash::{self, BlockFields, ReversalFields, TransferFields};
use crate::{Account, BatchAttempt, BlockNumber, batches};

const TABLE: Columns = Columns("batch_eviction");

/// What the open epoch had so far, so that it can be played again; and what was evicted at heights
/// and numbers that are not sealed.
#[derive(Serialize, Deserialize)]
pub(super) struct Open {
    /// On the heap: every caller of the audit would carry it in its future.
    opening: Box<LiquidityState>,
    played: Vec<Played>,
    /// Whether something was evicted since the model was played.
    stale: bool,
    evicted: BTreeMap<RollupId, BTreeMap<Height, u32>>,
    evicted_exits: BTreeMap<RollupId, Evictions>,
}

/// How often the numbers of a rollup's exits were evicted: from each number on, up to the next one
/// that is listed. So it grows with the batches that were evicted, and not with their exits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Evictions(BTreeMap<ExitIndex, u32>);

/// An operation of the open epoch.
#[derive(Serialize, Deserialize)]
enum Played {
    Register { rollup: RollupId, key: SettlementKey },
    Deposit { block: BlockNumber, rollup: RollupId, asset: AssetId, atoms: Atoms },
    Batch(Box<Standing>),
}

/// A batch of the open epoch that stands.
#[derive(Serialize, Deserialize)]
struct Standing {
    head: BatchHead,
    attempt: u32,
    block: BlockNumber,
    block_hash: B256,
    /// [`moves`] of its transfers.
    moves: B256,
    before: Chain,
}

/// Where a rollup's batches are: which attempt the last one was, and the exits after it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Chain {
    pub(super) attempt: u32,
    pub(super) tree: ExitTree,
}

impl Chain {
    /// Before a rollup's first batch.
    pub(super) fn start() -> Self {
        Self { attempt: 1, tree: ExitTree::empty() }
    }
}

impl Evictions {
    fn of(&self, index: ExitIndex) -> u32 {
        self.0.range(..=index).next_back().map_or(0, |(_, times)| *times)
    }

    /// Once more, from `first` to before `end`.
    fn add(&mut self, first: ExitIndex, end: ExitIndex) {
        if first >= end {
            return;
        }
        for edge in [first, end] {
            self.0.insert(edge, self.of(edge));
        }
        for (_, times) in self.0.range_mut(first..end) {
            *times = times.saturating_add(1);
        }
    }

    /// Forgets what lies before `first`.
    fn forget_before(&mut self, first: ExitIndex) {
        self.0.insert(first, self.of(first));
        self.0 = self.0.split_off(&first);
    }
}

impl Played {
    fn row(&self) -> Row {
        match self {
            Self::Register { rollup, .. } => Row::Rollup(*rollup),
            Self::Deposit { block, .. } => Row::Deposit(*block),
            Self::Batch(one) => Row::Batch { rollup: one.head.rollup, height: one.head.height },
        }
    }
}

impl Open {
    pub(super) fn new(opening: LiquidityState) -> Self {
        Self {
            opening: Box::new(opening),
            played: Vec::new(),
            stale: false,
            evicted: BTreeMap::new(),
            evicted_exits: BTreeMap::new(),
        }
    }

    /// Which attempt at its height the next batch is.
    pub(super) fn attempt(&self, rollup: RollupId, height: Height) -> u32 {
        let heights = self.evicted.get(&rollup);
        heights.and_then(|of| of.get(&height)).copied().unwrap_or(0).saturating_add(1)
    }

    /// Which attempt at its number the next exit is.
    pub(super) fn exit_attempt(&self, rollup: RollupId, index: ExitIndex) -> u32 {
        self.evicted_exits.get(&rollup).map_or(0, |of| of.of(index)).saturating_add(1)
    }

    /// The epoch is sealed with this state: what it passed can not be evicted any more.
    pub(super) fn seal(&mut self, closing: &LiquidityState, chains: &BTreeMap<RollupId, Chain>) {
        *self.opening = closing.clone();
        self.played.clear();
        for (rollup, heights) in &mut self.evicted {
            let next = closing.rollup(*rollup).map_or(Height::FIRST, |state| state.next_height);
            *heights = heights.split_off(&next);
        }
        for (rollup, exits) in &mut self.evicted_exits {
            if let Some(chain) = chains.get(rollup) {
                exits.forget_before(chain.tree.next_index());
            }
        }
    }

    /// Remembers an operation. Deposits into one cell with no batch between them are one: between
    /// two batches there are never more than there are cells and rollups.
    fn remember(&mut self, row: Row, operation: Operation) {
        match (operation, row) {
            (Operation::Register { rollup, key }, _) => {
                self.played.push(Played::Register { rollup, key });
            }
            (Operation::Deposit { rollup, asset, atoms }, Row::Deposit(block)) => {
                if !self.adds_up(rollup, asset, atoms) {
                    self.played.push(Played::Deposit { block, rollup, asset, atoms });
                }
            }
            // A batch is remembered with where it stands, by `apply_batch`.
            (Operation::Deposit { .. } | Operation::Batch(_) | Operation::Evicted, _) => {}
        }
    }

    fn adds_up(&mut self, to: RollupId, of: AssetId, more: Atoms) -> bool {
        for one in self.played.iter_mut().rev() {
            match one {
                Played::Deposit { rollup, asset, atoms, .. } if (*rollup, *asset) == (to, of) => {
                    let Some(sum) = atoms.checked_add(more) else { return false };
                    *atoms = sum;
                    return true;
                }
                Played::Batch(_) => return false,
                Played::Deposit { .. } | Played::Register { .. } => {}
            }
        }
        false
    }
}

/// The digest of what a block moves: each debit, credit and amount, in order.
pub(super) fn moves(all: impl Iterator<Item = (Account, Account, Atoms)>) -> B256 {
    let mut hash = Sha256::new_with_prefix("netfold.audit.moves");
    for (debit, credit, atoms) in all {
        hash.update(debit.number().to_be_bytes());
        hash.update(credit.number().to_be_bytes());
        hash.update(atoms.number().to_be_bytes());
    }
    B256::new(hash.finalize().into())
}

impl Auditor<'_> {
    /// Applies an operation of L1 to the reference model.
    pub(super) fn apply(&mut self, row: Row, operation: Operation) -> Result<(), Stop> {
        self.play_again()?;
        let word = self.adoption.identity.word();
        let next = self.state.apply(&operation, word);
        self.state = next.map_err(|refusal| row.is(FaultKind::RuleBroken(refusal)))?;
        self.open.remember(row, operation);
        Ok(())
    }

    /// Applies a batch, which its rollup goes on from.
    pub(super) fn apply_batch(
        &mut self,
        row: Row,
        (batch, signed): (&Batch, Option<&SignedBatch>),
        (attempt, block): (u32, &BlockFields),
        after: Chain,
    ) -> Result<(), Stop> {
        self.play_again()?;
        let word = self.adoption.identity.word();
        let next = match signed {
            Some(signed) => self.state.apply_signed(signed, word),
            None => self.state.apply(&Operation::Batch(Box::new(batch.clone())), word),
        };
        self.state = next.map_err(|refusal| row.is(FaultKind::RuleBroken(refusal)))?;
        let before = self.chains.insert(batch.rollup(), after).unwrap_or_else(Chain::start);
        let listed = batches::moves(batch);
        self.open.played.push(Played::Batch(Box::new(Standing {
            head: batch.head(),
            attempt,
            block: block.number,
            block_hash: block.hash(),
            moves: moves(listed.iter().map(|one| (one.debit, one.credit, one.atoms))),
            before,
        })));
        Ok(())
    }

    /// Plays what stands of the open epoch again, if something was evicted since.
    pub(super) fn play_again(&mut self) -> Result<(), Stop> {
        if !std::mem::take(&mut self.open.stale) {
            return Ok(());
        }
        let word = self.adoption.identity.word();
        let mut state = self.open.opening.as_ref().clone();
        for one in &self.open.played {
            let next = match one {
                Played::Register { rollup, key } => {
                    state.apply(&Operation::Register { rollup: *rollup, key: *key }, word)
                }
                Played::Deposit { rollup, asset, atoms, .. } => {
                    let (rollup, asset, atoms) = (*rollup, *asset, *atoms);
                    state.apply(&Operation::Deposit { rollup, asset, atoms }, word)
                }
                Played::Batch(standing) => state.replay(&standing.head),
            };
            state = next.map_err(|refusal| one.row().is(FaultKind::RuleBroken(refusal)))?;
        }
        self.state = state;
        Ok(())
    }

    /// A reversal names the last batch of its rollup that stands, in this epoch, and is its mirror.
    pub(super) fn reversal(
        &mut self,
        block: &BlockFields,
        page: &Page,
        transfers: &[TransferFields],
    ) -> Result<Posting, Stop> {
        let number = i64::try_from(block.number.number()).unwrap_or(i64::MAX);
        let row = page.evictions.get(&number).ok_or_else(|| missing(block))?;
        let batch = Row::JournalBlock(block.number).reads(read_name(row))?;
        let name = Row::BatchEviction(batch);
        let cause = name.reads(read_cause(row))?;
        let reversed = name.reads(TABLE.block(row.reversed_block))?;
        let epoch = name.reads(TABLE.epoch(row.epoch_number))?;
        let at = self.last_of(batch.rollup);
        let played = at.map(|at| self.open.played.remove(at));
        let Some(Played::Batch(standing)) = played else { return Err(name.is(FaultKind::Stray)) };
        let Standing { head, attempt, block: posted, block_hash, moves: moved, before } = *standing;
        let found = BatchAttempt { rollup: head.rollup, height: head.height, attempt };
        let follows = found == batch && posted == reversed;
        name.check(follows && epoch == block.epoch, FaultKind::DiffersFromSource)?;
        // The other way round, the last one first.
        let back = moves(transfers.iter().rev().map(|one| (one.credit, one.debit, one.atoms)));
        name.check(back == moved, FaultKind::DiffersFromSource)?;
        let posting = hash::reversal_posting(&ReversalFields {
            batch,
            reversed,
            reversed_hash: block_hash,
            cause,
            reason: &row.reason,
        });
        self.evict(batch, before);
        Ok((name, posting))
    }

    /// The batch goes, and its rollup back to where it was.
    fn evict(&mut self, batch: BatchAttempt, before: Chain) {
        self.open.stale = true;
        let heights = self.open.evicted.entry(batch.rollup).or_default();
        let attempts = heights.entry(batch.height).or_default();
        *attempts = attempts.saturating_add(1);
        let first = before.tree.next_index();
        let after = self.chains.insert(batch.rollup, before);
        let end = after.map_or(first, |chain| chain.tree.next_index());
        self.open.evicted_exits.entry(batch.rollup).or_default().add(first, end);
        self.counts.evictions = self.counts.evictions.saturating_add(1);
    }

    fn last_of(&self, rollup: RollupId) -> Option<usize> {
        let is_its = |one: &Played| matches!(one, Played::Batch(it) if it.head.rollup == rollup);
        self.open.played.iter().rposition(is_its)
    }
}

pub(crate) fn read_name(row: &EvictionRow) -> Result<BatchAttempt, crate::Error> {
    attempt(TABLE, row.rollup_id, row.height, row.attempt)
}

pub(crate) fn read_cause(row: &EvictionRow) -> Result<BatchAttempt, crate::Error> {
    attempt(TABLE, row.cause_rollup_id, row.cause_height, row.cause_attempt)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counting by ranges says what counting one by one says, before and after a seal.
    #[test]
    fn evictions_are_counted_by_ranges() {
        let at = ExitIndex::new;
        let mut counted = Evictions::default();
        let mut singly = [0_u32; 40];
        let ranges = [(3, 9), (3, 9), (0, 4), (8, 8), (7, 30), (9, 12), (0, 1), (29, 31)];
        for (first, end) in ranges {
            counted.add(at(first), at(end));
            for index in first..end {
                singly[usize::try_from(index).unwrap()] += 1;
            }
            for (index, times) in (0..).zip(singly) {
                assert_eq!(counted.of(at(index)), times, "{index} after {first}..{end}");
            }
        }
        counted.forget_before(at(10));
        for (index, times) in (0..).zip(singly).skip(10) {
            assert_eq!(counted.of(at(index)), times, "{index}");
        }
        assert!(counted.0.len() <= 2 * ranges.len());
    }
}
