//! A batch: what it lists, what it totals, what its rollup signed, and its exits.

use std::collections::BTreeMap;

use domain::{Atoms, Batch, BatchParts, Exit, ExitTree, RollupId, Transfer};

use super::Auditor;
use super::block::{Posting, missing};
use super::eviction::Chain;
use super::fault::{FaultKind, Row, Stop};
use super::page::{BatchRow, ExitRow, LaneRow, Page};
use crate::column::Columns;
use crate::hash::{self, BatchPlace, BlockFields, TransferFields};
use crate::{Account, Error, flows};

const BATCH: Columns = Columns("batch");
const LANE: Columns = Columns("lane");
const EXIT: Columns = Columns("exit");

impl Auditor<'_> {
    pub(super) fn batch(
        &mut self,
        block: &BlockFields,
        page: &Page,
        transfers: &[TransferFields],
    ) -> Result<Posting, Stop> {
        let number = i64::try_from(block.number.number()).unwrap_or(i64::MAX);
        let row = page.batches.get(&number).ok_or_else(|| missing(block))?;
        let unnamed = Row::JournalBlock(block.number);
        let rollup = unnamed.reads(BATCH.rollup(row.rollup_id))?;
        let height = unnamed.reads(BATCH.height(row.height))?;
        let name = Row::Batch { rollup, height };
        let attempt = self.open.attempt(rollup, height);
        let last = self.chains.get(&rollup).cloned().unwrap_or_else(Chain::start);
        let attempts = (u32::try_from(row.attempt).ok(), u32::try_from(row.continued_attempt).ok());
        let follows = attempts == (Some(attempt), Some(last.attempt));
        name.check(follows, FaultKind::DiffersFromSource)?;
        let signed = page.prepared.signed(number);
        let read;
        let parts = if let Some(signed) = signed {
            signed.batch().parts()
        } else {
            read = listed(name, row, transfers)?;
            &read
        };
        lane_counts(parts, page.lanes.get(&number))?;
        self.lanes(parts, page.lanes.get(&number))?;
        let word = self.adoption.identity.word();
        let (digest, body_digest) = match signed {
            Some(signed) => (signed.digest(), signed.body_digest()),
            None => (parts.digest(word), parts.body_digest()),
        };
        let recorded =
            (name.reads(BATCH.word(&row.batch_digest))?, name.reads(BATCH.b256(&row.body_digest))?);
        name.check((digest, body_digest) == recorded, FaultKind::ContentDiffers)?;
        let unsigned;
        let batch = if let Some(signed) = signed {
            signed.batch()
        } else {
            unsigned =
                Batch::new(parts.clone()).map_err(|rule| name.is(FaultKind::RuleBroken(rule)))?;
            &unsigned
        };
        let tree = last.tree;
        let grown =
            batch.continue_exit_tree(&tree).map_err(|rule| name.is(FaultKind::RuleBroken(rule)))?;
        self.exits(block, batch, &tree, page.exits.get(&number))?;
        let place = BatchPlace {
            digest,
            body_digest,
            place_in_epoch: name.reads(BATCH.small(row.place_in_epoch))?,
            exits_before: name.reads(BATCH.exit_index(row.exits_before))?.number(),
            exit_tree: &row.exit_tree,
        };
        let waiting: Vec<u8> = grown.waiting().iter().flat_map(|node| node.0).collect();
        let follows = waiting == row.exit_tree
            && tree.next_index().number() == place.exits_before
            && u64::from(place.place_in_epoch) == self.in_epoch.posted
            && name.reads(BATCH.epoch(row.epoch_number))? == block.epoch
            && usize::try_from(row.transfer_count).ok() == Some(batch.parts().transfers.len())
            && usize::try_from(row.exit_count).ok() == Some(batch.parts().exits.len());
        name.check(follows, FaultKind::DiffersFromSource)?;
        let posting = hash::batch_posting(batch, place);
        let after = Chain { attempt, tree: grown };
        self.apply_batch(name, (batch, signed), (attempt, block), after)?;
        self.counts.batches = self.counts.batches.saturating_add(1);
        Ok((name, posting))
    }

    /// Lanes are the sums of what is listed, each there once.
    fn lanes(&mut self, parts: &BatchParts, rows: Option<&Vec<LaneRow>>) -> Result<(), Stop> {
        let (rollup, height) = (parts.rollup, parts.height);
        let batch = Row::Batch { rollup, height };
        let mut declared = BTreeMap::new();
        for row in rows.into_iter().flatten() {
            let asset = batch.reads(LANE.asset(row.asset_id))?;
            let destination = batch.reads(LANE.rollup(row.destination_id))?;
            let name = Row::Lane { rollup, height, asset, destination };
            let atoms = name.reads(LANE.atoms(row.atoms))?;
            let twice = declared.insert((asset, destination), atoms).is_some();
            name.check(!twice, FaultKind::Stray)?;
            self.counts.lanes = self.counts.lanes.saturating_add(1);
        }
        for lane in &parts.lanes {
            let (asset, destination) = (lane.asset, lane.destination);
            let name = Row::Lane { rollup, height, asset, destination };
            let atoms: Option<Atoms> = declared.remove(&(asset, destination));
            name.check(atoms.is_some(), FaultKind::Missing)?;
            name.check(atoms == Some(lane.atoms), FaultKind::DiffersFromSource)?;
        }
        if let Some(((asset, destination), _)) = declared.pop_first() {
            return Err(Row::Lane { rollup, height, asset, destination }.is(FaultKind::Stray));
        }
        Ok(())
    }

    /// Exits are what the batch lists, under the numbers that follow.
    fn exits(
        &mut self,
        block: &BlockFields,
        batch: &Batch,
        tree: &ExitTree,
        rows: Option<&Vec<ExitRow>>,
    ) -> Result<(), Stop> {
        let rollup = batch.rollup();
        let claims = batch.claims(tree).unwrap_or_default();
        let first = batch.parts().transfers.len();
        let mut rows = rows.into_iter().flatten();
        for (claim, position) in claims.iter().zip(first..) {
            let name = Row::Exit { rollup, index: claim.index };
            let row = rows.next().ok_or_else(|| name.is(FaultKind::Missing))?;
            let same = row.rollup_id == i32::from(rollup.number())
                && row.exit_index == i64::from(claim.index.number())
                && u32::try_from(row.attempt) == Ok(self.open.exit_attempt(rollup, claim.index))
                && name.reads(EXIT.height(row.height))? == batch.height()
                && name.reads(EXIT.epoch(row.epoch_number))? == block.epoch
                && usize::try_from(row.position).ok() == Some(position)
                && name.reads(EXIT.asset(row.asset_id))? == claim.asset
                && name.reads(EXIT.address(&row.recipient))? == claim.recipient
                && name.reads(EXIT.atoms(row.atoms))? == claim.atoms
                && name.reads(EXIT.b256(&row.leaf))? == claim.leaf();
            name.check(same, FaultKind::DiffersFromSource)?;
            self.counts.exits = self.counts.exits.saturating_add(1);
        }
        match rows.next() {
            None => Ok(()),
            Some(row) => {
                let batch = Row::Batch { rollup, height: batch.height() };
                let index = batch.reads(EXIT.exit_index(row.exit_index))?;
                let rollup = batch.reads(EXIT.rollup(row.rollup_id))?;
                Err(Row::Exit { rollup, index }.is(FaultKind::Stray))
            }
        }
    }
}

