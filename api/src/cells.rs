//! `/v1/cells`: what every rollup holds of every asset.

use axum::{Json, extract::State as Extracted};
use domain::{AssetId, RollupId};
use ledger::{AsOf, CellAt, CellPosition};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    State,
    as_of::{self, AS_OF},
    error::{Error, Problems, Unreached},
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
    /// On its way to the cell: deposits that L1 shows and that are not final. Not in the balance. Of now
    /// alone.
    pub held_in: Option<Amount>,
    /// What of the balance is held, and may not be moved. Of now alone.
    pub held_out: Option<Amount>,
}

/// List the cells as they are, or were
#[utoipa::path(
    get, path = "/v1/cells", operation_id = "list_cells", tag = "cells",
    params(
        ("rollup" = Option<u16>, Query, maximum = 65535, description = "Only this rollup's"),
        ("asset" = Option<u16>, Query, maximum = 65535, description = "Only this asset's"),
        ("as_of" = Option<String>, Query, description = AS_OF),
    ),
    responses((status = 200, description = "All of them", body = Page<Cell>), Problems, Unreached),
)]
pub(crate) async fn list(
    Extracted(state): Extracted<State>,
    mut query: Parameters,
) -> Result<Json<Page<Cell>>, Error> {
    let rollup = query.number("rollup")?.map(RollupId::new);
    let asset = query.number("asset")?.map(AssetId::new);
    let as_of = as_of::take(&mut query)?;
    query.finish()?;
    let assets = state.assets().await?;
    // What a rollup decides by is of now.
    let cells: Vec<Cell> = if as_of == AsOf::Now {
        let cells = state.ledger().cells().await?;
        cells.iter().map(|cell| Cell::of(cell, &assets)).collect()
    } else {
        let cells = state.reads_at(as_of).await?.cells_at(as_of).await?.cells;
        cells.iter().map(|cell| Cell::of_then(cell, &assets)).collect()
    };
    let wanted = cells.into_iter().filter(|cell| {
        rollup.is_none_or(|rollup| cell.rollup == rollup.number())
            && asset.is_none_or(|asset| cell.asset == asset.number())
    });
    Ok(Json(Page::whole(wanted.collect())))
}

impl Cell {
    /// Of the past, which knows of no holds.
    fn of_then(cell: &CellAt, assets: &Assets) -> Self {
        let amount = |atoms| assets.amount(cell.asset, atoms);
        Self {
            rollup: cell.rollup.number(),
            asset: cell.asset.number(),
            balance: amount(cell.balance),
            deposited: amount(cell.deposited),
            exited: amount(cell.exited),
            pot: amount(cell.pot),
            held_in: None,
            held_out: None,
        }
    }

    pub(crate) fn of(cell: &CellPosition, assets: &Assets) -> Self {
        let CellPosition { rollup, asset, balance, deposited, exited, pot, .. } = *cell;
        let then = CellAt { rollup, asset, balance, deposited, exited, pot };
        Self {
            held_in: Some(assets.amount(asset, cell.held_in)),
            held_out: Some(assets.amount(asset, cell.held_out)),
            ..Self::of_then(&then, assets)
        }
    }
}
