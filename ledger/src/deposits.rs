//! Deposits as readers see them: from the moment when L1 shows them, if they are held then.
//!
//! **Invariant:** a deposit keeps its place in the list when it is posted or released.

use alloy_primitives::Address;
use domain::l1::{L1Block, L1LogId};
use domain::{AssetId, Atoms, EpochNumber, RollupId};
use rust_decimal::Decimal;
use time::OffsetDateTime;

use crate::column::{Columns, epoch_key, lookup, rollup_key};
use crate::{BlockNumber, Error, Ledger, PageLimit, ReleaseReason};

/// A deposit, and how far it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Deposit {
    /// Its place in the list: the block that held it, or booked it if it was never held.
    pub place: BlockNumber,
    /// The credited cell's rollup.
    pub rollup: RollupId,
    /// The credited cell's asset.
    pub asset: AssetId,
    /// Who deposited.
    pub depositor: Address,
    /// How much.
    pub atoms: Atoms,
    /// The log that says so.
    pub log: L1LogId,
    /// Its L1 block.
    pub l1_block: L1Block,
    /// Since when it is, or was, held; `None` if it never was.
    pub held_at: Option<OffsetDateTime>,
    /// How far it is.
    pub status: DepositStatus,
}

/// How far a deposit is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DepositStatus {
    /// L1 shows it, in a block that is not final enough.
    Held,
    /// It is in its cell.
    Posted {
        /// The block that booked it.
        block: BlockNumber,
        /// The epoch in which it was booked.
        epoch: EpochNumber,
        /// When it was booked.
        posted_at: OffsetDateTime,
    },
    /// Its L1 block was dropped. If L1 shows it again, that is another entry of the list.
    Released {
        /// The block that releases it.
        block: BlockNumber,
        /// Why.
        reason: ReleaseReason,
        /// When it was released.
        released_at: OffsetDateTime,
    },
}

/// Which deposits to list; by default all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DepositFilter {
    /// Of one rollup.
    pub rollup: Option<RollupId>,
    /// Booked in one epoch.
    pub epoch: Option<EpochNumber>,
}

struct DepositRow {
    place: i64,
    rollup_id: i32,
    asset_id: i32,
    depositor: Vec<u8>,
    atoms: Decimal,
    tx_hash: Vec<u8>,
    log_index: i64,
    l1_block_number: i64,
    l1_block_hash: Vec<u8>,
    held_at: Option<OffsetDateTime>,
    end_block: Option<i64>,
    end_epoch: Option<i64>,
    ended_at: Option<OffsetDateTime>,
    reason: Option<i16>,
}

const TABLE: Columns = Columns("deposit");

impl Ledger {
    /// Deposits, newest first, from before a place on.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn deposits(
        &self,
        filter: &DepositFilter,
        before: Option<BlockNumber>,
        limit: PageLimit,
    ) -> Result<Vec<Deposit>, Error> {
        let rows = sqlx::query_as!(
            DepositRow,
            r#"select place as "place!", rollup_id as "rollup_id!", asset_id as "asset_id!",
                depositor as "depositor!", atoms as "atoms!", tx_hash as "tx_hash!",
                log_index as "log_index!", l1_block_number as "l1_block_number!",
                l1_block_hash as "l1_block_hash!", held.posted_at as "held_at?", end_block,
                ended.epoch_number as "end_epoch?", ended.posted_at as "ended_at?", reason
            from (
                (
                    select h.block_number as place, h.block_number as hold_block,
                        ((credit_account_id / 65536) % 65536)::integer as rollup_id, asset_id,
                        depositor, atoms, tx_hash, log_index, l1_block_number, l1_block_hash,
                        e.block_number as end_block, reason
                    from seen_deposit s join hold h using (block_number)
                    left join hold_end e on e.hold_block = h.block_number
                    where ($1::integer is null or (credit_account_id / 65536) % 65536 = $1)
                        and ($2::bigint is null
                            or (e.epoch_number, e.posting_kind) = ($2::bigint, 3))
                        and ($3::bigint is null or h.block_number < $3)
                    order by h.block_number desc limit $4
                ) union all (
                    select block_number, null, rollup_id, asset_id, depositor, atoms, tx_hash,
                        log_index, l1_block_number, l1_block_hash, block_number, null
                    from deposit d join l1_log using (tx_hash, log_index)
                    where ($1::integer is null or rollup_id = $1)
                        and ($2::bigint is null or d.epoch_number = $2)
                        and ($3::bigint is null or block_number < $3)
                        and not exists (
                            select from hold_end e where e.block_number = d.block_number
                        )
                    order by block_number desc limit $4
                )
            ) one
            left join journal_block held on held.block_number = hold_block
            left join journal_block ended on ended.block_number = end_block
            order by place desc limit $4"#,
            filter.rollup.map(rollup_key),
            filter.epoch.map(epoch_key),
            before.map(|block| lookup(block.number())),
            limit.rows()
        )
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(DepositRow::read).collect()
    }
}

impl Deposit {
    /// Whether it is in its cell.
    #[must_use]
    pub fn is_posted(&self) -> bool {
        matches!(self.status, DepositStatus::Posted { .. })
    }
}

impl DepositRow {
    fn read(&self) -> Result<Deposit, Error> {
        Ok(Deposit {
            place: TABLE.block(self.place)?,
            rollup: TABLE.rollup(self.rollup_id)?,
            asset: TABLE.asset(self.asset_id)?,
            depositor: TABLE.address(&self.depositor)?,
            atoms: TABLE.atoms(self.atoms)?,
            log: TABLE.log(&self.tx_hash, self.log_index)?,
            l1_block: TABLE.l1_block(self.l1_block_number, &self.l1_block_hash)?,
            held_at: self.held_at,
            status: self.status()?,
        })
    }

    fn status(&self) -> Result<DepositStatus, Error> {
        let (Some(block), Some(epoch), Some(at)) = (self.end_block, self.end_epoch, self.ended_at)
        else {
            return Ok(DepositStatus::Held);
        };
        let block = TABLE.block(block)?;
        Ok(match self.reason {
            None => DepositStatus::Posted { block, epoch: TABLE.epoch(epoch)?, posted_at: at },
            Some(code) => {
                let reason = ReleaseReason::from_code(code).ok_or(TABLE.corrupt())?;
                DepositStatus::Released { block, reason, released_at: at }
            }
        })
    }
}
