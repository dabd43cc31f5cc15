//! The open epoch, if it were sealed: what is certain, and what can be guessed of its settlement.
//!
//! **Invariant:** a guess is made of what the database has recorded, by whole numbers, and what it was made of
//! stands beside it; without anything recorded nothing is guessed.

use std::time::Duration;

use alloy_primitives::U256;
use domain::{AssetId, LiquidityState, NetPosition, RollupId};
use ledger::{PageLimit, SettlementSample, WouldSeal};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    State,
    error::Error,
    money::{Amount, Assets},
};

/// An epoch as it would be sealed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EpochForecast {
    /// Its number.
    epoch: u64,
    /// Whether there is anything to seal: an epoch without operations is sealed for the settler's grace alone.
    would_seal: bool,
    /// Its last block.
    last_block: u64,
    /// Its batches.
    batches: u64,
    /// Registrations, deposits and batches in it.
    operations: u64,
    /// Transfers in it.
    transfers: u64,
    /// The digest of the state that it starts from.
    opening_digest: String,
    /// The digest of the state that it would lead to.
    closing_digest: String,
    /// The steps that it would need.
    steps: u32,
    /// What it comes to, for each cell with flow.
    positions: Vec<PositionForecast>,
    /// When it would settle.
    schedule: Schedule,
    /// What settling it would cost.
    cost: Cost,
}

/// What an epoch comes to for one cell.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PositionForecast {
    /// The rollup.
    rollup: u16,
    /// The asset.
    asset: u16,
    /// Deposited from L1.
    deposited: Amount,
    /// Received from other rollups.
    received: Amount,
    /// Sent to other rollups.
    sent: Amount,
    /// Left to L1.
    exited: Amount,
    /// What the cell's balance changes by; with a minus sign if it falls.
    net: Amount,
    /// What the cell would hold.
    balance: Amount,
}

/// When an epoch would settle.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Schedule {
    /// When it opened.
    #[serde(with = "time::serde::rfc3339")]
    opened_at: OffsetDateTime,
    /// When it is sealed at the latest, if it holds anything; it may be sealed before, by size or command.
    /// Absent if the api knows no schedule.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    seals_by: Option<OffsetDateTime>,
    /// About when it is recorded as settled: `seals_by`, or now without a schedule, and `settling_s` later.
    /// Absent if nothing was settled yet.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    settles_about: Option<OffsetDateTime>,
    /// The median of how long the last settled epochs took from seal to settlement.
    #[serde(skip_serializing_if = "Option::is_none")]
    settling_s: Option<u64>,
    /// Of how many epochs that is the median.
    rests_on: usize,
}

/// What settling an epoch would cost.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Cost {
    /// The gas of its `l1_tx`, estimated from those of `rests_on`: between two recorded numbers of steps along
    /// the line between their gas, beyond them the gas of the nearest. What gas costs when it settles nobody
    /// knows now. Absent if nothing was settled yet, or nothing would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    gas: Option<u64>,
    /// The recorded settlements that the estimate is made of.
    rests_on: Vec<Settled>,
}

/// A recorded settlement.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Settled {
    /// Its epoch.
    epoch: u64,
    /// Its steps.
    steps: u32,
    /// The gas that it used.
    gas_used: u64,
}

impl EpochForecast {
    pub(super) async fn of(
        state: &State,
        seal: &WouldSeal,
        after: &LiquidityState,
        assets: &Assets,
    ) -> Result<Self, Error> {
        let limit = PageLimit::new(LOOK_AT).unwrap_or(PageLimit::MAX);
        let settled = state.ledger().settled_epochs(limit).await?;
        let steps = u32::try_from(seal.steps).unwrap_or(u32::MAX);
        let positions = seal.netting.positions().map(|(rollup, asset, position)| {
            PositionForecast::of((rollup, asset), position, after, assets)
        });
        let cost = if seal.holds_something { Cost::of(steps, &settled) } else { Cost::nothing() };
        Ok(Self {
            epoch: seal.epoch.number(),
            would_seal: seal.holds_something,
            last_block: seal.last_block.number(),
            batches: seal.batches,
            operations: seal.operations,
            transfers: seal.transfers,
            opening_digest: seal.opening_digest.to_string(),
            closing_digest: seal.closing_digest.to_string(),
            steps,
            positions: positions.collect(),
            schedule: Schedule::of(seal, state.settings().seal_every, &settled),
            cost,
        })
    }
}

