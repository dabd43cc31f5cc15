//! Evicting a batch whose step cannot be proven: out of the open epoch, never out of the books.
//!
//! **Invariant:** each evicted batch is reversed by a posting of its own that names it, with the
//! reason in words; what is left of the epoch is what the reference transition takes without them,
//! and every other batch and balance is as it was. A sealed epoch is never changed, nor is a step
//! of the open one that is folded. The batch is named by its digest, so that no other is hit; the
//! one that could not be proven does not come back.
//!
//! Order: batches are reversed last first, and so are the transfers of each. No cell falls below
//! zero on the way. Take a cell of rollup r when everything evicted after some moment is reversed.
//! If no batch of r from before that moment goes, what is still to be reversed only takes from the
//! cell what it was given, so it holds no less than at the end, when the reference transition has
//! taken what stands. If one goes, all later ones of r went with it, so that nothing from after the
//! moment debits the cell any more: it holds no less than it did at that moment. Within one
//! reversal a cell of the batch's rollup only grows and every other account only shrinks, so each
//! is at its lowest at the end. A pot holds at least the exits that L1 has not paid, and it pays
//! none of an open epoch.

mod closure;
mod folded;
mod row;

use alloy_primitives::B256;
use domain::{EpochNumber, Height, Operation, RollupId, Word};
use time::OffsetDateTime;

use crate::column::{Columns, lookup, rollup_key};
use crate::connection::Tx;
use crate::hash::{self, ReversalFields};
use crate::operations::BlockRange;
use crate::posting::{Head, Move};
use crate::{BlockNumber, Error, Ledger, PostingKind, batches, operations, state};

use closure::{Closure, Why};

pub(crate) use row::{EvictionColumns, attempt, eviction};

/// One batch by name: how often its height was tried is part of it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct BatchAttempt {
    /// Whose.
    pub rollup: RollupId,
    /// Its height.
    pub height: Height,
    /// Which batch of that height, from 1: the next one exists only after the one before was
    /// evicted.
    pub attempt: u32,
}

/// What became of an evicted batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Evicted {
    /// Which.
    pub batch: BatchAttempt,
    /// The block that had booked it.
    pub block: BlockNumber,
    /// The block that reverses it.
    pub reversal: BlockNumber,
    /// Why it had to go, in words.
    pub reason: String,
    /// The batch that could not be proven, and with which this one went; itself for that one.
    pub cause: BatchAttempt,
}

/// That a batch was evicted, as its readers see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Eviction {
    /// The block that reverses it.
    pub reversal: BlockNumber,
    /// Why it had to go, in words.
    pub reason: String,
    /// The batch that could not be proven; itself for that one.
    pub cause: BatchAttempt,
    /// When it was reversed.
    pub evicted_at: OffsetDateTime,
}

/// The batch to evict, as it is booked.
struct Booked {
    batch: BatchAttempt,
    block: BlockNumber,
    hash: B256,
}

const TABLE: Columns = Columns("batch");

impl Ledger {
    /// Evicts the batch of that digest which stands at a height of the open epoch (recorded, or of its
    /// rows as they are now, should they be damaged), and with it what
    /// cannot stand without it: the rollup's later batches, other rollups' batches that spend what
    /// they then do not have, and the later ones of those. All or none are reversed. In ledger order.
    ///
    /// Calling it again, after an unknown outcome too, evicts nothing else: the batch was evicted,
    /// and whatever is posted at its height has another digest.
    ///
    /// # Errors
    /// [`Error::UnknownBatch`], [`Error::BatchEvicted`] when it was, [`Error::BatchReplaced`] when
    /// the last one of its height has another digest, [`Error::BatchSealed`] outside the open epoch,
    /// [`Error::BatchFolded`] if a step that is folded would change, [`Error::Forbidden`] for a
    /// reason of no or more than 1,000 characters, [`Error::Drift`] when the books do not come to
    /// what the reference transition says.
    pub async fn evict(
        &self,
        rollup: RollupId,
        height: Height,
        digest: Word,
        reason: &str,
    ) -> Result<Vec<Evicted>, Error> {
        let mut tx = self.write().await?;
        let mut head = Head::read(&mut tx).await?;
        let word = head.adoption.identity.word();
        let root = standing(&mut tx, &head, (rollup, height, digest)).await?;
        let (opening, _) = state::at_opening(&mut tx, head.epoch).await?;
        let operations = operations::of_epoch(&mut tx, head.epoch).await?;
        let Closure { evicted, left } = closure::of(opening, &operations, root.block, word)?;
        let changed = folded::first_changed(&mut tx, head.epoch, &operations, &evicted).await?;
        if let Some(step) = changed {
            return Err(Error::BatchFolded { rollup, height, step });
        }
        let mut reversed = Vec::with_capacity(evicted.len());
        for (block, why) in evicted.iter().rev() {
            let booked = booked(&mut tx, *block).await?;
            let Some(Operation::Batch(batch)) = operations.get(block) else {
                return Err(TABLE.corrupt());
            };
            let reason = words(why, rollup, height, reason);
            let fields = ReversalFields {
                batch: booked.batch,
                reversed: booked.block,
                reversed_hash: booked.hash,
                cause: root.batch,
                reason: &reason,
            };
            let posting = hash::reversal_posting(&fields);
            let moves: Vec<Move> = mirror(batches::moves(batch)).collect();
            let reversal = head.post(&mut tx, PostingKind::Reversal, posting, &moves).await?;
            let (batch, cause) = (booked.batch, root.batch);
            reversed.push(Evicted { batch, block: *block, reversal, reason, cause });
        }
        row::insert(&mut tx, head.epoch, &reversed).await?;
        // The books come to what the reference transition left, or nothing is written.
        if state::at_head(&mut tx, head.epoch).await? != left {
            return Err(Error::Drift { block: head.block });
        }
        tx.commit().await?;
        reversed.reverse();
        Ok(reversed)
    }
}

