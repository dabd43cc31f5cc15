//! What moved from where to where: the matrix of the cluster's flows.
//!
//! **Invariant:** it counts what stands: what was evicted is in no flow. It sums lanes, of which a batch
//! has a few, and not the transfers, of which it has a thousand.

use alloy_primitives::U256;
use domain::{AssetId, BatchParts, EpochNumber, RollupId, Transfer};

use crate::column::{Columns, asset_key, epoch_key};
use crate::connection::Tx;
use crate::{Error, Ledger};

/// What moved one way of one asset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Flow {
    /// The asset.
    pub asset: AssetId,
    /// Where it came from: [`RollupId::L1`] for deposits.
    pub from: RollupId,
    /// Where it went: [`RollupId::L1`] for exits.
    pub to: RollupId,
    /// How much.
    pub atoms: U256,
    /// By how many transfers, exits or deposits.
    pub transfers: u64,
}

/// Which flows; by default all since genesis, the open epoch's included.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FlowFilter {
    /// From this epoch on.
    pub from_epoch: Option<EpochNumber>,
    /// Up to this one, itself included.
    pub to_epoch: Option<EpochNumber>,
    /// Of one asset.
    pub asset: Option<AssetId>,
}

const LANE: Columns = Columns("lane");

/// How many transfers, or exits, of a batch a lane sums up.
pub(crate) fn listed(parts: &BatchParts, (asset, destination): (AssetId, RollupId)) -> usize {
    if destination == RollupId::L1 {
        return parts.exits.iter().filter(|exit| exit.asset == asset).count();
    }
    let same = |one: &&Transfer| one.asset == asset && one.to == destination;
    parts.transfers.iter().filter(same).count()
}

impl Ledger {
    /// What moved, by asset, origin and destination. Ways that nothing took are left out.
    ///
    /// # Errors
    /// [`Error::TookTooLong`].
    pub async fn flows(&self, filter: &FlowFilter) -> Result<Vec<Flow>, Error> {
        read(&mut self.long_snapshot().await?, filter).await
    }
}

pub(crate) async fn read(tx: &mut Tx<'_>, filter: &FlowFilter) -> Result<Vec<Flow>, Error> {
    let rows = sqlx::query!(
        r#"select asset_id as "asset_id!", from_id as "from_id!", to_id as "to_id!",
            sum(atoms)::text as "atoms!", sum(transfers)::bigint as "transfers!"
        from (
            select l.asset_id, l.rollup_id as from_id, l.destination_id as to_id,
                l.atoms::numeric as atoms, l.transfer_count as transfers
            from batch b join lane l using (rollup_id, height, attempt)
            where b.epoch_number between $1 and $2 and not exists (
                select from batch_eviction x where x.reversed_block = b.block_number
            )
            union all
            select asset_id, 0, rollup_id, atoms, 1 from deposit
            where epoch_number between $1 and $2
        ) one
        where $3::integer is null or asset_id = $3
        group by asset_id, from_id, to_id order by asset_id, from_id, to_id"#,
        filter.from_epoch.map_or(1, epoch_key),
        filter.to_epoch.map_or(i64::MAX, epoch_key),
        filter.asset.map(asset_key)
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Flow {
                asset: LANE.asset(row.asset_id)?,
                from: LANE.rollup(row.from_id)?,
                to: LANE.rollup(row.to_id)?,
                atoms: LANE.sum(&row.atoms)?,
                transfers: LANE.number(row.transfers)?,
            })
        })
        .collect()
}
