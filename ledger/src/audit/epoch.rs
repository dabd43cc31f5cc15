//! An epoch's closing: what the ledger recorded, what the model comes to, what the steps show, what
//! L1 settled.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use domain::{
    AssetId, Cell, CellClosing, EpochNumber, EpochStatement, LiquidityState, RollupClosing,
    RollupId, RollupState, StatementError, StepOutput, Word,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::fault::{FaultKind, Row, Stop};
use super::{Auditor, EpochCounts};
use crate::Sealed;
use crate::column::{Columns, epoch_key};
use crate::epochs;

const CELL: Columns = Columns("epoch_cell");
const ROLLUP: Columns = Columns("epoch_rollup");

impl Auditor<'_> {
    /// Checks the epochs that end here: up to `next`, the epoch of the next block, or at the
    /// journal's end up to the open one.
    pub(super) async fn close_epochs(&mut self, next: Option<EpochNumber>) -> Result<(), Stop> {
        self.play_again()?;
        loop {
            self.opening().await?;
            if next == Some(self.epoch) {
                return Ok(());
            }
            let sealed = epochs::sealed(&mut self.tx, self.epoch).await;
            let Some(sealed) = Row::EpochSeal(self.epoch).reads(sealed)? else {
                // Only the last epoch is open.
                let name = Row::EpochSeal(self.epoch);
                return name.check(next.is_none(), FaultKind::Missing);
            };
            self.seal(&sealed)?;
            self.closing().await?;
            self.sealed_books(&sealed).await?;
            let closed = Closed::new(&sealed, &self.state);
            if !self.later(&closed).await? {
                self.unfinished.push(closed);
            }
            self.state = self.state.close_epoch();
            self.open.seal(&self.state, &self.chains);
            self.in_epoch = EpochCounts::default();
            self.report.epochs = self.report.epochs.saturating_add(1);
            self.epoch = self.epoch.next().unwrap_or(self.epoch);
        }
    }

    /// What came to an epoch after its seal; whether nothing more can come.
    async fn later(&mut self, closed: &Closed) -> Result<bool, Stop> {
        let proofs = self.steps(closed).await?;
        let is_final = self.settled(closed).await?;
        self.told_to_l1(closed).await?;
        Ok(proofs == BOTH_PROOFS && is_final)
    }

    /// Checks the epochs again that could get more since an earlier audit closed them.
    pub(super) async fn finish_epochs(&mut self) -> Result<(), Stop> {
        for closed in std::mem::take(&mut self.unfinished) {
            if !self.later(&closed).await? {
                self.unfinished.push(closed);
            }
        }
        Ok(())
    }

    /// The epoch opens with the digest of the state before its first operation.
    async fn opening(&mut self) -> Result<(), Stop> {
        if self.in_epoch != EpochCounts::default() {
            return Ok(());
        }
        let name = Row::Epoch(self.epoch);
        let digest = sqlx::query_scalar!(
            "select opening_digest from epoch where epoch_number = $1",
            epoch_key(self.epoch)
        )
        .fetch_optional(&mut *self.tx)
        .await?
        .ok_or_else(|| name.is(FaultKind::Missing))?;
        let digest = name.reads(Columns("epoch").word(&digest))?;
        name.check(digest == self.state.digest(), FaultKind::DiffersFromSource)
    }

    fn seal(&self, sealed: &Sealed) -> Result<(), Stop> {
        let counts = EpochCounts {
            posted: self.in_epoch.posted,
            batches: sealed.batches,
            operations: sealed.operations,
            transfers: sealed.transfers,
        };
        let recorded = (sealed.last_block.number(), sealed.last_block_hash);
        let same = counts == self.in_epoch
            && recorded == self.head
            && sealed.closing_digest == self.state.close_epoch().digest();
        Row::EpochSeal(self.epoch).check(same, FaultKind::DiffersFromSource)
    }

    async fn closing(&mut self) -> Result<(), Stop> {
        let epoch = self.epoch;
        let mut cells = self.closing_cells().await?;
        self.counts.epoch_cells = more(self.counts.epoch_cells, cells.len());
        for (rollup, asset, cell) in self.state.cells() {
            let name = Row::EpochCell { epoch, rollup, asset };
            let expected = Some(*cell).filter(|cell| cell.touched || !cell.balance.is_zero());
            let recorded = cells.remove(&(rollup, asset));
            name.check(recorded.is_some() || expected.is_none(), FaultKind::Missing)?;
            name.check(recorded == expected, FaultKind::DiffersFromSource)?;
        }
        if let Some(((rollup, asset), _)) = cells.pop_first() {
            return Err(Row::EpochCell { epoch, rollup, asset }.is(FaultKind::Stray));
        }
        let mut rollups = self.closing_rollups().await?;
        self.counts.epoch_rollups = more(self.counts.epoch_rollups, rollups.len());
        for (rollup, state) in self.state.rollups().filter(|(_, state)| state.key.is_some()) {
            let name = Row::EpochRollup { epoch, rollup };
            let recorded = rollups.remove(&rollup);
            name.check(recorded.is_some(), FaultKind::Missing)?;
            let expected = Some(RollupState { key: None, ..*state });
            name.check(recorded == expected, FaultKind::DiffersFromSource)?;
        }
        match rollups.pop_first() {
            Some((rollup, _)) => Err(Row::EpochRollup { epoch, rollup }.is(FaultKind::Stray)),
            None => Ok(()),
        }
    }

    async fn closing_cells(&mut self) -> Result<BTreeMap<(RollupId, AssetId), Cell>, Stop> {
        let epoch = self.epoch;
        let rows = sqlx::query!(
            "select rollup_id, asset_id, balance, deposited, exited, touched
            from epoch_cell where epoch_number = $1",
            epoch_key(epoch)
        )
        .fetch_all(&mut *self.tx)
        .await?;
        let seal = Row::EpochSeal(epoch);
        let mut cells = BTreeMap::new();
        for row in rows {
            let rollup = seal.reads(CELL.rollup(row.rollup_id))?;
            let asset = seal.reads(CELL.asset(row.asset_id))?;
            let name = Row::EpochCell { epoch, rollup, asset };
            let cell = Cell {
                balance: name.reads(CELL.atoms(row.balance))?,
                deposited: name.reads(CELL.atoms(row.deposited))?,
                exited: name.reads(CELL.atoms(row.exited))?,
                touched: row.touched,
            };
            let twice = cells.insert((rollup, asset), cell).is_some();
            name.check(!twice, FaultKind::Stray)?;
        }
        Ok(cells)
    }

    async fn closing_rollups(&mut self) -> Result<BTreeMap<RollupId, RollupState>, Stop> {
        let epoch = self.epoch;
        let rows = sqlx::query!(
            "select rollup_id, next_height, l2_root, exit_root, active
            from epoch_rollup where epoch_number = $1",
            epoch_key(epoch)
        )
        .fetch_all(&mut *self.tx)
        .await?;
        let mut rollups = BTreeMap::new();
        for row in rows {
            let rollup = Row::EpochSeal(epoch).reads(ROLLUP.rollup(row.rollup_id))?;
            let name = Row::EpochRollup { epoch, rollup };
            let state = RollupState {
                key: None,
                next_height: name.reads(ROLLUP.height(row.next_height))?,
                root: name.reads(ROLLUP.l2_root(&row.l2_root))?,
                exit_root: name.reads(ROLLUP.exit_root(&row.exit_root))?,
                active: row.active,
            };
            let twice = rollups.insert(rollup, state).is_some();
            name.check(!twice, FaultKind::Stray)?;
        }
        Ok(rollups)
    }

    /// What the steps show is what the model touched; the proofs lead where the epoch was sealed.
    /// How many proofs there are.
    async fn steps(&mut self, closed: &Closed) -> Result<usize, Stop> {
        let epoch = closed.epoch;
        let rows = sqlx::query!(
            "select step_number, output from epoch_step where epoch_number = $1
            order by step_number",
            epoch_key(epoch)
        )
        .fetch_all(&mut *self.tx)
        .await?;
        let mut outputs: Vec<StepOutput> = Vec::with_capacity(rows.len());
        for (step, row) in (1_u32..).zip(&rows) {
            let name = Row::EpochStep { epoch, step };
            let found = u32::try_from(row.step_number).ok();
            name.check(found == Some(step), FaultKind::Missing)?;
            outputs.push(name.reads(epochs::step_output(&row.output))?);
        }
        let proofs = self.proofs(closed, outputs.len()).await?;
        if proofs == 0 {
            return Ok(proofs);
        }
        let statement = EpochStatement {
            identity: self.adoption.identity,
            epoch,
            opening_digest: closed.opening_digest,
            outputs,
        };
        match wrong_step(&statement, closed) {
            None => Ok(proofs),
            Some(step) => Err(Row::EpochStep { epoch, step }.is(FaultKind::DiffersFromSource)),
        }
    }

    /// Each proof is whole and leads over all steps to where the epoch was sealed. How many there
    /// are.
    async fn proofs(&mut self, closed: &Closed, steps: usize) -> Result<usize, Stop> {
        let epoch = closed.epoch;
        let proofs = sqlx::query!(
            r#"select true as "settlement!", closing_digest as "closing_digest!",
                step_count as "step_count!", proof_digest = sha256(proof) as "whole!"
            from epoch_settlement_proof where epoch_number = $1
            union all
            select false, closing_digest, step_count, proof_digest = sha256(proof)
            from epoch_proof where epoch_number = $1"#,
            epoch_key(epoch)
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for proof in &proofs {
            let (name, table) = if proof.settlement {
                (Row::EpochSettlementProof(epoch), Columns("epoch_settlement_proof"))
            } else {
                (Row::EpochProof(epoch), Columns("epoch_proof"))
            };
            name.check(proof.whole, FaultKind::HashDiffers)?;
            let closing = name.reads(table.word(&proof.closing_digest))?;
            let found = usize::try_from(proof.step_count).ok();
            let leads = closing == closed.closing_digest && found == Some(steps);
            name.check(leads, FaultKind::DiffersFromSource)?;
        }
        Ok(proofs.len())
    }

    /// L1 settled what was sealed. Whether it is final, and logged so.
    async fn settled(&mut self, closed: &Closed) -> Result<bool, Stop> {
        let epoch = closed.epoch;
        let rows = sqlx::query!(
            r#"select sequence as "sequence!", state_digest as "state_digest!"
            from epoch_settlement where epoch_number = $1
            union all
            select 0, state_digest from l1_settlement where epoch_number = $1"#,
            epoch_key(epoch)
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in &rows {
            let name = match u32::try_from(row.sequence) {
                Err(_) | Ok(0) => Row::L1Settlement(epoch),
                Ok(sequence) => Row::EpochSettlement { epoch, sequence },
            };
            let digest = name.reads(Columns("epoch_settlement").word(&row.state_digest))?;
            name.check(digest == closed.closing_digest, FaultKind::DiffersFromSource)?;
        }
        let is_final = sqlx::query_scalar!(
            r#"select exists (select from epoch_final where epoch_number = $1) as "final!""#,
            epoch_key(epoch)
        )
        .fetch_one(&mut *self.tx)
        .await?;
        Ok(is_final && rows.iter().any(|row| row.sequence == 0))
    }
}

/// The settlement proof and the aggregated one.
const BOTH_PROOFS: usize = 2;

/// A sealed epoch as recomputed: what its steps, proofs and settlements have to say, whenever they
/// come.
#[derive(Serialize, Deserialize)]
pub(super) struct Closed {
    pub(super) epoch: EpochNumber,
    opening_digest: Word,
    closing_digest: Word,
    pub(super) books: Option<B256>,
    /// [`shown`] of what the model touched, as it left it.
    shown: B256,
}

impl Closed {
    fn new(sealed: &Sealed, state: &LiquidityState) -> Self {
        let cells = state.cells().filter(|(_, _, cell)| cell.touched);
        let cells = cells.map(|(rollup, asset, cell)| {
            let Cell { balance, deposited, exited, .. } = *cell;
            CellClosing { rollup, asset, balance, deposited, exited }
        });
        let rollups = state.rollups().filter(|(_, rollup)| rollup.active);
        let rollups = rollups.map(|(rollup, state)| RollupClosing {
            rollup,
            next_height: state.next_height,
            root: state.root,
            exit_root: state.exit_root,
            key: state.key.map_or([Word::ZERO; 2], |key| [key.x(), key.y()]),
        });
        Self {
            epoch: sealed.epoch,
            opening_digest: sealed.opening_digest,
            closing_digest: sealed.closing_digest,
            books: sealed.books,
            shown: shown(cells.collect(), rollups.collect()),
        }
    }
}

/// The first step that cannot be, or the last one if together they do not lead from the model's
/// opening to its closing; `None` when they do.
pub(super) fn more(count: u64, rows: usize) -> u64 {
    count.saturating_add(u64::try_from(rows).unwrap_or(u64::MAX))
}

fn wrong_step(statement: &EpochStatement, closed: &Closed) -> Option<u32> {
    let last = statement.outputs.len();
    let step = match statement.closings() {
        Err(
            StatementError::EmittedWords { step, .. }
            | StatementError::EmissionDigest { step }
            | StatementError::Malformed { step, .. }
            | StatementError::Repeated { step, .. },
        ) => step.saturating_add(1),
        Err(StatementError::StepCount { .. } | StatementError::Incomplete { .. }) => last,
        Ok((cells, rollups)) => {
            let same = statement.closing_digest() == closed.closing_digest
                && shown(cells, rollups) == closed.shown;
            return if same { None } else { u32::try_from(last).ok() };
        }
    };
    u32::try_from(step).ok()
}

/// The digest of closings, in whatever order they come.
fn shown(mut cells: Vec<CellClosing>, mut rollups: Vec<RollupClosing>) -> B256 {
    cells.sort_by_key(|cell| (cell.rollup, cell.asset));
    rollups.sort_by_key(|rollup| rollup.rollup);
    let mut hash = Sha256::new_with_prefix("netfold.audit.shown");
    for cell in cells {
        hash.update([0]);
        hash.update(cell.rollup.number().to_be_bytes());
        hash.update(cell.asset.number().to_be_bytes());
        for atoms in [cell.balance, cell.deposited, cell.exited] {
            hash.update(atoms.number().to_be_bytes());
        }
    }
    for rollup in rollups {
        hash.update([1]);
        hash.update(rollup.rollup.number().to_be_bytes());
        hash.update(rollup.next_height.number().to_be_bytes());
        hash.update(rollup.root.bytes());
        hash.update(rollup.exit_root.bytes());
        for word in rollup.key {
            hash.update(word.to_bytes());
        }
    }
    B256::new(hash.finalize().into())
}
