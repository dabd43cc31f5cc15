//! The one writer of batches: books what waits, together.
//!
//! **Invariant:** batches are booked in the order they came, each whole or not at all, and each is
//! answered once, after the commit: what is answered as booked is booked, and a refusal leaves nothing
//! behind. All that came while the last db_tx was under way go into the next, one that came alone
//! goes at once. Whoever comes while nobody books takes the pen and books, until its own batches are
//! answered; a task goes on with what waits by then. Nothing here is needed for correctness: the
//! writer holds the lock of the books while it writes, looks first whether its view of them still is
//! what they are, and the schema's guards check what it did. So other writers, in this process or
//! another, only cost time.
//!
//! A db_tx that fails takes nobody's batch with it: what failed for a moment is tried again, what
//! failed otherwise is done over one by one, so that only the batch at fault is told of it. After an
//! unknown outcome the books say what became of each.

mod group;
mod keys;
mod line;
mod one_call;
mod queue;
mod rows;
mod signers;
mod simulate;
mod view;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use domain::limits::MAX_TRANSFERS_PER_BATCH;
use domain::{Batch, SignedBatch};
use sqlx::PgPool;
use tokio::sync::oneshot;

use crate::idempotency::KeyedItem;
use crate::{Answered, Error, KeyedRequest};

use line::Line;
use queue::{Detached, InHand, Queue};
use signers::{Signer, Signers};
pub use simulate::{Simulation, Trial, WouldBook, WouldSeal};
use view::View;

/// The writer of one [`crate::Ledger`] and its clones.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Arc<Queue>,
    signers: Signers,
}

/// A batch that waits to be booked.
#[derive(Debug)]
struct Waiting {
    batch: Checked,
    /// What its caller calls it, if anything.
    key: Option<KeyedItem>,
    answer: oneshot::Sender<Result<Answered, Error>>,
}

/// The answer to a batch that waits.
type Awaited = oneshot::Receiver<Result<Answered, Error>>;

/// A batch on its way in.
#[derive(Debug)]
enum Checked {
    /// Its signature holds.
    Signed(Box<SignedBatch>),
    /// Its signature does not, or its rollup is unknown so far: the reference transition says which
    /// rule comes first.
    Unsigned(Box<Batch>),
}

impl Checked {
    fn batch(&self) -> &Batch {
        match self {
            Self::Signed(signed) => signed.batch(),
            Self::Unsigned(batch) => batch,
        }
    }
}

impl Writer {
    /// With a connection for itself.
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { queue: Arc::new(Queue::new(pool)), signers: Signers::default() }
    }

    /// Closes its connection, once what waits is answered.
    pub(crate) async fn close(&self) {
        self.queue.close().await;
    }

    /// Has batches booked in their order, each for itself. `pool` is for what is read before.
    ///
    /// # Errors
    /// Of each why it was not; [`Error::Busy`] when too many wait.
    pub(crate) async fn post(
        &self,
        pool: &PgPool,
        batches: &[(u16, &Batch)],
        keyed: Option<&KeyedRequest>,
    ) -> Vec<Result<Answered, Error>> {
        // Verified by each caller and not by who books, so that many can be at once.
        let mut checked = Vec::with_capacity(batches.len());
        for (item, batch) in batches {
            checked.push((*item, self.check(pool, batch).await));
        }
        // Queued without a pause, so that nothing of another request comes between those that fit.
        let mut awaited = Vec::with_capacity(checked.len());
        let mut waiting = Vec::with_capacity(checked.len());
        for (item, batch) in checked {
            awaited.push(batch.map(|batch| {
                let key = keyed.map(|request| KeyedItem { request: request.clone(), item });
                let (answer, answered) = oneshot::channel();
                waiting.push(Waiting { batch, key, answer });
                answered
            }));
        }
        let refuse = |one: Waiting, error| drop(one.answer.send(Err(error)));
        let hand = self.queue.push(waiting.into_iter(), refuse);
        if let Some(hand) = hand {
            // Nobody books: this caller does, without waking a task for it. Gone before its answers or after,
            // it leaves a task behind that goes on.
            until_answered(work(hand), &awaited).await;
        }
        answers(awaited).await
    }

    /// Verifies a batch's signature, if its rollup is known so far.
    async fn check(&self, pool: &PgPool, batch: &Batch) -> Result<Checked, Error> {
        let signer = self.signers.find(pool, batch.rollup()).await?;
        let verified = signer.and_then(|Signer { key, domain_word }| {
            SignedBatch::verify(batch, key, domain_word).ok()
        });
        Ok(match verified {
            Some(batch) => Checked::Signed(Box::new(batch)),
            None => Checked::Unsigned(Box::new(batch.clone())),
        })
    }
}

