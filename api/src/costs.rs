//! `/v1/costs`: what settling costs.
//!
//! **Invariant:** what was not recorded is absent, never zero; sums say of how many epochs they are.

use alloy_primitives::U256;
use axum::{Json, extract::State as Extracted};
use domain::EpochNumber;
use ledger::{CostFilter, PageLimit};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    State,
    epochs::{EpochFlow, flows},
    error::{Error, ParameterError, Problems},
    extract::Parameters,
    money::Assets,
    page::PageQuery,
};

/// What settling costs: the sums of all epochs that were asked for, and a page of them, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Costs {
    /// All of them together.
    pub sums: CostSums,
    /// Epoch by epoch.
    pub items: Vec<EpochCost>,
    /// What to send as `cursor` for the items after these; absent at the end of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What settling some epochs cost.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CostSums {
    /// How many of them L1 has settled.
    pub epochs: u64,
    /// Of how many of these the fee is recorded.
    pub epochs_with_fee: u64,
    /// Of how many of these the time of proving is recorded.
    pub epochs_with_proving: u64,
    /// The gas of all.
    pub gas_used: u64,
    /// The recorded fees, in wei; absent if none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_wei: Option<String>,
    /// Batches of all.
    pub batches: u64,
    /// Transfers between rollups of all.
    pub transfers: u64,
    /// Exits of all.
    pub exits: u64,
    /// The gas of all by their transfers, rounded down; absent without a transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gas_per_transfer: Option<u64>,
    /// The gas of all by their exits, rounded down; absent without an exit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gas_per_exit: Option<u64>,
    /// The recorded times of proving, in milliseconds; absent if none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proving_ms: Option<u64>,
}

/// What settling an epoch cost.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EpochCost {
    /// The epoch.
    pub epoch: u64,
    /// When its settlement was recorded.
    #[serde(with = "time::serde::rfc3339")]
    pub settled_at: OffsetDateTime,
    /// The `l1_tx`.
    pub tx_hash: String,
    /// The gas that it used. Attempts that failed before it are not counted.
    pub gas_used: u64,
    /// The gas by the epoch's transfers, rounded down; absent without a transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gas_per_transfer: Option<u64>,
    /// The gas by the epoch's exits, rounded down; absent without an exit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gas_per_exit: Option<u64>,
    /// What L1 took; absent if it was not recorded, as for epochs that were settled before it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee: Option<Fee>,
    /// Batches that it settled.
    pub batches: u64,
    /// Transfers between rollups that it settled.
    pub transfers: u64,
    /// Exits that it settled.
    pub exits: u64,
    /// What it moved per asset, gross and net.
    pub netting: Vec<EpochFlow>,
    /// How long its steps and proofs took, one after the other, in milliseconds; absent unless all of
    /// that is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proving_ms: Option<u64>,
}

/// What L1 took for a settlement.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Fee {
    /// The account that paid.
    pub payer: String,
    /// What a unit of gas cost, in wei.
    pub gas_price_wei: String,
    /// All of it, in wei.
    pub paid_wei: String,
    /// By the epoch's transfers, in wei, rounded down; absent without a transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_transfer_wei: Option<String>,
    /// By the epoch's exits, in wei, rounded down; absent without an exit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_exit_wei: Option<String>,
}

