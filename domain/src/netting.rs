//! Netting: what an epoch's gross flows come to per cell.

use std::collections::BTreeMap;

use crate::{AssetId, Operation, RollupId};

/// The flows of one cell in an epoch, in atoms. Sums of many amounts, so wider than [`crate::Atoms`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NetPosition {
    /// Deposited from L1.
    pub deposited: u128,
    /// Received from other rollups.
    pub received: u128,
    /// Sent to other rollups.
    pub sent: u128,
    /// Left to L1.
    pub exited: u128,
}

impl NetPosition {
    /// What the cell's balance changed by: deposited + received − sent − exited.
    ///
    /// An epoch has at most 2^9 batches of 2^2 lanes of less than 2^96 atoms each, so the sums stay
    /// far below 2^127.
    #[must_use]
    pub fn net(&self) -> i128 {
        let sum = |a: u128, b: u128| i128::try_from(a.saturating_add(b)).unwrap_or(i128::MAX);
        sum(self.deposited, self.received).saturating_sub(sum(self.sent, self.exited))
    }
}

/// The net positions of an epoch.
///
/// Invariant (ZERO_SUM): per asset, what was sent equals what was received.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Netting {
    positions: BTreeMap<(RollupId, AssetId), NetPosition>,
}

impl Netting {
    /// Nets operations.
    #[must_use]
    pub fn of<'a>(operations: impl IntoIterator<Item = &'a Operation>) -> Self {
        let mut netting = Self::default();
        for operation in operations {
            netting.add(operation);
        }
        netting
    }

    /// The positions, by rollup and asset; cells without flow have none.
    pub fn positions(&self) -> impl Iterator<Item = (RollupId, AssetId, NetPosition)> + '_ {
        self.positions.iter().map(|((rollup, asset), position)| (*rollup, *asset, *position))
    }

    /// The position of one cell, zero without flow.
    #[must_use]
    pub fn position(&self, rollup: RollupId, asset: AssetId) -> NetPosition {
        self.positions.get(&(rollup, asset)).copied().unwrap_or_default()
    }

    /// What moved between rollups and to L1, per asset: the gross that would have had to settle one
    /// by one.
    #[must_use]
    pub fn gross(&self, asset: AssetId) -> u128 {
        self.of_asset(asset).fold(0_u128, |sum, position| {
            sum.saturating_add(position.sent).saturating_add(position.exited)
        })
    }

    /// What has to move on L1 after netting, per asset: half the sum of all changes between
    /// rollups, plus the exits.
    #[must_use]
    pub fn net(&self, asset: AssetId) -> u128 {
        let received_net = self.of_asset(asset).fold(0_u128, |sum, position| {
            sum.saturating_add(position.received.saturating_sub(position.sent))
        });
        self.of_asset(asset).fold(received_net, |sum, position| sum.saturating_add(position.exited))
    }

    fn of_asset(&self, asset: AssetId) -> impl Iterator<Item = &NetPosition> {
        let same = move |entry: &(&(RollupId, AssetId), &NetPosition)| entry.0.1 == asset;
        self.positions.iter().filter(same).map(|(_, position)| position)
    }

    fn add(&mut self, operation: &Operation) {
        match operation {
            Operation::Register { .. } | Operation::Evicted => {}
            Operation::Deposit { rollup, asset, atoms } => {
                let position = self.positions.entry((*rollup, *asset)).or_default();
                position.deposited = position.deposited.saturating_add(atoms.number());
            }
            Operation::Batch(batch) => {
                for lane in batch.lanes() {
                    let atoms = lane.atoms.number();
                    let from = self.positions.entry((batch.rollup(), lane.asset)).or_default();
                    if lane.destination == RollupId::L1 {
                        from.exited = from.exited.saturating_add(atoms);
                        continue;
                    }
                    from.sent = from.sent.saturating_add(atoms);
                    let to = self.positions.entry((lane.destination, lane.asset)).or_default();
                    to.received = to.received.saturating_add(atoms);
                }
            }
        }
    }
}
