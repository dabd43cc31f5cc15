//! `/v1/deposits`: value that came from L1, or is on its way.

use axum::{Json, extract::State as Extracted};
use domain::{EpochNumber, RollupId};
use ledger::{BlockNumber, DepositFilter};
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

/// A deposit: of L1 blocks that are not final yet, too.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Deposit {
    /// How far it is.
    pub status: DepositStatus,
    /// The journal block that booked it; absent until it is posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// The epoch that it settles in; absent until it is posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
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
    /// The L1 block. Enough blocks on top of it make the deposit final.
    pub l1_block: L1BlockRef,
    /// Its hold; absent if L1 showed it only when it was final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// When it was booked; absent until it is posted.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub posted_at: Option<OffsetDateTime>,
}

/// How far a deposit is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DepositStatus {
    /// L1 shows it, in a block that is not final enough.
    Held,
    /// It is booked.
    Posted,
    /// A reorg dropped its L1 block. If L1 shows it again, that is another item.
    Released,
}

/// What keeps a place for a deposit that is not final.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hold {
    /// The journal block that holds it.
    pub block: u64,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub held_at: OffsetDateTime,
    /// The end of a hold that was not posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
}

/// The end of a hold that was not posted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Release {
    /// The journal block that releases it.
    pub block: u64,
    /// Why.
    pub reason: ReleaseReason,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub released_at: OffsetDateTime,
}

/// Why a hold was released.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReleaseReason {
    /// L1 shows the deposit no more.
    Reorg,
    /// L1 shows it in another block, or on other terms.
    Moved,
}

/// List deposits, newest first
#[utoipa::path(
    get, path = "/v1/deposits", operation_id = "list_deposits", tag = "deposits",
    params(
        ("rollup" = Option<u16>, Query, maximum = 65535, description = "Only into this rollup"),
        ("epoch" = Option<u64>, Query, description = "Only those booked in this epoch"),
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
    Ok(Json(page.page(rows, |deposit| deposit.place, wire)))
}

impl Deposit {
    fn of(deposit: &ledger::Deposit, assets: &Assets) -> Self {
        let (mut posted, mut release) = (None, None);
        let status = match deposit.status {
            ledger::DepositStatus::Held => DepositStatus::Held,
            ledger::DepositStatus::Posted { block, epoch, posted_at } => {
                posted = Some((block, epoch, posted_at));
                DepositStatus::Posted
            }
            ledger::DepositStatus::Released { block, reason, released_at } => {
                let (block, reason) = (block.number(), ReleaseReason::of(reason));
                release = Some(Release { block, reason, released_at });
                DepositStatus::Released
            }
        };
        let block = deposit.place.number();
        Self {
            status,
            block: posted.map(|(block, _, _)| block.number()),
            epoch: posted.map(|(_, epoch, _)| epoch.number()),
            rollup: deposit.rollup.number(),
            asset: deposit.asset.number(),
            amount: assets.amount(deposit.asset, deposit.atoms),
            depositor: deposit.depositor.to_string(),
            tx_hash: deposit.log.tx_hash.to_string(),
            log_index: deposit.log.log_index,
            l1_block: L1BlockRef::of(deposit.l1_block),
            hold: deposit.held_at.map(|held_at| Hold { block, held_at, release }),
            posted_at: posted.map(|(_, _, at)| at),
        }
    }
}

impl ReleaseReason {
    fn of(reason: ledger::ReleaseReason) -> Self {
        match reason {
            ledger::ReleaseReason::Reorg => Self::Reorg,
            ledger::ReleaseReason::Moved => Self::Moved,
        }
    }
}