/// The batch as its row and its transfers say, with the lanes that they come to.
pub(crate) fn listed(
    name: Row,
    row: &BatchRow,
    transfers: &[TransferFields],
) -> Result<BatchParts, Stop> {
    let mut parts = name.reads(read_parts(row))?;
    for one in transfers {
        list(&mut parts, one).ok_or_else(|| name.is(FaultKind::DiffersFromSource))?;
    }
    parts.lanes = Batch::sum_lanes(parts.rollup, &parts.transfers, &parts.exits)
        .map_err(|rule| name.is(FaultKind::RuleBroken(rule)))?;
    Ok(parts)
}

/// Each lane counts what is listed in it.
fn lane_counts(parts: &BatchParts, rows: Option<&Vec<LaneRow>>) -> Result<(), Stop> {
    let (rollup, height) = (parts.rollup, parts.height);
    let batch = Row::Batch { rollup, height };
    for row in rows.into_iter().flatten() {
        let asset = batch.reads(LANE.asset(row.asset_id))?;
        let destination = batch.reads(LANE.rollup(row.destination_id))?;
        let name = Row::Lane { rollup, height, asset, destination };
        let listed = flows::listed(parts, (asset, destination));
        let same = usize::try_from(row.transfer_count) == Ok(listed);
        // One that nothing is listed in is told as what it is.
        name.check(same || listed == 0, FaultKind::DiffersFromSource)?;
    }
    Ok(())
}

pub(super) fn read_parts(row: &BatchRow) -> Result<BatchParts, Error> {
    Ok(BatchParts {
        rollup: BATCH.rollup(row.rollup_id)?,
        height: BATCH.height(row.height)?,
        previous_root: BATCH.l2_root(&row.previous_root)?,
        new_root: BATCH.l2_root(&row.new_root)?,
        exit_root: BATCH.exit_root(&row.exit_root)?,
        transfers: Vec::new(),
        exits: Vec::new(),
        lanes: Vec::new(),
        signature: BATCH.signature(&row.signature)?,
    })
}

/// Adds a booked transfer to what the batch lists; `None` if a batch of this rollup cannot list it.
pub(super) fn list(parts: &mut BatchParts, one: &TransferFields) -> Option<()> {
    let recipient = one.recipient?;
    let (asset, atoms) = (one.asset, one.atoms);
    let from = |rollup: RollupId| (one.debit == Account::Cell { rollup, asset }).then_some(());
    from(parts.rollup)?;
    match one.credit {
        Account::Cell { rollup: to, .. } if parts.exits.is_empty() => {
            parts.transfers.push(Transfer { to, asset, atoms, recipient });
            Some(())
        }
        Account::Pot { rollup, .. } if rollup == parts.rollup => {
            parts.exits.push(Exit { asset, atoms, recipient });
            Some(())
        }
        _ => None,
    }
}
