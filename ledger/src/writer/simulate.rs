//! What batches would do, and the open epoch if it were sealed, without anything being written.
//!
//! **Invariant:** what is said is decided by the code that books, on one state of the books, in a db_tx that
//! may not write. If the books are still there, posting does what was said.

use std::collections::BTreeMap;

use domain::{
    AssetId, Atoms, Batch, Claim, EpochNumber, Height, LiquidityState, Netting, Operation, Refusal,
    RollupId, SignedBatch, Word, plan_steps,
};
use time::OffsetDateTime;

use super::Checked;
use super::view::{Accepted, View};
use crate::batches::{self, Recorded};
use crate::column::{Columns, epoch_key};
use crate::connection::Tx;
use crate::posting::{Block, Place};
use crate::{BlockNumber, Error, Ledger, Posted, l1_logs, operations, state};

/// A batch to try.
#[derive(Clone, Copy, Debug)]
pub enum Trial<'a> {
    /// As it would be posted.
    Signed(&'a Batch),
    /// Before its rollup signs it: of whatever stands for its signature nothing is asked.
    Unsigned(&'a Batch),
}

/// What a batch would be answered with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WouldBook {
    /// The answer; of a batch that is not booked yet it says when it was asked.
    pub posted: Posted,
    /// What the cells that it debits would hold after it; `None` once the list of one that is booked is
    /// archived.
    pub balances: Option<Vec<(AssetId, Atoms)>>,
    /// The exits that it would make; none of one that is booked already.
    pub exits: Vec<Claim>,
}

/// What batches would do.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The journal's last block: what is booked after it may change everything.
    pub last_block: BlockNumber,
    /// What would become of each batch, on top of those before it.
    pub outcomes: Vec<Result<WouldBook, Error>>,
    /// The state as it is.
    pub before: LiquidityState,
    /// The state after the batches.
    pub after: LiquidityState,
    /// The open epoch, if it were sealed right after them.
    pub seal: WouldSeal,
}

/// The open epoch, if it were sealed.
#[derive(Clone, Debug)]
pub struct WouldSeal {
    /// Which.
    pub epoch: EpochNumber,
    /// When it opened.
    pub opened_at: OffsetDateTime,
    /// The database's clock.
    pub now: OffsetDateTime,
    /// Whether there is anything to seal: an epoch without operations is not sealed but for the grace.
    pub holds_something: bool,
    /// Its last block.
    pub last_block: BlockNumber,
    /// Its batches, without evicted ones.
    pub batches: u64,
    /// Its operations.
    pub operations: u64,
    /// The transfers of its batches and deposits.
    pub transfers: u64,
    /// The state digest that it opened with.
    pub opening_digest: Word,
    /// The state digest that it would leave behind.
    pub closing_digest: Word,
    /// The steps into which it would be cut.
    pub steps: usize,
    /// What it comes to per cell.
    pub netting: Netting,
}

/// What was tried so far.
struct Trials<'a> {
    view: View,
    /// The heights that are free in the books.
    free_from: BTreeMap<RollupId, Height>,
    booked: BTreeMap<(RollupId, Height), (&'a Batch, WouldBook)>,
    batches: Vec<&'a Batch>,
}

impl<'a> Trial<'a> {
    fn batch(self) -> &'a Batch {
        match self {
            Self::Signed(batch) | Self::Unsigned(batch) => batch,
        }
    }
}

