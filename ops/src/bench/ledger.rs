//! What booking costs here, measured in one run on one server with its default durability: the
//! ledger, with every check on, against the same rows alone and against a db_tx per transfer, be it eight
//! statements or one call, without those checks or with them.
//!
//! **Invariant:** every figure is of this run, and the ways that are compared took turns in it; what is
//! timed starts with signed batches and ends with the last answer.

mod figures;
mod picture;

use std::time::{Duration, Instant};

use ::ledger::Ledger;
use ::ledger::yardstick::{BookingFunction, Classic, Floor};
use domain::limits::{MAX_BATCHES_PER_EPOCH, MAX_TRANSFERS_PER_BATCH};
use domain::{Batch, Word};
use tokio::task::JoinSet;

use super::books::{Books, POSTERS, Spread};
use super::clock;
use crate::progress::Stage;
pub(crate) use figures::{Figures, Growth};
use figures::{Lone, Rates};
pub(crate) use picture::draw;

/// What one post brings.
#[derive(Clone, Copy, Debug)]
struct Load {
    /// Batches that each poster sends before it waits for their answers.
    at_once: usize,
    /// Transfers of each.
    transfers: usize,
    /// How often each poster does it.
    posts: usize,
}

/// How a db_tx per transfer is written.
#[derive(Clone, Copy, Debug)]
enum Way {
    Statements,
    Call,
}

/// Measures all ways in turn, so many times, on an empty database.
///
/// # Errors
/// When Postgres fails, or the ledger refuses a batch.
pub(crate) async fn compare(url: &str, rounds: usize) -> anyhow::Result<Figures> {
    let mut books = Books::new(url).await?;
    // The floor's rows are the journal's, so there have to be some.
    books.post(LOADS[2], Spread::Even).await?;
    let mut floor = Floor::new(url, ROWS_OF_THE_FLOOR).await?;
    BookingFunction::create(url).await?;
    let mut rates = Rates::default();
    let stage = Stage::of("Booking in every way, in turn", rounds);
    for _ in 0..rounds {
        let began = Instant::now();
        let mut rows = 0_u64;
        for _ in 0..COPIES {
            rows = rows.saturating_add(floor.copy().await?);
        }
        rates.floor.push(clock::rate(usize::try_from(rows)?, began.elapsed()));
        for (way, hot, found) in [
            (Way::Statements, false, &mut rates.classic),
            (Way::Statements, true, &mut rates.classic_hot),
            (Way::Call, false, &mut rates.function),
            (Way::Call, true, &mut rates.function_hot),
        ] {
            let classic = Classic::new(url, ACCOUNTS, POSTERS).await?;
            found.push(classic_rate(&classic, way, hot).await?);
            classic.close().await;
        }
        for (load, found) in LOADS.into_iter().zip(&mut rates.even) {
            found.push(books.post(load, Spread::Even).await?);
        }
        for (load, found) in LOADS.into_iter().zip(&mut rates.hot) {
            found.push(books.post(load, Spread::Hot).await?);
        }
        let classic = Classic::new(url, ACCOUNTS, 1).await?;
        rates
            .lone
            .push(Box::pin(books.lone(&classic, BookingFunction::connect(url).await?)).await?);
        classic.close().await;
        rates.booked.push(books.booked(url).await?);
        stage.advance();
    }
    stage.done(format!("Every way of booking was measured {rounds} times"));
    rates.figures()
}