/// A batch's transfers the other way round, the last one first. Nobody receives them.
pub(crate) fn mirror(moves: Vec<Move>) -> impl Iterator<Item = Move> {
    moves.into_iter().rev().map(|one| Move {
        debit: one.credit,
        credit: one.debit,
        atoms: one.atoms,
        recipient: None,
    })
}

/// The batch of that name and digest, if it stands and the open epoch may still let go of it.
async fn standing(
    tx: &mut Tx<'_>,
    head: &Head,
    (rollup, height, digest): (RollupId, Height, Word),
) -> Result<Booked, Error> {
    let row = sqlx::query!(
        r#"select block_number, epoch_number, attempt, batch_digest, exists (
            select from batch_eviction e where e.reversed_block = b.block_number
        ) as "evicted!"
        from batch b where rollup_id = $1 and height = $2 order by attempt desc limit 1"#,
        rollup_key(rollup),
        lookup(height.number())
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::UnknownBatch { rollup, height })?;
    let epoch = TABLE.epoch(row.epoch_number)?;
    let found = TABLE.word(&row.batch_digest)?;
    let block = TABLE.block(row.block_number)?;
    if found != digest && stored_digest(tx, head, (epoch, block)).await? != Some(digest) {
        let attempt = TABLE.small(row.attempt)?;
        return Err(Error::BatchReplaced { rollup, height, attempt, digest: found });
    }
    if row.evicted {
        return Err(Error::BatchEvicted { rollup, height });
    }
    if epoch != head.epoch {
        return Err(Error::BatchSealed { rollup, height, epoch });
    }
    booked(tx, block).await
}

/// The digest of a batch of the open epoch as its rows are now: not the recorded one if they were damaged, in which case
/// whoever read them knows the batch by this one.
async fn stored_digest(
    tx: &mut Tx<'_>,
    head: &Head,
    (epoch, block): (EpochNumber, BlockNumber),
) -> Result<Option<Word>, Error> {
    if epoch != head.epoch {
        return Ok(None);
    }
    let stored = operations::batches(tx, BlockRange::one(epoch, block)?).await?;
    Ok(stored.into_values().next().map(|parts| parts.digest(head.adoption.identity.word())))
}

async fn booked(tx: &mut Tx<'_>, block: BlockNumber) -> Result<Booked, Error> {
    let row = sqlx::query!(
        "select rollup_id, height, attempt, block_hash
        from batch join journal_block using (block_number) where block_number = $1",
        lookup(block.number())
    )
    .fetch_one(&mut **tx)
    .await?;
    let batch = attempt(TABLE, row.rollup_id, row.height, row.attempt)?;
    Ok(Booked { batch, block, hash: TABLE.b256(&row.block_hash)? })
}

/// Why a batch goes when `height` of `rollup` does, which goes for `reason`.
fn words(why: &Why, rollup: RollupId, height: Height, reason: &str) -> String {
    match why {
        Why::Unprovable => reason.to_owned(),
        Why::Continues { height } => format!("it continues batch {height}, which is evicted"),
        Why::Refused(refusal) => {
            format!("without batch {height} of rollup {rollup} it is refused: {refusal}")
        }
    }
}
