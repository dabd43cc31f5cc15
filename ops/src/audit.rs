//! Is everybody's money accounted for? The journal recomputed, then compared with L1.
//!
//! **Invariant**: it only reads, and what it compares comes from two sides: the ledger's rows and
//! the contract's storage as of the block up to which the ledger has booked.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use alloy_primitives::U256;
use anyhow::Context as _;
use domain::l1::L1Block;
use domain::{AssetId, Atoms, RollupId};
use engine::l1::{L1, SettlementReceipt, View};
use ledger::audit::AuditReport;
use ledger::{ClaimStatus, DepositFilter, ExitFilter, Ledger, PageLimit, Sealed, Settlement};

use crate::progress::Stage;

/// What an audit found.
#[derive(Debug)]
pub struct Audit {
    /// In the ledger itself.
    pub report: AuditReport,
    /// Between ledger and contract; `None` if no contract was asked.
    pub l1: Option<Found>,
}

/// What comparing ledger and contract found, a sentence each.
#[derive(Debug, Default)]
pub struct Found {
    /// What must not be.
    pub faults: Vec<String>,
    /// What may be, and somebody should know.
    pub notes: Vec<String>,
}

impl Audit {
    /// How much was found wrong; 0 is the only good number.
    #[must_use]
    pub fn drift(&self) -> u64 {
        let l1 = self.l1.as_ref().map_or(0, |found| found.faults.len());
        self.report.drift.saturating_add(u64::try_from(l1).unwrap_or(u64::MAX))
    }

    /// Each fault in a sentence.
    pub fn faults(&self) -> impl Iterator<Item = String> {
        let first = self.report.first_fault.as_ref().map(ToString::to_string);
        first.into_iter().chain(self.l1.iter().flat_map(|found| found.faults.iter().cloned()))
    }

    /// What may be, and somebody should know.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.l1.iter().flat_map(|found| found.notes.iter().map(String::as_str))
    }
}

/// Audits the ledger and, where one is given, compares it with the contract.
///
/// # Errors
/// When something could not be read; what was read and is wrong is no error.
pub async fn run(ledger: &Ledger, l1: Option<&L1>) -> anyhow::Result<Audit> {
    let stage = Stage::begin("Auditing the journal");
    let show = |progress: ledger::audit::Progress| {
        stage.at(format!("Auditing the journal: block {} of {}", progress.blocks, progress.of));
    };
    let report = ledger::audit::run(ledger, &mut { show }).await?;
    let l1 = match l1 {
        Some(l1) => {
            stage.at("Comparing ledger and contract");
            Some(compare(ledger, l1).await?)
        }
        None => None,
    };
    let audit = Audit { report, l1 };
    let (blocks, drift) = (audit.report.blocks, audit.drift());
    stage.done(format!("Audited {blocks} journal blocks: drift {drift}"));
    Ok(audit)
}

/// Compares twice if the ledger booked a further block in between.
async fn compare(ledger: &Ledger, l1: &L1) -> anyhow::Result<Found> {
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
        self.custody().await?;
        self.settled().await?;
        self.each_settlement().await?;
        self.pots().await?;
        self.deposits().await?;
        Ok(self.found)
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
        let mut before = None;
        loop {
            let page = self.ledger.epochs(before, PageLimit::MAX).await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = Some(last.epoch);
            let cursor = self.cursor.number;
            let settled = page.iter().filter_map(|epoch| epoch.sealed.zip(epoch.settlement));
            for (sealed, settlement) in settled.filter(|(_, s)| s.block.number <= cursor) {
                self.settlement(&sealed, &settlement).await?;
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
            before = Some(last.block);
            for deposit in &page {
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

fn add(sums: &mut Cells<u128>, rollup: RollupId, asset: AssetId, atoms: Atoms) {
    let sum = sums.entry((rollup, asset)).or_default();
    *sum = sum.saturating_add(atoms.number());
}