/// Posts batches of 1,000 until the journal has `most` transfers, and tells the rate on the way.
///
/// # Errors
/// As [`compare`].
pub(crate) async fn grow(url: &str, most: u64) -> anyhow::Result<Vec<Growth>> {
    let mut books = Books::new(url).await?;
    let stage = Stage::of("Growing the journal", usize::try_from(most)?);
    let (mut growth, mut all, mut mark) = (Vec::new(), 0_u64, FIRST_MARK);
    let mut in_epoch = 0_usize;
    while all < most {
        let (mut took, mut booked) = (Duration::ZERO, 0_u64);
        while all < mark.min(most) {
            let left = usize::try_from(mark.saturating_sub(all))?;
            let batches = left.div_ceil(MAX_TRANSFERS_PER_BATCH).min(BATCHES_A_TURN);
            let turn = books.batches(batches, MAX_TRANSFERS_PER_BATCH, Spread::Even)?;
            let transfers = u64::try_from(batches.saturating_mul(MAX_TRANSFERS_PER_BATCH))?;
            took = took.saturating_add(books.time(turn, 1).await?);
            booked = booked.saturating_add(transfers);
            all = all.saturating_add(transfers);
            in_epoch = in_epoch.saturating_add(batches);
            if in_epoch.saturating_add(BATCHES_A_TURN) > MAX_BATCHES_PER_EPOCH {
                books.seal().await?;
                in_epoch = 0;
            }
            stage.reach(usize::try_from(all)?);
        }
        growth.push(Growth::new(all, clock::rate(usize::try_from(booked)?, took)));
        mark = next_mark(mark);
    }
    stage.done(format!("The journal grew to {all} transfers"));
    Ok(growth)
}

/// 1,000, 2,000, 5,000, 10,000 and so on.
fn next_mark(mark: u64) -> u64 {
    let mut power = FIRST_MARK;
    while power.saturating_mul(10) <= mark {
        power = power.saturating_mul(10);
    }
    let next = if mark == power.saturating_mul(2) { 5 } else { 2 };
    let next = if mark == power.saturating_mul(5) { 10 } else { next };
    power.saturating_mul(next)
}

impl Books {
    /// Transfers a second under a load.
    async fn post(&mut self, load: Load, spread: Spread) -> anyhow::Result<f64> {
        let each = load.at_once.saturating_mul(load.posts);
        let count = each.saturating_mul(usize::try_from(POSTERS)?);
        let work = self.batches(count, load.transfers, spread)?;
        let posted: usize = work.iter().map(Vec::len).sum();
        let took = self.time(work, load.at_once).await?;
        // An epoch takes only so many batches.
        self.seal().await?;
        Ok(clock::rate(posted.saturating_mul(load.transfers), took))
    }