impl Ledger {
    /// What batches would do if they were posted now, in their order, and what the open epoch would be if it
    /// were sealed right after them. Nothing is written.
    ///
    /// # Errors
    /// [`Error::NoDomain`], [`Error::BaselineMissing`], [`Error::BaselineDiffers`]. What a batch would be
    /// refused by is its outcome.
    pub async fn simulate(&self, trials: &[Trial<'_>]) -> Result<Simulation, Error> {
        // It holds the whole state, several times.
        Box::pin(self.tried(trials)).await
    }

    async fn tried(&self, trials: &[Trial<'_>]) -> Result<Simulation, Error> {
        let mut tx = self.long_snapshot().await?;
        let place = Place::read(&mut tx).await?;
        let view = Box::pin(View::read(&mut tx, &place)).await?;
        let (before, last_block) = (view.state.clone(), view.head.block);
        let free_from = view.next_heights();
        let (booked, batches) = (BTreeMap::new(), Vec::new());
        let mut tried = Trials { view, free_from, booked, batches };
        let mut outcomes = Vec::with_capacity(trials.len());
        for trial in trials {
            outcomes.push(match Box::pin(tried.one(&mut tx, *trial)).await {
                Err(fault) if !is_answer(&fault) => return Err(fault),
                outcome => outcome,
            });
        }
        let seal = Box::pin(tried.seal(&mut tx)).await?;
        Ok(Simulation { last_block, outcomes, before, after: tried.view.state, seal })
    }
}

/// Whether a batch would be answered so, and the simulation goes on.
fn is_answer(error: &Error) -> bool {
    error.is_refusal() || matches!(error, Error::BatchConflict { .. })
}

impl<'a> Trials<'a> {
    async fn one(&mut self, tx: &mut Tx<'_>, trial: Trial<'a>) -> Result<WouldBook, Error> {
        let batch = trial.batch();
        let (rollup, height) = (batch.rollup(), batch.height());
        if let Some((other, answer)) = self.booked.get(&(rollup, height)) {
            let posted = Posted { replayed: true, ..answer.posted };
            let again = WouldBook { posted, balances: answer.balances.clone(), exits: Vec::new() };
            return self.at_taken_height(trial, *other == batch, again);
        }
        if self.free_from.get(&rollup).is_some_and(|next| height < *next) {
            let found = batches::recorded(tx, batch, self.view.domain_word).await?;
            let (posted, is_same) = match found {
                Some(Recorded::Same(posted)) => (posted, true),
                Some(Recorded::Other(posted)) => (posted, false),
                None => return Err(Error::Corrupt { table: "batch" }),
            };
            let balances = match batches::balances(tx, &posted).await {
                Err(Error::Archived { .. }) => None,
                balances => Some(balances?),
            };
            let again = WouldBook { posted, balances, exits: Vec::new() };
            return self.at_taken_height(trial, is_same, again);
        }
        let answer = match trial {
            Trial::Signed(_) => {
                let checked = self.check(batch);
                let (accepted, block) = self.view.accept(&checked)?;
                self.would_book(&accepted, &block)?
            }
            Trial::Unsigned(_) => {
                let (accepted, block) = self.view.accept_unsigned(batch)?;
                self.would_book(&accepted, &block)?
            }
        };
        self.booked.insert((rollup, height), (batch, answer.clone()));
        self.batches.push(batch);
        Ok(answer)
    }

    /// As the writer takes it.
    fn check(&self, batch: &Batch) -> Checked {
        let key = self.view.state.key_of(batch.rollup());
        let signed = key.and_then(|key| SignedBatch::verify(batch, key, self.view.domain_word));
        match signed {
            Ok(signed) => Checked::Signed(Box::new(signed)),
            Err(_) => Checked::Unsigned(Box::new(batch.clone())),
        }
    }

    fn would_book(&self, accepted: &Accepted<'_>, block: &Block) -> Result<WouldBook, Error> {
        let debited = block.transfers().iter().map(|(one, _)| (one.asset, one.debit_balance));
        let last: BTreeMap<AssetId, Atoms> = debited.collect();
        Ok(WouldBook {
            posted: self.view.answer(accepted),
            balances: Some(last.into_iter().collect()),
            exits: accepted.batch.claims(&accepted.tree)?,
        })
    }

    /// What a batch would be answered with where another one stands, or the same.
    fn at_taken_height(
        &self,
        trial: Trial<'_>,
        is_same: bool,
        again: WouldBook,
    ) -> Result<WouldBook, Error> {
        let batch = trial.batch();
        let (rollup, height) = (batch.rollup(), batch.height());
        let digest = batch.digest(self.view.domain_word);
        match trial {
            Trial::Signed(_) if is_same => Ok(again),
            // What stands there was signed; this one may still be.
            Trial::Unsigned(_) if digest == again.posted.digest => Ok(again),
            Trial::Unsigned(_) => Err(Error::BatchConflict { rollup, height }),
            Trial::Signed(_) => {
                let key = self.view.state.key_of(rollup)?;
                if key.verifies(digest, &batch.parts().signature) {
                    Err(Error::BatchConflict { rollup, height })
                } else {
                    Err(Refusal::SignatureInvalid { rollup, digest: digest.to_bytes() }.into())
                }
            }
        }
    }

    /// The open epoch, if it were sealed now.
    async fn seal(&self, tx: &mut Tx<'_>) -> Result<WouldSeal, Error> {
        let head = &self.view.head;
        let (epoch, now) = (head.epoch, head.now);
        let (batches, booked, transfers) = crate::epochs::counts(tx, epoch).await?;
        let (_, opening_digest) = state::at_opening(tx, epoch).await?;
        let opened_at = sqlx::query_scalar!(
            "select opened_at from epoch where epoch_number = $1",
            epoch_key(epoch)
        )
        .fetch_one(&mut **tx)
        .await?;
        let has_cutoff = l1_logs::cursor(tx).await?.is_some();
        let mut all = operations::summed(tx, epoch).await?;
        all.extend(self.batches.iter().map(|one| Operation::Batch(Box::new((*one).clone()))));
        let listed = |batch: &&Batch| {
            let parts = batch.parts();
            parts.transfers.len().saturating_add(parts.exits.len())
        };
        let (more, listed) = (count(self.batches.len())?, self.batches.iter().map(listed).sum());
        let operations = booked.saturating_add(more);
        Ok(WouldSeal {
            epoch,
            opened_at,
            now,
            holds_something: has_cutoff && operations > 0 && head.block != BlockNumber::new(0),
            last_block: head.block,
            batches: batches.saturating_add(more),
            operations,
            transfers: transfers.saturating_add(count(listed)?),
            opening_digest,
            closing_digest: self.view.state.close_epoch().digest(),
            steps: plan_steps(&all)?.len(),
            netting: Netting::of(&all),
        })
    }
}

fn count(items: usize) -> Result<u64, Error> {
    u64::try_from(items).map_err(|_| Columns("batch").corrupt())
}
