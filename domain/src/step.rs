//! Steps: the applications of the step circuit into which an epoch's operations are cut.

mod plan;

use crate::{
    AssetId, Atoms, Batch, EpochNumber, LiquidityState, Operation, Refusal, RollupId,
    SettlementKey, Word, statement::StepOutput,
};

pub use plan::{fixed_steps, plan_steps};

/// What one application of the step circuit does, in this order.
///
/// Invariant: each list is within its limit of [`crate::limits`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Step {
    registrations: Vec<(RollupId, SettlementKey)>,
    deposits: Vec<(RollupId, AssetId, Atoms)>,
    batches: Vec<Batch>,
    emitted_cells: Vec<(RollupId, AssetId)>,
    emitted_rollups: Vec<RollupId>,
}

/// What every step of an epoch carries unchanged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StepContext {
    /// [`crate::DomainIdentity::word`].
    pub domain_word: Word,
    /// The epoch.
    pub epoch: EpochNumber,
}

impl Step {
    /// Rollups that it registers.
    #[must_use]
    pub fn registrations(&self) -> &[(RollupId, SettlementKey)] {
        &self.registrations
    }

    /// Deposits that it credits, after the registrations.
    #[must_use]
    pub fn deposits(&self) -> &[(RollupId, AssetId, Atoms)] {
        &self.deposits
    }

    /// Batches that it applies, after the deposits.
    #[must_use]
    pub fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// Cells that it emits, after the batches.
    #[must_use]
    pub fn emitted_cells(&self) -> &[(RollupId, AssetId)] {
        &self.emitted_cells
    }

    /// Rollups that it emits, after the batches.
    #[must_use]
    pub fn emitted_rollups(&self) -> &[RollupId] {
        &self.emitted_rollups
    }

    /// Applies the step natively: the state after it, and what it shows to L1.
    ///
    /// # Errors
    /// The first rule that one of its operations breaks. A cell or rollup that is emitted without
    /// having been touched is a defect of the plan and is refused as unknown.
    pub fn run(
        &self,
        opening: &LiquidityState,
        context: StepContext,
        previous_emission_digest: Word,
    ) -> Result<(LiquidityState, StepOutput), Refusal> {
        let mut state = opening.clone();
        for operation in self.operations() {
            state = state.apply(&operation, context.domain_word)?;
        }
        let mut cells = Vec::with_capacity(self.emitted_cells.len());
        for (rollup, asset) in &self.emitted_cells {
            cells.push((*rollup, *asset, *state.cell(*rollup, *asset)?));
            let unknown = Refusal::UnknownAsset { asset: *asset };
            state = state.emit_cell(*rollup, *asset).ok_or(unknown)?;
        }
        let mut rollups = Vec::with_capacity(self.emitted_rollups.len());
        for rollup in &self.emitted_rollups {
            rollups.push((*rollup, *state.rollup(*rollup)?));
            let unknown = Refusal::UnknownRollup { rollup: *rollup };
            state = state.emit_rollup(*rollup).ok_or(unknown)?;
        }
        let output = StepOutput::new(&state, &cells, &rollups, previous_emission_digest);
        Ok((state, output))
    }

    /// Its registrations and deposits and the first of its batches alone; nothing is emitted.
    #[must_use]
    pub fn up_to_batch(&self, batches: usize) -> Self {
        Self {
            registrations: self.registrations.clone(),
            deposits: self.deposits.clone(),
            batches: self.batches.iter().take(batches).cloned().collect(),
            ..Self::default()
        }
    }

    fn operations(&self) -> impl Iterator<Item = Operation> + '_ {
        let registrations = self
            .registrations
            .iter()
            .map(|(rollup, key)| Operation::Register { rollup: *rollup, key: *key });
        let deposits = self.deposits.iter().map(|(rollup, asset, atoms)| Operation::Deposit {
            rollup: *rollup,
            asset: *asset,
            atoms: *atoms,
        });
        let batches = self.batches.iter().map(|batch| Operation::Batch(Box::new(batch.clone())));
        registrations.chain(deposits).chain(batches)
    }

    fn touches_cell(&self, cell: (RollupId, AssetId)) -> bool {
        let (rollup, asset) = cell;
        let lane = |batch: &Batch| {
            batch.lanes().iter().any(|lane| {
                lane.asset == asset && (batch.rollup() == rollup || lane.destination == rollup)
            })
        };
        self.deposits.iter().any(|(r, a, _)| (*r, *a) == cell) || self.batches.iter().any(lane)
    }

    fn touches_rollup(&self, rollup: RollupId) -> bool {
        self.registrations.iter().any(|(registered, _)| *registered == rollup)
            || self.batches.iter().any(|batch| batch.rollup() == rollup)
    }
}

#[cfg(test)]
#[path = "step/tests.rs"]
mod tests;