/// Read what settling costs, newest epoch first
///
/// Of every epoch that L1 has settled: gas and fee, what was settled for it, gross and net, and the time of
/// proving. What is per transfer and per exit divides all of the cost by each of them. The sums are of all epochs
/// between `from_epoch` and `to_epoch`, whichever page is read.
#[utoipa::path(
    get, path = "/v1/costs", operation_id = "list_costs", tag = "epochs",
    params(
        ("from_epoch" = Option<u64>, Query, description = "From this epoch on; the first if absent"),
        ("to_epoch" = Option<u64>, Query,
            description = "Up to this epoch, itself included; the last if absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 100, description = "100 if absent"),
    ),
    responses((status = 200, description = "The sums and a page", body = Costs), Problems),
)]
pub(crate) async fn list(
    Extracted(state): Extracted<State>,
    mut query: Parameters,
) -> Result<Json<Costs>, Error> {
    let (filter, page) = take(&mut query)?;
    query.finish()?;
    let reads = state.reads().await?;
    let sums = reads.cost_sums(&filter).await?;
    let rows = reads.costs(&filter, page.before, page.limit).await?;
    let assets = state.assets().await?;
    let page = page.page(rows, |cost| cost.epoch, |cost| EpochCost::of(&cost, &assets));
    Ok(Json(Costs { sums: CostSums::of(&sums), items: page.items, next_cursor: page.next_cursor }))
}

/// Takes the filter and the page.
pub(crate) fn take(
    query: &mut Parameters,
) -> Result<(CostFilter, PageQuery<EpochNumber>), ParameterError> {
    let filter = CostFilter {
        from_epoch: query.number("from_epoch")?.map(EpochNumber::new),
        to_epoch: query.number("to_epoch")?.map(EpochNumber::new),
    };
    if let (Some(from), Some(to)) = (filter.from_epoch, filter.to_epoch)
        && from > to
    {
        return Err(ParameterError::Invalid {
            param: "to_epoch",
            expected: "an epoch from from_epoch on",
            value: to.to_string(),
        });
    }
    let expected = "a whole number from 1 to 100";
    Ok((filter, PageQuery::take_within("costs", query, MOST, expected)?))
}

/// A cost by what it was for, rounded down; nothing by none.
pub(crate) fn share(cost: U256, count: u64) -> Option<U256> {
    cost.checked_div(U256::from(count))
}

impl CostSums {
    fn of(sums: &ledger::CostSums) -> Self {
        Self {
            epochs: sums.epochs,
            epochs_with_fee: sums.epochs_with_fee,
            epochs_with_proving: sums.epochs_with_proving,
            gas_used: sums.gas_used,
            paid_wei: (sums.epochs_with_fee > 0).then(|| sums.fee.to_string()),
            batches: sums.batches,
            transfers: sums.transfers,
            exits: sums.exits,
            gas_per_transfer: sums.gas_used.checked_div(sums.transfers),
            gas_per_exit: sums.gas_used.checked_div(sums.exits),
            proving_ms: (sums.epochs_with_proving > 0).then(|| milliseconds(sums.proving)),
        }
    }
}

impl EpochCost {
    fn of(cost: &ledger::EpochCost, assets: &Assets) -> Self {
        Self {
            epoch: cost.epoch.number(),
            settled_at: cost.settled_at,
            tx_hash: cost.tx_hash.to_string(),
            gas_used: cost.gas_used,
            gas_per_transfer: cost.gas_used.checked_div(cost.transfers),
            gas_per_exit: cost.gas_used.checked_div(cost.exits),
            fee: cost.fee.map(|fee| {
                let paid = fee.gas_price.of(cost.gas_used);
                let per = |count| share(paid, count).map(|wei| wei.to_string());
                Fee {
                    payer: fee.payer.to_string(),
                    gas_price_wei: fee.gas_price.wei().to_string(),
                    paid_wei: paid.to_string(),
                    per_transfer_wei: per(cost.transfers),
                    per_exit_wei: per(cost.exits),
                }
            }),
            batches: cost.batches,
            transfers: cost.transfers,
            exits: cost.exits,
            netting: flows(&cost.moved).iter().map(|flow| EpochFlow::of(flow, assets)).collect(),
            proving_ms: cost.proving.map(milliseconds),
        }
    }
}

fn milliseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Most epochs of a page: what moved in each is summed from its batches.
const MOST: PageLimit = match PageLimit::new(100) {
    Some(most) => most,
    None => PageLimit::MAX,
};
