//! `/v1/assets`: the domain's tokens.

use axum::{Json, extract::State as Extracted};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    State,
    error::{Error, Problems},
    extract::Parameters,
    page::Page,
};

/// A registered asset.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct Asset {
    /// Its id.
    pub asset: u16,
    /// Its token on L1; the zero address is ETH.
    pub token: String,
    /// Decimals of the token on L1.
    pub token_decimals: u8,
    /// Decimals of amounts here: one atom is `10^-ledger_decimals` of the asset.
    pub ledger_decimals: u8,
}

/// List the assets
#[utoipa::path(
    get, path = "/v1/assets", operation_id = "list_assets", tag = "assets",
    responses((status = 200, description = "All of them", body = Page<Asset>), Problems),
)]
pub(crate) async fn list(
    Extracted(state): Extracted<State>,
    query: Parameters,
) -> Result<Json<Page<Asset>>, Error> {
    query.finish()?;
    let assets = state.assets().await?;
    Ok(Json(Page::whole(assets.all().map(Asset::of).collect())))
}

impl Asset {
    fn of(asset: &domain::Asset) -> Self {
        Self {
            asset: asset.id().number(),
            token: asset.token().to_string(),
            token_decimals: asset.token_decimals(),
            ledger_decimals: asset.ledger_decimals(),
        }
    }
}
