//! Ledger against contract: what both say of the same money.
//!
//! **Invariant**: what is compared comes from two sides, the ledger's rows and the contract's storage
//! and logs as of the block up to which the ledger has booked.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use alloy_primitives::U256;
use anyhow::Context as _;
use domain::l1::{L1Block, L1Event, L1Log};
use domain::{AssetId, Atoms, RollupId};
use engine::l1::{L1, SettlementReceipt, View};
use ledger::{
    ClaimStatus, DepositFilter, ExitFilter, ForeignSettlement, Ledger, PageLimit, Sealed,
    Settlement,
};

use super::Found;

/// Compares twice if the ledger booked a further block in between.
pub(super) async fn compare(ledger: &Ledger, l1: &L1) -> anyhow::Result<Found> {
    loop {
        let cursor = ledger.l1_cursor().await?.context("the ledger has not seen L1 yet")?;
        let found = Found::default();
        let found = Comparison { ledger, l1, view: l1.at(cursor), cursor, found }.run().await?;
        if found.faults.is_empty() || ledger.l1_cursor().await? == Some(cursor) {
            return Ok(found);
        }
    }
}

struct Comparison<'a> {
    ledger: &'a Ledger,
    l1: &'a L1,
    view: View,
    cursor: L1Block,
    found: Found,
}

type Cells<T> = BTreeMap<(RollupId, AssetId), T>;

