//! `/costs`: what settling costs, epoch by epoch and over the epochs.

use alloy_primitives::U256;
use askama::Template;
use axum::{extract::State as Extracted, response::Response};
use ledger::{CostSums, EpochCost};

use super::{
    chart::points,
    clock::Moment,
    epoch::Fact,
    figure::{Figure, group},
    frame::{Frame, answer},
    names::{Names, shorten},
};
use crate::{
    State,
    costs::{share, take},
    epochs::flows,
    error::Error,
    extract::Parameters,
    money::Assets,
};

#[derive(Template)]
#[template(path = "costs.html")]
struct CostsPage {
    frame: Frame,
    facts: Vec<Fact>,
    lines: Vec<CostLine>,
    rows: Vec<CostRow>,
    /// What comes before the cursor in the address of the next page.
    path: String,
    next: Option<String>,
    /// How many settled epochs have no fee recorded.
    without_fee: u64,
}

/// A cost over the epochs of the page, drawn.
struct CostLine {
    what: &'static str,
    unit: &'static str,
    now: Figure,
    high: Figure,
    low: Figure,
    line: String,
    area: String,
    first: u64,
    last: u64,
}

/// An epoch.
struct CostRow {
    epoch: u64,
    settled_at: Moment,
    tx_hash: String,
    gas: String,
    transfers: String,
    exits: String,
    gas_per_transfer: Option<String>,
    gas_per_exit: Option<String>,
    fee: Option<FeeCells>,
    /// What netting saved of each asset.
    saved: Vec<(String, u16)>,
    proving: Option<String>,
}

/// What L1 took, in gwei.
struct FeeCells {
    payer: String,
    price: Figure,
    paid: Figure,
    per_transfer: Option<Figure>,
}

pub(crate) async fn costs(
    Extracted(state): Extracted<State>,
    query: Result<Parameters, Error>,
) -> Response {
    answer(read(&state, query).await)
}

async fn read(state: &State, query: Result<Parameters, Error>) -> Result<CostsPage, Error> {
    let mut query = query?;
    let (filter, page) = take(&mut query)?;
    query.finish()?;
    let reads = state.reads().await?;
    let sums = reads.cost_sums(&filter).await?;
    let costs = reads.costs(&filter, page.before, page.limit).await?;
    let assets = state.assets().await?;
    let names = Names::new(state.settings());
    let lines = lines(&costs);
    let epochs = [("from_epoch", filter.from_epoch), ("to_epoch", filter.to_epoch)];
    let kept = epochs.into_iter().filter_map(|(name, epoch)| Some(format!("{name}={}&", epoch?)));
    let path = format!("/costs?{}", kept.collect::<String>());
    let wire = |cost: EpochCost| CostRow::of(&cost, &assets, &names);
    let rows = page.page(costs, |cost| cost.epoch, wire);
    let live = page.before.is_none();
    Ok(CostsPage {
        frame: if live { Frame::live("costs") } else { Frame::still("costs") },
        facts: facts(&sums),
        lines,
        rows: rows.items,
        path,
        next: rows.next_cursor,
        without_fee: sums.epochs.saturating_sub(sums.epochs_with_fee),
    })
}

fn facts(sums: &CostSums) -> Vec<Fact> {
    let epochs =
        |count: u64| if count == 1 { "1 epoch".to_owned() } else { format!("{count} epochs") };
    let mut facts = vec![Fact {
        name: "Gas on L1",
        value: group(&sums.gas_used.to_string()),
        note: format!("for {}", epochs(sums.epochs)),
    }];
    if sums.epochs_with_fee > 0 {
        let note = format!("gwei, for {}", epochs(sums.epochs_with_fee));
        facts.push(Fact { name: "Paid to L1", value: words(&gwei(sums.fee)), note });
    }
    for (name, count, what) in
        [("By transfer", sums.transfers, "transfers"), ("By exit", sums.exits, "exits")]
    {
        if let Some(each) = sums.gas_used.checked_div(count) {
            let note = format!("gas, all of it by {} {what}", group(&count.to_string()));
            facts.push(Fact { name, value: group(&each.to_string()), note });
        }
    }
    if sums.epochs_with_proving > 0 {
        let note = format!("seconds, for {}", epochs(sums.epochs_with_proving));
        facts.push(Fact { name: "Folding and proving", value: seconds(sums.proving), note });
    }
    facts
}

