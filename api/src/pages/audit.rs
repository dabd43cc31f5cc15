//! `/audit`: whether ledger, proof and contract say the same, and what an operator runs to be sure.
//!
//! **Invariant:** what is shown here is read, not recomputed: the page says so and names the command
//! that recomputes everything.

use askama::Template;
use axum::{extract::State as Extracted, response::Response};
use domain::{EpochNumber, Word};
use ledger::{Epoch, JournalHead, TrialBalanceLine};

use super::{
    card::status,
    frame::{Frame, answer, latest},
    names::shorten,
};
use crate::{State, error::Error, extract::Parameters, trial_balance::is_balanced};

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    /// `good`, `bad` or `quiet`: also a CSS class.
    tone: &'static str,
    short: &'static str,
    sentence: String,
    head: Option<(u64, String)>,
    rows: Vec<Row>,
    assets: usize,
    balanced: usize,
}

/// An epoch, as each of those that know it has it.
struct Row {
    epoch: u64,
    status: &'static str,
    ledger: String,
    opening: Agreement,
    proof: Agreement,
    contract: Agreement,
    books: Agreement,
}

/// Whether one says what the ledger says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Agreement {
    Agrees,
    Differs,
    /// It has said nothing yet.
    Waits,
}

pub(crate) async fn audit(
    Extracted(state): Extracted<State>,
    query: Result<Parameters, Error>,
) -> Response {
    answer(read(&state, query).await)
}

async fn read(state: &State, query: Result<Parameters, Error>) -> Result<AuditPage, Error> {
    query?.finish()?;
    let ledger = state.ledger();
    let trial_balance = ledger.trial_balance().await?;
    let head = ledger.journal_head().await?;
    // One more, for the opening of the oldest that is shown.
    let epochs = ledger.epochs(None, latest(EPOCHS.saturating_add(1))).await?;
    let genesis = ledger.domain().await?.map(|adoption| adoption.genesis_digest);
    let mut rows = Vec::new();
    for (position, epoch) in epochs.iter().take(usize::from(EPOCHS)).enumerate() {
        let before = match epochs.get(position.saturating_add(1)) {
            Some(before) => before.sealed.as_ref().map(|sealed| sealed.closing_digest),
            None => genesis.filter(|_| epoch.epoch == EpochNumber::FIRST),
        };
        rows.extend(Row::read(state, epoch, before).await?);
    }
    let (tone, short, sentence) = verdict(&trial_balance, head.as_ref(), &rows);
    Ok(AuditPage {
        frame: Frame::live("audit"),
        tone,
        short,
        sentence,
        head: head.map(|head| (head.block.number(), head.hash.to_string())),
        rows,
        assets: trial_balance.len(),
        balanced: trial_balance.iter().filter(|line| is_balanced(line)).count(),
    })
}

fn verdict(
    trial_balance: &[TrialBalanceLine],
    head: Option<&JournalHead>,
    rows: &[Row],
) -> (&'static str, &'static str, String) {
    let off = trial_balance.iter().filter(|line| !is_balanced(line)).count();
    let differ = rows.iter().filter(|row| row.differs()).count();
    if off > 0 || differ > 0 {
        let sentence = format!(
            "Assets that do not balance: {off}. Epochs of which somebody says something else: {differ}. \
             Stop the engine and run netfold audit: it names the first row that is wrong."
        );
        return ("bad", "They do not agree", sentence);
    }
    let Some(head) = head else {
        let sentence = "Nothing is booked yet: there is nothing to compare.".to_owned();
        return ("quiet", "Nothing yet", sentence);
    };
    let sentence = format!(
        "Every asset balances, and ledger, proof and contract have the same digests, as of journal \
         block {}.",
        head.block
    );
    ("good", "Ledger, proof and contract agree", sentence)
}

impl Row {
    /// `None` for an epoch that is open: nobody but the ledger knows it.
    async fn read(
        state: &State,
        epoch: &Epoch,
        before: Option<Word>,
    ) -> Result<Option<Self>, Error> {
        let Some(sealed) = &epoch.sealed else { return Ok(None) };
        let told = state.ledger().l1_settlement(epoch.epoch).await?;
        let ours = sealed.closing_digest;
        let proof = epoch.settlement_proof.as_ref().or(epoch.proof.as_ref());
        let books = told.and_then(|told| told.books);
        Ok(Some(Self {
            epoch: epoch.epoch.number(),
            status: status(epoch.status),
            ledger: shorten(&ours.to_string()),
            opening: Agreement::of(before, sealed.opening_digest),
            proof: Agreement::of(proof.map(|proof| proof.closing_digest), ours),
            contract: Agreement::of(epoch.settlement.as_ref().map(|made| made.state_digest), ours),
            books: sealed.books.map_or(Agreement::Waits, |ours| Agreement::of(books, ours)),
        }))
    }

    fn differs(&self) -> bool {
        [self.opening, self.proof, self.contract, self.books].contains(&Agreement::Differs)
    }
}

impl Agreement {
    fn of<T: Copy + PartialEq>(theirs: Option<T>, ours: T) -> Self {
        match theirs {
            None => Self::Waits,
            Some(theirs) if theirs == ours => Self::Agrees,
            Some(_) => Self::Differs,
        }
    }

    /// A CSS class.
    fn tone(self) -> &'static str {
        match self {
            Self::Agrees => "good",
            Self::Differs => "reversed",
            Self::Waits => "open",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::Waits => "not yet",
        }
    }
}

/// Epochs that the page compares.
const EPOCHS: u16 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// What has not been said is neither agreement nor difference.
    #[test]
    fn silence_is_no_agreement() {
        assert_eq!(Agreement::of(None, 1), Agreement::Waits);
        assert_eq!(Agreement::of(Some(1), 1), Agreement::Agrees);
        assert_eq!(Agreement::of(Some(2), 1), Agreement::Differs);
    }
}