impl PositionForecast {
    fn of(
        (rollup, asset): (RollupId, AssetId),
        position: NetPosition,
        after: &LiquidityState,
        assets: &Assets,
    ) -> Self {
        let sum = |atoms: u128| assets.sum(asset, U256::from(atoms));
        let net = position.net();
        let Amount { amount, atoms } = sum(net.unsigned_abs());
        let sign = if net < 0 { "-" } else { "" };
        let balance = after.cell(rollup, asset).map_or(0, |cell| cell.balance.number());
        Self {
            rollup: rollup.number(),
            asset: asset.number(),
            deposited: sum(position.deposited),
            received: sum(position.received),
            sent: sum(position.sent),
            exited: sum(position.exited),
            net: Amount { amount: format!("{sign}{amount}"), atoms: format!("{sign}{atoms}") },
            balance: sum(balance),
        }
    }
}

impl Schedule {
    fn of(seal: &WouldSeal, every: Option<Duration>, settled: &[SettlementSample]) -> Self {
        let seals_by =
            every.and_then(|every| later(seal.opened_at, every)).map(|at| at.max(seal.now));
        let mut took: Vec<u64> = settled
            .iter()
            .map(|one| {
                let (from, to) = (one.sealed_at.unix_timestamp(), one.settled_at.unix_timestamp());
                u64::try_from(to.saturating_sub(from)).unwrap_or(0)
            })
            .collect();
        took.sort_unstable();
        let median = took.get(took.len() / 2).copied().filter(|_| seal.holds_something);
        let from = seals_by.unwrap_or(seal.now);
        Self {
            opened_at: seal.opened_at,
            seals_by,
            settles_about: median.and_then(|took| later(from, Duration::from_secs(took))),
            settling_s: median,
            rests_on: took.len(),
        }
    }
}

fn later(at: OffsetDateTime, by: Duration) -> Option<OffsetDateTime> {
    at.checked_add(time::Duration::try_from(by).ok()?)
}

impl Cost {
    fn nothing() -> Self {
        Self { gas: None, rests_on: Vec::new() }
    }

    /// The newest settlement of the nearest number of steps on either side.
    fn of(steps: u32, settled: &[SettlementSample]) -> Self {
        // Newest first, and the first of equals is kept.
        let below =
            settled.iter().filter(|one| one.steps <= steps).rev().max_by_key(|one| one.steps);
        let above = settled.iter().filter(|one| one.steps >= steps).min_by_key(|one| one.steps);
        let both: Vec<&SettlementSample> = match (below, above) {
            (Some(below), Some(above)) if below.steps == above.steps => vec![below],
            (below, above) => below.into_iter().chain(above).collect(),
        };
        let gas = match both.as_slice() {
            [one] => Some(one.gas_used),
            [below, above] => between(steps, below, above),
            _ => None,
        };
        let rests_on = both.iter().map(|one| Settled {
            epoch: one.epoch.number(),
            steps: one.steps,
            gas_used: one.gas_used,
        });
        Self { gas, rests_on: rests_on.collect() }
    }
}

/// The gas at some steps on the line between two settlements of fewer and of more.
fn between(steps: u32, below: &SettlementSample, above: &SettlementSample) -> Option<u64> {
    let width = i128::from(above.steps).checked_sub(i128::from(below.steps))?;
    let into = i128::from(steps).checked_sub(i128::from(below.steps))?;
    let rise = i128::from(above.gas_used).checked_sub(i128::from(below.gas_used))?;
    let part = rise.checked_mul(into)?.checked_div(width)?;
    u64::try_from(i128::from(below.gas_used).checked_add(part)?).ok()
}

/// The settlements that guesses are made of, at most.
const LOOK_AT: u16 = 50;

#[cfg(test)]
mod tests {
    use domain::EpochNumber;

    use super::*;

    fn settled(epoch: u64, steps: u32, gas_used: u64) -> SettlementSample {
        let (sealed_at, settled_at) = (OffsetDateTime::UNIX_EPOCH, OffsetDateTime::UNIX_EPOCH);
        let epoch = EpochNumber::new(epoch);
        SettlementSample { epoch, steps, gas_used, sealed_at, settled_at }
    }

    /// Gas lies on the line between what was recorded, is never guessed beyond it, and rests on the newest
    /// settlements of their numbers of steps.
    #[test]
    fn gas_rests_on_what_was_recorded() {
        let recorded = [
            settled(4, 10, 1_200_000),
            settled(3, 2, 900_000),
            settled(2, 2, 1),
            settled(1, 6, 1_000_000),
        ];
        for (steps, gas, rests_on) in [
            (1, 900_000, vec![3]),
            (2, 900_000, vec![3]),
            (4, 950_000, vec![3, 1]),
            (6, 1_000_000, vec![1]),
            (7, 1_050_000, vec![1, 4]),
            (128, 1_200_000, vec![4]),
        ] {
            let cost = Cost::of(steps, &recorded);
            let of: Vec<u64> = cost.rests_on.iter().map(|one| one.epoch).collect();
            assert_eq!((cost.gas, of), (Some(gas), rests_on), "{steps} steps");
        }
        assert_eq!(Cost::of(3, &[]).gas, None);
    }
}
