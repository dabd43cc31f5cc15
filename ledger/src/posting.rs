//! Writing one block of the journal: the only place where balances change.
//!
//! **Invariant:** a posting is one block with all its transfers and the sums they make, in the
//! caller's db_tx, under the lock of the books. It is written set by set, never row by row.
//!
//! Whether a posting may be made is for the callers to decide; the schema's guards check again that
//! block, transfers and balances agree.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use domain::{Atoms, EpochNumber};
use rust_decimal::Decimal;
use time::OffsetDateTime;

use crate::column::{Columns, asset_key, bigint, integer};
use crate::connection::Tx;
use crate::hash::{self, BlockFields, TransferFields};
use crate::{Account, Adoption, BlockNumber, Error, PostingKind};

/// Where the books stand: the open epoch and the journal's last block. Valid while the lock is held,
/// or within one snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) adoption: Adoption,
    pub(crate) epoch: EpochNumber,
    pub(crate) block: BlockNumber,
    pub(crate) hash: B256,
    /// The database's clock, when the head was read: the time of what is posted now.
    pub(crate) now: OffsetDateTime,
}

/// One transfer to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    pub(crate) debit: Account,
    pub(crate) credit: Account,
    pub(crate) atoms: Atoms,
    pub(crate) recipient: Option<Address>,
}

/// The sums of an account while a posting is made.
struct Sums {
    debits: u128,
    credits: u128,
    balance: Atoms,
    transfers: i64,
}

const BALANCE: Columns = Columns("balance");

impl Head {
    /// Reads the head. The caller holds the lock, so nobody moves it, or a snapshot, which sees none
    /// of that.
    pub(crate) async fn read(tx: &mut Tx<'_>) -> Result<Self, Error> {
        let adoption = crate::adoption::read(&mut *tx).await?.ok_or(Error::NoDomain)?;
        let row = sqlx::query!(
            r#"select clock_timestamp() as "now!",
                (select max(epoch_number) from epoch) as "epoch!",
                coalesce(last.block_number, 0) as "block!",
                coalesce(last.block_hash, decode(repeat('00', 32), 'hex')) as "hash!"
            from (select) one
            left join lateral (
                select block_number, block_hash from journal_block
                order by block_number desc limit 1
            ) last on true"#
        )
        .fetch_one(&mut **tx)
        .await?;
        let columns = Columns("journal_block");
        Ok(Self {
            adoption,
            epoch: columns.epoch(row.epoch)?,
            block: columns.block(row.block)?,
            hash: columns.b256(&row.hash)?,
            now: row.now,
        })
    }

    /// Posts a block at the head, which moves on to it.
    pub(crate) async fn post(
        &mut self,
        tx: &mut Tx<'_>,
        kind: PostingKind,
        posting: B256,
        moves: &[Move],
    ) -> Result<BlockNumber, Error> {
        let mut sums = read_sums(tx, moves).await?;
        let transfers = run(&mut sums, moves)?;
        let number = BlockNumber::new(self.block.number().saturating_add(1));
        let block = BlockFields {
            previous_hash: self.hash,
            number,
            epoch: self.epoch,
            kind,
            transfers: u32::try_from(transfers.len()).unwrap_or(u32::MAX),
            posted_at: self.now,
            content: hash::content(
                posting,
                hash::root(transfers.iter().map(TransferFields::digest)),
            ),
        };
        let hash = block.hash();
        insert_block(tx, &block, hash).await?;
        if !transfers.is_empty() {
            insert_transfers(tx, &block, &transfers).await?;
            update_balances(tx, number, &sums).await?;
        }
        self.block = number;
        self.hash = hash;
        Ok(number)
    }
}

impl Sums {
    fn debit(&mut self, account: Account, atoms: Atoms) -> Option<Atoms> {
        self.debits = self.debits.checked_add(atoms.number())?;
        self.close(account)
    }

    fn credit(&mut self, account: Account, atoms: Atoms) -> Option<Atoms> {
        self.credits = self.credits.checked_add(atoms.number())?;
        self.close(account)
    }

    fn close(&mut self, account: Account) -> Option<Atoms> {
        let (larger, smaller) = if account.is_debit_normal() {
            (self.debits, self.credits)
        } else {
            (self.credits, self.debits)
        };
        self.balance = Atoms::new(larger.checked_sub(smaller)?).ok()?;
        self.transfers = self.transfers.checked_add(1)?;
        Some(self.balance)
    }
}

/// Makes the moves in order on the sums; what each leaves behind goes into its transfer.
fn run(sums: &mut BTreeMap<Account, Sums>, moves: &[Move]) -> Result<Vec<TransferFields>, Error> {
    let mut transfers = Vec::with_capacity(moves.len());
    for (position, Move { debit, credit, atoms, recipient }) in (0_u32..).zip(moves) {
        let mut side =
            |account: &Account, change: fn(&mut Sums, Account, Atoms) -> Option<Atoms>| {
                let sums =
                    sums.get_mut(account).ok_or(Error::UnknownAccount { account: *account })?;
                change(sums, *account, *atoms).ok_or(Error::AccountOutOfBound { account: *account })
            };
        transfers.push(TransferFields {
            position,
            debit: *debit,
            credit: *credit,
            asset: debit.asset(),
            atoms: *atoms,
            debit_balance: side(debit, Sums::debit)?,
            credit_balance: side(credit, Sums::credit)?,
            recipient: *recipient,
        });
    }
    Ok(transfers)
}

