//! What settling costs: the gas and the fee that L1 took, what was settled for it, and the time of proving.
//!
//! **Invariant:** what was not recorded is `None`, never zero, and a sum says of how many epochs it is. What an
//! epoch settled comes from what its seal counted and from where its rollups' exit trees ended: nothing here
//! reads batch by batch, but for what moved before netting.

use std::collections::BTreeMap;
use std::time::Duration;

use alloy_primitives::U256;
use domain::EpochNumber;
use time::OffsetDateTime;

use crate::column::{Columns, epoch_key};
use crate::connection::Tx;
use crate::epochs::settlement_fee;
use crate::{Error, Flow, Ledger, PageLimit, SettlementFee};

/// What settling an epoch cost.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EpochCost {
    /// The epoch.
    pub epoch: EpochNumber,
    /// When its settlement was recorded.
    pub settled_at: OffsetDateTime,
    /// The l1_tx.
    pub tx_hash: alloy_primitives::B256,
    /// The gas that it used.
    pub gas_used: u64,
    /// Who paid what for it; `None` if that was not recorded.
    pub fee: Option<SettlementFee>,
    /// Batches that it settled.
    pub batches: u64,
    /// Transfers between rollups that it settled.
    pub transfers: u64,
    /// Exits that it settled.
    pub exits: u64,
    /// How long folding and both proofs took; `None` unless every step and the settlement proof are recorded.
    pub proving: Option<Duration>,
    /// What moved in it between rollups and to L1, before netting.
    pub moved: Vec<Flow>,
}

/// The costs of some epochs together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CostSums {
    /// How many settled epochs.
    pub epochs: u64,
    /// Of how many of them the fee is recorded.
    pub epochs_with_fee: u64,
    /// Of how many of them the time of proving is recorded.
    pub epochs_with_proving: u64,
    /// The gas of all of them.
    pub gas_used: u64,
    /// The fees that are recorded, in wei.
    pub fee: U256,
    /// The time of proving that is recorded.
    pub proving: Duration,
    /// Batches of all of them.
    pub batches: u64,
    /// Transfers between rollups of all of them.
    pub transfers: u64,
    /// Exits of all of them.
    pub exits: u64,
}

/// Which epochs' costs; by default those of all that L1 has settled.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CostFilter {
    /// From this epoch on.
    pub from_epoch: Option<EpochNumber>,
    /// Up to this one, itself included.
    pub to_epoch: Option<EpochNumber>,
}

const TABLE: Columns = Columns("epoch_settlement");
const LANE: Columns = Columns("lane");

impl CostFilter {
    fn range(&self) -> (i64, i64) {
        (self.from_epoch.map_or(1, epoch_key), self.to_epoch.map_or(i64::MAX, epoch_key))
    }
}

impl Ledger {
    /// What settling cost, epoch by epoch, newest first, from before one on.
    ///
    /// # Errors
    /// [`Error::TookTooLong`].
    pub async fn costs(
        &self,
        filter: &CostFilter,
        before: Option<EpochNumber>,
        limit: PageLimit,
    ) -> Result<Vec<EpochCost>, Error> {
        let (from, to) = filter.range();
        let to = before.map_or(to, |before| to.min(epoch_key(before).saturating_sub(1)));
        let mut tx = self.long_snapshot().await?;
        let rows = rows(&mut tx, from, to, limit).await?;
        let numbers: Vec<i64> = rows.iter().map(|row| row.epoch_number).collect();
        let mut moved = moved(&mut tx, &numbers).await?;
        rows.into_iter()
            .map(|row| {
                let moved = moved.remove(&row.epoch_number).unwrap_or_default();
                row.cost(moved)
            })
            .collect()
    }

    /// The same of all of them together.
    ///
    /// # Errors
    /// [`Error::TookTooLong`].
    pub async fn cost_sums(&self, filter: &CostFilter) -> Result<CostSums, Error> {
        let (from, to) = filter.range();
        let mut tx = self.long_snapshot().await?;
        let row = sqlx::query!(
            r#"select count(*) as "epochs!", count(gas_price) as "with_fee!",
                count(took_ms) as "with_proving!",
                coalesce(sum(gas_used), 0)::bigint as "gas_used!",
                coalesce(sum(gas_used::numeric * gas_price), 0)::text as "fee!",
                coalesce(sum(took_ms), 0)::bigint as "took_ms!",
                coalesce(sum(batch_count), 0)::bigint as "batches!",
                coalesce(sum(listed), 0)::bigint as "listed!",
                min(epoch_number) as first, max(epoch_number) as last
            from epoch_cost where epoch_number between $1 and $2"#,
            from,
            to
        )
        .fetch_one(&mut *tx)
        .await?;
        let exits = match row.first.zip(row.last) {
            Some((first, last)) => {
                let ends = exits_ever(&mut tx, &[last, first.saturating_sub(1)]).await?;
                let of = |epoch: i64| ends.get(&epoch).copied().unwrap_or(0);
                of(last).saturating_sub(of(first.saturating_sub(1)))
            }
            None => 0,
        };
        Ok(CostSums {
            epochs: TABLE.number(row.epochs)?,
            epochs_with_fee: TABLE.number(row.with_fee)?,
            epochs_with_proving: TABLE.number(row.with_proving)?,
            gas_used: TABLE.number(row.gas_used)?,
            fee: TABLE.sum(&row.fee)?,
            proving: Duration::from_millis(TABLE.number(row.took_ms)?),
            batches: TABLE.number(row.batches)?,
            transfers: TABLE.number(row.listed.saturating_sub(exits))?,
            exits: TABLE.number(exits)?,
        })
    }
}

