//! What waits to be booked, and the pen: whoever has it books.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use sqlx::PgPool;
use tokio::runtime::Handle;

use super::line::Line;
use super::view::View;
use super::{LENGTH, Waiting};
use crate::Error;

/// Batches in their order, and the pen while nobody books.
#[derive(Debug)]
pub(super) struct Queue {
    pool: PgPool,
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    waiting: VecDeque<Waiting>,
    pen: Option<Pen>,
    closed: bool,
}

/// What booking needs: there is one of each queue.
#[derive(Debug)]
pub(super) struct Pen {
    pub(super) line: Line,
    pub(super) view: Option<Box<View>>,
}

/// The pen, in somebody's hand.
#[derive(Debug)]
pub(super) struct InHand {
    queue: Arc<Queue>,
    pen: Option<Pen>,
}

impl Queue {
    pub(super) fn new(pool: PgPool) -> Self {
        let pen = Pen::new(pool.clone());
        let inside = Inside { waiting: VecDeque::new(), pen: Some(pen), closed: false };
        Self { pool, inside: Mutex::new(inside) }
    }

    /// Adds batches next to each other, each that still fits, and takes the pen if it lies there.
    pub(super) fn push(
        self: &Arc<Self>,
        batches: impl Iterator<Item = Waiting>,
        mut refused: impl FnMut(Waiting, Error),
    ) -> Option<InHand> {
        let mut inside = self.lock();
        for one in batches {
            if inside.closed {
                refused(one, Error::Stopped);
            } else if inside.waiting.len() < LENGTH {
                inside.waiting.push_back(one);
            } else {
                refused(one, Error::Busy { waiting: LENGTH });
            }
        }
        if inside.waiting.is_empty() {
            return None;
        }
        inside.pen.take().map(|pen| InHand { queue: Arc::clone(self), pen: Some(pen) })
    }

    /// Takes nothing any more. What waits is booked, and then the connection is closed.
    pub(super) async fn close(&self) {
        {
            let mut inside = self.lock();
            inside.closed = true;
            inside.pen = None;
        }
        self.pool.close().await;
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // A thread that panicked meanwhile has changed nothing by halves.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pen {
    fn new(pool: PgPool) -> Self {
        Self { line: Line::new(pool), view: None }
    }
}

impl InHand {
    /// What is to be booked next, of all that waits; the pen is put back when nothing does.
    pub(super) fn next(
        &mut self,
        take: impl FnOnce(&mut VecDeque<Waiting>) -> Vec<Waiting>,
    ) -> Option<(&mut Pen, Vec<Waiting>)> {
        let mut inside = self.queue.lock();
        if inside.waiting.is_empty() {
            let pen = self.pen.take();
            inside.pen = pen.filter(|_| !inside.closed);
            return None;
        }
        let group = take(&mut inside.waiting);
        drop(inside);
        self.pen.as_mut().map(|pen| (pen, group))
    }

    /// Puts batches back, before all that wait; whether any wait now.
    pub(super) fn put_back(&self, later: Vec<Waiting>) -> bool {
        let mut inside = self.queue.lock();
        for one in later.into_iter().rev() {
            inside.waiting.push_front(one);
        }
        !inside.waiting.is_empty()
    }
}

impl Drop for InHand {
    /// Only of a hand that did not get to the end: nobody knows how far its pen came, so the next one gets
    /// another, and those who waited for this one are told that it stopped.
    fn drop(&mut self) {
        if self.pen.take().is_some() {
            let mut inside = self.queue.lock();
            inside.waiting.clear();
            inside.pen = Some(Pen::new(self.queue.pool.clone())).filter(|_| !inside.closed);
        }
    }
}

/// Work that goes on by itself when whoever began it does not wait for it any more. Its panic is its own: it ends.
pub(super) struct Detached {
    work: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Where it was begun: it may be dropped anywhere.
    runtime: Handle,
}

impl Detached {
    /// Begun in a runtime.
    pub(super) fn new(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { work: Some(Box::pin(work)), runtime: Handle::current() }
    }
}

impl Future for Detached {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Not there while it is polled: what panics is not polled again.
        let Some(mut work) = self.work.take() else { return Poll::Ready(()) };
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        let polled = polled.unwrap_or(Poll::Ready(()));
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use domain::{Batch, BatchParts, ExitTree, Height, L2Root, RollupId, SigningKey, Word};
    use tokio::runtime::Runtime;

    use super::super::Checked;
    use super::*;

    /// It goes on, wherever it is dropped.
    #[test]
    fn dropped_outside_of_a_runtime_it_goes_on() {
        let runtime = Runtime::new().unwrap();
        let (sender, done) = mpsc::channel();
        let mut begun = {
            let _inside = runtime.enter();
            Detached::new(async move {
                tokio::task::yield_now().await;
                sender.send(()).unwrap();
            })
        };
        runtime.block_on(async { assert!(futures_util::poll!(&mut begun).is_pending()) });
        done.try_recv().unwrap_err();
        drop(begun);
        done.recv_timeout(Duration::from_secs(30)).unwrap();
    }

    /// Who waits for it beside others goes on, too.
    #[test]
    fn its_panic_is_its_own() {
        Runtime::new().unwrap().block_on(async {
            let work = Detached::new(async {
                tokio::task::yield_now().await;
                panic!("of the test");
            });
            work.await;
        });
    }

    /// A hand that does not get to the end leaves a fresh pen and nobody waiting.
    #[tokio::test]
    async fn a_dropped_hand_leaves_the_next_one_a_pen() {
        let pool = PgPool::connect_lazy("postgres://nobody@localhost:1/none").unwrap();
        let queue = Arc::new(Queue::new(pool));
        let (answer, answered) = tokio::sync::oneshot::channel();
        let parts = BatchParts {
            rollup: RollupId::new(1),
            height: Height::FIRST,
            previous_root: L2Root::UNSET,
            new_root: L2Root::UNSET,
            exit_root: ExitTree::empty().root(),
            lanes: Vec::new(),
            transfers: Vec::new(),
            exits: Vec::new(),
            signature: SigningKey::from_seed([7; 32]).sign(Word::ZERO),
        };
        let batch = Checked::Unsigned(Box::new(Batch::new(parts).unwrap()));
        let one = Waiting { batch, key: None, answer };
        let hand = queue.push(std::iter::once(one), |_, _| panic!("refused")).unwrap();
        assert!(queue.lock().pen.is_none());
        drop(hand);
        answered.await.unwrap_err();
        assert!(queue.lock().pen.is_some());
    }
}
