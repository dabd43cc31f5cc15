//! One group of batches, in one db_tx.
//!
//! **Invariant:** everything is decided before anything is written. A batch is decided on top of
//! those before it in its group, so none is answered before all of them are committed.

use std::collections::BTreeMap;

use domain::{Height, RollupId};
use sqlx::PgPool;

use super::view::View;
use super::{Waiting, rows};
use crate::batches::{self, Recorded};
use crate::connection::{self, Tx};
use crate::posting::{self, Place};
use crate::{Error, Posted};

/// What became of a batch.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is booked, or refused.
    Done(Result<Posted, Error>),
    /// One before it in the group took its height: what stands there can be read after the commit.
    Later,
}

/// Books what can be, and says what became of each.
///
/// # Errors
/// When the db_tx fails, whatever the reason: nothing is known of it then.
pub(super) async fn book(
    pool: &PgPool,
    kept: &mut Option<View>,
    group: &[Waiting],
) -> Result<Vec<Outcome>, Error> {
    let mut tx = connection::write(pool).await?;
    // The plans of foreign keys are kept, of which every row has several: to make them anew takes longer
    // than to check.
    sqlx::query("set local plan_cache_mode = auto").execute(&mut *tx).await?;
    let place = Place::read(&mut tx).await?;
    let view = kept.take().and_then(|view| view.at(&place));
    let mut view = match view {
        Some(view) => view,
        None => Box::pin(View::read(&mut tx, &place)).await?,
    };
    let taken = view.next_heights();
    let (mut outcomes, mut accepted, mut blocks) = (Vec::new(), Vec::new(), Vec::new());
    for waiting in group {
        let outcome = match find(&mut tx, &view, &taken, waiting).await? {
            Some(outcome) => outcome,
            None => match view.accept(&waiting.batch) {
                Ok((batch, block)) => {
                    let posted = view.answer(&batch);
                    accepted.push(batch);
                    blocks.push(block);
                    Outcome::Done(Ok(posted))
                }
                Err(refused) if refused.is_refusal() => Outcome::Done(Err(refused)),
                Err(fault) => return Err(fault),
            },
        };
        outcomes.push(outcome);
    }
    posting::write(&mut tx, &blocks, &view.sums).await?;
    rows::insert(&mut tx, &accepted).await?;
    tx.commit().await?;
    *kept = Some(view);
    Ok(outcomes)
}

/// What becomes of a batch at a height that is taken; nothing if it is free.
async fn find(
    tx: &mut Tx<'_>,
    view: &View,
    taken: &BTreeMap<RollupId, Height>,
    waiting: &Waiting,
) -> Result<Option<Outcome>, Error> {
    let batch = waiting.batch.batch();
    let (rollup, height) = (batch.rollup(), batch.height());
    if taken.get(&rollup).is_some_and(|next| height < *next) {
        let outcome = match batches::recorded(tx, batch, view.domain_word).await? {
            Some(Recorded::Same(posted)) => Ok(posted),
            Some(Recorded::Other(other)) => {
                let key = view.state.key_of(rollup)?;
                Err(batches::refuse_other(tx, batch, key, view.domain_word, other).await?)
            }
            None => return Err(Error::Corrupt { table: "batch" }),
        };
        return Ok(Some(Outcome::Done(outcome)));
    }
    let next = view.state.rollup(rollup).map(|state| state.next_height);
    Ok(next.is_ok_and(|next| height < next).then_some(Outcome::Later))
}
