//! `/v1/deposits`: value that came from L1.

use axum::{Json, extract::State as Extracted};
use domain::{EpochNumber, RollupId};
use ledger::{BlockNumber, DepositFilter, PostedDeposit};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    State,
    error::{Error, Problems},
    extract::Parameters,
    identity::L1BlockRef,
    money::{Amount, Assets},
    page::{Page, PageQuery},
};

/// A booked deposit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Deposit {
    /// The journal block that holds it.
    pub block: u64,
    /// The epoch that it settles in.
    pub epoch: u64,
    /// The credited rollup.
    pub rollup: u16,
    /// The asset.
    pub asset: u16,
    /// How much.
    #[serde(flatten)]
    pub amount: Amount,
    /// Who deposited it on L1.
    pub depositor: String,
    /// The `l1_tx` that deposited it.
    pub tx_hash: String,
    /// The position of its log in the L1 block.
    pub log_index: u64,
    /// The L1 block.
    pub l1_block: L1BlockRef,
    /// When it was booked.
    #[serde(with = "time::serde::rfc3339")]
    pub posted_at: OffsetDateTime,
}

/// List deposits, newest first
#[utoipa::path(
    get, path = "/v1/deposits", operation_id = "list_deposits", tag = "deposits",
    params(
        ("rollup" = Option<u16>, Query, maximum = 65535, description = "Only into this rollup"),
        ("epoch" = Option<u64>, Query, description = "Only this epoch's"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "100 if absent"),
    ),
    responses((status = 200, description = "A page", body = Page<Deposit>), Problems),
)]
pub(crate) async fn list(
    Extracted(state): Extracted<State>,
    mut query: Parameters,
) -> Result<Json<Page<Deposit>>, Error> {
    let page = PageQuery::<BlockNumber>::take("deposits", &mut query)?;
    let filter = DepositFilter {
        rollup: query.number("rollup")?.map(RollupId::new),
        epoch: query.number("epoch")?.map(EpochNumber::new),
    };
    query.finish()?;
    let rows = state.reads().await?.deposits(&filter, page.before, page.limit).await?;
    let assets = state.assets().await?;
    let wire = |deposit| Deposit::of(&deposit, &assets);
    Ok(Json(page.page(rows, |deposit| deposit.block, wire)))
}

impl Deposit {
    fn of(deposit: &PostedDeposit, assets: &Assets) -> Self {
        Self {
            block: deposit.block.number(),
            epoch: deposit.epoch.number(),
            rollup: deposit.rollup.number(),
            asset: deposit.asset.number(),
            amount: assets.amount(deposit.asset, deposit.atoms),
            depositor: deposit.depositor.to_string(),
            tx_hash: deposit.log.tx_hash.to_string(),
            log_index: deposit.log.log_index,
            l1_block: L1BlockRef::of(deposit.l1_block),
            posted_at: deposit.posted_at,
        }
    }
}