    /// What all posters together take for their batches, so many at once each.
    async fn time(&mut self, work: Vec<Vec<Batch>>, at_once: usize) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let mut posters = JoinSet::new();
        for batches in work {
            let ledger = self.api.clone();
            posters.spawn(async move {
                for batches in batches.chunks(at_once) {
                    post_together(&ledger, batches).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = posters.join_next().await {
            done??;
        }
        Ok(began.elapsed())
    }

    /// Transfers a second when each is a batch that a function decides and books, of all rollups at once. Their
    /// signatures were verified before: of the ledger's own rate that is a part.
    async fn booked(&mut self, url: &str) -> anyhow::Result<f64> {
        let clients = usize::try_from(POSTERS)?;
        let count = POSTS_OF_A_CLIENT.saturating_mul(clients);
        let warm = WARMING_POSTS.saturating_mul(clients);
        let mut clients = Vec::new();
        for batches in self.batches(count.saturating_add(warm), 1, Spread::Even)? {
            let signed = batches.into_iter().map(|batch| {
                let digest = self.verify(&batch)?.digest();
                anyhow::Ok((batch, digest))
            });
            let mut signed = signed.collect::<Result<Vec<_>, _>>()?;
            let timed = signed.split_off(WARMING_POSTS.min(signed.len()));
            let mut function = BookingFunction::connect(url).await?;
            book(&mut function, &signed).await?;
            clients.push((function, timed));
        }
        let began = Instant::now();
        let mut posters = JoinSet::new();
        for (mut function, batches) in clients {
            posters.spawn(async move { book(&mut function, &batches).await });
        }
        while let Some(done) = posters.join_next().await {
            done??;
        }
        let took = began.elapsed();
        self.seal().await?;
        Ok(clock::rate(count, took))
    }

    /// Median times of what comes alone: a batch of one transfer, the same booked by a function, and a call
    /// that only moves two balances.
    async fn lone(
        &mut self,
        classic: &Classic,
        mut function: BookingFunction,
    ) -> anyhow::Result<Lone> {
        let (mut batches, mut verifying) = (Vec::new(), Vec::new());
        let (mut booked, mut calls) = (Vec::new(), Vec::new());
        let mut account = 0_u32;
        // In turns of some, as the ledger looks anew where the books are when somebody else has booked.
        for _ in 0..LONE_TURNS {
            for _ in 0..LONE_POSTS {
                let batch = self.batch(1, Spread::Even)?;
                let began = Instant::now();
                self.api.post_batch(&batch).await?;
                batches.push(began.elapsed());
            }
            for _ in 0..LONE_POSTS {
                let batch = self.batch(1, Spread::Even)?;
                let began = Instant::now();
                let signed = self.verify(&batch)?;
                verifying.push(began.elapsed());
                function.post(&batch, signed.digest()).await?;
                booked.push(began.elapsed());
            }
            for _ in 0..LONE_POSTS {
                let began = Instant::now();
                classic.call(account, account | 1, 1).await?;
                calls.push(began.elapsed());
                account = account.wrapping_add(2);
            }
        }
        self.seal().await?;
        let median = |mut times: Vec<Duration>| {
            times.sort_unstable();
            clock::milliseconds(times.get(times.len() / 2).copied().unwrap_or_default())
        };
        Ok(Lone {
            batch: median(batches),
            verifying: median(verifying),
            booked: median(booked),
            function: median(calls),
        })
    }
}

/// In its rollup's order, each after the answer to the one before.
async fn book(function: &mut BookingFunction, batches: &[(Batch, Word)]) -> anyhow::Result<()> {
    for (batch, digest) in batches {
        function.post(batch, *digest).await?;
    }
    Ok(())
}

/// In their order, in one request.
async fn post_together(ledger: &Ledger, batches: &[Batch]) -> anyhow::Result<()> {
    let items: Vec<_> = (0_u16..).zip(batches).collect();
    for answered in ledger.post_batches(&items, None).await {
        answered?;
    }
    Ok(())
}

async fn classic_rate(classic: &Classic, way: Way, hot: bool) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..POSTERS {
        let classic = classic.clone();
        clients.spawn(async move {
            let mut count = 0_usize;
            // A linear congruential generator, of Numerical Recipes: anything uneven will do.
            let mut drawn = client;
            while began.elapsed() < CLASSIC_TIME {
                drawn = drawn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Two different ones of 2^14, as one of them is even.
                let debit = if hot { 2 } else { drawn >> 18 & !1 };
                let credit = drawn >> 3 & 0x3fff | 1;
                let atoms = u64::from(drawn | 1);
                match way {
                    Way::Statements => classic.post(debit, credit, atoms).await?,
                    Way::Call => classic.call(debit, credit, atoms).await?,
                }
                count = count.saturating_add(1);
            }
            anyhow::Ok(count)
        });
    }
    let mut all = 0_usize;
    while let Some(done) = clients.join_next().await {
        all = all.saturating_add(done??);
    }
    Ok(clock::rate(all, began.elapsed()))
}

/// Of 1, 100, 1,000 and 8,000 transfers: the last one, as no batch is that long, in eight batches.
const LOADS: [Load; 4] = [
    Load { at_once: 1, transfers: 1, posts: 100 },
    Load { at_once: 1, transfers: 100, posts: 40 },
    Load { at_once: 1, transfers: 1_000, posts: 12 },
    Load { at_once: 8, transfers: 1_000, posts: 2 },
];
/// Of the function that books: they are slow, and all alike.
const POSTS_OF_A_CLIENT: usize = 25;
/// After which a connection has its plans.
const WARMING_POSTS: usize = 5;
const LONE_POSTS: usize = 20;
const LONE_TURNS: usize = 12;
const ROWS_OF_THE_FLOOR: u64 = 100_000;
const COPIES: usize = 3;
/// Of the classic way, so many that few transfers wait for another.
const ACCOUNTS: u32 = 1 << 14;
const CLASSIC_TIME: Duration = Duration::from_secs(2);
const FIRST_MARK: u64 = 1_000;
/// Sixteen of each poster; an epoch has room for seven times as many.
const BATCHES_A_TURN: usize = 256;
