//! One block: its place in the chain, its transfers, its posting.

use alloy_primitives::B256;
use domain::l1::{L1Block, L1LogId};
use domain::{Asset, Atoms, Claim, Operation};

use super::fault::{FaultKind, Row, Stop};
use super::page::{
    AssetRow, BlockRow, ClaimRow, DepositRow, LogColumns, Page, RollupRow, TransferRow,
};
use super::{Auditor, EpochCounts};
use crate::column::{Columns, lookup};
use crate::hash::{self, BlockFields, TransferFields};
use crate::holds::SeenDeposit;
use crate::{Account, BlockNumber, Error, PostingKind, TransferId};

const BLOCK: Columns = Columns("journal_block");
const TRANSFER: Columns = Columns("transfer");

impl Auditor<'_> {
    pub(super) async fn block(&mut self, row: &BlockRow, page: &Page) -> Result<(), Stop> {
        let (block, hash) = self.chain(row)?;
        if block.epoch != self.epoch {
            self.close_epochs(Some(block.epoch)).await?;
        }
        self.head = (block.number.number(), hash);
        let transfers = self.transfers(&block, page)?;
        let posting = match block.kind {
            PostingKind::Asset => self.asset(&block, page.assets.get(&row.block_number))?,
            PostingKind::Rollup => self.rollup(&block, page.rollups.get(&row.block_number))?,
            PostingKind::Deposit => {
                self.deposit(&block, page.deposits.get(&row.block_number), page, &transfers)?
            }
            PostingKind::Claim => {
                self.claim(&block, page.claims.get(&row.block_number), &transfers)?
            }
            PostingKind::Batch => self.batch(&block, page, &transfers)?,
            PostingKind::Reversal => self.reversal(&block, page, &transfers)?,
            PostingKind::Hold => self.hold(&block, page)?,
            PostingKind::Release => self.release(&block, page)?,
        };
        let root = page.prepared.root(row.block_number);
        let root = root.unwrap_or_else(|| hash::root(transfers.iter().map(TransferFields::digest)));
        let (posting_row, posting_digest) = posting;
        posting_row.check(
            hash::content(posting_digest, root) == block.content,
            FaultKind::ContentDiffers,
        )?;
        self.count(&block, transfers.len());
        Ok(())
    }

    /// The block continues the one before, and has the hash of its fields.
    fn chain(&self, row: &BlockRow) -> Result<(BlockFields, B256), Stop> {
        let number = BlockNumber::new(self.head.0.saturating_add(1));
        let name = Row::JournalBlock(number);
        let found = name.reads(BLOCK.block(row.block_number))?;
        name.check(found == number, FaultKind::Missing)?;
        let previous_hash = name.reads(BLOCK.b256(&row.previous_hash))?;
        let fields = BlockFields {
            previous_hash,
            number,
            epoch: name.reads(BLOCK.epoch(row.epoch_number))?,
            kind: name.reads(BLOCK.kind(row.posting_kind))?,
            transfers: name.reads(BLOCK.small(row.transfer_count))?,
            posted_at: row.posted_at,
            content: name.reads(BLOCK.b256(&row.content_digest))?,
        };
        let hash = name.reads(BLOCK.b256(&row.block_hash))?;
        name.check(fields.hash() == hash, FaultKind::HashDiffers)?;
        name.check(previous_hash == self.head.1, FaultKind::BrokenChain)?;
        name.check(fields.epoch >= self.epoch, FaultKind::BrokenChain)?;
        Ok((fields, hash))
    }

    /// The block's transfers: as many as it says, each with its own digest, each continuing the
    /// balances of both its accounts.
    fn transfers(&mut self, block: &BlockFields, page: &Page) -> Result<Vec<TransferFields>, Stop> {
        let number = lookup(block.number.number());
        let rows = page.transfers.get(&number);
        let mut transfers = Vec::with_capacity(rows.map_or(0, Vec::len));
        for (position, row) in (0_u32..).zip(rows.into_iter().flatten()) {
            let name = Row::Transfer(TransferId { block: block.number, position });
            let prepared = page.prepared.transfer(number, position);
            let (fields, digest) = if let Some(prepared) = prepared {
                prepared
            } else {
                let fields = name.reads(transfer_fields(row))?;
                (fields, fields.digest())
            };
            name.check(fields.position == position, FaultKind::Missing)?;
            let recorded = name.reads(TRANSFER.b256(&row.transfer_digest))?;
            name.check(digest == recorded, FaultKind::ContentDiffers)?;
            let place = (name.reads(TRANSFER.epoch(row.epoch_number))?, row.posting_kind);
            let expected = (block.epoch, i16::from(block.kind.code()));
            name.check(place == expected, FaultKind::DiffersFromSource)?;
            let balances = (
                self.debit(fields.debit, fields.atoms, block.number),
                self.credit(fields.credit, fields.atoms, block.number),
            );
            let recorded = (Some(fields.debit_balance), Some(fields.credit_balance));
            name.check(balances == recorded, FaultKind::Unbalanced)?;
            transfers.push(fields);
        }
        let next = u32::try_from(transfers.len()).unwrap_or(u32::MAX);
        let name = Row::Transfer(TransferId { block: block.number, position: next });
        name.check(next >= block.transfers, FaultKind::Missing)?;
        let name = Row::Transfer(TransferId { block: block.number, position: block.transfers });
        name.check(next == block.transfers, FaultKind::Stray)?;
        Ok(transfers)
    }

    fn debit(&mut self, account: Account, atoms: Atoms, block: BlockNumber) -> Option<Atoms> {
        let sums = self.books.entry(account).or_default();
        sums.debits = sums.debits.checked_add(atoms.number())?;
        self.touch(account, block)
    }

    fn credit(&mut self, account: Account, atoms: Atoms, block: BlockNumber) -> Option<Atoms> {
        let sums = self.books.entry(account).or_default();
        sums.credits = sums.credits.checked_add(atoms.number())?;
        self.touch(account, block)
    }

    fn touch(&mut self, account: Account, block: BlockNumber) -> Option<Atoms> {
        let sums = self.books.get_mut(&account)?;
        sums.transfers = sums.transfers.checked_add(1)?;
        sums.last_block = block.number();
        let (larger, smaller) = if account.is_debit_normal() {
            (sums.debits, sums.credits)
        } else {
            (sums.credits, sums.debits)
        };
        Atoms::new(larger.checked_sub(smaller)?).ok()
    }

    fn asset(&mut self, block: &BlockFields, row: Option<&AssetRow>) -> Result<Posting, Stop> {
        let row = row.ok_or_else(|| missing(block))?;
        let columns = Columns("asset");
        let name = Row::Asset(Row::JournalBlock(block.number).reads(columns.asset(row.asset_id))?);
        let asset = name.reads(read_asset(row))?;
        let (log, l1_block) = log_of(name, columns, (&row.log, row.epoch_number), block)?;
        self.counts.assets = self.counts.assets.saturating_add(1);
        Ok((name, hash::asset_posting(&asset, log, l1_block)))
    }

    fn rollup(&mut self, block: &BlockFields, row: Option<&RollupRow>) -> Result<Posting, Stop> {
        let row = row.ok_or_else(|| missing(block))?;
        let columns = Columns("rollup");
        let rollup = Row::JournalBlock(block.number).reads(columns.rollup(row.rollup_id))?;
        let name = Row::Rollup(rollup);
        let key = name.reads(columns.key(&row.key_x, &row.key_y))?;
        let (log, l1_block) = log_of(name, columns, (&row.log, row.epoch_number), block)?;
        self.apply(name, Operation::Register { rollup, key })?;
        self.counts.rollups = self.counts.rollups.saturating_add(1);
        Ok((name, hash::rollup_posting(rollup, &key, log, l1_block)))
    }

    fn deposit(
        &mut self,
        block: &BlockFields,
        row: Option<&DepositRow>,
        page: &Page,
        transfers: &[TransferFields],
    ) -> Result<Posting, Stop> {
        let row = row.ok_or_else(|| missing(block))?;
        let columns = Columns("deposit");
        let name = Row::Deposit(block.number);
        let rollup = name.reads(columns.rollup(row.rollup_id))?;
        let asset = name.reads(columns.asset(row.asset_id))?;
        let atoms = name.reads(columns.atoms(row.atoms))?;
        let depositor = name.reads(columns.address(&row.depositor))?;
        let (log, l1_block) = log_of(name, columns, (&row.log, row.epoch_number), block)?;
        let credit = (Account::Custody { asset }, Account::Cell { rollup, asset }, atoms);
        name.check(moved(transfers) == Some(credit), FaultKind::DiffersFromSource)?;
        self.apply(name, Operation::Deposit { rollup, asset, atoms })?;
        self.counts.deposits = self.counts.deposits.saturating_add(1);
        let posting = hash::deposit_posting((rollup, asset), depositor, atoms, log, l1_block);
        let seen = SeenDeposit { depositor, log, block: l1_block, previous: None };
        let held = (Account::Cell { rollup, asset }, atoms, seen);
        Ok((name, self.posted(block, page, posting, held)?))
    }

    /// A claim is paid from its pot, which by its running balance is never overdrawn (POT_CAP).
    fn claim(
        &mut self,
        block: &BlockFields,
        row: Option<&ClaimRow>,
        transfers: &[TransferFields],
    ) -> Result<Posting, Stop> {
        let row = row.ok_or_else(|| missing(block))?;
        let columns = Columns("claim");
        let unnamed = Row::JournalBlock(block.number);
        let rollup = unnamed.reads(columns.rollup(row.rollup_id))?;
        let index = unnamed.reads(columns.exit_index(row.exit_index))?;
        let name = Row::Claim { rollup, index };
        let claim = Claim {
            rollup,
            index,
            asset: name.reads(columns.asset(row.asset_id))?,
            recipient: name.reads(columns.address(&row.recipient))?,
            atoms: name.reads(columns.atoms(row.atoms))?,
        };
        let epoch = name.reads(columns.epoch(row.proven_epoch_number))?;
        let (log, l1_block) = log_of(name, columns, (&row.log, row.epoch_number), block)?;
        let asset = claim.asset;
        name.check(row.pays_an_exit, FaultKind::DiffersFromSource)?;
        let payment = (Account::Pot { rollup, asset }, Account::Custody { asset }, claim.atoms);
        name.check(moved(transfers) == Some(payment), FaultKind::DiffersFromSource)?;
        self.counts.claims = self.counts.claims.saturating_add(1);
        Ok((name, hash::claim_posting(epoch, &claim, log, l1_block)))
    }

    fn count(&mut self, block: &BlockFields, transfers: usize) {
        let transfers = u64::try_from(transfers).unwrap_or(u64::MAX);
        self.report.blocks = self.report.blocks.saturating_add(1);
        self.report.transfers = self.report.transfers.saturating_add(transfers);
        let EpochCounts { posted, batches, operations, transfers: in_epoch } = &mut self.in_epoch;
        match block.kind {
            PostingKind::Asset | PostingKind::Claim | PostingKind::Hold | PostingKind::Release => {}
            PostingKind::Rollup => *operations = operations.saturating_add(1),
            PostingKind::Deposit => {
                *operations = operations.saturating_add(1);
                *in_epoch = in_epoch.saturating_add(transfers);
            }
            PostingKind::Batch => {
                *posted = posted.saturating_add(1);
                *batches = batches.saturating_add(1);
                *operations = operations.saturating_add(1);
                *in_epoch = in_epoch.saturating_add(transfers);
            }
            PostingKind::Reversal => {
                *batches = batches.saturating_sub(1);
                *operations = operations.saturating_sub(1);
                *in_epoch = in_epoch.saturating_sub(transfers);
            }
        }
    }
}

