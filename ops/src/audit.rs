//! Is everybody's money accounted for? The journal recomputed, then compared with L1.
//!
//! **Invariant**: it only reads the ledger. What it has recomputed it keeps in a file of its own, if it
//! is told to, whole or not at all.

mod dump;
mod keeper;
mod l1;

use std::path::PathBuf;

use engine::l1::L1;
use ledger::Ledger;
use ledger::audit::AuditReport;

pub(crate) use dump::Dump;
use keeper::Keeper;

/// How an audit goes.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Keep what is recomputed here, and go on from it.
    pub checkpoint: Option<PathBuf>,
    /// Read archived transfers from the files in this folder.
    pub archive: Option<PathBuf>,
    /// Tell the progress as JSON, a line a second on stderr.
    pub json: bool,
}

/// What an audit found.
#[derive(Debug)]
pub struct Audit {
    /// In the ledger itself.
    pub report: AuditReport,
    /// The last block below the checkpoint that it went on from: up to it, rows were counted alone.
    pub resumed_at: Option<u64>,
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
/// When something could not be read, or a checkpoint is refused; what was read and is wrong is no
/// error.
pub async fn run(ledger: &Ledger, l1: Option<&L1>, options: &Options) -> anyhow::Result<Audit> {
    let mut keeper = Keeper::begin(options)?;
    let report = keeper.audit(ledger).await?;
    let resumed_at = keeper.resumed_at();
    let (stage, interrupted) = (keeper.into_stage(), report.interrupted);
    let l1 = match l1 {
        Some(l1) if !interrupted => {
            stage.at("Comparing ledger and contract");
            Some(l1::compare(ledger, l1).await?)
        }
        _ => None,
    };
    let audit = Audit { report, resumed_at, l1 };
    let (blocks, drift) = (audit.report.blocks, audit.drift());
    if interrupted {
        stage.done(format!("Interrupted after {blocks} journal blocks"));
    } else {
        stage.done(format!("Audited {blocks} journal blocks: drift {drift}"));
    }
    Ok(audit)
}
