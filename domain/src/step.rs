//! Steps: how an epoch's operations are cut into applications of the step circuit.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    AssetId, Atoms, Batch, EpochNumber, LiquidityState, Operation, Refusal, RollupId,
    SettlementKey, Word,
    limits::{
        BATCHES_PER_STEP, CELLS_EMITTED_PER_STEP, DEPOSITS_PER_STEP, MAX_STEPS_PER_EPOCH,
        REGISTRATIONS_PER_STEP, ROLLUPS_EMITTED_PER_STEP,
    },
    statement::StepOutput,
};

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

/// Cuts an epoch's operations, in ledger order, into steps.
///
/// Registrations come first, then the deposits summed per cell, each as early as its rollup is
/// registered and there is room, then the batches in their order.
/// Moving deposits ahead changes no outcome: they only raise balances, and L1 bounds each asset's
/// whole supply to what a cell can hold. Each touched cell and rollup is emitted once, as early as
/// there is room after its last touch; further steps follow until nothing is left.
///
/// # Errors
/// [`Refusal::TooManySteps`], or [`Refusal::AmountTooLarge`] when a cell's deposits pass the bound.
pub fn plan_steps(operations: &[Operation]) -> Result<Vec<Step>, Refusal> {
    let mut plan = Plan { steps: vec![Step::default()] };
    for operation in operations {
        if let Operation::Register { rollup, key } = operation {
            plan.last_with(|step| step.registrations.len() < REGISTRATIONS_PER_STEP)
                .registrations
                .push((*rollup, *key));
        }
    }
    for ((rollup, asset), atoms) in sum_deposits(operations)? {
        plan.deposit((rollup, asset, atoms));
    }
    for operation in operations {
        if let Operation::Batch(batch) = operation {
            plan.last_with(|step| step.batches.len() < BATCHES_PER_STEP)
                .batches
                .push(batch.as_ref().clone());
        }
    }
    plan.emit();
    let steps = plan.steps;
    if steps.len() > MAX_STEPS_PER_EPOCH {
        return Err(Refusal::TooManySteps { limit: MAX_STEPS_PER_EPOCH });
    }
    Ok(steps)
}

struct Plan {
    steps: Vec<Step>,
}

impl Plan {
    /// The last step if it has room, else a new one.
    fn last_with(&mut self, has_room: impl Fn(&Step) -> bool) -> &mut Step {
        if !self.steps.last().is_some_and(has_room) {
            self.steps.push(Step::default());
        }
        let last = self.steps.len().saturating_sub(1);
        self.steps.get_mut(last).unwrap_or_else(|| unreachable!("a plan has at least one step"))
    }

    /// Gives a deposit its place: not before its rollup is registered.
    fn deposit(&mut self, deposit: (RollupId, AssetId, Atoms)) {
        let (rollup, ..) = deposit;
        let registers = |step: &Step| step.registrations.iter().any(|(id, _)| *id == rollup);
        let first = self.steps.iter().position(registers).unwrap_or(0);
        let has_room = |step: &&mut Step| step.deposits.len() < DEPOSITS_PER_STEP;
        match self.steps.iter_mut().skip(first).find(has_room) {
            Some(step) => step.deposits.push(deposit),
            None => self.steps.push(Step { deposits: vec![deposit], ..Step::default() }),
        }
    }

    /// Gives every touched cell and rollup its place of emission.
    fn emit(&mut self) {
        let mut cells = BTreeSet::new();
        let mut rollups = BTreeSet::new();
        let mut position = 0;
        while let Some(step) = self.steps.get(position) {
            cells.extend(all_cells().filter(|cell| step.touches_cell(*cell)));
            rollups.extend(RollupId::all().filter(|rollup| step.touches_rollup(*rollup)));
            let later = self.steps.get(position.saturating_add(1)..).unwrap_or_default();
            let settled_cells = cells
                .iter()
                .filter(|cell| !later.iter().any(|step| step.touches_cell(**cell)))
                .copied()
                .take(CELLS_EMITTED_PER_STEP)
                .collect::<Vec<_>>();
            let settled_rollups = rollups
                .iter()
                .filter(|rollup| !later.iter().any(|step| step.touches_rollup(**rollup)))
                .copied()
                .take(ROLLUPS_EMITTED_PER_STEP)
                .collect::<Vec<_>>();
            cells.retain(|cell| !settled_cells.contains(cell));
            rollups.retain(|rollup| !settled_rollups.contains(rollup));
            let left = !cells.is_empty() || !rollups.is_empty();
            if let Some(step) = self.steps.get_mut(position) {
                step.emitted_cells = settled_cells;
                step.emitted_rollups = settled_rollups;
            }
            position = position.saturating_add(1);
            if left && position == self.steps.len() {
                self.steps.push(Step::default());
            }
        }
    }
}

fn all_cells() -> impl Iterator<Item = (RollupId, AssetId)> {
    RollupId::all().flat_map(|rollup| AssetId::all().map(move |asset| (rollup, asset)))
}

fn sum_deposits(operations: &[Operation]) -> Result<BTreeMap<(RollupId, AssetId), Atoms>, Refusal> {
    let mut sums = BTreeMap::new();
    for operation in operations {
        if let Operation::Deposit { rollup, asset, atoms } = operation {
            let sum = sums.entry((*rollup, *asset)).or_insert(Atoms::ZERO);
            let too_large = Refusal::AmountTooLarge { rollup: *rollup, asset: *asset };
            *sum = sum.checked_add(*atoms).ok_or(too_large)?;
        }
    }
    Ok(sums)
}

#[cfg(test)]
#[path = "step/tests.rs"]
mod tests;
