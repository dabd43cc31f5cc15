//! The books as a whole: accounts, the trial balance, the journal's head.

use alloy_primitives::{B256, U256};
use domain::{AssetId, Atoms, EpochNumber};
use time::OffsetDateTime;

use crate::column::{Columns, lookup};
use crate::{Account, AsOf, BlockNumber, Error, Ledger, PostingKind};

/// What stands on one account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AccountBalance {
    /// The account.
    pub account: Account,
    /// The sum of all its debits.
    pub debits: U256,
    /// The sum of all its credits.
    pub credits: U256,
    /// What it holds, on its normal side.
    pub balance: Atoms,
    /// How many transfers it has had.
    pub transfers: u64,
    /// The block of the last one.
    pub last_block: Option<BlockNumber>,
}

/// One asset's line of the trial balance. In order when debits equal credits, and custody what cells
/// and pots make together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TrialBalanceLine {
    /// The asset.
    pub asset: AssetId,
    /// The sum of all debits.
    pub debits: U256,
    /// The sum of all credits.
    pub credits: U256,
    /// What the contract holds.
    pub custody: U256,
    /// What all cells hold.
    pub cells: U256,
    /// What L1 owes to exits.
    pub pots: U256,
}

/// The journal's last block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct JournalHead {
    /// Its number.
    pub block: BlockNumber,
    /// Its hash, which covers everything before.
    pub hash: B256,
}

/// A block of the journal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct JournalBlock {
    /// Its number.
    pub block: BlockNumber,
    /// Its epoch.
    pub epoch: EpochNumber,
    /// What it books.
    pub kind: PostingKind,
    /// The hash of the block before.
    pub previous_hash: B256,
    /// The digest of what it books.
    pub content_digest: B256,
    /// Its hash.
    pub hash: B256,
    /// How many transfers it has.
    pub transfers: u32,
    /// When it was booked.
    pub posted_at: OffsetDateTime,
}

/// How much there is of everything. What was evicted does not count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Totals {
    /// Batches.
    pub batches: u64,
    /// Transfers to other rollups that batches listed.
    pub transfers: u64,
    /// Exits that batches listed.
    pub exits: u64,
    /// Claims paid.
    pub claims_paid: u64,
    /// Deposits.
    pub deposits: u64,
    /// Epochs whose settlement stands.
    pub epochs_settled: u64,
}

const BLOCK: Columns = Columns("journal_block");

impl Ledger {
    /// Every account with what stands on it.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn accounts(&self) -> Result<Vec<AccountBalance>, Error> {
        Ok(self.books_at(AsOf::Now).await?.accounts)
    }

    /// The trial balance, asset by asset.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn trial_balance(&self) -> Result<Vec<TrialBalanceLine>, Error> {
        self.books_at(AsOf::Now).await?.trial_balance()
    }

    /// The journal's last block.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn journal_head(&self) -> Result<Option<JournalHead>, Error> {
        let row = sqlx::query!(
            "select block_number, block_hash from journal_block order by block_number desc limit 1"
        )
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| {
            let (block, hash) = (BLOCK.block(row.block_number)?, BLOCK.b256(&row.block_hash)?);
            Ok(JournalHead { block, hash })
        })
        .transpose()
    }

    /// A block of the journal.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn journal_block(&self, block: BlockNumber) -> Result<Option<JournalBlock>, Error> {
        let row = sqlx::query!(
            "select epoch_number, posting_kind, transfer_count, previous_hash, content_digest,
                block_hash, posted_at
            from journal_block where block_number = $1",
            lookup(block.number())
        )
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| {
            Ok(JournalBlock {
                block,
                epoch: BLOCK.epoch(row.epoch_number)?,
                kind: BLOCK.kind(row.posting_kind)?,
                previous_hash: BLOCK.b256(&row.previous_hash)?,
                content_digest: BLOCK.b256(&row.content_digest)?,
                hash: BLOCK.b256(&row.block_hash)?,
                transfers: BLOCK.small(row.transfer_count)?,
                posted_at: row.posted_at,
            })
        })
        .transpose()
    }

    /// How much there is of everything. It comes from what the ledger keeps of each account and each rollup
    /// and grows dearer with those, and with evictions, alone.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn totals(&self) -> Result<Totals, Error> {
        let row = sqlx::query!(
            r#"select moved.*, standing.*, gone.*,
                coalesce((select max(epoch_number) from standing_settlement), 0)
                    as "epochs_settled!"
            from (
                select
                    coalesce(sum(version) filter (where account_id >> 32 = 1), 0)::bigint
                        as "of_custody!",
                    coalesce(sum(version) filter (where account_id >> 32 = 2), 0)::bigint
                        as "of_cells!",
                    coalesce(sum(version) filter (where account_id >> 32 = 3), 0)::bigint
                        as "of_pots!"
                from balance
            ) moved, (
                select coalesce(sum(last.height + 1), 0)::bigint as "batches!",
                    coalesce(sum(last.exits_after), 0)::bigint as "exits!"
                from rollup r join lateral (
                    select height, exits_after from batch b
                    where b.rollup_id = r.rollup_id and not exists (
                        select from batch_eviction x where x.reversed_block = b.block_number
                    )
                    order by height desc limit 1
                ) last on true
            ) standing, (
                select coalesce(sum(b.transfer_count), 0)::bigint as "evicted_transfers!",
                    coalesce(sum(b.exit_count), 0)::bigint as "evicted_exits!"
                from batch_eviction x join batch b on b.block_number = x.reversed_block
            ) gone"#
        )
        .fetch_one(self.pool())
        .await?;
        let counted = Counted {
            of_custody: row.of_custody,
            of_cells: row.of_cells,
            of_pots: row.of_pots,
            exits: row.exits,
            evicted_transfers: row.evicted_transfers,
            evicted_exits: row.evicted_exits,
        };
        let (transfers, deposits, claims_paid) = counted.parts().ok_or(BALANCE.corrupt())?;
        Ok(Totals {
            batches: BLOCK.number(row.batches)?,
            transfers: BALANCE.number(transfers)?,
            exits: BLOCK.number(row.exits)?,
            claims_paid: BALANCE.number(claims_paid)?,
            deposits: BALANCE.number(deposits)?,
            epochs_settled: BLOCK.number(row.epochs_settled)?,
        })
    }
}

/// How many transfers each kind of account has had, and what is known of them besides.
struct Counted {
    of_custody: i64,
    of_cells: i64,
    of_pots: i64,
    exits: i64,
    evicted_transfers: i64,
    evicted_exits: i64,
}

impl Counted {
    /// Transfers, deposits and claims. A deposit is from custody to a cell, an exit from a cell to a pot, a
    /// claim from a pot to custody, a transfer from cell to cell; an eviction moves each back once.
    fn parts(&self) -> Option<(i64, i64, i64)> {
        let exits = self.evicted_exits.checked_mul(2)?.checked_add(self.exits)?;
        let claims = self.of_pots.checked_sub(exits)?;
        let deposits = self.of_custody.checked_sub(claims)?;
        let between = self.of_cells.checked_sub(deposits)?.checked_sub(exits)?;
        let transfers = (between / 2).checked_sub(self.evicted_transfers.checked_mul(2)?)?;
        Some((transfers, deposits, claims))
    }
}

const BALANCE: Columns = Columns("balance");
