//! Writing blocks of the journal: the only place where balances change.
//!
//! **Invariant:** a posting is one block with all its transfers and the sums they make. Blocks are
//! made in memory one after the other, and written together in the caller's db_tx, under the lock
//! of the books: set by set, never row by row, each touched balance once.
//!
//! Whether a posting may be made is for the callers to decide; the schema's guards check again that
//! blocks, transfers and balances agree.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use domain::{Atoms, EpochNumber};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::column::{Columns, asset_key, bigint, integer};
use crate::connection::Tx;
use crate::copy::CopyRows;
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
    /// The first epoch of the partition that takes the transfers: it names the partition.
    pub(crate) partition: i64,
    /// The database's clock, when the head was read: the time of what is posted now.
    pub(crate) now: OffsetDateTime,
}

/// Where the books are, and the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) epoch: EpochNumber,
    pub(crate) block: BlockNumber,
    pub(crate) hash: B256,
    pub(crate) partition: i64,
    pub(crate) now: OffsetDateTime,
    /// The epoch that somebody else settled with another state, if one did: no batch is booked any more.
    pub(crate) settled_elsewhere: Option<EpochNumber>,
}

/// One transfer to be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Move {
    pub(crate) debit: Account,
    pub(crate) credit: Account,
    pub(crate) atoms: Atoms,
    pub(crate) recipient: Option<Address>,
}

/// The sums of accounts while postings are made.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllSums(BTreeMap<Account, Sums>);

/// The sums of one account.
#[derive(Clone, Copy, Debug)]
struct Sums {
    debits: u128,
    credits: u128,
    held_debits: u128,
    held_credits: u128,
    balance: Atoms,
    transfers: i64,
    last_block: BlockNumber,
}

/// What of an account may be spent, and what of it is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Available {
    pub(crate) available: u128,
    pub(crate) held: u128,
}

/// The sums of some accounts by column, in the order of their numbers.
#[derive(Debug)]
pub(crate) struct SumColumns {
    pub(crate) accounts: Vec<i64>,
    pub(crate) debits: Vec<String>,
    pub(crate) credits: Vec<String>,
    pub(crate) versions: Vec<i64>,
    pub(crate) last_blocks: Vec<i64>,
}

/// A block that is made and not written yet.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    fields: BlockFields,
    hash: B256,
    partition: i64,
    transfers: Vec<(TransferFields, B256)>,
}

const BALANCE: Columns = Columns("balance");
const BLOCK: Columns = Columns("journal_block");

impl Place {
    /// The caller holds the lock, so nobody moves it, or a snapshot, which sees none of that.
    pub(crate) async fn read(tx: &mut Tx<'_>) -> Result<Self, Error> {
        let row = sqlx::query!(
            r#"-- Should the clock have gone back, time stands still until it is there again.
            select greatest(clock_timestamp(), last.posted_at) as "now!",
                (select max(epoch_number) from epoch) as epoch,
                (select max(first_epoch) from transfer_partition) as "partition!",
                (select epoch_number from foreign_settlement) as foreign_epoch,
                coalesce(last.block_number, 0) as "block!",
                coalesce(last.block_hash, decode(repeat('00', 32), 'hex')) as "hash!"
            from (select) one
            left join lateral (
                select block_number, block_hash, posted_at from journal_block
                order by block_number desc limit 1
            ) last on true"#
        )
        .fetch_one(&mut **tx)
        .await?;
        Ok(Self {
            epoch: BLOCK.epoch(row.epoch.ok_or(Error::NoDomain)?)?,
            block: BLOCK.block(row.block)?,
            hash: BLOCK.b256(&row.hash)?,
            partition: row.partition,
            now: row.now,
            settled_elsewhere: row.foreign_epoch.map(|epoch| BLOCK.epoch(epoch)).transpose()?,
        })
    }
}

impl Head {
    /// Reads the head, as [`Place::read`] does.
    pub(crate) async fn read(tx: &mut Tx<'_>) -> Result<Self, Error> {
        let place = Place::read(tx).await?;
        Self::at(tx, &place).await
    }

    /// The head at the place where the books are.
    pub(crate) async fn at(tx: &mut Tx<'_>, place: &Place) -> Result<Self, Error> {
        let adoption = crate::adoption::read(tx).await?.ok_or(Error::NoDomain)?;
        let Place { epoch, block, hash, partition, now, .. } = *place;
        Ok(Self { adoption, epoch, block, hash, partition, now })
    }

