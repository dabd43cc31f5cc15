//! `/v1/flows`: what moved from where to where.

use axum::{Json, extract::State as Extracted};
use domain::{AssetId, EpochNumber};
use ledger::FlowFilter;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    State,
    error::{Error, ParameterError, Problems},
    extract::Parameters,
    money::{Amount, Assets},
    page::Page,
};

/// What moved one way of one asset. What was evicted does not count.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Flow {
    /// The asset.
    pub asset: u16,
    /// The rollup that it came from; 0 is L1: deposits.
    pub from: u16,
    /// The rollup that it went to; 0 is L1: exits.
    pub to: u16,
    /// How much.
    #[serde(flatten)]
    pub amount: Amount,
    /// By how many transfers, exits or deposits.
    pub transfers: u64,
}

/// List what moved between rollups, from L1 and to L1
///
/// The matrix of origins and destinations, by asset, over a range of epochs or over everything. The open
/// epoch counts as far as it is. Ways that nothing took are left out.
#[utoipa::path(
    get, path = "/v1/flows", operation_id = "list_flows", tag = "ledger",
    params(
        ("from_epoch" = Option<u64>, Query, description = "From this epoch on; the first if absent"),
        ("to_epoch" = Option<u64>, Query,
            description = "Up to this epoch, itself included; the open one if absent"),
        ("asset" = Option<u16>, Query, maximum = 65535, description = "Only this asset's"),
    ),
    responses((status = 200, description = "All of them", body = Page<Flow>), Problems),
)]
pub(crate) async fn list(
    Extracted(state): Extracted<State>,
    mut query: Parameters,
) -> Result<Json<Page<Flow>>, Error> {
    let filter = FlowFilter {
        from_epoch: query.number("from_epoch")?.map(EpochNumber::new),
        to_epoch: query.number("to_epoch")?.map(EpochNumber::new),
        asset: query.number("asset")?.map(AssetId::new),
    };
    query.finish()?;
    if let (Some(from), Some(to)) = (filter.from_epoch, filter.to_epoch)
        && from > to
    {
        return Err(ParameterError::Invalid {
            param: "to_epoch",
            expected: "an epoch from from_epoch on",
            value: to.to_string(),
        }
        .into());
    }
    let reads = state.reads().await?;
    let flows = reads.flows(&filter).await?;
    let assets = state.assets().await?;
    Ok(Json(Page::whole(flows.iter().map(|flow| Flow::of(flow, &assets)).collect())))
}

impl Flow {
    fn of(flow: &ledger::Flow, assets: &Assets) -> Self {
        Self {
            asset: flow.asset.number(),
            from: flow.from.number(),
            to: flow.to.number(),
            amount: assets.sum(flow.asset, flow.atoms),
            transfers: flow.transfers,
        }
    }
}
