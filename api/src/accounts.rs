//! `/v1/accounts`: every account of the ledger.

use axum::{Json, extract::State as Extracted};
use ledger::AccountBalance;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    State,
    as_of::{self, AS_OF},
    error::{Error, Problems, Unreached},
    extract::Parameters,
    money::{Amount, Assets},
    page::Page,
    transfers::asset_of,
};

/// An account of the ledger.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct Account {
    /// Its name: `cell:ROLLUP:ASSET`, `pot:ROLLUP:ASSET` or `custody:l1:ASSET`.
    #[schema(example = "cell:1:2")]
    pub account: String,
    /// The asset that it counts.
    pub asset: u16,
    /// All debits since genesis.
    pub debits: Amount,
    /// All credits since genesis.
    pub credits: Amount,
    /// What it holds: credits − debits, for custody debits − credits.
    pub balance: Amount,
    /// How many transfers touch it.
    pub transfers: u64,
    /// The last journal block that touches it; absent without transfers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_block: Option<u64>,
}

/// List the accounts
#[utoipa::path(
    get, path = "/v1/accounts", operation_id = "list_accounts", tag = "ledger",
    params(
        ("as_of" = Option<String>, Query, description = AS_OF),
    ),
    responses((status = 200, description = "All of them", body = Page<Account>), Problems, Unreached),
)]
pub(crate) async fn list(
    Extracted(state): Extracted<State>,
    mut query: Parameters,
) -> Result<Json<Page<Account>>, Error> {
    let as_of = as_of::take(&mut query)?;
    query.finish()?;
    let accounts = state.reads_at(as_of).await?.books_at(as_of).await?.accounts;
    let assets = state.assets().await?;
    Ok(Json(Page::whole(accounts.iter().map(|account| Account::of(account, &assets)).collect())))
}

impl Account {
    fn of(account: &AccountBalance, assets: &Assets) -> Self {
        let asset = asset_of(account.account);
        Self {
            account: account.account.to_string(),
            asset: asset.number(),
            debits: assets.sum(asset, account.debits),
            credits: assets.sum(asset, account.credits),
            balance: assets.amount(asset, account.balance),
            transfers: account.transfers,
            last_block: account.last_block.map(ledger::BlockNumber::number),
        }
    }
}