    /// Posts a block at the head, which moves on to it.
    pub(crate) async fn post(
        &mut self,
        tx: &mut Tx<'_>,
        kind: PostingKind,
        posting: B256,
        moves: &[Move],
    ) -> Result<BlockNumber, Error> {
        let mut sums = AllSums::of(tx, moves).await?;
        let block = self.make(&mut sums, kind, posting, moves)?;
        write(tx, &[block], &sums).await?;
        Ok(self.block)
    }

    /// Makes a block at the head, which moves on to it; it is to be written after those before it.
    ///
    /// After an error the sums are worth nothing.
    pub(crate) fn make(
        &mut self,
        sums: &mut AllSums,
        kind: PostingKind,
        posting: B256,
        moves: &[Move],
    ) -> Result<Block, Error> {
        let number = BlockNumber::new(self.block.number().saturating_add(1));
        let transfers = sums.run(number, moves)?;
        let fields = BlockFields {
            previous_hash: self.hash,
            number,
            epoch: self.epoch,
            kind,
            transfers: u32::try_from(transfers.len()).unwrap_or(u32::MAX),
            posted_at: self.now,
            content: hash::content(
                posting,
                hash::root(transfers.iter().map(|(_, digest)| *digest)),
            ),
        };
        let hash = fields.hash();
        self.block = number;
        self.hash = hash;
        Ok(Block { fields, hash, partition: self.partition, transfers })
    }
}

impl Block {
    pub(crate) fn number(&self) -> BlockNumber {
        self.fields.number
    }

    pub(crate) fn content(&self) -> B256 {
        self.fields.content
    }

    pub(crate) fn hash(&self) -> B256 {
        self.hash
    }

    /// Its transfers in order, each with its digest.
    pub(crate) fn transfers(&self) -> &[(TransferFields, B256)] {
        &self.transfers
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
        let Available { available, held } = self.available(account)?;
        self.balance = Atoms::new(available.checked_add(held)?).ok()?;
        self.transfers = self.transfers.checked_add(1)?;
        Some(self.balance)
    }

    /// Nothing of an account that is overdrawn, or that holds less than is held of it.
    fn available(&self, account: Account) -> Option<Available> {
        let (balance, held) = if account.is_debit_normal() {
            (self.debits.checked_sub(self.credits)?, self.held_credits)
        } else {
            (self.credits.checked_sub(self.debits)?, self.held_debits)
        };
        Some(Available { available: balance.checked_sub(held)?, held })
    }

    /// What the account would hold once everything that is held for it has come.
    fn expected(&self, account: Account) -> Option<Atoms> {
        let Available { available, held } = self.available(account)?;
        let coming = if account.is_debit_normal() { self.held_debits } else { self.held_credits };
        Atoms::new(available.checked_add(held)?.checked_add(coming)?).ok()
    }
}

impl AllSums {
    /// Of the accounts that the moves touch.
    async fn of(tx: &mut Tx<'_>, moves: &[Move]) -> Result<Self, Error> {
        let mut numbers: Vec<i64> =
            moves.iter().flat_map(|one| [one.debit.number(), one.credit.number()]).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() { Ok(Self::default()) } else { Self::read(tx, Some(&numbers)).await }
    }

    /// Of two accounts.
    pub(crate) async fn of_both(tx: &mut Tx<'_>, one: &Move) -> Result<Self, Error> {
        Self::of(tx, std::slice::from_ref(one)).await
    }

    /// What of an account may be spent; nothing if there is no such account.
    pub(crate) fn available(&self, account: Account) -> Option<Available> {
        self.0.get(&account)?.available(account)
    }

    /// Holds a move. Nothing is held if an account is unknown, has not that much to spend, or could not
    /// take what is held for it.
    pub(crate) fn hold(&mut self, Move { debit, credit, atoms, .. }: &Move) -> Option<()> {
        let (mut from, mut to) = (*self.0.get(debit)?, *self.0.get(credit)?);
        from.held_debits = from.held_debits.checked_add(atoms.number())?;
        to.held_credits = to.held_credits.checked_add(atoms.number())?;
        from.expected(*debit)?;
        to.expected(*credit)?;
        self.0.insert(*debit, from);
        self.0.insert(*credit, to);
        Some(())
    }

