//! What proves a settled exit to somebody who has no books: its batch as signed, paths, the state that
//! L1 settled, and the settlement.
//!
//! **Invariant:** everything of one answer is of one settled epoch, which cannot change; a page of an
//! epoch's exits is bounded, and so is what is read to make its paths.

use alloy_primitives::B256;
use domain::{
    Claim, EpochNumber, ExitIndex, ExitRoot, ExitTree, ExitTreeHistory, LiquidityState, RollupId,
};

use crate::column::{Columns, epoch_key, rollup_key};
use crate::connection::Tx;
use crate::{Error, Ledger, PostedBatch, PostedExit, Sealed, Settlement, batches, epochs, exits};
use crate::{L1Settlement, l1_logs, state};

/// How an epoch closed, as L1 settled it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SettledEpoch {
    /// How it was sealed.
    pub sealed: Sealed,
    /// The state that it left behind, under the closing digest.
    pub closing: LiquidityState,
    /// The settlement that stands.
    pub settlement: Settlement,
    /// What L1 logged of it; `None` until the log is deep enough to be booked.
    pub logged: Option<L1Settlement>,
    /// The rollups that were active in it: L1 stored their exit roots.
    pub active: Vec<RollupId>,
}

/// An exit of a settled epoch with all that proves it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExitEvidence {
    /// The exit.
    pub exit: PostedExit,
    /// The batch that lists it.
    pub batch: PostedBatch,
    /// The digest of the batch's list, which its rollup signed with the rest.
    pub body_digest: B256,
    /// The siblings from the exit's leaf to the batch's exit root, bottom up.
    pub posted_path: Vec<B256>,
    /// The siblings from the exit's leaf to the exit root that the epoch closed with, bottom up.
    pub settled_path: Vec<B256>,
    /// The epoch.
    pub epoch: SettledEpoch,
}

/// The exits that one epoch adds to a rollup's exit tree.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EpochExits {
    /// The rollup.
    pub rollup: RollupId,
    /// Its exit tree before the epoch.
    pub before: ExitTree,
    /// How many exits the epoch adds; at least one.
    pub exits: u32,
    /// The exit root after them.
    pub exit_root: ExitRoot,
}

const BATCH: Columns = Columns("batch");
const EXIT: Columns = Columns("exit");

impl Ledger {
    /// What proves an exit.
    ///
    /// # Errors
    /// [`Error::UnknownExit`] when no exit stands under that number, [`Error::NotSettled`] when its epoch
    /// is not settled, [`Error::Corrupt`] when the exits do not make up the recorded roots.
    pub async fn exit_evidence(
        &self,
        rollup: RollupId,
        index: ExitIndex,
    ) -> Result<ExitEvidence, Error> {
        let mut tx = self.long_snapshot().await?;
        let exit = exits::read(&mut tx, rollup, index).await?;
        let exit = exit.filter(PostedExit::stands).ok_or(Error::UnknownExit { rollup, index })?;
        let epoch = settled(&mut tx, exit.epoch).await?;
        let block = crate::column::bigint("block number", exit.id.block.number())?;
        let batch = batches::read(&mut tx, &[block]).await?.pop().ok_or(BATCH.corrupt())?;
        let row = sqlx::query!(
            r#"select body_digest, exits_after as "exits_after!" from batch where block_number = $1"#,
            block
        )
        .fetch_one(&mut *tx)
        .await?;
        let leaves = leaves(&mut tx, rollup, exit.epoch).await?;
        let after = usize::try_from(row.exits_after).map_err(|_| BATCH.corrupt())?;
        let posted = leaves.get(..after).ok_or(BATCH.corrupt())?.to_vec();
        let path = |leaves| ExitTreeHistory::new(leaves).path(index).ok_or(EXIT.corrupt());
        let (posted_path, settled_path) = (path(posted)?, path(leaves)?);
        let closed = epoch.closing.rollup(rollup).map_err(|_| EXIT.corrupt())?;
        let proven = exit.claim.proven_by(&posted_path, batch.exit_root)
            && exit.claim.proven_by(&settled_path, closed.exit_root);
        if !proven {
            return Err(EXIT.corrupt());
        }
        let body_digest = BATCH.b256(&row.body_digest)?;
        Ok(ExitEvidence { exit, batch, body_digest, posted_path, settled_path, epoch })
    }

    /// How an epoch was settled.
    ///
    /// # Errors
    /// [`Error::UnknownEpoch`] or [`Error::NotSettled`].
    pub async fn settled_epoch(&self, epoch: EpochNumber) -> Result<SettledEpoch, Error> {
        let mut tx = self.snapshot().await?;
        settled(&mut tx, epoch).await
    }

