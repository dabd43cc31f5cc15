//! Rows become epochs of deposits and unsigned batches.

use std::collections::BTreeMap;

use anyhow::Context as _;
use domain::{AssetId, Atoms, Exit, RollupId, Transfer};

use super::{Row, Rule, Scenario};

/// What is done between two seals: the deposits first, then the batches.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlannedEpoch {
    /// On L1.
    pub deposits: Vec<PlannedDeposit>,
    /// In posting order.
    pub batches: Vec<PlannedBatch>,
}

/// A deposit on L1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PlannedDeposit {
    /// Which of the depositors, from 0.
    pub depositor: usize,
    /// The credited rollup.
    pub rollup: RollupId,
    /// The asset.
    pub asset: AssetId,
    /// How much.
    pub atoms: Atoms,
}

/// What one batch lists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlannedBatch {
    /// The sender.
    pub rollup: RollupId,
    /// To other rollups.
    pub transfers: Vec<Transfer>,
    /// To L1.
    pub exits: Vec<Exit>,
}

impl Scenario {
    /// The epochs, in order.
    ///
    /// # Errors
    /// When sums pass the bound of an amount.
    pub fn plan(&self) -> anyhow::Result<Vec<PlannedEpoch>> {
        let mut rounds = vec![Vec::new(); self.rule.batches_per_rollup];
        for rollup in self.rollups() {
            let rows = self.rows_of(rollup);
            for (number, round) in rounds.iter_mut().enumerate() {
                let cut = share(&rows, number, self.rule.batches_per_rollup);
                round.push(self.rule.batch(rollup, number, cut));
            }
        }
        let batches: Vec<PlannedBatch> = rounds.into_iter().flatten().collect();
        (0..self.rule.epochs)
            .map(|number| {
                let batches = share(&batches, number, self.rule.epochs).to_vec();
                let deposits = deposits(&batches, self.rule.depositors)?;
                Ok(PlannedEpoch { deposits, batches })
            })
            .collect()
    }

    /// A rollup's rows with their number among them.
    fn rows_of(&self, rollup: RollupId) -> Vec<(usize, Row)> {
        let first = usize::from(rollup.number()).saturating_sub(1);
        let own = self.rows.iter().skip(first).step_by(usize::from(self.rule.rollups));
        own.copied().enumerate().collect()
    }
}

impl Rule {
    fn batch(&self, rollup: RollupId, number: usize, rows: &[(usize, Row)]) -> PlannedBatch {
        let (mut transfers, mut exits) = (Vec::new(), Vec::new());
        for (place, Row { asset, atoms, recipient }) in rows.iter().copied() {
            let exits_only = self
                .asset
                .get(usize::from(asset.number()).saturating_sub(1))
                .is_some_and(|asset| asset.exits_only);
            if exits_only || place.checked_rem(self.exit_every) == Some(0) {
                exits.push(Exit { asset, atoms, recipient });
            } else {
                // Two destinations in turn: with L1 in two assets, four lanes.
                let to = self.neighbour(rollup, number.saturating_add(place & 1));
                transfers.push(Transfer { to, asset, atoms, recipient });
            }
        }
        PlannedBatch { rollup, transfers, exits }
    }

    /// The rollup `places + 1` further on in the ring of the others.
    fn neighbour(&self, rollup: RollupId, places: usize) -> RollupId {
        let others = usize::from(self.rollups).saturating_sub(1);
        let step = places.checked_rem(others).unwrap_or(0).saturating_add(1);
        let position = usize::from(rollup.number()).saturating_sub(1).saturating_add(step);
        let position = position.checked_rem(usize::from(self.rollups)).unwrap_or(0);
        // Below the number of rollups, which is a `u16`.
        RollupId::new(u16::try_from(position).unwrap_or(0).saturating_add(1))
    }
}

/// The `number`-th of `parts` nearly equal runs of the items.
fn share<T>(items: &[T], number: usize, parts: usize) -> &[T] {
    let bound = |number: usize| {
        items.len().saturating_mul(number).checked_div(parts).unwrap_or(0).min(items.len())
    };
    items.get(bound(number)..bound(number.saturating_add(1))).unwrap_or(&[])
}

/// For each cell what leaves it in these batches: so that no order of posting can overdraw it.
fn deposits(batches: &[PlannedBatch], depositors: usize) -> anyhow::Result<Vec<PlannedDeposit>> {
    let mut leaving: BTreeMap<(AssetId, RollupId), Atoms> = BTreeMap::new();
    for PlannedBatch { rollup, transfers, exits } in batches {
        let moved = transfers.iter().map(|transfer| (transfer.asset, transfer.atoms));
        for (asset, atoms) in moved.chain(exits.iter().map(|exit| (exit.asset, exit.atoms))) {
            let sum = leaving.entry((asset, *rollup)).or_insert(Atoms::ZERO);
            *sum = sum.checked_add(atoms).context("the deposits of a cell pass 2^96 - 1 atoms")?;
        }
    }
    let turns = (0..depositors).cycle();
    let planned = leaving.into_iter().zip(turns).map(|(((asset, rollup), atoms), depositor)| {
        PlannedDeposit { depositor, rollup, asset, atoms }
    });
    Ok(planned.collect())
}
