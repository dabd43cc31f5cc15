//! What an epoch moves, gross and net: the saving that netting makes.
//!
//! **Invariant:** the numbers are those of [`domain::Netting`] over the epoch's operations, taken
//! from the batches' lanes alone, so that no epoch has to be replayed for a page.

use std::collections::BTreeMap;

use domain::{AssetId, Lane, NetPosition, RollupId};

/// The flow of one asset in an epoch, in atoms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct AssetFlow {
    /// The asset.
    pub(crate) asset: AssetId,
    /// What moved between rollups and to L1, transfer by transfer.
    pub(crate) gross: u128,
    /// What is left to move after netting.
    pub(crate) net: u128,
    /// The part of both that leaves to L1.
    pub(crate) exited: u128,
}

/// The flows of these lanes, per asset.
pub(crate) fn flows<'a>(lanes: impl IntoIterator<Item = (RollupId, &'a Lane)>) -> Vec<AssetFlow> {
    let mut positions = BTreeMap::<(AssetId, RollupId), NetPosition>::new();
    for (rollup, lane) in lanes {
        let atoms = lane.atoms.number();
        let from = positions.entry((lane.asset, rollup)).or_default();
        if lane.destination == RollupId::L1 {
            from.exited = from.exited.saturating_add(atoms);
            continue;
        }
        from.sent = from.sent.saturating_add(atoms);
        let to = positions.entry((lane.asset, lane.destination)).or_default();
        to.received = to.received.saturating_add(atoms);
    }
    let of_asset = |asset| {
        let own = positions.iter().filter(move |((of, _), _)| *of == asset);
        own.fold(AssetFlow { asset, gross: 0, net: 0, exited: 0 }, |flow, (_, position)| {
            let received = position.received.saturating_sub(position.sent);
            AssetFlow {
                asset,
                gross: flow.gross.saturating_add(position.sent).saturating_add(position.exited),
                net: flow.net.saturating_add(received).saturating_add(position.exited),
                exited: flow.exited.saturating_add(position.exited),
            }
        })
    };
    AssetId::all().map(of_asset).filter(|flow| flow.gross > 0).collect()
}
