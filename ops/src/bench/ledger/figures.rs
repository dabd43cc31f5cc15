//! The figures of a run, for machines and for people.

#![expect(clippy::float_arithmetic, reason = "figures for people, where rounding does no harm")]

use std::fmt::Write as _;

use anyhow::Context as _;
use serde::Serialize;

/// Transfers a second, of each round.
#[derive(Debug, Default)]
pub(super) struct Rates {
    pub(super) floor: Vec<f64>,
    pub(super) classic: Vec<f64>,
    pub(super) classic_hot: Vec<f64>,
    pub(super) function: Vec<f64>,
    pub(super) function_hot: Vec<f64>,
    pub(super) even: [Vec<f64>; 4],
    pub(super) hot: [Vec<f64>; 4],
    pub(super) booked: Vec<f64>,
    pub(super) lone: Vec<Lone>,
}

/// Milliseconds of what comes alone, from its beginning to its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lone {
    /// A signed batch of one transfer.
    pub(super) batch: f64,
    /// Of that, its digest and its signature.
    pub(super) verifying: f64,
    /// Such a batch, verified and then booked by a function that decides in the database.
    pub(super) booked: f64,
    /// A db_tx of one transfer as one call, into tables of its own.
    pub(super) function: f64,
}

/// Medians over the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    cores: usize,
    rounds: usize,
    /// The journal's rows, copied without any check.
    floor_per_s: f64,
    /// A db_tx per transfer, 16 clients.
    classic_per_s: f64,
    classic_hot_per_s: f64,
    /// The same as one call of a function, 16 clients.
    function_per_s: f64,
    function_hot_per_s: f64,
    /// The ledger, 16 posters, by the transfers of a post.
    transfers_per_s: BySize,
    hot_transfers_per_s: BySize,
    /// Of posts of 1,000 transfers.
    ratio_to_classic: f64,
    ratio_to_classic_hot: f64,
    ratio_to_floor: f64,
    hot_over_spread: f64,
    /// Of posts of one transfer, each a batch of its own.
    ones_over_classic: f64,
    ones_over_function: f64,
    /// Batches of one transfer by a function that decides in the database, 16 clients: the same rows,
    /// constraints and guards, a db_tx each.
    booked_by_function_per_s: f64,
    ones_over_booked_by_function: f64,
    /// From a signed batch of one transfer to its answer, when nothing else is going on.
    lone_batch_ms: f64,
    /// Of that, what the signature costs, which no other way here has: digest and verification.
    lone_verifying_ms: f64,
    /// Such a batch by that function, with the same signature before.
    lone_booked_by_function_ms: f64,
    lone_over_booked_by_function: f64,
    /// A db_tx of one transfer as one call into tables of its own, which moves two balances and no more.
    lone_function_ms: f64,
    lone_over_function: f64,
    /// Without the signature.
    lone_booking_over_function: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct BySize {
    #[serde(rename = "1")]
    one: f64,
    #[serde(rename = "100")]
    hundred: f64,
    #[serde(rename = "1000")]
    thousand: f64,
    #[serde(rename = "8000")]
    eight_thousand: f64,
}

/// How fast the journal grew when it had so many transfers.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Growth {
    pub(super) transfers: u64,
    transfers_per_s: f64,
    pub(super) us_per_transfer: f64,
}

impl Rates {
    pub(super) fn figures(&self) -> anyhow::Result<Figures> {
        let by_size = |rates: &[Vec<f64>; 4]| {
            let [one, hundred, thousand, eight_thousand] = rates.each_ref().map(|of| median(of));
            BySize { one, hundred, thousand, eight_thousand }
        };
        let even = by_size(&self.even);
        let [ones, _, thousands, _] = &self.even;
        let [_, _, hot_thousands, _] = &self.hot;
        // Of each round, whose parts were measured next to each other.
        let ratio = |one: &[f64], other: &[f64]| {
            let ratios: Vec<f64> = one.iter().zip(other).map(|(one, other)| one / other).collect();
            round(median(&ratios))
        };
        let lone = |of: fn(&Lone) -> f64| self.lone.iter().map(of).collect::<Vec<_>>();
        Ok(Figures {
            cores: std::thread::available_parallelism().context("cores")?.get(),
            rounds: self.floor.len(),
            floor_per_s: median(&self.floor),
            classic_per_s: median(&self.classic),
            classic_hot_per_s: median(&self.classic_hot),
            function_per_s: median(&self.function),
            function_hot_per_s: median(&self.function_hot),
            transfers_per_s: even,
            hot_transfers_per_s: by_size(&self.hot),
            ratio_to_classic: ratio(thousands, &self.classic),
            ratio_to_classic_hot: ratio(hot_thousands, &self.classic_hot),
            ratio_to_floor: ratio(thousands, &self.floor),
            hot_over_spread: ratio(hot_thousands, thousands),
            ones_over_classic: ratio(ones, &self.classic),
            ones_over_function: ratio(ones, &self.function),
            booked_by_function_per_s: median(&self.booked),
            ones_over_booked_by_function: ratio(ones, &self.booked),
            lone_batch_ms: median(&lone(|one| one.batch)),
            lone_verifying_ms: median(&lone(|one| one.verifying)),
            lone_booked_by_function_ms: median(&lone(|one| one.booked)),
            lone_over_booked_by_function: round(median(&lone(|one| one.batch / one.booked))),
            lone_function_ms: median(&lone(|one| one.function)),
            lone_over_function: round(median(&lone(|one| one.batch / one.function))),
            lone_booking_over_function: round(median(&lone(|one| {
                (one.batch - one.verifying) / one.function
            }))),
        })
    }
}

