//! Evictions: what a reversal names, and what it moves back.
//!
//! **Invariant:** after reversals the model is the epoch played again without what was evicted, from
//! its opening state: nothing is undone by subtraction.

use std::collections::BTreeMap;

use domain::{ExitIndex, ExitTree, Height, LiquidityState, Operation, RollupId};

use super::Auditor;
use super::block::{Posting, missing};
use super::fault::{FaultKind, Row, Stop};
use super::page::{EvictionRow, Page};
use crate::column::Columns;
use crate::eviction::{attempt, mirror};
use crate::hash::{self, BlockFields, ReversalFields, TransferFields};
use crate::{BatchAttempt, batches};

const TABLE: Columns = Columns("batch_eviction");

/// What the open epoch had so far, so that it can be played again; and what was evicted at heights
/// and numbers that are not sealed.
pub(super) struct Open {
    /// On the heap: every caller of the audit would carry it in its future.
    opening: Box<LiquidityState>,
    played: Vec<Played>,
    /// Whether something was evicted since the model was played.
    stale: bool,
    evicted: BTreeMap<(RollupId, Height), u32>,
    evicted_exits: BTreeMap<(RollupId, ExitIndex), u32>,
}

/// An operation of the open epoch.
struct Played {
    row: Row,
    operation: Operation,
    batch: Option<Standing>,
}

/// A batch of the open epoch that stands.
struct Standing {
    name: BatchAttempt,
    block: BlockFields,
    before: Chain,
}

/// Where a rollup's batches are: which attempt the last one was, and the exits after it.
#[derive(Clone)]
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

impl Open {
    pub(super) fn new(opening: LiquidityState) -> Self {
        let (evicted, evicted_exits) = (BTreeMap::new(), BTreeMap::new());
        let opening = Box::new(opening);
        Self { opening, played: Vec::new(), stale: false, evicted, evicted_exits }
    }

    /// Which attempt at its height the next batch is.
    pub(super) fn attempt(&self, rollup: RollupId, height: Height) -> u32 {
        self.evicted.get(&(rollup, height)).copied().unwrap_or(0).saturating_add(1)
    }

    /// Which attempt at its number the next exit is.
    pub(super) fn exit_attempt(&self, rollup: RollupId, index: ExitIndex) -> u32 {
        self.evicted_exits.get(&(rollup, index)).copied().unwrap_or(0).saturating_add(1)
    }

    /// The epoch is sealed with this state: what it passed can not be evicted any more.
    pub(super) fn seal(&mut self, closing: &LiquidityState, chains: &BTreeMap<RollupId, Chain>) {
        *self.opening = closing.clone();
        self.played.clear();
        self.evicted.retain(|(rollup, height), _| {
            closing.rollup(*rollup).is_ok_and(|state| *height >= state.next_height)
        });
        self.evicted_exits.retain(|(rollup, index), _| {
            chains.get(rollup).is_none_or(|chain| *index >= chain.tree.next_index())
        });
    }
}

impl Auditor<'_> {
    /// Applies an operation to the reference model.
    pub(super) fn apply(&mut self, row: Row, operation: Operation) -> Result<(), Stop> {
        self.play_again()?;
        self.step(row, &operation)?;
        self.open.played.push(Played { row, operation, batch: None });
        Ok(())
    }

    /// Applies a batch, which its rollup goes on from.
    pub(super) fn apply_batch(
        &mut self,
        row: Row,
        (name, block): (BatchAttempt, BlockFields),
        operation: Operation,
        after: Chain,
    ) -> Result<(), Stop> {
        self.apply(row, operation)?;
        let before = self.chains.insert(name.rollup, after).unwrap_or_else(Chain::start);
        if let Some(last) = self.open.played.last_mut() {
            last.batch = Some(Standing { name, block, before });
        }
        Ok(())
    }

    /// Plays what stands of the open epoch again, if something was evicted since.
    pub(super) fn play_again(&mut self) -> Result<(), Stop> {
        if !std::mem::take(&mut self.open.stale) {
            return Ok(());
        }
        self.state = self.open.opening.as_ref().clone();
        let played = std::mem::take(&mut self.open.played);
        for one in &played {
            self.step(one.row, &one.operation)?;
        }
        self.open.played = played;
        Ok(())
    }

    fn step(&mut self, row: Row, operation: &Operation) -> Result<(), Stop> {
        let word = self.adoption.identity.word();
        let next = self.state.apply(operation, word);
        self.state = next.map_err(|refusal| row.is(FaultKind::RuleBroken(refusal)))?;
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
        let Some(Played { operation: Operation::Batch(listed), batch: Some(standing), .. }) =
            played
        else {
            return Err(name.is(FaultKind::Stray));
        };
        let follows = standing.name == batch && standing.block.number == reversed;
        name.check(follows && epoch == block.epoch, FaultKind::DiffersFromSource)?;
        let expected =
            mirror(batches::moves(&listed)).map(|one| (one.debit, one.credit, one.atoms));
        let found = transfers.iter().map(|one| (one.debit, one.credit, one.atoms));
        name.check(found.eq(expected), FaultKind::DiffersFromSource)?;
        let posting = hash::reversal_posting(&ReversalFields {
            batch,
            reversed,
            reversed_hash: standing.block.hash(),
            cause,
            reason: &row.reason,
        });
        self.evict(batch, standing.before);
        Ok((name, posting))
    }

    /// The batch goes, and its rollup back to where it was.
    fn evict(&mut self, batch: BatchAttempt, before: Chain) {
        let open = &mut self.open;
        open.stale = true;
        let attempts = open.evicted.entry((batch.rollup, batch.height)).or_default();
        *attempts = attempts.saturating_add(1);
        let first = before.tree.next_index().number();
        let after = self.chains.insert(batch.rollup, before);
        let end = after.map_or(first, |chain| chain.tree.next_index().number());
        for index in first..end {
            let index = (batch.rollup, ExitIndex::new(index));
            let attempts = open.evicted_exits.entry(index).or_default();
            *attempts = attempts.saturating_add(1);
        }
        self.counts.evictions = self.counts.evictions.saturating_add(1);
    }

    fn last_of(&self, rollup: RollupId) -> Option<usize> {
        let of_rollup = |one: &Played| one.batch.as_ref().map(|batch| batch.name.rollup);
        self.open.played.iter().rposition(|one| of_rollup(one) == Some(rollup))
    }
}

pub(crate) fn read_name(row: &EvictionRow) -> Result<BatchAttempt, crate::Error> {
    attempt(TABLE, row.rollup_id, row.height, row.attempt)
}

pub(crate) fn read_cause(row: &EvictionRow) -> Result<BatchAttempt, crate::Error> {
    attempt(TABLE, row.cause_rollup_id, row.cause_height, row.cause_attempt)
}