impl Comparison<'_> {
    async fn run(mut self) -> anyhow::Result<Found> {
        self.logs().await?;
        self.foreign().await?;
        self.custody().await?;
        self.settled().await?;
        self.each_settlement().await?;
        self.pots().await?;
        self.deposits().await?;
        Ok(self.found)
    }

    /// Each log of the contract is booked as it stands on L1, and no other. The first that differs
    /// is told.
    async fn logs(&mut self) -> anyhow::Result<()> {
        let end = self.l1.block(self.cursor.number).await?;
        self.same("the last booked L1 block", &Some(self.cursor), &end);
        let adoption = self.ledger.domain().await?.context("the ledger has no domain")?;
        let mut from = adoption.deployed_at_block;
        while from <= self.cursor.number {
            let to = from.saturating_add(LOGS_OF_BLOCKS).min(self.cursor.number);
            let booked = self.ledger.l1_logs(from, to).await?;
            let found = self.l1.logs(from, to).await?;
            if let Some(fault) = first_difference(&booked, &found) {
                self.found.faults.push(fault);
                return Ok(());
            }
            from = to.saturating_add(1);
        }
        Ok(())
    }

    /// The settlement that ended the books is on L1.
    async fn foreign(&mut self) -> anyhow::Result<()> {
        let Some(recorded) = self.ledger.foreign_settlement().await? else { return Ok(()) };
        let ForeignSettlement { epoch, tx_hash, block, settled, .. } = recorded;
        let logs = self.l1.logs(block.number, block.number).await?;
        let is_it = |log: &L1Log| {
            let same = |of, digest| of == epoch && digest == settled;
            log.id.tx_hash == tx_hash
                && log.block == block
                && matches!(log.event, L1Event::EpochSettled { epoch, state_digest, .. }
                    if same(epoch, state_digest))
        };
        if !logs.iter().any(is_it) {
            self.found.faults.push(format!(
                "the foreign settlement of epoch {epoch} is not on L1 as it is recorded"
            ));
        }
        Ok(())
    }

    /// The contract's books and its purse hold what the ledger says.
    async fn custody(&mut self) -> anyhow::Result<()> {
        let assets = self.ledger.assets().await?;
        for line in self.ledger.trial_balance().await? {
            let found = self.view.custody(line.asset).await?;
            let same = U256::from(found.number());
            self.same(format!("custody of asset {}", line.asset), &line.custody, &same);
            let asset = assets.iter().find(|asset| asset.id() == line.asset);
            let asset = asset.context("an asset of the trial balance is not registered")?;
            let held = self.view.tokens_held(asset).await?;
            let credits = self.view.credit_total(line.asset).await?;
            let owed = asset.to_token_atoms(found).checked_add(asset.to_token_atoms(credits));
            if owed.is_none_or(|owed| held < owed) {
                let owed = owed.unwrap_or(U256::MAX);
                self.found.faults.push(format!(
                    "the contract owes {owed} of asset {} and holds {held}",
                    line.asset
                ));
            }
        }
        Ok(())
    }

    /// The last settled epoch left the same state digest and balances on both sides.
    async fn settled(&mut self) -> anyhow::Result<()> {
        let epochs = self.ledger.epochs(None, PageLimit::MAX).await?;
        let settled = epochs.iter().find_map(|epoch| {
            let settlement = epoch.settlement.as_ref()?;
            (settlement.block.number <= self.cursor.number).then_some(settlement)
        });
        let found = self.view.epoch().await?;
        self.same("last settled epoch", &settled.map(|settled| settled.epoch), &found);
        let Some(settled) = settled else { return Ok(()) };
        let digest = self.view.state_digest().await?;
        self.same("state digest", &settled.state_digest, &digest);
        for position in self.ledger.positions(settled.epoch).await? {
            let found = self.view.cell(position.rollup, position.asset).await?;
            let name = format!("balance of cell {}/{}", position.rollup, position.asset);
            self.same(name, &position.balance, &found.balance);
        }
        Ok(())
    }

    /// Every settled epoch's event says the state that was sealed and, if it is our own, the books.
    async fn each_settlement(&mut self) -> anyhow::Result<()> {
        let (mut before, cursor) = (None, self.cursor.number);
        loop {
            let page = self.ledger.epochs(before, PageLimit::MAX).await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = Some(last.epoch);
            for (sealed, settlement) in page.iter().filter_map(|epoch| {
                let settlement = epoch.settlement.as_ref()?;
                let deep = settlement.block.number <= cursor;
                Some((epoch.sealed?, settlement)).filter(|_| deep)
            }) {
                self.settlement(&sealed, settlement).await?;
            }
        }
    }

    async fn settlement(&mut self, sealed: &Sealed, settled: &Settlement) -> anyhow::Result<()> {
        let (epoch, tx_hash) = (sealed.epoch, settled.tx_hash);
        let receipt = self.l1.settlement_receipt(epoch, tx_hash).await?;
        let Some(SettlementReceipt::Settled { state_digest, books, .. }) = receipt else {
            self.found.faults.push(format!("epoch {epoch}: L1 has no settlement in {tx_hash}"));
            return Ok(());
        };
        self.same(format!("state of epoch {epoch}"), &sealed.closing_digest, &state_digest);
        let ours = sealed.books.unwrap_or_default();
        if books == ours {
            return Ok(());
        }
        let submissions = self.ledger.submissions(epoch).await?;
        if submissions.iter().any(|submission| submission.tx_hash == tx_hash) {
            self.same(format!("books of epoch {epoch}"), &ours, &books);
        } else {
            self.found.notes.push(format!(
                "epoch {epoch} was settled by somebody else, who named books {books} and not {ours}"
            ));
        }
        Ok(())
    }

    /// What the contract owes to exits is what the ledger has as settled and unpaid.
    async fn pots(&mut self) -> anyhow::Result<()> {
        let mut owed: Cells<u128> = BTreeMap::new();
        for cell in self.ledger.cells().await? {
            owed.insert((cell.rollup, cell.asset), 0);
        }
        let mut before = None;
        loop {
            let page = self.ledger.exits(&ExitFilter::default(), before, PageLimit::MAX).await?;
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            for exit in page.iter().filter(|exit| matches!(exit.status, ClaimStatus::Claimable)) {
                add(&mut owed, exit.claim.rollup, exit.claim.asset, exit.claim.atoms);
            }
        }
        for ((rollup, asset), atoms) in owed {
            let found = self.view.pot(rollup, asset).await?;
            self.same(format!("pot of {rollup}/{asset}"), &atoms, &found.number());
        }
        Ok(())
    }

    /// Every deposit counted on L1 is booked, and no other.
    async fn deposits(&mut self) -> anyhow::Result<()> {
        let mut booked: Cells<u128> = BTreeMap::new();
        let mut before = None;
        loop {
            let filter = DepositFilter::default();
            let page = self.ledger.deposits(&filter, before, PageLimit::MAX).await?;
            let Some(last) = page.last() else { break };
            before = Some(last.place);
            for deposit in page.iter().filter(|deposit| deposit.is_posted()) {
                add(&mut booked, deposit.rollup, deposit.asset, deposit.atoms);
            }
        }
        for ((rollup, asset), atoms) in booked {
            let found = self.view.cell(rollup, asset).await?;
            self.same(
                format!("deposits into cell {rollup}/{asset}"),
                &atoms,
                &found.deposited_total,
            );
        }
        Ok(())
    }

    fn same<T: PartialEq + Debug>(&mut self, what: impl Display, ledger: &T, l1: &T) {
        if ledger != l1 {
            self.found.faults.push(format!("{what}: the ledger says {ledger:?}, L1 says {l1:?}"));
        }
    }
}

/// Nodes refuse longer ranges.
const LOGS_OF_BLOCKS: u64 = 1_000;

fn first_difference(booked: &[L1Log], found: &[L1Log]) -> Option<String> {
    let named = |log: &L1Log| format!("log {} of l1_tx {}", log.id.log_index, log.id.tx_hash);
    let mut on_l1 = found.iter();
    for log in booked {
        match on_l1.next() {
            Some(other) if other == log => {}
            Some(other) if other.id == log.id => {
                return Some(format!("{}: the ledger says {log:?}, L1 says {other:?}", named(log)));
            }
            _ => return Some(format!("{}: booked, and not the next one on L1", named(log))),
        }
    }
    on_l1.next().map(|log| format!("{}: on L1, and not booked", named(log)))
}

fn add(sums: &mut Cells<u128>, rollup: RollupId, asset: AssetId, atoms: Atoms) {
    let sum = sums.entry((rollup, asset)).or_default();
    *sum = sum.saturating_add(atoms.number());
}
