//! `/v1/exits`: value on its way to L1, and what claims it there.
//!
//! **Invariant:** a claim that is shown as claimable has a path that leads to the exit root that L1
//! stored for its epoch; its `l1_tx` can be sent by anybody, the money goes to the recipient only.

mod claim;
mod receipt;

use axum::{
    Json,
    extract::{Path, State as Extracted},
};
use domain::{EpochNumber, ExitIndex, RollupId};
use ledger::{ClaimStatus, ExitFilter, PostedExit, TransferId};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

pub(crate) use claim::{Claim, call};
pub(crate) use receipt::{__path_receipt, receipt};

use crate::{
    State,
    error::{Error, Missing, NotFound, Problems},
    extract::{Parameters, number},
    money::{Amount, Assets},
    page::{Page, PageQuery},
};

/// A booked exit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Exit {
    /// The rollup that it left.
    pub rollup: u16,
    /// Its number among the rollup's exits.
    pub index: u32,
    /// The asset.
    pub asset: u16,
    /// How much.
    #[serde(flatten)]
    pub amount: Amount,
    /// Who is paid on L1.
    pub recipient: String,
    /// The batch that lists it.
    pub height: u64,
    /// The epoch that it settles in.
    pub epoch: u64,
    /// How far it is.
    pub status: ExitStatus,
    /// The `l1_tx` that paid it; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_by: Option<String>,
    /// The journal block that moved it back, if its batch was evicted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reversed_by: Option<u64>,
    /// Its transfer in the journal.
    pub transfer: String,
    /// When it was booked.
    #[serde(with = "time::serde::rfc3339")]
    pub posted_at: OffsetDateTime,
}

/// How far an exit is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExitStatus {
    /// Booked; its epoch has not settled yet.
    Open,
    /// Settled; anybody may send its claim.
    Claimable,
    /// Paid on L1.
    Paid,
    /// Its batch was evicted: it will not be paid, and its number may be another exit's.
    Reversed,
}

/// An exit with what claims it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExitAnswer {
    /// The exit.
    #[serde(flatten)]
    pub exit: Exit,
    /// The claim; absent while the exit's epoch is not sealed, because its path is not fixed, and when
    /// the exit was reversed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
}

/// List exits, reversed ones too, newest first
#[utoipa::path(
    get, path = "/v1/exits", operation_id = "list_exits", tag = "exits",
    params(
        ("rollup" = Option<u16>, Query, maximum = 65535, description = "Only out of this rollup"),
        ("recipient" = Option<String>, Query, pattern = "^0x[0-9a-fA-F]{40}$",
            description = "Only to this L1 account"),
        ("epoch" = Option<u64>, Query, description = "Only this epoch's"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "100 if absent"),
    ),
    responses((status = 200, description = "A page", body = Page<Exit>), Problems),
)]
pub(crate) async fn list(
    Extracted(state): Extracted<State>,
    mut query: Parameters,
) -> Result<Json<Page<Exit>>, Error> {
    let page = PageQuery::<TransferId>::take("exits", &mut query)?;
    let filter = ExitFilter {
        rollup: query.number("rollup")?.map(RollupId::new),
        recipient: query.address("recipient")?,
        epoch: query.number("epoch")?.map(EpochNumber::new),
    };
    query.finish()?;
    let rows = state.reads().await?.exits(&filter, page.before, page.limit).await?;
    let assets = state.assets().await?;
    let wire = |exit| Exit::of(&exit, &assets);
    Ok(Json(page.page(rows, |exit| exit.id, wire)))
}

/// Read one exit with its claim, ready to send
#[utoipa::path(
    get, path = "/v1/exits/{rollup}/{index}", operation_id = "read_exit", tag = "exits",
    params(
        ("rollup" = u16, Path, maximum = 65535, description = "The rollup that it left"),
        ("index" = u32, Path, maximum = 4_294_967_295_i64, description = "Its number there"),
    ),
    responses((status = 200, description = "The exit", body = ExitAnswer), Problems, Missing),
)]
pub(crate) async fn one(
    Extracted(state): Extracted<State>,
    Path((rollup, index)): Path<(String, String)>,
    query: Parameters,
) -> Result<Json<ExitAnswer>, Error> {
    query.finish()?;
    let rollup = RollupId::new(number("rollup", &rollup)?);
    let index = ExitIndex::new(number("index", &index)?);
    let ledger = state.ledger();
    let found = ledger.exit(rollup, index).await?.ok_or(NotFound::Exit { rollup, index })?;
    let assets = state.assets().await?;
    let domain = ledger.domain().await?.ok_or(Error::DomainNotAdopted)?;
    let data = ledger.claim_data(rollup, index).await?;
    let claim = data.map(|data| Claim::of(&data, &domain.identity));
    Ok(Json(ExitAnswer { exit: Exit::of(&found, &assets), claim }))
}

impl Exit {
    fn of(exit: &PostedExit, assets: &Assets) -> Self {
        let claim = exit.claim;
        let (status, paid_by, reversed_by) = match &exit.status {
            ClaimStatus::Open => (ExitStatus::Open, None, None),
            ClaimStatus::Claimable => (ExitStatus::Claimable, None, None),
            ClaimStatus::Paid { log } => (ExitStatus::Paid, Some(log.tx_hash.to_string()), None),
            ClaimStatus::Reversed { by } => (ExitStatus::Reversed, None, Some(by.number())),
        };
        Self {
            rollup: claim.rollup.number(),
            index: claim.index.number(),
            asset: claim.asset.number(),
            amount: assets.amount(claim.asset, claim.atoms),
            recipient: claim.recipient.to_string(),
            height: exit.height.number(),
            epoch: exit.epoch.number(),
            status,
            paid_by,
            reversed_by,
            transfer: exit.id.to_string(),
            posted_at: exit.posted_at,
        }
    }
}
