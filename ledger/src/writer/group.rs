//! One group of batches, in one db_tx.
//!
//! **Invariant:** everything is decided before anything is written. A batch is decided on top of
//! those before it in its group, so none is answered before all of them are committed.
//!
//! A small group on top of a head that is known is decided first and then written by one call, which
//! looks whether the books are still there. Any other is decided under the lock of the books.

use domain::Batch;
use sqlx::postgres::PgConnection;

use super::keys::{self, Keys, Said};
use super::line::Line;
use super::one_call::{self, At};
use super::view::{Accepted, View};
use super::{Waiting, rows};
use crate::batches::{self, Recorded};
use crate::connection::{self, Tx};
use crate::posting::{self, Block, Place};
use crate::{Answered, Error, Posted};

/// What became of a batch.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is booked, or refused.
    Done(Result<Answered, Error>),
    /// One before it in the group took its height: what stands there can be read after the commit.
    Later,
}

/// What was decided, and what is to be written of it.
#[derive(Debug, Default)]
struct Decided<'a> {
    outcomes: Vec<Outcome>,
    accepted: Vec<Accepted<'a>>,
    blocks: Vec<Block>,
    keys: Keys<'a>,
}

/// Books what can be, and says what became of each.
///
/// # Errors
/// When the db_tx fails, whatever the reason: nothing is known of it then.
pub(super) async fn book(
    line: &mut Line,
    kept: &mut Option<Box<View>>,
    group: &[Waiting],
) -> Result<Vec<Outcome>, Error> {
    let booked = book_on(line, kept, group).await;
    if booked.is_err() {
        line.give_back();
    }
    booked
}

async fn book_on(
    line: &mut Line,
    kept: &mut Option<Box<View>>,
    group: &[Waiting],
) -> Result<Vec<Outcome>, Error> {
    let connection = line.get().await?;
    if let Some(view) = kept.take_if(|view| can_be_one_call(view, group)) {
        // A key may turn out to be known, which says nothing against the view.
        *kept = group.iter().any(|waiting| waiting.key.is_some()).then(|| view.clone());
        match Box::pin(by_one_call(connection, view, group)).await {
            Ok(Some((view, outcomes))) => {
                *kept = Some(view);
                return Ok(outcomes);
            }
            Ok(None) => {}
            Err(error) if keys::is_known(&error) => {}
            Err(error) => {
                *kept = None;
                return Err(error);
            }
        }
    }
    under_lock(connection, kept, group).await
}

/// Whether the group is small, and can be decided without asking what stands at a taken height.
fn can_be_one_call(view: &View, group: &[Waiting]) -> bool {
    let mut listed = 0_usize;
    view.goes_on()
        && group.iter().all(|waiting| {
            let batch = waiting.batch.batch();
            let parts = batch.parts();
            listed = listed.saturating_add(parts.transfers.len()).saturating_add(parts.exits.len());
            listed <= MOST_IN_ONE_CALL && !is_taken(view, batch)
        })
}

/// Decides the group and writes it, if the books are still where the view is.
async fn by_one_call(
    connection: &mut PgConnection,
    mut view: Box<View>,
    group: &[Waiting],
) -> Result<Option<(Box<View>, Vec<Outcome>)>, Error> {
    view.pass_time();
    let at = At::head(&view.head)?;
    let mut decided = Decided::default();
    for waiting in group {
        decided.decide(&mut view, waiting)?;
        // Its key may be known, and then no rule is asked.
        let refused = matches!(decided.outcomes.last(), Some(Outcome::Done(Err(_))));
        if refused && waiting.key.is_some() {
            return Ok(None);
        }
    }
    let Decided { outcomes, accepted, blocks, keys } = decided;
    let keys = keys.columns();
    let written = one_call::write(connection, at, &accepted, &blocks, &view.sums, &keys).await?;
    Ok(written.then_some((view, outcomes)))
}

/// Decides the group under the lock of the books, and writes it.
async fn under_lock(
    connection: &mut PgConnection,
    kept: &mut Option<Box<View>>,
    group: &[Waiting],
) -> Result<Vec<Outcome>, Error> {
    let mut tx = connection::write_on(connection).await?;
    let place = Place::read(&mut tx).await?;
    let mut view = match kept.take().filter(|view| view.is_at(&place)) {
        Some(mut view) => {
            view.see(&place);
            view
        }
        None => Box::new(Box::pin(View::read(&mut tx, &place)).await?),
    };
    let taken = view.next_heights();
    let mut decided = Decided { keys: Keys::read(&mut tx, group).await?, ..Decided::default() };
    for waiting in group {
        let batch = waiting.batch.batch();
        let is_taken = taken.get(&batch.rollup()).is_some_and(|next| batch.height() < *next);
        if is_taken && matches!(decided.keys.say(waiting), Said::Nothing) {
            let found = find(&mut tx, &view, batch).await?;
            if let Ok(posted) = &found {
                decided.keys.note(waiting, 0, posted);
            }
            decided.done(found);
        } else {
            decided.decide(&mut view, waiting)?;
        }
    }
    let Decided { outcomes, accepted, blocks, keys } = decided;
    posting::write(&mut tx, &blocks, &view.sums).await?;
    rows::insert(&mut tx, &accepted).await?;
    keys.insert(&mut tx).await?;
    tx.commit().await?;
    *kept = Some(view);
    Ok(outcomes)
}

impl<'a> Decided<'a> {
    /// Decides a batch whose key is known, or that is at no height which was taken before the group.
    fn decide(&mut self, view: &mut View, waiting: &'a Waiting) -> Result<(), Error> {
        match self.keys.say(waiting) {
            Said::Nothing => {}
            Said::Answer(answer) => {
                self.outcomes.push(Outcome::Done(answer));
                return Ok(());
            }
            Said::Later => {
                self.outcomes.push(Outcome::Later);
                return Ok(());
            }
        }
        if is_taken(view, waiting.batch.batch()) {
            self.outcomes.push(Outcome::Later);
            return Ok(());
        }
        let outcome = match view.accept(&waiting.batch) {
            Ok((batch, block)) => {
                let posted = view.answer(&batch);
                self.accepted.push(batch);
                self.blocks.push(block);
                self.keys.note(waiting, self.accepted.len(), &posted);
                Ok(posted)
            }
            Err(refused) if refused.is_refusal() => Err(refused),
            Err(fault) => return Err(fault),
        };
        self.done(outcome);
        Ok(())
    }

    fn done(&mut self, outcome: Result<Posted, Error>) {
        let answered = outcome.map(|posted| Answered { posted, again: false });
        self.outcomes.push(Outcome::Done(answered));
    }
}

/// Whether a batch stands at its height.
fn is_taken(view: &View, batch: &Batch) -> bool {
    view.state.rollup(batch.rollup()).is_ok_and(|state| batch.height() < state.next_height)
}

/// What becomes of a batch at a height that is taken.
async fn find(tx: &mut Tx<'_>, view: &View, batch: &Batch) -> Result<Result<Posted, Error>, Error> {
    match batches::recorded(tx, batch, view.domain_word).await? {
        Some(Recorded::Same(posted)) => Ok(Ok(posted)),
        Some(Recorded::Other(other)) => {
            let key = view.state.key_of(batch.rollup())?;
            Ok(Err(batches::refuse_other(tx, batch, key, view.domain_word, other.digest).await?))
        }
        None => Err(Error::Corrupt { table: "batch" }),
    }
}

/// Transfers and exits up to which the ways to the server cost more than the rows.
const MOST_IN_ONE_CALL: usize = 256;