impl Figures {
    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        let mut row = |what: &str, even: f64, hot: Option<f64>| {
            let hot = hot.map(|hot| format!("{hot:>12.0}")).unwrap_or_default();
            // Writing to a string does not fail.
            let _ = writeln!(table, "{what:<44} {even:>12.0} {hot}");
        };
        row("rows alone, no check", self.floor_per_s, None);
        row("a db_tx per transfer, 16 clients", self.classic_per_s, Some(self.classic_hot_per_s));
        row("  the same as one call", self.function_per_s, Some(self.function_hot_per_s));
        let (even, hot) = (self.transfers_per_s, self.hot_transfers_per_s);
        row("a function into the books, 16 clients", self.booked_by_function_per_s, None);
        row("ledger, 16 posters, 1 a post", even.one, Some(hot.one));
        row("ledger, 100 a post", even.hundred, Some(hot.hundred));
        row("ledger, 1,000 a post", even.thousand, Some(hot.thousand));
        row("ledger, 8,000 a post", even.eight_thousand, Some(hot.eight_thousand));
        let _ = write!(
            table,
            "posts of 1,000: {:.1} x a db_tx per transfer ({:.1} x hot), {:.3} of the rows alone; \
             hot {:.2} of spread\nposts of 1: {:.2} x a db_tx per transfer, {:.2} x one call, \
             {:.2} x a function into the books\n\
             a batch that comes alone: {:.2} ms, {:.2} of them its signature; by a function into the \
             books: {:.2} ms; {:.2} x\n\
             one call that only moves two balances: {:.2} ms; {:.2} x, {:.2} x without the signature",
            self.ratio_to_classic,
            self.ratio_to_classic_hot,
            self.ratio_to_floor,
            self.hot_over_spread,
            self.ones_over_classic,
            self.ones_over_function,
            self.ones_over_booked_by_function,
            self.lone_batch_ms,
            self.lone_verifying_ms,
            self.lone_booked_by_function_ms,
            self.lone_over_booked_by_function,
            self.lone_function_ms,
            self.lone_over_function,
            self.lone_booking_over_function
        );
        format!("{:<44} {:>12} {:>12}\n{table}", "transfers per second", "spread", "hot")
    }
}

impl Growth {
    pub(super) fn new(transfers: u64, transfers_per_s: f64) -> Self {
        let us_per_transfer = round(1_000_000.0 / transfers_per_s);
        Self { transfers, transfers_per_s, us_per_transfer }
    }

    /// For people: a bar per line.
    pub(crate) fn chart(all: &[Self]) -> String {
        let longest = all.iter().map(|one| one.us_per_transfer).fold(1.0, f64::max);
        let mut chart = format!("{:>12} {:>12} µs per transfer\n", "transfers", "per second");
        for one in all {
            let bar = bar(one.us_per_transfer / longest);
            let _ = writeln!(
                chart,
                "{:>12} {:>12.0} {bar} {:.1}",
                one.transfers, one.transfers_per_s, one.us_per_transfer
            );
        }
        chart.trim_end().to_owned()
    }
}

fn bar(part: f64) -> String {
    let mut bar = String::new();
    let mut drawn = 0.0;
    while drawn < part {
        bar.push('█');
        drawn += 0.025;
    }
    bar
}

fn median(of: &[f64]) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ratios are of what was measured in the same round.
    #[test]
    fn ratios_are_of_a_round() {
        let of = |rates: [f64; 3]| rates.to_vec();
        let rates = Rates {
            floor: of([100.0, 1_000.0, 600.0]),
            classic: of([1.0, 10.0, 4.0]),
            classic_hot: of([1.0, 1.0, 1.0]),
            function: of([2.0, 20.0, 8.0]),
            function_hot: of([1.0, 1.0, 1.0]),
            even: std::array::from_fn(|_| of([20.0, 200.0, 90.0])),
            hot: std::array::from_fn(|_| of([10.0, 100.0, 90.0])),
            booked: of([10.0, 50.0, 45.0]),
            lone: [(3.0, 1.0), (1.0, 1.0), (2.0, 0.5)]
                .map(|(batch, function)| Lone { batch, verifying: 0.5, booked: 4.0, function })
                .to_vec(),
        };
        let figures = rates.figures().unwrap();
        assert_eq!(figures.ratio_to_classic.to_string(), "20");
        assert_eq!(figures.ratio_to_floor.to_string(), "0.2");
        assert_eq!(figures.hot_over_spread.to_string(), "0.5");
        assert_eq!(figures.ones_over_function.to_string(), "10");
        assert_eq!(figures.ones_over_booked_by_function.to_string(), "2");
        assert_eq!(figures.lone_batch_ms.to_string(), "2");
        assert_eq!(figures.lone_over_booked_by_function.to_string(), "0.5");
        assert_eq!(figures.lone_over_function.to_string(), "3");
        assert_eq!(figures.lone_booking_over_function.to_string(), "2.5");
        assert!(figures.table().contains("20.0 x a db_tx"));
    }
}
