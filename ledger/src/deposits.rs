//! Deposits as readers see them.

use alloy_primitives::Address;
use domain::l1::{L1Block, L1LogId};
use domain::{AssetId, Atoms, EpochNumber, RollupId};
use time::OffsetDateTime;

use crate::column::{Columns, epoch_key, lookup, rollup_key};
use crate::{BlockNumber, Error, Ledger, PageLimit};

/// A credited deposit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PostedDeposit {
    /// The block that booked it.
    pub block: BlockNumber,
    /// The epoch in which it was booked.
    pub epoch: EpochNumber,
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
    /// When it was booked.
    pub posted_at: OffsetDateTime,
}

/// Which deposits to list; by default all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DepositFilter {
    /// Of one rollup.
    pub rollup: Option<RollupId>,
    /// Of one epoch.
    pub epoch: Option<EpochNumber>,
}

const TABLE: Columns = Columns("deposit");

impl Ledger {
    /// Deposits, newest first, from before a block on.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn deposits(
        &self,
        filter: &DepositFilter,
        before: Option<BlockNumber>,
        limit: PageLimit,
    ) -> Result<Vec<PostedDeposit>, Error> {
        let rows = sqlx::query!(
            "select block_number, d.epoch_number, rollup_id, asset_id, depositor, atoms, tx_hash,
                log_index, l1_block_number, l1_block_hash, posted_at
            from deposit d join l1_log using (tx_hash, log_index)
            join journal_block using (block_number)
            where ($1::integer is null or rollup_id = $1)
                and ($2::bigint is null or d.epoch_number = $2)
                and ($3::bigint is null or block_number < $3)
            order by block_number desc limit $4",
            filter.rollup.map(rollup_key),
            filter.epoch.map(epoch_key),
            before.map(|block| lookup(block.number())),
            limit.rows()
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(PostedDeposit {
                    block: TABLE.block(row.block_number)?,
                    epoch: TABLE.epoch(row.epoch_number)?,
                    rollup: TABLE.rollup(row.rollup_id)?,
                    asset: TABLE.asset(row.asset_id)?,
                    depositor: TABLE.address(&row.depositor)?,
                    atoms: TABLE.atoms(row.atoms)?,
                    log: TABLE.log(&row.tx_hash, row.log_index)?,
                    l1_block: TABLE.l1_block(row.l1_block_number, &row.l1_block_hash)?,
                    posted_at: row.posted_at,
                })
            })
            .collect()
    }
}
