//! Exits and what becomes of them: where each stands, and what a claim needs.
//!
//! **Invariant:** a path leads to the exit root with which the exit's own epoch closed its rollup,
//! the root that L1 has once that epoch settled.

use alloy_primitives::{Address, B256};
use domain::l1::L1LogId;
use domain::{Claim, EpochNumber, ExitIndex, ExitRoot, ExitTreeHistory, Height, RollupId};
use rust_decimal::Decimal;
use time::OffsetDateTime;

use crate::column::{Columns, epoch_key, lookup, rollup_key};
use crate::connection::Tx;
use crate::exit_evidence::leaves;
use crate::{BlockNumber, Error, Ledger, PageLimit, TransferId};

/// A booked exit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PostedExit {
    /// The exit as L1 pays it.
    pub claim: Claim,
    /// Its transfer.
    pub id: TransferId,
    /// The batch that listed it.
    pub height: Height,
    /// The epoch that it settles in.
    pub epoch: EpochNumber,
    /// Whether it can be claimed.
    pub status: ClaimStatus,
    /// When it was booked.
    pub posted_at: OffsetDateTime,
}

/// Whether an exit can be claimed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClaimStatus {
    /// Its epoch has not settled.
    Open,
    /// Its epoch has settled.
    Claimable,
    /// L1 has paid it.
    Paid {
        /// The log that says so.
        log: L1LogId,
    },
    /// Its batch was evicted: it will never be paid, and its number may be another exit's.
    Reversed {
        /// The block that moved it back.
        by: BlockNumber,
    },
}

/// What a claim on L1 needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClaimData {
    /// The exit.
    pub exit: PostedExit,
    /// The epoch whose exit root proves it.
    pub epoch: EpochNumber,
    /// That exit root.
    pub exit_root: ExitRoot,
    /// The siblings from the exit's leaf to the root, bottom up.
    pub path: Vec<B256>,
}

/// Which exits to list; by default all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ExitFilter {
    /// Of one rollup.
    pub rollup: Option<RollupId>,
    /// To one L1 account.
    pub recipient: Option<Address>,
    /// Of one epoch.
    pub epoch: Option<EpochNumber>,
}

struct Row {
    rollup_id: i32,
    exit_index: i64,
    height: i64,
    block_number: i64,
    position: i32,
    epoch_number: i64,
    asset_id: i32,
    recipient: Vec<u8>,
    atoms: Decimal,
    settled: bool,
    tx_hash: Option<Vec<u8>>,
    log_index: Option<i64>,
    reversed_by: Option<i64>,
    posted_at: OffsetDateTime,
}

const TABLE: Columns = Columns("exit");

impl PostedExit {
    /// Whether its batch was not evicted.
    #[must_use]
    pub fn stands(&self) -> bool {
        !matches!(self.status, ClaimStatus::Reversed { .. })
    }
}

