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

    /// How much there is of everything.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn totals(&self) -> Result<Totals, Error> {
        let row = sqlx::query!(
            r#"with standing as (
                select transfer_count, exit_count from batch b where not exists (
                    select from batch_eviction x where x.reversed_block = b.block_number
                )
            )
            select (select count(*) from standing) as "batches!",
                (select coalesce(sum(transfer_count), 0)::bigint from standing) as "transfers!",
                (select coalesce(sum(exit_count), 0)::bigint from standing) as "exits!",
                (select count(*) from claim) as "claims_paid!",
                (select count(*) from deposit) as "deposits!",
                (select count(*) from standing_settlement) as "epochs_settled!""#
        )
        .fetch_one(self.pool())
        .await?;
        Ok(Totals {
            batches: BLOCK.number(row.batches)?,
            transfers: BLOCK.number(row.transfers)?,
            exits: BLOCK.number(row.exits)?,
            claims_paid: BLOCK.number(row.claims_paid)?,
            deposits: BLOCK.number(row.deposits)?,
            epochs_settled: BLOCK.number(row.epochs_settled)?,
        })
    }
}
