//! An amount over the epochs, drawn as a line.
//!
//! **Invariant:** the lowest and the highest value are written beside the line, which runs between them,
//! and every value stands in a table below it.

use domain::{AssetId, Atoms};

use super::{money::Money, names::Names};
use crate::money::Assets;

/// The line of one asset.
pub(super) struct Chart {
    pub(super) asset: String,
    pub(super) now: Money,
    pub(super) high: Money,
    pub(super) low: Money,
    /// Points of the line, 1,000 wide and 200 high.
    pub(super) line: String,
    /// The line closed at the bottom.
    pub(super) area: String,
    pub(super) first: String,
    pub(super) values: Vec<(String, Money)>,
}

impl Chart {
    /// Values by their epochs, the last one of now.
    pub(super) fn of(
        asset: AssetId,
        values: &[(String, Atoms)],
        assets: &Assets,
        names: &Names<'_>,
    ) -> Option<Self> {
        let money = |atoms| Money::of(asset, atoms, assets, names);
        let numbers = || values.iter().map(|(_, atoms)| *atoms);
        let (low, high) = (numbers().min()?, numbers().max()?);
        let line = points(&numbers().map(Atoms::number).collect::<Vec<_>>());
        Some(Self {
            asset: super::money::unit(asset, assets, names),
            now: money(numbers().next_back()?),
            high: money(high),
            low: money(low),
            area: format!("0,200 {line} 1000,200"),
            line,
            first: values.first()?.0.clone(),
            values: values.iter().map(|(epoch, atoms)| (epoch.clone(), money(*atoms))).collect(),
        })
    }
}

/// From left to right, higher values higher up; a single value is a line across.
pub(super) fn points(values: &[u128]) -> String {
    let (low, high) =
        (values.iter().min().copied().unwrap_or(0), values.iter().max().copied().unwrap_or(0));
    let height = |value: u128| {
        let above = value.saturating_sub(low).saturating_mul(TALL);
        let above = above.checked_div(high.saturating_sub(low)).unwrap_or(TALL / 2);
        BOTTOM.saturating_sub(above)
    };
    if let [only] = values {
        return format!("0,{y} {WIDE},{y}", y = height(*only));
    }
    let last = u128::try_from(values.len()).unwrap_or(u128::MAX).saturating_sub(1);
    let place = |(position, value): (u128, &u128)| {
        let x = position.saturating_mul(WIDE).checked_div(last).unwrap_or(0);
        format!("{x},{}", height(*value))
    };
    (0_u128..).zip(values).map(place).collect::<Vec<_>>().join(" ")
}

const WIDE: u128 = 1_000;
const TALL: u128 = 170;
const BOTTOM: u128 = 185;

#[cfg(test)]
mod tests {
    use super::*;

    /// The line runs from edge to edge and between the lowest and the highest value.
    #[test]
    fn lines_run_between_their_values() {
        assert_eq!(points(&[5, 10, 0]), "0,100 500,15 1000,185");
        assert_eq!(points(&[7]), "0,100 1000,100");
        assert_eq!(points(&[7, 7]), "0,100 1000,100");
        assert_eq!(points(&[]), "");
    }
}