/// The row that a block posts, and the digest of it.
pub(super) type Posting = (Row, B256);

/// The block's posting is not there.
pub(super) fn missing(block: &BlockFields) -> Stop {
    Row::JournalBlock(block.number).is(FaultKind::Missing)
}

fn moved(transfers: &[TransferFields]) -> Option<(Account, Account, Atoms)> {
    match transfers {
        [one] => Some((one.debit, one.credit, one.atoms)),
        _ => None,
    }
}

pub(crate) fn transfer_fields(row: &TransferRow) -> Result<TransferFields, Error> {
    Ok(TransferFields {
        position: TRANSFER.small(row.position)?,
        debit: TRANSFER.account(row.debit_account_id)?,
        credit: TRANSFER.account(row.credit_account_id)?,
        asset: TRANSFER.asset(row.asset_id)?,
        atoms: TRANSFER.atoms(row.atoms)?,
        debit_balance: TRANSFER.atoms(row.debit_balance)?,
        credit_balance: TRANSFER.atoms(row.credit_balance)?,
        recipient: row.recipient.as_deref().map(|bytes| TRANSFER.address(bytes)).transpose()?,
    })
}

pub(crate) fn read_asset(row: &AssetRow) -> Result<Asset, Error> {
    let columns = Columns("asset");
    let decimals = |number| u8::try_from(number).map_err(|_| columns.corrupt());
    Asset::new(
        columns.asset(row.asset_id)?,
        columns.address(&row.token)?,
        decimals(row.token_decimals)?,
        decimals(row.ledger_decimals)?,
    )
    .map_err(|_| columns.corrupt())
}

/// The log that made a posting: of the posting's kind, and of the epoch of its block.
pub(crate) fn log_of(
    name: Row,
    columns: Columns,
    (log, epoch): (&LogColumns, i64),
    block: &BlockFields,
) -> Result<(L1LogId, L1Block), Stop> {
    let id = name.reads(columns.log(&log.tx_hash, log.log_index))?;
    let l1_block = name.reads(columns.l1_block(log.l1_block_number, &log.l1_block_hash))?;
    let kind = Row::L1Log(id);
    kind.check(log.log_kind == i16::from(block.kind.code()), FaultKind::DiffersFromSource)?;
    let epoch = name.reads(columns.epoch(epoch))?;
    name.check(epoch == block.epoch, FaultKind::DiffersFromSource)?;
    Ok((id, l1_block))
}