    /// Ends the hold of a move: what was held may be spent, by that move too.
    pub(crate) fn end(&mut self, Move { debit, credit, atoms, .. }: &Move) -> Option<()> {
        let from = self.0.get_mut(debit)?;
        from.held_debits = from.held_debits.checked_sub(atoms.number())?;
        let to = self.0.get_mut(credit)?;
        to.held_credits = to.held_credits.checked_sub(atoms.number())?;
        Some(())
    }

    /// Of every account.
    pub(crate) async fn all(tx: &mut Tx<'_>) -> Result<Self, Error> {
        Self::read(tx, None).await
    }

    async fn read(tx: &mut Tx<'_>, accounts: Option<&[i64]>) -> Result<Self, Error> {
        let rows = sqlx::query!(
            r#"select account_id, debits::text as "debits!", credits::text as "credits!",
                held_debits::text as "held_debits!", held_credits::text as "held_credits!", version,
                last_block
            from balance where $1::bigint[] is null or account_id = any($1)"#,
            accounts
        )
        .fetch_all(&mut **tx)
        .await?;
        let mut all = BTreeMap::new();
        let sum = |text: &str| text.parse::<u128>().map_err(|_| BALANCE.corrupt());
        for row in rows {
            let sums = Sums {
                debits: sum(&row.debits)?,
                credits: sum(&row.credits)?,
                held_debits: sum(&row.held_debits)?,
                held_credits: sum(&row.held_credits)?,
                balance: Atoms::ZERO,
                transfers: row.version,
                last_block: BALANCE.block(row.last_block)?,
            };
            all.insert(BALANCE.account(row.account_id)?, sums);
        }
        Ok(Self(all))
    }

