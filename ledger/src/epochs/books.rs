//! Proof of books: what each account had been debited and credited when an epoch was sealed, under one
//! digest, which goes to L1 with the settlement.
//!
//! **Invariant:** the rows are the ledger's own at that moment and the digest is theirs: the schema
//! compares both, by its own reckoning, before it takes them. They are read back only if they still
//! make the digest.
//!
//! ```text
//! books = sha256("netfold.books.v1" ‖ epoch ‖ last block ‖ its hash ‖ accounts ‖ of each, by number:
//!                account ‖ debits ‖ credits ‖ transfers ‖ last block)
//! ```
//!
//! Debits and credits take 16 bytes, the number of accounts 4, every other number 8, all big-endian. An
//! account's number is kind · 2^32 + rollup · 2^16 + asset; kinds are 1 custody, 2 cell, 3 pot.

use alloy_primitives::B256;
use domain::EpochNumber;

use super::{Sealed, seal};
use crate::column::{Columns, epoch_key, integer};
use crate::connection::Tx;
use crate::{Account, BlockNumber, Error, Ledger, hash};

/// The books as they stood when an epoch was sealed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Books {
    /// The epoch.
    pub epoch: EpochNumber,
    /// The journal's last block.
    pub last_block: BlockNumber,
    /// Its hash, which covers everything before.
    pub last_block_hash: B256,
    /// Every account that had a transfer, in the order of their numbers.
    pub accounts: Vec<ClosingAccount>,
}

/// What stood on one account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClosingAccount {
    /// The account.
    pub account: Account,
    /// The sum of all its debits.
    pub debits: u128,
    /// The sum of all its credits.
    pub credits: u128,
    /// How many transfers it had had.
    pub transfers: u64,
    /// The block of the last one.
    pub last_block: BlockNumber,
}

const BALANCE: Columns = Columns("epoch_balance");
const BOOKS: Columns = Columns("epoch_books");

impl Books {
    /// What the digest is over.
    #[must_use]
    pub fn encoding(&self) -> Vec<u8> {
        let mut bytes = b"netfold.books.v1".to_vec();
        bytes.extend(self.epoch.number().to_be_bytes());
        bytes.extend(self.last_block.number().to_be_bytes());
        bytes.extend(self.last_block_hash);
        bytes.extend(u32::try_from(self.accounts.len()).unwrap_or(u32::MAX).to_be_bytes());
        for one in &self.accounts {
            bytes.extend(one.account.number().to_be_bytes());
            bytes.extend(one.debits.to_be_bytes());
            bytes.extend(one.credits.to_be_bytes());
            bytes.extend(one.transfers.to_be_bytes());
            bytes.extend(one.last_block.number().to_be_bytes());
        }
        bytes
    }

    /// SHA-256 of [`Self::encoding`].
    #[must_use]
    pub fn digest(&self) -> B256 {
        hash::bytes(&self.encoding())
    }
}

impl Ledger {
    /// The books as they stood when an epoch was sealed; `None` while it is open, and for one that was
    /// sealed before books were kept.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when they do not make the recorded digest.
    pub async fn books(&self, epoch: EpochNumber) -> Result<Option<Books>, Error> {
        let mut tx = self.snapshot().await?;
        let Some(sealed) = seal::read(&mut tx, epoch).await? else { return Ok(None) };
        let Some(digest) = sealed.books else { return Ok(None) };
        let accounts = accounts(&mut tx, epoch).await?;
        let books = Books {
            epoch,
            last_block: sealed.last_block,
            last_block_hash: sealed.last_block_hash,
            accounts,
        };
        if books.digest() == digest { Ok(Some(books)) } else { Err(BOOKS.corrupt()) }
    }
}

/// Writes down the books of an epoch that has just been sealed, and returns their digest.
pub(super) async fn insert(tx: &mut Tx<'_>, sealed: &Sealed) -> Result<B256, Error> {
    let epoch = sealed.epoch;
    sqlx::query!(
        "insert into epoch_balance (epoch_number, account_id, debits, credits, transfer_count,
            last_block)
        select $1::bigint, account_id, debits, credits, version, last_block
        from balance where version > 0",
        epoch_key(epoch)
    )
    .execute(&mut **tx)
    .await?;
    let books = Books {
        epoch,
        last_block: sealed.last_block,
        last_block_hash: sealed.last_block_hash,
        accounts: accounts(tx, epoch).await?,
    };
    let digest = books.digest();
    sqlx::query!(
        "insert into epoch_books (epoch_number, account_count, books_digest)
        values ($1, $2, $3::bytea)",
        epoch_key(epoch),
        integer("accounts", books.accounts.len())?,
        digest.as_slice()
    )
    .execute(&mut **tx)
    .await?;
    Ok(digest)
}

/// The accounts as recorded, by their numbers.
pub(crate) async fn accounts(
    tx: &mut Tx<'_>,
    epoch: EpochNumber,
) -> Result<Vec<ClosingAccount>, Error> {
    let rows = sqlx::query!(
        r#"select account_id, debits::text as "debits!", credits::text as "credits!",
            transfer_count, last_block
        from epoch_balance where epoch_number = $1 order by account_id"#,
        epoch_key(epoch)
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ClosingAccount {
                account: BALANCE.account(row.account_id)?,
                debits: row.debits.parse().map_err(|_| BALANCE.corrupt())?,
                credits: row.credits.parse().map_err(|_| BALANCE.corrupt())?,
                transfers: BALANCE.number(row.transfer_count)?,
                last_block: BALANCE.block(row.last_block)?,
            })
        })
        .collect()
}