/// Gas and fees from the oldest epoch of the page to the newest; a line needs two that are recorded.
fn lines(costs: &[EpochCost]) -> Vec<CostLine> {
    let oldest_first = || costs.iter().rev();
    let gas = oldest_first().map(|cost| (cost.epoch.number(), U256::from(cost.gas_used)));
    let fees = oldest_first()
        .filter_map(|cost| Some((cost.epoch.number(), cost.fee?.gas_price.of(cost.gas_used))));
    let whole = |gas: U256| Figure::alone(&gas.to_string());
    let drawn = [
        CostLine::of("Gas of a settlement", "gas", &gas.collect::<Vec<_>>(), whole),
        CostLine::of("Fee of a settlement", "gwei", &fees.collect::<Vec<_>>(), gwei),
    ];
    drawn.into_iter().flatten().collect()
}

impl CostLine {
    fn of(
        what: &'static str,
        unit: &'static str,
        values: &[(u64, U256)],
        figure: impl Fn(U256) -> Figure,
    ) -> Option<Self> {
        let [first, .., last] = values else { return None };
        let numbers = || values.iter().map(|(_, value)| *value);
        // Far below 128 bits: gas is of 24, a price of 63.
        let heights = numbers().map(|value| u128::try_from(value).unwrap_or(u128::MAX));
        let line = points(&heights.collect::<Vec<_>>());
        Some(Self {
            what,
            unit,
            now: figure(last.1),
            high: figure(numbers().max()?),
            low: figure(numbers().min()?),
            area: format!("0,200 {line} 1000,200"),
            line,
            first: first.0,
            last: last.0,
        })
    }
}

impl CostRow {
    fn of(cost: &EpochCost, assets: &Assets, names: &Names<'_>) -> Self {
        let grouped = |number: u64| group(&number.to_string());
        Self {
            epoch: cost.epoch.number(),
            settled_at: Moment::of(cost.settled_at),
            tx_hash: shorten(&cost.tx_hash.to_string()),
            gas: grouped(cost.gas_used),
            transfers: grouped(cost.transfers),
            exits: grouped(cost.exits),
            gas_per_transfer: cost.gas_used.checked_div(cost.transfers).map(grouped),
            gas_per_exit: cost.gas_used.checked_div(cost.exits).map(grouped),
            fee: cost.fee.map(|fee| {
                let paid = fee.gas_price.of(cost.gas_used);
                FeeCells {
                    payer: shorten(&fee.payer.to_string()),
                    price: gwei(U256::from(fee.gas_price.wei())),
                    paid: gwei(paid),
                    per_transfer: share(paid, cost.transfers).map(gwei),
                }
            }),
            saved: flows(&cost.moved)
                .iter()
                .map(|flow| {
                    let line = super::card::FlowLine::of(flow, assets, names);
                    (line.asset, line.saved)
                })
                .collect(),
            proving: cost.proving.map(seconds),
        }
    }
}

/// Wei as gwei, exactly.
fn gwei(wei: U256) -> Figure {
    let digits = format!("{:0>10}", wei.to_string());
    let (whole, decimals) = digits.split_at(digits.len().saturating_sub(GWEI_DECIMALS));
    Figure::alone(&format!("{whole}.{decimals}"))
}

fn words(figure: &Figure) -> String {
    let point = if figure.decimals.is_empty() { "" } else { "." };
    format!("{}{point}{}", figure.whole, figure.decimals)
}

/// Seconds with one decimal, rounded down.
fn seconds(time: std::time::Duration) -> String {
    format!("{}.{}", group(&time.as_secs().to_string()), time.subsec_millis() / 100)
}

const GWEI_DECIMALS: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    /// No wei is lost, however small or large.
    #[test]
    fn gwei_are_exact() {
        let check = |wei: &str, shown: &str| assert_eq!(words(&gwei(wei.parse().unwrap())), shown);
        check("0", "0");
        check("7", "0.000000007");
        check("1000000000", "1");
        check("1043221007302547000", "1,043,221,007.302547");
    }

    /// Without two values there is no line.
    #[test]
    fn a_line_needs_two_values() {
        let of = |values: &[(u64, U256)]| CostLine::of("a", "b", values, gwei).map(|it| it.line);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(1, U256::from(5))]), None);
        assert_eq!(of(&[(1, U256::from(5)), (3, U256::from(7))]).unwrap(), "0,185 1000,15");
    }
}