struct Row {
    epoch_number: i64,
    recorded_at: OffsetDateTime,
    tx_hash: Vec<u8>,
    gas_used: i64,
    payer: Option<Vec<u8>>,
    gas_price: Option<i64>,
    batch_count: i64,
    /// Transfers and exits that its batches list.
    listed: i64,
    exits: i64,
    took_ms: Option<i64>,
}

impl Row {
    fn cost(self, moved: Vec<Flow>) -> Result<EpochCost, Error> {
        let took = self.took_ms.map(|took| TABLE.number(took)).transpose()?;
        Ok(EpochCost {
            epoch: TABLE.epoch(self.epoch_number)?,
            settled_at: self.recorded_at,
            tx_hash: TABLE.b256(&self.tx_hash)?,
            gas_used: TABLE.number(self.gas_used)?,
            fee: settlement_fee(self.payer.as_deref(), self.gas_price)?,
            batches: TABLE.number(self.batch_count)?,
            transfers: TABLE.number(self.listed.saturating_sub(self.exits))?,
            exits: TABLE.number(self.exits)?,
            proving: took.map(Duration::from_millis),
            moved,
        })
    }
}

async fn rows(tx: &mut Tx<'_>, from: i64, to: i64, limit: PageLimit) -> Result<Vec<Row>, Error> {
    let mut rows = sqlx::query_as!(
        Row,
        r#"select epoch_number as "epoch_number!", recorded_at as "recorded_at!",
            tx_hash as "tx_hash!", gas_used as "gas_used!", payer, gas_price,
            batch_count as "batch_count!", listed as "listed!", 0::bigint as "exits!", took_ms
        from epoch_cost where epoch_number between $1 and $2
        order by epoch_number desc limit $3"#,
        from,
        to,
        limit.rows()
    )
    .fetch_all(&mut **tx)
    .await?;
    let ends = rows.iter().flat_map(|row| [row.epoch_number, row.epoch_number.saturating_sub(1)]);
    let ends = exits_ever(tx, &ends.collect::<Vec<_>>()).await?;
    let of = |epoch: i64| ends.get(&epoch).copied().unwrap_or(0);
    for row in &mut rows {
        let before = of(row.epoch_number.saturating_sub(1));
        row.exits = of(row.epoch_number).saturating_sub(before);
    }
    Ok(rows)
}

/// How many exits there were in all when each of these epochs was sealed: where the exit trees ended.
async fn exits_ever(tx: &mut Tx<'_>, epochs: &[i64]) -> Result<BTreeMap<i64, i64>, Error> {
    let rows = sqlx::query!(
        r#"select r.epoch_number, sum(last.exits_after)::bigint as "exits!"
        from epoch_rollup r
        join lateral (
            select exits_after from batch b
            where b.rollup_id = r.rollup_id and b.height = r.next_height - 1 and not exists (
                select from batch_eviction x where x.reversed_block = b.block_number
            )
        ) last on true
        where r.epoch_number = any($1) group by r.epoch_number"#,
        epochs
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.epoch_number, row.exits)).collect())
}

/// What moved in each of these epochs, from its batches' lanes. What was evicted does not count.
async fn moved(tx: &mut Tx<'_>, epochs: &[i64]) -> Result<BTreeMap<i64, Vec<Flow>>, Error> {
    let rows = sqlx::query!(
        r#"select b.epoch_number, l.asset_id, l.rollup_id, l.destination_id,
            sum(l.atoms::numeric)::text as "atoms!", sum(l.transfer_count)::bigint as "transfers!"
        from batch b join lane l using (rollup_id, height, attempt)
        where b.epoch_number = any($1) and not exists (
            select from batch_eviction x where x.reversed_block = b.block_number
        )
        group by b.epoch_number, l.asset_id, l.rollup_id, l.destination_id"#,
        epochs
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut moved = BTreeMap::<i64, Vec<Flow>>::new();
    for row in rows {
        moved.entry(row.epoch_number).or_default().push(Flow {
            asset: LANE.asset(row.asset_id)?,
            from: LANE.rollup(row.rollup_id)?,
            to: LANE.rollup(row.destination_id)?,
            atoms: LANE.sum(&row.atoms)?,
            transfers: LANE.number(row.transfers)?,
        });
    }
    Ok(moved)
}