impl Ledger {
    /// Exits, reversed ones too, newest first, from before one on.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn exits(
        &self,
        filter: &ExitFilter,
        before: Option<TransferId>,
        limit: PageLimit,
    ) -> Result<Vec<PostedExit>, Error> {
        let (block, position) = before.map_or((i64::MAX, 0), |id| {
            (lookup(id.block.number()), i32::try_from(id.position).unwrap_or(i32::MAX))
        });
        let recipient = filter.recipient.map(|recipient| recipient.to_vec());
        let rows = sqlx::query_as!(
            Row,
            r#"select e.rollup_id, e.exit_index, e.height, e.block_number, e.position,
                e.epoch_number, e.asset_id, e.recipient, e.atoms, exists (
                    select from standing_settlement s where s.epoch_number = e.epoch_number
                ) as "settled!", c.tx_hash as "tx_hash?", c.log_index as "log_index?", posted_at,
                x.block_number as "reversed_by?"
            from exit e join journal_block using (block_number)
            left join claim c on (c.rollup_id, c.exit_index, c.exit_attempt)
                = (e.rollup_id, e.exit_index, e.attempt)
            left join batch_eviction x on x.reversed_block = e.block_number
            where ($1::integer is null or e.rollup_id = $1)
                and ($2::bytea is null or e.recipient = $2)
                and ($3::bigint is null or e.epoch_number = $3)
                and (e.block_number, e.position) < ($4, $5)
            order by e.block_number desc, e.position desc limit $6"#,
            filter.rollup.map(rollup_key),
            recipient,
            filter.epoch.map(epoch_key),
            block,
            position,
            limit.rows()
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter().map(posted).collect()
    }

    /// Exits that L1 would pay now, oldest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn claimable(&self, limit: PageLimit) -> Result<Vec<PostedExit>, Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"select e.rollup_id, e.exit_index, e.height, e.block_number, e.position,
                e.epoch_number, e.asset_id, e.recipient, e.atoms, true as "settled!",
                null::bytea as "tx_hash?", null::bigint as "log_index?", posted_at,
                null::bigint as "reversed_by?"
            from exit e join journal_block using (block_number)
            where not exists (
                select from claim c where c.rollup_id = e.rollup_id and c.exit_index = e.exit_index
            ) and not exists (
                select from batch_eviction x where x.reversed_block = e.block_number
            ) and e.epoch_number in (select epoch_number from standing_settlement)
            order by e.block_number, e.position limit $1"#,
            limit.rows()
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter().map(posted).collect()
    }

    /// One exit: the one that stands under its number, or the last that was reversed.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn exit(
        &self,
        rollup: RollupId,
        index: ExitIndex,
    ) -> Result<Option<PostedExit>, Error> {
        let mut tx = self.key_snapshot().await?;
        read(&mut tx, rollup, index).await
    }

    /// What claiming an exit needs; `None` when no such exit stands or its epoch is not sealed, so that
    /// the root may still change.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the exits do not make up the recorded root.
    pub async fn claim_data(
        &self,
        rollup: RollupId,
        index: ExitIndex,
    ) -> Result<Option<ClaimData>, Error> {
        let mut tx = self.snapshot().await?;
        let Some(exit) = read(&mut tx, rollup, index).await? else { return Ok(None) };
        if matches!(exit.status, ClaimStatus::Reversed { .. }) {
            return Ok(None);
        }
        let root = sqlx::query_scalar!(
            "select exit_root from epoch_rollup where epoch_number = $1 and rollup_id = $2",
            epoch_key(exit.epoch),
            rollup_key(rollup)
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(root) = root else { return Ok(None) };
        let exit_root = Columns("epoch_rollup").exit_root(&root)?;
        let leaves = leaves(&mut tx, rollup, exit.epoch).await?;
        let path = ExitTreeHistory::new(leaves).path(index).ok_or_else(|| TABLE.corrupt())?;
        if !exit.claim.proven_by(&path, exit_root) {
            return Err(TABLE.corrupt());
        }
        Ok(Some(ClaimData { exit, epoch: exit.epoch, exit_root, path }))
    }
}

pub(crate) async fn read(
    tx: &mut Tx<'_>,
    rollup: RollupId,
    index: ExitIndex,
) -> Result<Option<PostedExit>, Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select e.rollup_id, e.exit_index, e.height, e.block_number, e.position,
            e.epoch_number, e.asset_id, e.recipient, e.atoms, exists (
                select from standing_settlement s where s.epoch_number = e.epoch_number
            ) as "settled!", c.tx_hash as "tx_hash?", c.log_index as "log_index?", posted_at,
            x.block_number as "reversed_by?"
        from exit e join journal_block using (block_number)
        left join claim c on (c.rollup_id, c.exit_index, c.exit_attempt)
            = (e.rollup_id, e.exit_index, e.attempt)
        left join batch_eviction x on x.reversed_block = e.block_number
        where e.rollup_id = $1 and e.exit_index = $2 order by e.attempt desc limit 1"#,
        rollup_key(rollup),
        i64::from(index.number())
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(posted).transpose()
}

fn posted(row: Row) -> Result<PostedExit, Error> {
    let status = match (row.tx_hash, row.log_index) {
        _ if let Some(by) = row.reversed_by => ClaimStatus::Reversed { by: TABLE.block(by)? },
        (Some(tx_hash), Some(index)) => ClaimStatus::Paid { log: TABLE.log(&tx_hash, index)? },
        _ if row.settled => ClaimStatus::Claimable,
        _ => ClaimStatus::Open,
    };
    Ok(PostedExit {
        claim: Claim {
            rollup: TABLE.rollup(row.rollup_id)?,
            index: TABLE.exit_index(row.exit_index)?,
            asset: TABLE.asset(row.asset_id)?,
            recipient: TABLE.address(&row.recipient)?,
            atoms: TABLE.atoms(row.atoms)?,
        },
        id: TransferId {
            block: TABLE.block(row.block_number)?,
            position: TABLE.small(row.position)?,
        },
        height: TABLE.height(row.height)?,
        epoch: TABLE.epoch(row.epoch_number)?,
        status,
        posted_at: row.posted_at,
    })
}
