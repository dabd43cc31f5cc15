//! Operations of the reference transition, rebuilt from the journal.
//!
//! **Invariant:** in ledger order, complete, and each again a value of `domain` whose own rules
//! hold: a batch comes back through [`domain::Batch::new`]. Of an evicted batch only its place is left,
//! [`Operation::Evicted`]: what is left of an epoch is what it is proven from.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use domain::{
    Batch, BatchParts, EpochNumber, Exit, Lane, LiquidityState, Operation, RollupId, Transfer, Word,
};

use crate::column::{Columns, bigint, epoch_key};
use crate::connection::Tx;
use crate::posting::Head;
use crate::{Account, BlockNumber, Error, Ledger, archive, state};

/// Everything that proving an epoch needs.
#[derive(Clone, Debug)]
pub struct EpochOperations {
    /// The epoch.
    pub epoch: EpochNumber,
    /// The state that it opens with.
    pub opening: LiquidityState,
    /// What happened in it, in ledger order.
    pub operations: Vec<Operation>,
    /// The digest that the ledger sealed it with: what the proof has to lead to.
    pub closing_digest: Word,
}

/// What the open epoch holds so far: what it would be proven from if it were sealed now.
#[derive(Clone, Debug)]
pub struct OpenOperations {
    /// The epoch.
    pub epoch: EpochNumber,
    /// The state that it opens with.
    pub opening: LiquidityState,
    /// What happened in it up to the journal's head, in ledger order.
    pub operations: Vec<Operation>,
    /// The journal's last block.
    pub last_block: BlockNumber,
}

/// Blocks of one epoch, both ends included. Transfers are found by their epoch and block: the epoch says
/// in which partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockRange {
    pub(crate) epoch: EpochNumber,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

const BATCH: Columns = Columns("batch");
const LANE: Columns = Columns("lane");
const TRANSFER: Columns = Columns("transfer");

