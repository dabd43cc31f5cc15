//! Compares the native plan, the ledger's own rows and a proof's statement.
//!
//! **Invariant (FOUR_WAY, but for L1):** nothing is proven that the plan and the ledger do not agree
//! on, and nothing is sent that all three do not agree on. A difference is an incident: it is said,
//! with both values, and nothing leaves.

use domain::{
    CellClosing, DomainIdentity, EpochNumber, EpochStatement, LiquidityState, StepOutput, Word,
};
use folding::{StepWitness, Verified};
use ledger::StepRecord;

use crate::error::{Error, Part, Side};

/// Three accounts of one epoch.
pub(crate) struct Accounts<'a> {
    pub(crate) identity: &'a DomainIdentity,
    pub(crate) seal: &'a ledger::Sealed,
    /// The ledger's own closing position of every touched cell.
    pub(crate) positions: &'a [CellClosing],
    /// The ledger's rows of folded steps.
    pub(crate) records: &'a [StepRecord],
    pub(crate) planned: &'a [StepWitness],
    pub(crate) closing: &'a LiquidityState,
    pub(crate) proven: &'a Proven,
}

/// What a verified proof states.
#[derive(Debug)]
pub(crate) struct Proven {
    identity: DomainIdentity,
    epoch: EpochNumber,
    opening_digest: Word,
    closing_digest: Word,
    /// Per step, the words that it emits.
    emitted: Vec<Vec<Word>>,
    cells: Vec<CellClosing>,
}

impl Proven {
    /// Of a settlement proof that was verified with this statement.
    pub(crate) fn settlement(statement: &EpochStatement) -> Result<Self, folding::Error> {
        let (cells, _) = statement.closings()?;
        Ok(Self {
            identity: statement.identity,
            epoch: statement.epoch,
            opening_digest: statement.opening_digest,
            closing_digest: statement.closing_digest(),
            emitted: statement.outputs.iter().map(|output| output.emitted.clone()).collect(),
            cells,
        })
    }

    /// Of a verified aggregated proof.
    pub(crate) fn aggregated(verified: Verified) -> Self {
        let Verified { identity, epoch, opening_digest, closing_digest, emitted, cells, .. } =
            verified;
        Self { identity, epoch, opening_digest, closing_digest, emitted, cells }
    }
}

/// Compares plan and ledger.
pub(crate) fn check_plan(
    seal: &ledger::Sealed,
    planned: &[StepWitness],
    closing: &LiquidityState,
) -> Result<(), Error> {
    let check = Check { epoch: seal.epoch };
    let shown = planned.last().map_or(seal.opening_digest, |step| step.output().state_digest);
    check.digests((Side::Plan, closing.digest()), (Side::Ledger, seal.closing_digest))?;
    check.digests((Side::Plan, shown), (Side::Ledger, seal.closing_digest))
}

impl Accounts<'_> {
    /// Compares all three, digests first, then step by step and cell by cell, and returns what L1
    /// is to be told.
    pub(crate) fn agree(&self) -> Result<Vec<StepOutput>, Error> {
        let Self { seal, proven, .. } = self;
        let check = Check { epoch: seal.epoch };
        if proven.identity != *self.identity || proven.epoch != seal.epoch {
            return Err(Error::ProofOfAnother {
                epoch: seal.epoch,
                identity: Box::new(proven.identity),
                found: proven.epoch,
            });
        }
        check_plan(seal, self.planned, self.closing)?;
        let ledger = |digest| (Side::Ledger, digest);
        check.digests(ledger(seal.opening_digest), (Side::Proof, proven.opening_digest))?;
        check.digests(ledger(seal.closing_digest), (Side::Proof, proven.closing_digest))?;
        self.steps(check)?;
        self.cells(check)?;
        Ok(self.planned.iter().map(|step| step.output().clone()).collect())
    }

    fn steps(&self, check: Check) -> Result<(), Error> {
        let planned = || self.planned.iter().map(StepWitness::output);
        let recorded = self.records.iter().map(|record| &record.output);
        check.same(Part::Step, (Side::Plan, planned()), (Side::Ledger, recorded))?;
        let emitted = planned().map(|output| &output.emitted);
        check.same(Part::Step, (Side::Plan, emitted), (Side::Proof, self.proven.emitted.iter()))
    }

    /// The proof closes the very cells that the ledger's rows say were touched, with their amounts,
    /// and the plan ends with those balances.
    fn cells(&self, check: Check) -> Result<(), Error> {
        let own = sorted(self.positions);
        let proven = sorted(&self.proven.cells);
        let sides = ((Side::Ledger, own.iter()), (Side::Proof, proven.iter()));
        check.same(Part::Cell, sides.0, sides.1)?;
        let balances = own.iter().map(|cell| Some(cell.balance));
        let planned = own.iter().map(|own| {
            let cell = self.closing.cell(own.rollup, own.asset).ok()?;
            Some(cell.balance)
        });
        check.same(Part::Cell, (Side::Ledger, balances), (Side::Plan, planned))
    }
}

fn sorted(cells: &[CellClosing]) -> Vec<CellClosing> {
    let mut cells = cells.to_vec();
    cells.sort_by_key(|cell| (cell.rollup, cell.asset));
    cells
}

#[derive(Clone, Copy)]
struct Check {
    epoch: EpochNumber,
}

impl Check {
    fn digests(self, left: (Side, Word), right: (Side, Word)) -> Result<(), Error> {
        let ((left, left_digest), (right, right_digest)) = (left, right);
        if left_digest == right_digest {
            return Ok(());
        }
        Err(Error::StatesDiffer { epoch: self.epoch, left, left_digest, right, right_digest })
    }

    /// The same items in the same order, as many.
    fn same<T: PartialEq>(
        self,
        part: Part,
        left: (Side, impl Iterator<Item = T>),
        right: (Side, impl Iterator<Item = T>),
    ) -> Result<(), Error> {
        let ((left, mut left_items), (right, mut right_items)) = (left, right);
        let mut position = 1_usize;
        loop {
            match (left_items.next(), right_items.next()) {
                (None, None) => return Ok(()),
                (one, other) if one == other => position = position.saturating_add(1),
                _ => {
                    let epoch = self.epoch;
                    return Err(Error::PartsDiffer { epoch, left, right, part, position });
                }
            }
        }
    }
}