    /// Those that were touched since a block.
    pub(crate) fn touched_since(&self, first: BlockNumber) -> Result<SumColumns, Error> {
        let touched = || self.0.iter().filter(|(_, sums)| sums.last_block >= first);
        Ok(SumColumns {
            accounts: touched().map(|(account, _)| account.number()).collect(),
            debits: touched().map(|(_, sums)| sums.debits.to_string()).collect(),
            credits: touched().map(|(_, sums)| sums.credits.to_string()).collect(),
            versions: touched().map(|(_, sums)| sums.transfers).collect(),
            last_blocks: touched()
                .map(|(_, sums)| bigint("block number", sums.last_block.number()))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Makes the moves in order; what each leaves behind goes into its transfer, beside which is its
    /// digest.
    fn run(
        &mut self,
        block: BlockNumber,
        moves: &[Move],
    ) -> Result<Vec<(TransferFields, B256)>, Error> {
        let mut transfers = Vec::with_capacity(moves.len());
        for (position, Move { debit, credit, atoms, recipient }) in (0_u32..).zip(moves) {
            let mut side =
                |account: &Account, change: fn(&mut Sums, Account, Atoms) -> Option<Atoms>| {
                    let unknown = Error::UnknownAccount { account: *account };
                    let sums = self.0.get_mut(account).ok_or(unknown)?;
                    sums.last_block = block;
                    let out_of_bound = Error::AccountOutOfBound { account: *account };
                    change(sums, *account, *atoms).ok_or(out_of_bound)
                };
            let transfer = TransferFields {
                position,
                debit: *debit,
                credit: *credit,
                asset: debit.asset(),
                atoms: *atoms,
                debit_balance: side(debit, Sums::debit)?,
                credit_balance: side(credit, Sums::credit)?,
                recipient: *recipient,
            };
            transfers.push((transfer, transfer.digest()));
        }
        Ok(transfers)
    }
}

/// Writes blocks that follow one another, the first one at the journal's end, with `sums` as they are
/// after the last.
pub(crate) async fn write(tx: &mut Tx<'_>, blocks: &[Block], sums: &AllSums) -> Result<(), Error> {
    insert_blocks(tx, blocks).await?;
    write_transfers(tx, blocks, sums).await
}

/// Writes the transfers of blocks that are written, and the sums after them.
pub(crate) async fn write_transfers(
    tx: &mut Tx<'_>,
    blocks: &[Block],
    sums: &AllSums,
) -> Result<(), Error> {
    let Some(first) = blocks.first() else { return Ok(()) };
    if blocks.iter().any(|block| !block.transfers.is_empty()) {
        copy_transfers(tx, blocks).await?;
        update_balances(tx, first.number(), sums).await?;
    }
    Ok(())
}

/// Writes blocks without anything that belongs to them.
pub(crate) async fn insert_blocks(tx: &mut Tx<'_>, blocks: &[Block]) -> Result<(), Error> {
    if blocks.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&BlockFields) -> Result<i64, Error>| {
        blocks.iter().map(|block| of(&block.fields)).collect::<Result<Vec<_>, _>>()
    };
    let hashes = |of: fn(&Block) -> B256| -> Vec<Vec<u8>> {
        blocks.iter().map(|block| of(block).to_vec()).collect()
    };
    let kinds: Vec<i16> = blocks.iter().map(|b| i16::from(b.fields.kind.code())).collect();
    let counts = blocks
        .iter()
        .map(|block| integer("transfers", block.transfers.len()))
        .collect::<Result<Vec<_>, _>>()?;
    let moments: Vec<OffsetDateTime> = blocks.iter().map(|b| b.fields.posted_at).collect();
    sqlx::query!(
        "insert into journal_block (block_number, epoch_number, posting_kind, transfer_count,
            previous_hash, content_digest, block_hash, posted_at)
        select * from unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::integer[],
            $5::bytea[], $6::bytea[], $7::bytea[], $8::timestamptz[])",
        &column(|fields| bigint("block number", fields.number.number()))?,
        &column(|fields| bigint("epoch", fields.epoch.number()))?,
        &kinds,
        &counts,
        &hashes(|block| block.fields.previous_hash),
        &hashes(|block| block.fields.content),
        &hashes(|block| block.hash),
        &moments,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// In Postgres' own binary form: much less work for both sides than parameters. Into the partition by its
/// name: what is routed there is written row by row.
async fn copy_transfers(tx: &mut Tx<'_>, blocks: &[Block]) -> Result<(), Error> {
    let Some(partition) = blocks.first().map(|block| block.partition) else { return Ok(()) };
    let mut rows = CopyRows::default();
    for Block { fields, transfers, .. } in blocks {
        let number = bigint("block number", fields.number.number())?;
        let epoch = bigint("epoch", fields.epoch.number())?;
        let kind = i16::from(fields.kind.code());
        for (transfer, digest) in transfers {
            rows.row(12);
            rows.bigint(number);
            rows.integer(i32::try_from(transfer.position).unwrap_or(i32::MAX));
            rows.bigint(epoch);
            rows.smallint(kind);
            rows.integer(asset_key(transfer.asset));
            rows.bigint(transfer.debit.number());
            rows.bigint(transfer.credit.number());
            rows.atoms(transfer.atoms);
            rows.atoms(transfer.debit_balance);
            rows.atoms(transfer.credit_balance);
            rows.bytes(transfer.recipient.as_ref().map(|recipient| recipient.as_slice()));
            rows.bytes(Some(digest.as_slice()));
        }
    }
    let statement = format!("copy transfer_{partition} {COPY_TRANSFERS}");
    let mut copy = tx.copy_in_raw(&statement).await?;
    copy.send(rows.finish()).await?;
    copy.finish().await?;
    Ok(())
}

/// Moves the sums of every account that was touched since a block, at once, in the order of their
/// numbers.
async fn update_balances(tx: &mut Tx<'_>, first: BlockNumber, sums: &AllSums) -> Result<(), Error> {
    let touched = sums.touched_since(first)?;
    sqlx::query!(
        "update balance set debits = s.debits::numeric, credits = s.credits::numeric,
            version = s.version, last_block = s.last_block
        from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
            s (account_id, debits, credits, version, last_block)
        where balance.account_id = s.account_id",
        &touched.accounts,
        &touched.debits,
        &touched.credits,
        &touched.versions,
        &touched.last_blocks,
    )
    .execute(&mut **tx)
    .await
    .map_err(|error| drift(error, first))?;
    Ok(())
}

/// What it means when balances do not follow the journal from a block on.
pub(crate) fn drift(error: sqlx::Error, block: BlockNumber) -> Error {
    Error::from(error).on_constraint("balance_follows_the_journal", || Error::Drift { block })
}

const COPY_TRANSFERS: &str = "(block_number, position, epoch_number, posting_kind,
    asset_id, debit_account_id, credit_account_id, atoms, debit_balance, credit_balance, recipient,
    transfer_digest) from stdin (format binary)";
