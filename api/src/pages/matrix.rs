//! The cells as a matrix, rollup × asset, with the sums under it that account for all of it.

use alloy_primitives::U256;
use domain::{AssetId, Atoms};
use ledger::{CellPosition, Rollup, TrialBalanceLine};

use super::{
    figure::{Figure, significant_decimals, thousandths},
    names::{Names, shorten},
};
use crate::{money::Assets, trial_balance::is_balanced};

/// The matrix.
pub(super) struct Matrix {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
}

/// An asset, with the sums under its cells.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) token: String,
    pub(super) native: bool,
    pub(super) cells: Figure,
    pub(super) pots: Figure,
    pub(super) custody: Figure,
    pub(super) balanced: bool,
}

/// A rollup.
pub(super) struct Row {
    pub(super) id: u16,
    pub(super) name: String,
    pub(super) batches: u64,
    pub(super) exits: u64,
    pub(super) cells: Vec<CellView>,
}

/// What a rollup holds of an asset.
pub(super) struct CellView {
    /// The asset's name.
    pub(super) asset: String,
    pub(super) balance: Figure,
    /// Its part of all cells of the asset, in thousandths.
    pub(super) share: u16,
    /// Deposited in the open epoch, if anything was.
    pub(super) deposited: Option<Figure>,
    /// Exited in the open epoch, if anything was.
    pub(super) exited: Option<Figure>,
    /// On its way from L1, if anything is.
    pub(super) held_in: Option<Figure>,
}

impl Matrix {
    pub(super) fn of(
        rollups: &[Rollup],
        cells: &[CellPosition],
        trial_balance: &[TrialBalanceLine],
        assets: &Assets,
        names: &Names<'_>,
    ) -> Self {
        let columns = assets.all().map(|asset| {
            let line = trial_balance.iter().find(|line| line.asset == asset.id());
            Self::column(asset, line, cells, assets, names)
        });
        let rows = rollups.iter().map(|rollup| Row {
            id: rollup.rollup.number(),
            name: names.rollup(rollup.rollup),
            batches: rollup.next_height.number(),
            exits: rollup.exits,
            cells: assets
                .all()
                .map(|asset| {
                    let own = |cell: &&CellPosition| {
                        cell.rollup == rollup.rollup && cell.asset == asset.id()
                    };
                    let width = width_of(asset.id(), cells, trial_balance, assets);
                    CellView::of(asset, cells.iter().find(own), cells, width, assets, names)
                })
                .collect(),
        });
        Self { rows: rows.collect(), columns: columns.collect() }
    }

    fn column(
        asset: &domain::Asset,
        line: Option<&TrialBalanceLine>,
        cells: &[CellPosition],
        assets: &Assets,
        names: &Names<'_>,
    ) -> Column {
        let id = asset.id();
        let width = width_of(id, cells, line.map_or(&[], std::slice::from_ref), assets);
        let figure = |atoms: Option<U256>| {
            Figure::new(&assets.sum(id, atoms.unwrap_or(U256::ZERO)).amount, width)
        };
        Column {
            name: names.asset(asset),
            token: shorten(&asset.token().to_string()),
            native: asset.token().is_zero(),
            cells: figure(line.map(|line| line.cells)),
            pots: figure(line.map(|line| line.pots)),
            custody: figure(line.map(|line| line.custody)),
            balanced: line.is_none_or(is_balanced),
        }
    }
}

impl CellView {
    fn of(
        asset: &domain::Asset,
        cell: Option<&CellPosition>,
        cells: &[CellPosition],
        width: usize,
        assets: &Assets,
        names: &Names<'_>,
    ) -> Self {
        let id = asset.id();
        let text = |atoms: Atoms| assets.amount(id, atoms).amount;
        let flow = |atoms: Atoms| (!atoms.is_zero()).then(|| Figure::alone(&text(atoms)));
        let held = |cell: &CellPosition| cell.balance.number();
        let all = cells.iter().filter(|cell| cell.asset == id).map(held);
        let sum = all.fold(0_u128, u128::saturating_add);
        Self {
            asset: names.asset(asset),
            balance: Figure::new(&text(cell.map_or(Atoms::ZERO, |cell| cell.balance)), width),
            share: thousandths(cell.map_or(0, held), sum),
            deposited: cell.and_then(|cell| flow(cell.deposited)),
            exited: cell.and_then(|cell| flow(cell.exited)),
            held_in: cell.and_then(|cell| flow(cell.held_in)),
        }
    }
}

/// Decimals that an asset's column needs, at least two.
fn width_of(
    asset: AssetId,
    cells: &[CellPosition],
    trial_balance: &[TrialBalanceLine],
    assets: &Assets,
) -> usize {
    let balances = cells.iter().filter(|cell| cell.asset == asset);
    let balances = balances.map(|cell| U256::from(cell.balance.number()));
    let sums = trial_balance.iter().filter(|line| line.asset == asset);
    let sums = sums.flat_map(|line| [line.cells, line.pots, line.custody]);
    let widths =
        balances.chain(sums).map(|atoms| significant_decimals(&assets.sum(asset, atoms).amount));
    widths.max().unwrap_or(0).max(2).min(usize::from(assets.decimals(asset)))
}
