//! What moved between rollups, drawn: an origin on the left, a destination on the right, and between
//! them a ribbon as wide as what moved.
//!
//! **Invariant:** a picture is of one asset, its widths are to one scale, and everything that it shows
//! stands in a table beside it. Lengths are in tenths of a pixel, whole numbers.

use alloy_primitives::U256;
use domain::{AssetId, RollupId};
use ledger::Flow;

use super::{money::Money, names::Names};
use crate::money::Assets;

/// The picture of one asset.
pub(super) struct Ribbons {
    pub(super) asset: String,
    pub(super) total: Money,
    pub(super) transfers: u64,
    pub(super) height: u64,
    pub(super) origins: Vec<End>,
    pub(super) destinations: Vec<End>,
    pub(super) ways: Vec<Ribbon>,
}

/// An origin or a destination.
pub(super) struct End {
    pub(super) name: String,
    /// Its colour: a CSS class.
    pub(super) hue: u16,
    pub(super) y: u64,
    pub(super) height: u64,
    /// Where its name stands.
    pub(super) middle: u64,
    rollup: RollupId,
    /// Where its next ribbon begins.
    next: u64,
}

/// What moved one way.
pub(super) struct Ribbon {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) hue: u16,
    pub(super) path: String,
    pub(super) amount: Money,
    pub(super) transfers: u64,
}

/// A picture for each asset that moved.
pub(super) fn ribbons(flows: &[Flow], assets: &Assets, names: &Names<'_>) -> Vec<Ribbons> {
    let of_asset = |asset: AssetId| {
        let flows = flows.iter().filter(|flow| flow.asset == asset && !flow.atoms.is_zero());
        draw(asset, &flows.collect::<Vec<_>>(), assets, names)
    };
    assets.all().filter_map(|asset| of_asset(asset.id())).collect()
}

fn draw(asset: AssetId, flows: &[&Flow], assets: &Assets, names: &Names<'_>) -> Option<Ribbons> {
    let total = flows.iter().fold(U256::ZERO, |sum, flow| sum.saturating_add(flow.atoms));
    let mut origins = ends(flows, |flow| flow.from, total, names);
    let mut destinations = ends(flows, |flow| flow.to, total, names);
    let mut ribbons = Vec::with_capacity(flows.len());
    for flow in flows {
        let width = length(flow.atoms, total);
        let from = origins.iter_mut().find(|end| end.rollup == flow.from)?;
        let to = destinations.iter_mut().find(|end| end.rollup == flow.to)?;
        ribbons.push(Ribbon {
            from: from.name.clone(),
            to: to.name.clone(),
            hue: from.hue,
            path: path(from.next, to.next, width),
            amount: Money::sum(asset, flow.atoms, assets, names),
            transfers: flow.transfers,
        });
        from.next = from.next.saturating_add(width);
        to.next = to.next.saturating_add(width);
    }
    let bottom = |ends: &[End]| ends.last().map_or(0, |end| end.y.saturating_add(room(end.height)));
    let first = flows.first()?;
    Some(Ribbons {
        asset: super::money::unit(first.asset, assets, names),
        total: Money::sum(asset, total, assets, names),
        transfers: flows.iter().fold(0, |sum, flow| sum.saturating_add(flow.transfers)),
        height: bottom(&origins).max(bottom(&destinations)),
        origins,
        destinations,
        ways: ribbons,
    })
}

/// One side, from top to bottom.
fn ends(
    flows: &[&Flow],
    of: impl Fn(&Flow) -> RollupId,
    total: U256,
    names: &Names<'_>,
) -> Vec<End> {
    let mut rollups: Vec<RollupId> = flows.iter().map(|flow| of(flow)).collect();
    rollups.sort_unstable();
    rollups.dedup();
    let mut y = 0_u64;
    let end = |rollup: RollupId| {
        let own = flows.iter().filter(|flow| of(flow) == rollup);
        // The sum of what its ribbons are wide, which are each rounded.
        let height = own.fold(0_u64, |sum, flow| sum.saturating_add(length(flow.atoms, total)));
        let end = End {
            name: names.rollup(rollup),
            hue: hue(rollup),
            y,
            height,
            middle: y.saturating_add(height / 2),
            rollup,
            next: y,
        };
        y = y.saturating_add(room(height)).saturating_add(GAP);
        end
    };
    rollups.into_iter().map(end).collect()
}

/// The colour of a rollup; L1 has its own.
pub(super) fn hue(rollup: RollupId) -> u16 {
    rollup.number().checked_sub(1).map_or(0, |slot| (slot % HUES).saturating_add(1))
}

/// How wide a ribbon is; never invisible.
fn length(atoms: U256, total: U256) -> u64 {
    let scaled = atoms.saturating_mul(U256::from(HEIGHT)).checked_div(total);
    scaled.and_then(|length| u64::try_from(length).ok()).unwrap_or(0).max(THINNEST)
}

/// What an end takes: a name fits beside it.
fn room(height: u64) -> u64 {
    height.max(LINE)
}

fn path(from: u64, to: u64, width: u64) -> String {
    let (from_end, to_end) = (from.saturating_add(width), to.saturating_add(width));
    format!(
        "M{LEFT} {from}C{MIDDLE} {from} {MIDDLE} {to} {RIGHT} {to}V{to_end}C{MIDDLE} {to_end} \
         {MIDDLE} {from_end} {LEFT} {from_end}Z"
    )
}

/// What everything that moved is wide.
const HEIGHT: u64 = 1_500;
const THINNEST: u64 = 12;
const LINE: u64 = 150;
const GAP: u64 = 60;
/// Where ribbons begin, bend and end, across a picture that is 3,600 wide.
const LEFT: u64 = 900;
const MIDDLE: u64 = 1_800;
const RIGHT: u64 = 2_700;
const HUES: u16 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// Widths are to one scale, the thinnest shows, and ribbons of an end do not overlap.
    #[test]
    fn ribbons_are_to_scale() {
        let total = U256::from(1_000);
        assert_eq!(length(U256::from(500), total), HEIGHT / 2);
        assert_eq!(length(U256::from(1), U256::from(1_000_000)), THINNEST);
        let flow = |from: u16, to: u16, atoms: u64| Flow {
            asset: AssetId::new(1),
            from: RollupId::new(from),
            to: RollupId::new(to),
            atoms: U256::from(atoms),
            transfers: 1,
        };
        let flows = [flow(0, 1, 500), flow(1, 2, 300), flow(1, 0, 200)];
        let flows = flows.iter().collect::<Vec<_>>();
        let settings = crate::Settings::default();
        let drawn =
            draw(AssetId::new(1), &flows, &Assets::default(), &Names::new(&settings)).unwrap();
        assert_eq!((drawn.origins.len(), drawn.destinations.len()), (2, 3));
        for end in drawn.origins.iter().chain(&drawn.destinations) {
            assert_eq!(end.next, end.y.saturating_add(end.height), "{}", end.name);
        }
        assert!(drawn.ways.iter().any(|ribbon| ribbon.path.starts_with("M900 810C")));
        assert_eq!([hue(RollupId::L1), hue(RollupId::new(1)), hue(RollupId::new(9))], [0, 1, 1]);
    }
}
