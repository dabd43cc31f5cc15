//! `/v1/cells`: what every rollup holds of every asset.

use axum::{Json, extract::State as Extracted};
use domain::{AssetId, RollupId};
use ledger::CellPosition;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    State,
    error::{Error, Problems},
    extract::Parameters,
    money::{Amount, Assets},
    page::Page,
};

/// The position of one (rollup, asset).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Cell {
    /// The rollup.
    pub rollup: u16,
    /// The asset.
    pub asset: u16,
    /// What the rollup may still move.
    pub balance: Amount,
    /// Deposited from L1 in the epoch.
    pub deposited: Amount,
    /// Exited to L1 in the epoch.
    pub exited: Amount,
    /// What L1 owes to the rollup's settled and unpaid exits.
    pub pot: Amount,
    /// On its way to the cell: deposits that L1 shows and that are not final. Not in the balance.
    pub held_in: Amount,
    /// What of the balance is held, and may not be moved.
    pub held_out: Amount,
}

/// List the cells as they are now
#[utoipa::path(
    get, path = "/v1/cells", operation_id = "list_cells", tag = "cells",
    params(
        ("rollup" = Option<u16>, Query, maximum = 65535, description = "Only this rollup's"),
        ("asset" = Option<u16>, Query, maximum = 65535, description = "Only this asset's"),
    ),
    responses((status = 200, description = "All of them", body = Page<Cell>), Problems),
)]
pub(crate) async fn list(
    Extracted(state): Extracted<State>,
    mut query: Parameters,
) -> Result<Json<Page<Cell>>, Error> {
    let rollup = query.number("rollup")?.map(RollupId::new);
    let asset = query.number("asset")?.map(AssetId::new);
    query.finish()?;
    let cells = state.ledger().cells().await?;
    let assets = state.assets().await?;
    let wanted = cells.iter().filter(|cell| {
        rollup.is_none_or(|rollup| cell.rollup == rollup)
            && asset.is_none_or(|asset| cell.asset == asset)
    });
    Ok(Json(Page::whole(wanted.map(|cell| Cell::of(cell, &assets)).collect())))
}

impl Cell {
    pub(crate) fn of(cell: &CellPosition, assets: &Assets) -> Self {
        let amount = |atoms| assets.amount(cell.asset, atoms);
        Self {
            rollup: cell.rollup.number(),
            asset: cell.asset.number(),
            balance: amount(cell.balance),
            deposited: amount(cell.deposited),
            exited: amount(cell.exited),
            pot: amount(cell.pot),
            held_in: amount(cell.held_in),
            held_out: amount(cell.held_out),
        }
    }
}