impl Ledger {
    /// What a sealed epoch is proven from. Its opening state is checked against the chain of epochs
    /// (BASELINE_PRESENT, ROOT_CONTINUITY).
    ///
    /// # Errors
    /// [`Error::UnknownEpoch`], [`Error::NotSealed`], [`Error::Archived`],
    /// [`Error::BaselineMissing`], [`Error::BaselineDiffers`], or [`Error::Corrupt`].
    pub async fn operations_of(&self, epoch: EpochNumber) -> Result<EpochOperations, Error> {
        let mut tx = self.snapshot().await?;
        let (opening, _) = state::at_opening(&mut tx, epoch).await?;
        let closing_digest = sqlx::query_scalar!(
            "select closing_digest from epoch_seal where epoch_number = $1",
            epoch_key(epoch)
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(Error::NotSealed { epoch })?;
        let operations = of_epoch(&mut tx, epoch).await?.into_values().collect();
        let closing_digest = Columns("epoch_seal").word(&closing_digest)?;
        Ok(EpochOperations { epoch, opening, operations, closing_digest })
    }

    /// What the open epoch holds so far, at one moment of the books.
    ///
    /// # Errors
    /// [`Error::NoDomain`], [`Error::BaselineMissing`], [`Error::BaselineDiffers`], or
    /// [`Error::Corrupt`].
    pub async fn open_operations(&self) -> Result<OpenOperations, Error> {
        let mut tx = self.snapshot().await?;
        let head = Head::read(&mut tx).await?;
        of_open(&mut tx, &head).await
    }
}

/// What the open epoch holds at a head of the books. Its opening state is checked against the chain
/// of epochs (BASELINE_PRESENT, ROOT_CONTINUITY).
pub(crate) async fn of_open(tx: &mut Tx<'_>, head: &Head) -> Result<OpenOperations, Error> {
    let (opening, _) = state::at_opening(tx, head.epoch).await?;
    let operations = of_epoch(tx, head.epoch).await?.into_values().collect();
    Ok(OpenOperations { epoch: head.epoch, opening, operations, last_block: head.block })
}

/// The operations of an epoch, open or sealed, by block.
pub(crate) async fn of_epoch(
    tx: &mut Tx<'_>,
    epoch: EpochNumber,
) -> Result<BTreeMap<BlockNumber, Operation>, Error> {
    match range_of(tx, epoch).await? {
        Some(range) => {
            let batches = batches(tx, range).await?;
            read(tx, range, batches).await
        }
        None => Ok(BTreeMap::new()),
    }
}

/// The operations of an epoch in ledger order, each batch with one transfer or exit for each of its lanes in
/// place of its list: the state, the steps and what is netted know no more of it.
pub(crate) async fn summed(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<Vec<Operation>, Error> {
    let Some(range) = range_of(tx, epoch).await? else { return Ok(Vec::new()) };
    let (mut batches, _) = without_lists(tx, range).await?;
    for parts in batches.values_mut() {
        let (recipient, lanes) = (Address::ZERO, parts.lanes.iter());
        let (out, to): (Vec<&Lane>, Vec<&Lane>) =
            lanes.partition(|lane| lane.destination == RollupId::L1);
        let transfer = |Lane { asset, destination, atoms }: &Lane| Transfer {
            to: *destination,
            asset: *asset,
            atoms: *atoms,
            recipient,
        };
        parts.transfers = to.into_iter().map(transfer).collect();
        let exit = |lane: &Lane| Exit { asset: lane.asset, atoms: lane.atoms, recipient };
        parts.exits = out.into_iter().map(exit).collect();
    }
    Ok(read(tx, range, batches).await?.into_values().collect())
}

async fn range_of(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<Option<BlockRange>, Error> {
    let row = sqlx::query!(
        "select min(block_number) as first, max(block_number) as last
        from journal_block where epoch_number = $1",
        epoch_key(epoch)
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(row.first.zip(row.last).map(|(first, last)| BlockRange { epoch, first, last }))
}

/// The operations among a range of blocks, by block, with the batches that are among them. Assets and claims
/// are none.
async fn read(
    tx: &mut Tx<'_>,
    range: BlockRange,
    mut batches: BTreeMap<BlockNumber, BatchParts>,
) -> Result<BTreeMap<BlockNumber, Operation>, Error> {
    let mut operations = BTreeMap::new();
    let rows = sqlx::query!(
        "select block_number, rollup_id, key_x, key_y from rollup
        where block_number between $1 and $2",
        range.first,
        range.last
    )
    .fetch_all(&mut **tx)
    .await?;
    let columns = Columns("rollup");
    for row in rows {
        let key = columns.key(&row.key_x, &row.key_y)?;
        let register = Operation::Register { rollup: columns.rollup(row.rollup_id)?, key };
        operations.insert(columns.block(row.block_number)?, register);
    }
    let rows = sqlx::query!(
        "select block_number, rollup_id, asset_id, atoms from deposit
        where block_number between $1 and $2",
        range.first,
        range.last
    )
    .fetch_all(&mut **tx)
    .await?;
    let columns = Columns("deposit");
    for row in rows {
        let deposit = Operation::Deposit {
            rollup: columns.rollup(row.rollup_id)?,
            asset: columns.asset(row.asset_id)?,
            atoms: columns.atoms(row.atoms)?,
        };
        operations.insert(columns.block(row.block_number)?, deposit);
    }
    for block in evicted(tx, range).await? {
        batches.remove(&block);
        operations.insert(block, Operation::Evicted);
    }
    for (block, parts) in batches {
        let batch = Batch::new(parts).map_err(|_| BATCH.corrupt())?;
        operations.insert(block, Operation::Batch(Box::new(batch)));
    }
    Ok(operations)
}

/// The blocks of a range whose batch was evicted.
async fn evicted(tx: &mut Tx<'_>, range: BlockRange) -> Result<Vec<BlockNumber>, Error> {
    let blocks = sqlx::query_scalar!(
        "select reversed_block from batch_eviction where reversed_block between $1 and $2",
        range.first,
        range.last
    )
    .fetch_all(&mut **tx)
    .await?;
    blocks.into_iter().map(|block| Columns("batch_eviction").block(block)).collect()
}

/// The batches among a range of blocks, evicted or not, as they were posted but unchecked.
///
/// # Errors
/// [`Error::Archived`] when what they list is.
pub(crate) async fn batches(
    tx: &mut Tx<'_>,
    range: BlockRange,
) -> Result<BTreeMap<BlockNumber, BatchParts>, Error> {
    let (mut batches, listed) = without_lists(tx, range).await?;
    if listed > 0 {
        let found = add_items(tx, range, &mut batches).await?;
        if found < listed
            && let Some(refusal) = archive::refusal(tx, range.epoch).await?
        {
            return Err(refusal);
        }
    }
    Ok(batches)
}

/// The same without what they list, and how much that is.
pub(crate) async fn without_lists(
    tx: &mut Tx<'_>,
    range: BlockRange,
) -> Result<(BTreeMap<BlockNumber, BatchParts>, u64), Error> {
    let rows = sqlx::query!(
        r#"select block_number, rollup_id, height, previous_root, new_root, exit_root, signature,
            transfer_count + exit_count as "listed!"
        from batch where block_number between $1 and $2"#,
        range.first,
        range.last
    )
    .fetch_all(&mut **tx)
    .await?;
    let (mut batches, mut listed) = (BTreeMap::new(), 0_u64);
    for row in rows {
        listed = listed.saturating_add(u64::from(BATCH.small(row.listed)?));
        let parts = BatchParts {
            rollup: BATCH.rollup(row.rollup_id)?,
            height: BATCH.height(row.height)?,
            previous_root: BATCH.l2_root(&row.previous_root)?,
            new_root: BATCH.l2_root(&row.new_root)?,
            exit_root: BATCH.exit_root(&row.exit_root)?,
            transfers: Vec::new(),
            exits: Vec::new(),
            lanes: Vec::new(),
            signature: BATCH.signature(&row.signature)?,
        };
        batches.insert(BATCH.block(row.block_number)?, parts);
    }
    if !batches.is_empty() {
        add_lanes(tx, range, &mut batches).await?;
    }
    Ok((batches, listed))
}

async fn add_lanes(
    tx: &mut Tx<'_>,
    range: BlockRange,
    batches: &mut BTreeMap<BlockNumber, BatchParts>,
) -> Result<(), Error> {
    let rows = sqlx::query!(
        "select block_number, asset_id, destination_id, atoms
        from batch join lane using (rollup_id, height, attempt)
        where block_number between $1 and $2
        order by block_number, asset_id, destination_id",
        range.first,
        range.last
    )
    .fetch_all(&mut **tx)
    .await?;
    for row in rows {
        let batch = batches.get_mut(&LANE.block(row.block_number)?);
        batch.ok_or_else(|| LANE.corrupt())?.lanes.push(Lane {
            asset: LANE.asset(row.asset_id)?,
            destination: LANE.rollup(row.destination_id)?,
            atoms: LANE.atoms(row.atoms)?,
        });
    }
    Ok(())
}

/// How many there are.
async fn add_items(
    tx: &mut Tx<'_>,
    range: BlockRange,
    batches: &mut BTreeMap<BlockNumber, BatchParts>,
) -> Result<u64, Error> {
    let rows = sqlx::query!(
        r#"select block_number, credit_account_id, atoms, recipient as "recipient!"
        from transfer
        where block_number between $1 and $2 and epoch_number = $3 and posting_kind = 4
        order by block_number, position"#,
        range.first,
        range.last,
        epoch_key(range.epoch)
    )
    .fetch_all(&mut **tx)
    .await?;
    let found = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    for row in rows {
        let batch = batches.get_mut(&TRANSFER.block(row.block_number)?);
        let batch = batch.ok_or_else(|| TRANSFER.corrupt())?;
        let atoms = TRANSFER.atoms(row.atoms)?;
        let recipient = TRANSFER.address(&row.recipient)?;
        match TRANSFER.account(row.credit_account_id)? {
            Account::Cell { rollup, asset } => {
                batch.transfers.push(Transfer { to: rollup, asset, atoms, recipient });
            }
            Account::Pot { asset, .. } => batch.exits.push(Exit { asset, atoms, recipient }),
            Account::Custody { .. } => return Err(TRANSFER.corrupt()),
        }
    }
    Ok(found)
}

impl BlockRange {
    pub(crate) fn one(epoch: EpochNumber, block: BlockNumber) -> Result<Self, Error> {
        let number = bigint("block number", block.number())?;
        Ok(Self { epoch, first: number, last: number })
    }
}
