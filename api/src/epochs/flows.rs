//! What an epoch moves, gross and net: the saving that netting makes.
//!
//! **Invariant:** the numbers are those of [`domain::Netting`] over the epoch's operations, taken
//! from the sums of its batches' lanes alone, so that no epoch has to be replayed for a page.

use std::collections::BTreeMap;

use domain::{AssetId, NetPosition, RollupId};
use ledger::Flow;

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

/// The flows of what moved, per asset. Deposits are no part of netting.
pub(crate) fn flows(moved: &[Flow]) -> Vec<AssetFlow> {
    let mut positions = BTreeMap::<(AssetId, RollupId), NetPosition>::new();
    for one in moved.iter().filter(|one| one.from != RollupId::L1) {
        // An epoch's batches are far too few for more than 128 bits of their atoms.
        let atoms = u128::try_from(one.atoms).unwrap_or(u128::MAX);
        let from = positions.entry((one.asset, one.from)).or_default();
        if one.to == RollupId::L1 {
            from.exited = from.exited.saturating_add(atoms);
            continue;
        }
        from.sent = from.sent.saturating_add(atoms);
        let to = positions.entry((one.asset, one.to)).or_default();
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
