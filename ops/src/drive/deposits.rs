//! Deposits of a scenario, counted where they count: on L1.

use std::collections::BTreeMap;
use std::time::Instant;

use alloy_primitives::{Address, U256};
use anyhow::{Context as _, bail};
use domain::{Asset, AssetId, RollupId};
use engine::l1::L1;

use super::{Drive, Driven, POLL, SETTLE_PATIENCE};
use crate::progress::Stage;
use crate::scenario::plan::PlannedDeposit;

/// What each cell has been planned to hold in deposits up to now, in atoms.
#[derive(Debug, Default)]
pub struct Targets(BTreeMap<(RollupId, AssetId), u128>);

impl Drive {
    /// Makes the deposits that L1 does not have yet, and waits until the ledger has booked them.
    pub(super) async fn deposit(
        &self,
        what: &str,
        deposits: &[PlannedDeposit],
        targets: &mut Targets,
        driven: &mut Driven,
    ) -> anyhow::Result<()> {
        let stage = Stage::of(format!("{what}: depositing on L1"), deposits.len());
        for planned in deposits {
            let target = targets.0.entry((planned.rollup, planned.asset)).or_insert(0);
            *target = target.saturating_add(planned.atoms.number());
            self.deposit_up_to(planned, *target, driven).await?;
            stage.advance();
        }
        stage.at(format!("{what}: waiting for the ledger to see the deposits"));
        self.await_booked(targets).await?;
        stage.done(format!("{what}: {} deposits made on L1 and booked", deposits.len()));
        Ok(())
    }

    async fn deposit_up_to(
        &self,
        planned: &PlannedDeposit,
        target: u128,
        driven: &mut Driven,
    ) -> anyhow::Result<()> {
        let PlannedDeposit { depositor, rollup, asset, .. } = *planned;
        let l1 = self.depositors.get(depositor).context("the scenario has more depositors")?;
        let made = l1.latest().await?.cell(rollup, asset).await?.deposited_total;
        let missing = target.saturating_sub(made);
        if missing == 0 {
            return Ok(());
        }
        let asset = self.assets.iter().find(|found| found.id() == asset);
        let asset = asset.context("the scenario has an asset that is not registered")?;
        let token_atoms = asset.to_token_atoms(domain::Atoms::new(missing)?);
        provide(l1, asset, token_atoms).await?;
        driven.count(l1.deposit(rollup, asset, token_atoms).await?.gas_used);
        Ok(())
    }

    /// The ledger has them all once its deposits of every cell add up to what was planned.
    async fn await_booked(&self, targets: &Targets) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let booked = self.booked().await?;
            let missing = targets
                .0
                .iter()
                .find(|(cell, target)| booked.get(*cell).copied().unwrap_or_default() < **target);
            let Some(((rollup, asset), _)) = missing else { return Ok(()) };
            if began.elapsed() > SETTLE_PATIENCE {
                bail!("the deposit into cell {rollup}/{asset} is on L1 and not in the ledger");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn booked(&self) -> anyhow::Result<BTreeMap<(RollupId, AssetId), u128>> {
        let mut sums = BTreeMap::new();
        let mut before = None;
        loop {
            let filter = ledger::DepositFilter::default();
            let page = self.ledger.deposits(&filter, before, ledger::PageLimit::MAX).await?;
            for deposit in page.iter().filter(|deposit| deposit.is_posted()) {
                let sum: &mut u128 = sums.entry((deposit.rollup, deposit.asset)).or_default();
                *sum = sum.saturating_add(deposit.atoms.number());
            }
            let last = page.last().map(|deposit| deposit.place);
            if last.is_none() {
                return Ok(sums);
            }
            before = last;
        }
    }
}

/// Development tokens are minted as needed; Ether the accounts have.
async fn provide(l1: &L1, asset: &Asset, token_atoms: U256) -> anyhow::Result<()> {
    if asset.token() == Address::ZERO {
        return Ok(());
    }
    l1.mint(asset.token(), l1.signer(), token_atoms).await?;
    l1.approve(asset.token(), token_atoms).await?;
    Ok(())
}