async fn read_sums(tx: &mut Tx<'_>, moves: &[Move]) -> Result<BTreeMap<Account, Sums>, Error> {
    let mut numbers: Vec<i64> =
        moves.iter().flat_map(|one| [one.debit.number(), one.credit.number()]).collect();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = sqlx::query!(
        r#"select account_id, debits::text as "debits!", credits::text as "credits!", version
        from balance where account_id = any($1)"#,
        &numbers
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut all = BTreeMap::new();
    for row in rows {
        let sums = Sums {
            debits: row.debits.parse().map_err(|_| BALANCE.corrupt())?,
            credits: row.credits.parse().map_err(|_| BALANCE.corrupt())?,
            balance: Atoms::ZERO,
            transfers: row.version,
        };
        all.insert(BALANCE.account(row.account_id)?, sums);
    }
    Ok(all)
}

async fn insert_block(tx: &mut Tx<'_>, block: &BlockFields, hash: B256) -> Result<(), Error> {
    sqlx::query!(
        "insert into journal_block (block_number, epoch_number, posting_kind, transfer_count,
            previous_hash, content_digest, block_hash, posted_at)
        values ($1, $2, $3, $4, $5::bytea, $6::bytea, $7::bytea, $8)",
        bigint("block number", block.number.number())?,
        bigint("epoch", block.epoch.number())?,
        i16::from(block.kind.code()),
        i32::try_from(block.transfers).unwrap_or(i32::MAX),
        block.previous_hash.as_slice(),
        block.content.as_slice(),
        hash.as_slice(),
        block.posted_at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert_transfers(
    tx: &mut Tx<'_>,
    block: &BlockFields,
    transfers: &[TransferFields],
) -> Result<(), Error> {
    let column = |of: fn(&TransferFields) -> Decimal| transfers.iter().map(of).collect::<Vec<_>>();
    let positions =
        (0..transfers.len()).map(|p| integer("position", p)).collect::<Result<Vec<_>, _>>()?;
    let assets: Vec<i32> = transfers.iter().map(|t| asset_key(t.asset)).collect();
    let debits: Vec<i64> = transfers.iter().map(|t| t.debit.number()).collect();
    let credits: Vec<i64> = transfers.iter().map(|t| t.credit.number()).collect();
    let recipients: Vec<Vec<u8>> = transfers
        .iter()
        .map(|t| t.recipient.map(|recipient| recipient.to_vec()).unwrap_or_default())
        .collect();
    let digests: Vec<Vec<u8>> = transfers.iter().map(|t| t.digest().to_vec()).collect();
    sqlx::query!(
        "insert into transfer (block_number, epoch_number, posting_kind, position, asset_id,
            debit_account_id, credit_account_id, atoms, debit_balance, credit_balance, recipient,
            transfer_digest)
        select $1::bigint, $2::bigint, $3::smallint, t.position, t.asset_id, t.debit, t.credit,
            t.atoms, t.debit_balance, t.credit_balance, nullif(t.recipient, ''), t.digest
        from unnest($4::integer[], $5::integer[], $6::bigint[], $7::bigint[], $8::numeric[],
            $9::numeric[], $10::numeric[], $11::bytea[], $12::bytea[])
            t (position, asset_id, debit, credit, atoms, debit_balance, credit_balance, recipient,
                digest)",
        bigint("block number", block.number.number())?,
        bigint("epoch", block.epoch.number())?,
        i16::from(block.kind.code()),
        &positions,
        &assets,
        &debits,
        &credits,
        &column(|t| t.atoms.to_decimal()),
        &column(|t| t.debit_balance.to_decimal()),
        &column(|t| t.credit_balance.to_decimal()),
        &recipients,
        &digests,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Moves every touched account's sums at once, in the order of their numbers.
async fn update_balances(
    tx: &mut Tx<'_>,
    block: BlockNumber,
    sums: &BTreeMap<Account, Sums>,
) -> Result<(), Error> {
    let accounts: Vec<i64> = sums.keys().map(|account| account.number()).collect();
    let debits: Vec<String> = sums.values().map(|sums| sums.debits.to_string()).collect();
    let credits: Vec<String> = sums.values().map(|sums| sums.credits.to_string()).collect();
    let versions: Vec<i64> = sums.values().map(|sums| sums.transfers).collect();
    sqlx::query!(
        "update balance set debits = s.debits::numeric, credits = s.credits::numeric,
            version = s.version, last_block = $1
        from unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[])
            s (account_id, debits, credits, version)
        where balance.account_id = s.account_id",
        bigint("block number", block.number())?,
        &accounts,
        &debits,
        &credits,
        &versions,
    )
    .execute(&mut **tx)
    .await
    .map_err(Error::from)
    .map_err(|error| {
        error.on_constraint("balance_follows_the_journal", || Error::Drift { block })
    })?;
    Ok(())
}