    /// What an epoch adds to each rollup's exit tree, of rollups with exits in it.
    ///
    /// # Errors
    /// [`Error::UnknownEpoch`] or [`Error::NotSettled`].
    pub async fn exits_of_epoch(&self, epoch: EpochNumber) -> Result<Vec<EpochExits>, Error> {
        let mut tx = self.snapshot().await?;
        let closing = settled(&mut tx, epoch).await?.closing;
        let mut all = Vec::new();
        for (rollup, closed) in closing.rollups() {
            let before = tree_before(&mut tx, rollup, epoch).await?;
            let after = sqlx::query_scalar!(
                r#"select max(exits_after) from batch b
                where rollup_id = $1 and epoch_number = $2 and not exists (
                    select from batch_eviction x where x.reversed_block = b.block_number
                )"#,
                rollup_key(rollup),
                epoch_key(epoch)
            )
            .fetch_one(&mut *tx)
            .await?;
            let Some(after) = after else { continue };
            let after = u32::try_from(after).map_err(|_| BATCH.corrupt())?;
            let exits = after.saturating_sub(before.next_index().number());
            if exits > 0 {
                all.push(EpochExits { rollup, before, exits, exit_root: closed.exit_root });
            }
        }
        Ok(all)
    }

    /// Exits of a rollup that stand, in the order of their numbers from one on, so many at most. Those of
    /// a settled epoch never change.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn exits_from(
        &self,
        rollup: RollupId,
        from: ExitIndex,
        count: u32,
    ) -> Result<Vec<Claim>, Error> {
        let end = i64::from(from.number()).saturating_add(i64::from(count));
        let rows = sqlx::query!(
            "select exit_index, asset_id, recipient, atoms from exit e
            where rollup_id = $1 and exit_index >= $2 and exit_index < $3 and not exists (
                select from batch_eviction x where x.reversed_block = e.block_number
            ) order by exit_index",
            rollup_key(rollup),
            i64::from(from.number()),
            end
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Claim {
                    rollup,
                    index: EXIT.exit_index(row.exit_index)?,
                    asset: EXIT.asset(row.asset_id)?,
                    recipient: EXIT.address(&row.recipient)?,
                    atoms: EXIT.atoms(row.atoms)?,
                })
            })
            .collect()
    }
}

async fn settled(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<SettledEpoch, Error> {
    let settlement = epochs::settlement(tx, epoch).await?;
    let sealed = epochs::sealed(tx, epoch).await?;
    let (Some(settlement), Some(sealed)) = (settlement, sealed) else {
        let known = sqlx::query_scalar!(
            r#"select exists (select from epoch where epoch_number = $1) as "known!""#,
            epoch_key(epoch)
        );
        let known = known.fetch_one(&mut **tx).await?;
        return Err(if known {
            Error::NotSettled { epoch }
        } else {
            Error::UnknownEpoch { epoch }
        });
    };
    let at_seal = state::at_seal(tx, epoch).await?;
    let active = at_seal.rollups().filter(|(_, rollup)| rollup.active).map(|(id, _)| id).collect();
    let logged = l1_logs::settlement(tx, epoch).await?;
    // A log that was booked of another settlement than the one that stands: a reorg is under way.
    let logged = logged.filter(|log| log.log.tx_hash == settlement.tx_hash);
    let closing = at_seal.close_epoch();
    Ok(SettledEpoch { sealed, closing, settlement, logged, active })
}

/// The exit tree of a rollup as an epoch opened.
async fn tree_before(
    tx: &mut Tx<'_>,
    rollup: RollupId,
    epoch: EpochNumber,
) -> Result<ExitTree, Error> {
    let row = sqlx::query!(
        r#"select exits_after as "exits_after!", exit_tree from batch b
        where rollup_id = $1 and epoch_number < $2 and not exists (
            select from batch_eviction x where x.reversed_block = b.block_number
        ) order by height desc limit 1"#,
        rollup_key(rollup),
        epoch_key(epoch)
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else { return Ok(ExitTree::empty()) };
    let next = BATCH.exit_index(row.exits_after)?;
    let waiting = row.exit_tree.chunks(32).map(|node| BATCH.b256(node));
    let waiting = waiting.collect::<Result<Vec<_>, _>>()?;
    ExitTree::from_parts(next, waiting).ok_or(BATCH.corrupt())
}

/// The leaves of a rollup's exit tree as an epoch closed.
pub(crate) async fn leaves(
    tx: &mut Tx<'_>,
    rollup: RollupId,
    epoch: EpochNumber,
) -> Result<Vec<B256>, Error> {
    let leaves = sqlx::query_scalar!(
        "select leaf from exit e where rollup_id = $1 and epoch_number <= $2 and not exists (
            select from batch_eviction x where x.reversed_block = e.block_number
        ) order by exit_index",
        rollup_key(rollup),
        epoch_key(epoch)
    )
    .fetch_all(&mut **tx)
    .await?;
    leaves.iter().map(|leaf| EXIT.b256(leaf)).collect()
}
