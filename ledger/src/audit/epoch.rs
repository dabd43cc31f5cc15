//! An epoch's closing: what the ledger recorded, what the model comes to, what the steps show, what
//! L1 settled.

use std::collections::BTreeMap;

use domain::{
    AssetId, Cell, CellClosing, EpochNumber, EpochStatement, LiquidityState, RollupClosing,
    RollupId, RollupState, StatementError, StepOutput,
};

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
            self.steps(&sealed).await?;
            self.settled(&sealed).await?;
            self.state = self.state.close_epoch();
            self.open.seal(&self.state, &self.chains);
            self.in_epoch = EpochCounts::default();
            self.report.epochs = self.report.epochs.saturating_add(1);
            self.epoch = self.epoch.next().unwrap_or(self.epoch);
        }
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
        rows.into_iter()
            .map(|row| {
                let rollup = seal.reads(CELL.rollup(row.rollup_id))?;
                let asset = seal.reads(CELL.asset(row.asset_id))?;
                let name = Row::EpochCell { epoch, rollup, asset };
                let cell = Cell {
                    balance: name.reads(CELL.atoms(row.balance))?,
                    deposited: name.reads(CELL.atoms(row.deposited))?,
                    exited: name.reads(CELL.atoms(row.exited))?,
                    touched: row.touched,
                };
                Ok(((rollup, asset), cell))
            })
            .collect()
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
        rows.into_iter()
            .map(|row| {
                let rollup = Row::EpochSeal(epoch).reads(ROLLUP.rollup(row.rollup_id))?;
                let name = Row::EpochRollup { epoch, rollup };
                let state = RollupState {
                    key: None,
                    next_height: name.reads(ROLLUP.height(row.next_height))?,
                    root: name.reads(ROLLUP.l2_root(&row.l2_root))?,
                    exit_root: name.reads(ROLLUP.exit_root(&row.exit_root))?,
                    active: row.active,
                };
                Ok((rollup, state))
            })
            .collect()
    }

    /// What the steps show is what the model touched; the proofs lead where the epoch was sealed.
    async fn steps(&mut self, sealed: &Sealed) -> Result<(), Stop> {
        let epoch = self.epoch;
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
        if !self.proofs(sealed, outputs.len()).await? {
            return Ok(());
        }
        let statement = EpochStatement {
            identity: self.adoption.identity,
            epoch,
            opening_digest: sealed.opening_digest,
            outputs,
        };
        let step = wrong_step(&statement, sealed, &self.state);
        match step {
            None => Ok(()),
            Some(step) => Err(Row::EpochStep { epoch, step }.is(FaultKind::DiffersFromSource)),
        }
    }

    /// Each proof is whole and leads over all steps to where the epoch was sealed. Whether there is
    /// one.
    async fn proofs(&mut self, sealed: &Sealed, steps: usize) -> Result<bool, Stop> {
        let epoch = self.epoch;
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
            let leads = closing == sealed.closing_digest && found == Some(steps);
            name.check(leads, FaultKind::DiffersFromSource)?;
        }
        Ok(!proofs.is_empty())
    }

    /// L1 settled what was sealed.
    async fn settled(&mut self, sealed: &Sealed) -> Result<(), Stop> {
        let epoch = self.epoch;
        let rows = sqlx::query!(
            r#"select sequence, state_digest from epoch_settlement where epoch_number = $1
            union all
            select 0, state_digest from l1_settlement where epoch_number = $1"#,
            epoch_key(epoch)
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in rows {
            let name = match row.sequence.and_then(|sequence| u32::try_from(sequence).ok()) {
                None | Some(0) => Row::L1Settlement(epoch),
                Some(sequence) => Row::EpochSettlement { epoch, sequence },
            };
            let digest = row.state_digest.unwrap_or_default();
            let digest = name.reads(Columns("epoch_settlement").word(&digest))?;
            name.check(digest == sealed.closing_digest, FaultKind::DiffersFromSource)?;
        }
        Ok(())
    }
}

/// The first step that cannot be, or the last one if together they do not lead from the model's
/// opening to its closing; `None` when they do.
fn wrong_step(statement: &EpochStatement, sealed: &Sealed, state: &LiquidityState) -> Option<u32> {
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
            let same =
                statement.closing_digest() == sealed.closing_digest && shows(cells, rollups, state);
            return if same { None } else { u32::try_from(last).ok() };
        }
    };
    u32::try_from(step).ok()
}

/// Whether the steps show exactly the cells and rollups that the model touched, as it left them.
fn shows(cells: Vec<CellClosing>, rollups: Vec<RollupClosing>, state: &LiquidityState) -> bool {
    let mut shown: Vec<_> = cells
        .into_iter()
        .map(|cell| (cell.rollup, cell.asset, cell.balance, cell.deposited, cell.exited))
        .collect();
    shown.sort();
    let touched: Vec<_> = state
        .cells()
        .filter(|(_, _, cell)| cell.touched)
        .map(|(rollup, asset, cell)| (rollup, asset, cell.balance, cell.deposited, cell.exited))
        .collect();
    let mut heads: Vec<_> = rollups
        .into_iter()
        .map(|rollup| (rollup.rollup, rollup.next_height, rollup.exit_root, rollup.key))
        .collect();
    heads.sort();
    let active: Vec<_> = state
        .rollups()
        .filter(|(_, rollup)| rollup.active)
        .map(|(id, rollup)| {
            let key = rollup.key.map_or([domain::Word::ZERO; 2], |key| [key.x(), key.y()]);
            (id, rollup.next_height, rollup.exit_root, key)
        })
        .collect();
    shown == touched && heads == active
}