/// Works until nothing waits or all are answered: the answers come of this work, so nobody has to be woken for them.
async fn until_answered(mut work: Detached, awaited: &[Result<Awaited, Error>]) {
    let waits = |one: &Result<Awaited, Error>| one.as_ref().is_ok_and(Awaited::is_empty);
    poll_fn(|context| match Pin::new(&mut work).poll(context) {
        Poll::Pending if awaited.iter().any(waits) => Poll::Pending,
        _ => Poll::Ready(()),
    })
    .await;
}

async fn answers(awaited: Vec<Result<Awaited, Error>>) -> Vec<Result<Answered, Error>> {
    let mut answers = Vec::with_capacity(awaited.len());
    for one in awaited {
        answers.push(match one {
            Ok(awaited) => awaited.await.unwrap_or(Err(Error::Stopped)),
            Err(error) => Err(error),
        });
    }
    answers
}

/// Books until nothing waits.
fn work(mut hand: InHand) -> Detached {
    Detached::new(async move {
        while let Some((pen, group)) = hand.next(take_group) {
            let later = book(&mut pen.line, &mut pen.view, group).await;
            if hand.put_back(later) {
                // Whoever has its answers goes before the next group is decided.
                tokio::task::yield_now().await;
            }
        }
    })
}

/// As many from the front as one db_tx should take.
fn take_group(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let mut group = Vec::new();
    let mut transfers = 0_usize;
    while transfers <= MOST_TRANSFERS.saturating_sub(MAX_TRANSFERS_PER_BATCH)
        && let Some(next) = waiting.pop_front()
    {
        let parts = next.batch.batch().parts();
        let listed = parts.transfers.len().saturating_add(parts.exits.len());
        transfers = transfers.saturating_add(listed).saturating_add(WEIGHT_OF_A_BATCH);
        group.push(next);
    }
    group
}

/// Books a group and answers it, and gives back those that have to wait for the next.
async fn book(
    line: &mut Line,
    view: &mut Option<Box<View>>,
    mut group: Vec<Waiting>,
) -> Vec<Waiting> {
    // Whoever does not wait any more has not been answered, and may ask again.
    group.retain(|one| !one.answer.is_closed());
    let mut pauses = PAUSES.iter();
    let mut unknown = None;
    loop {
        match group::book(line, view, &group).await {
            Ok(outcomes) => return answer(group, outcomes),
            Err(error) => {
                let (transient, last) = (error.is_transient(), remember(&mut unknown, error));
                match pauses.next().filter(|_| transient) {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None if transient || group.len() == 1 => return fail(group, &last),
                    None => return one_by_one(line, view, group, unknown).await,
                }
            }
        }
    }
}

async fn one_by_one(
    line: &mut Line,
    view: &mut Option<Box<View>>,
    group: Vec<Waiting>,
    unknown: Option<Error>,
) -> Vec<Waiting> {
    for one in group {
        let mut alone = vec![one];
        while !alone.is_empty() {
            alone = match group::book(line, view, &alone).await {
                Ok(outcomes) => answer(alone, outcomes),
                Err(error) => fail(alone, &remember(&mut unknown.clone(), error)),
            };
        }
    }
    Vec::new()
}

/// What to tell of a failure: once the outcome was unknown it stays so, until the books have said.
fn remember(unknown: &mut Option<Error>, error: Error) -> Error {
    if error.is_outcome_unknown() {
        unknown.get_or_insert(error).clone()
    } else {
        unknown.clone().unwrap_or(error)
    }
}

fn answer(group: Vec<Waiting>, outcomes: Vec<group::Outcome>) -> Vec<Waiting> {
    let mut later = Vec::new();
    for (one, outcome) in group.into_iter().zip(outcomes) {
        match outcome {
            // Nobody may be listening any more, which is theirs to know.
            group::Outcome::Done(outcome) => drop(one.answer.send(outcome)),
            group::Outcome::Later => later.push(one),
        }
    }
    later
}

fn fail(group: Vec<Waiting>, error: &Error) -> Vec<Waiting> {
    for one in group {
        drop(one.answer.send(Err(error.clone())));
    }
    Vec::new()
}

/// Batches that may wait. Beyond that, callers are told to come back.
const LENGTH: usize = 1_024;
/// Transfers in one db_tx, about: more do not make it faster, only longer.
const MOST_TRANSFERS: usize = 16_000;
/// What a batch costs beside its transfers, in transfers.
const WEIGHT_OF_A_BATCH: usize = 50;
/// Before what failed for a moment is tried again.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(20), Duration::from_millis(100), Duration::from_millis(500)];
