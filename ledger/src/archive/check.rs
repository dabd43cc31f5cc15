//! What is archived is what the journal says: every row is compared with the headers on its way out.
//!
//! **Invariant:** a row goes into the file only if its block's content digest covers it, the block is in
//! the chain, and the transfer continues the balances of both its accounts; and the file ends only where
//! the last epoch was sealed, with every cell as it was then.

use domain::EpochNumber;

use super::books::Books;
use super::file::{ArchiveHead, Writer};
use super::posting;
use super::range::Live;
use crate::audit::block::transfer_fields;
use crate::audit::fault::{FaultKind, Row, Stop};
use crate::audit::page::{BlockRow, Page};
use crate::column::{Columns, lookup};
use crate::connection::Tx;
use crate::hash::{self, BlockFields, TransferFields};
use crate::{BlockNumber, Error, TransferId};

const BLOCK: Columns = Columns("journal_block");
const TRANSFER: Columns = Columns("transfer");

/// What a partition's file begins with.
pub(super) async fn head(tx: &mut Tx<'_>, partition: Live) -> Result<ArchiveHead, Error> {
    let adoption = crate::adoption::read(tx).await?.ok_or(Error::NoDomain)?;
    let row = sqlx::query!(
        r#"select s.last_block, coalesce(before.last_block, 0) as "before!",
            coalesce(before.last_block_hash, decode(repeat('00', 32), 'hex')) as "hash!"
        from epoch_seal s
        left join archived_range before on before.last_epoch = $1::bigint - 1
        where s.epoch_number = $2"#,
        partition.first,
        partition.last
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(ArchiveHead {
        domain_word: adoption.identity.word(),
        first_epoch: BLOCK.epoch(partition.first)?,
        last_epoch: BLOCK.epoch(partition.last)?,
        first_block: BLOCK.block(row.before.saturating_add(1))?,
        last_block: BLOCK.block(row.last_block)?,
        previous_hash: BLOCK.b256(&row.hash)?,
    })
}

/// Checks the blocks of a file and writes them; the books as they are after the last.
///
/// # Errors
/// [`Error::WrongRow`] at the first row that is not what the journal says; when Postgres or the disk
/// fails.
pub(super) async fn run(
    tx: &mut Tx<'_>,
    head: &ArchiveHead,
    writer: &mut Writer,
) -> Result<Books, Error> {
    let books = Books::read(tx).await?;
    let before = BlockNumber::new(head.first_block.number().saturating_sub(1));
    let last = (before, head.previous_hash, head.first_epoch);
    let mut check = Check { tx, head, writer, books, last };
    match check.blocks().await {
        Ok(()) => Ok(check.books),
        Err(Stop::Fault(fault)) => Err(Error::WrongRow(fault)),
        Err(Stop::Error(error)) => Err(error),
        // Only an audit's observer asks.
        Err(Stop::Asked) => Err(Error::Stopped),
    }
}

struct Check<'c, 't> {
    tx: &'c mut Tx<'t>,
    head: &'c ArchiveHead,
    writer: &'c mut Writer,
    books: Books,
    /// The last block that was written: its number, hash and epoch.
    last: (BlockNumber, alloy_primitives::B256, EpochNumber),
}

impl Check<'_, '_> {
    async fn blocks(&mut self) -> Result<(), Stop> {
        while self.last.0 < self.head.last_block {
            let page = Page::read(self.tx, self.last.0.number(), None).await?;
            let missing = || Row::JournalBlock(self.head.last_block).is(FaultKind::Missing);
            let page = page.ok_or_else(missing)?;
            let end = lookup(self.head.last_block.number());
            for row in page.blocks.iter().filter(|row| row.block_number <= end) {
                self.block(row, &page).await?;
            }
        }
        let sealed = sqlx::query_scalar!(
            "select last_block_hash from epoch_seal where epoch_number = $1",
            lookup(self.head.last_epoch.number())
        )
        .fetch_one(&mut **self.tx)
        .await?;
        let name = Row::EpochSeal(self.head.last_epoch);
        name.check(sealed == self.last.1.as_slice(), FaultKind::DiffersFromSource)?;
        self.books.check(self.tx, self.head.last_epoch).await
    }

    async fn block(&mut self, row: &BlockRow, page: &Page) -> Result<(), Stop> {
        let (block, hash) = self.header(row)?;
        let transfers = self.transfers(&block, page)?;
        let (name, posting) = posting::read(self.tx, &block, page, &transfers).await?;
        let root = hash::root(transfers.iter().map(TransferFields::digest));
        name.check(hash::content(posting, root) == block.content, FaultKind::ContentDiffers)?;
        self.writer.block(&block, posting, &transfers)?;
        self.last = (block.number, hash, block.epoch);
        Ok(())
    }

    /// The block continues the one before, and has the hash of its fields.
    fn header(&self, row: &BlockRow) -> Result<(BlockFields, alloy_primitives::B256), Stop> {
        let (before, previous_hash, epoch) = self.last;
        let number = BlockNumber::new(before.number().saturating_add(1));
        let name = Row::JournalBlock(number);
        name.check(name.reads(BLOCK.block(row.block_number))? == number, FaultKind::Missing)?;
        let fields = BlockFields {
            previous_hash: name.reads(BLOCK.b256(&row.previous_hash))?,
            number,
            epoch: name.reads(BLOCK.epoch(row.epoch_number))?,
            kind: name.reads(BLOCK.kind(row.posting_kind))?,
            transfers: name.reads(BLOCK.small(row.transfer_count))?,
            posted_at: row.posted_at,
            content: name.reads(BLOCK.b256(&row.content_digest))?,
        };
        let hash = name.reads(BLOCK.b256(&row.block_hash))?;
        name.check(fields.hash() == hash, FaultKind::HashDiffers)?;
        let follows = fields.previous_hash == previous_hash
            && fields.epoch >= epoch
            && fields.epoch <= self.head.last_epoch;
        name.check(follows, FaultKind::BrokenChain)?;
        Ok((fields, hash))
    }

    /// As many as the block says, each with its own digest, each continuing the balances of both its
    /// accounts.
    fn transfers(&mut self, block: &BlockFields, page: &Page) -> Result<Vec<TransferFields>, Stop> {
        let rows = page.transfers.get(&lookup(block.number.number()));
        let mut transfers = Vec::new();
        for (position, row) in (0_u32..).zip(rows.into_iter().flatten()) {
            let name = Row::Transfer(TransferId { block: block.number, position });
            let fields = name.reads(transfer_fields(row))?;
            name.check(fields.position == position, FaultKind::Missing)?;
            let digest = name.reads(TRANSFER.b256(&row.transfer_digest))?;
            name.check(fields.digest() == digest, FaultKind::ContentDiffers)?;
            let place = (name.reads(TRANSFER.epoch(row.epoch_number))?, row.posting_kind);
            let expected = (block.epoch, i16::from(block.kind.code()));
            name.check(place == expected, FaultKind::DiffersFromSource)?;
            let booked = self.books.book(block.number, &fields);
            let recorded = Some((fields.debit_balance, fields.credit_balance));
            name.check(booked == recorded, FaultKind::Unbalanced)?;
            transfers.push(fields);
        }
        let found = u32::try_from(transfers.len()).unwrap_or(u32::MAX);
        let name = |position| Row::Transfer(TransferId { block: block.number, position });
        name(found).check(found >= block.transfers, FaultKind::Missing)?;
        name(block.transfers).check(found == block.transfers, FaultKind::Stray)?;
        Ok(transfers)
    }
}
