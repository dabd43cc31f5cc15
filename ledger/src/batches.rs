//! Posting batches: the only way value moves between cells.
//!
//! **Invariant:** a batch is booked whole, in one db_tx, if the reference transition takes it at the
//! head of the books; otherwise nothing is written but, for a second batch that its rollup validly
//! signed for a taken height, the evidence. A height is taken by the batch that stands there: where
//! the last one was evicted it is free for any batch but one that could not be proven there.
//!
//! Lock and order: the lock of the books is taken before the head is read. Without it, two posters
//! would check against the same state and one would fail at the chain, after the work.

mod evidence;
mod insert;
mod read;

use domain::limits::MAX_BATCHES_PER_EPOCH;
use domain::{Batch, EpochNumber, ExitTree, Height, Operation, Refusal, RollupId, Word};
use time::OffsetDateTime;

use crate::column::{Columns, epoch_key, lookup, rollup_key};
use crate::connection::Tx;
use crate::hash::{self, BatchPlace};
use crate::posting::{Head, Move};
use crate::{Account, BlockNumber, Error, Ledger, PostingKind, eviction, state};

pub use evidence::{Equivocation, SignedDigest};
pub use read::{BatchDetail, BatchFilter, PostedBatch};

/// Where a batch stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Posted {
    /// Whose batch.
    pub rollup: RollupId,
    /// Its height.
    pub height: Height,
    /// The block that booked it.
    pub block: BlockNumber,
    /// The epoch that it settles in.
    pub epoch: EpochNumber,
    /// The digest that its rollup signed.
    pub digest: Word,
    /// When it was booked.
    pub posted_at: OffsetDateTime,
    /// Whether it had been booked before: this is the first answer again.
    pub replayed: bool,
}

const TABLE: Columns = Columns("batch");

impl Ledger {
    /// Books a batch. The same batch again answers as the first did, unless that one was evicted: then
    /// it is booked anew, if it only went with another.
    ///
    /// # Errors
    /// [`Error::Refused`] by a rule of the reference transition, [`Error::BatchConflict`] for
    /// another batch at a taken height, [`Error::BatchUnprovable`] for one that was evicted for its
    /// own sake, [`Error::EpochFull`], [`Error::NoDomain`], [`Error::SettledElsewhere`].
    pub async fn post_batch(&self, batch: &Batch) -> Result<Posted, Error> {
        let mut tx = self.write().await?;
        let mut head = Head::read(&mut tx).await?;
        let domain_word = head.adoption.identity.word();
        if let Some(recorded) = recorded(&mut tx, batch).await? {
            return match recorded {
                Recorded::Same(posted) => Ok(posted),
                Recorded::Other(other) => refuse_other(tx, &head, batch, other).await,
            };
        }
        let state = state::at_head(&mut tx, head.epoch).await?;
        check_assets(&mut tx, batch).await?;
        state.apply(&Operation::Batch(Box::new(batch.clone())), domain_word)?;
        let tip = tip(&mut tx, batch.rollup()).await?;
        let tree = &tip.tree;
        let grown = batch.continue_exit_tree(tree)?;
        crate::foreign_settlement::check_none(&mut tx).await?;
        let place_in_epoch = place_in(&mut tx, head.epoch).await?;
        let attempts = Attempts { this: attempt_at(&mut tx, batch).await?, continued: tip.attempt };
        let place = BatchPlace {
            digest: batch.digest(domain_word),
            body_digest: batch.parts().body_digest(),
            place_in_epoch,
            exits_before: tree.next_index().number(),
            exit_tree: &grown.waiting().iter().flat_map(|node| node.0).collect::<Vec<u8>>(),
        };
        if attempts.this > 1 {
            eviction::check_not_cause(&mut tx, batch, place.digest).await?;
        }
        let moves = moves(batch);
        let posting = hash::batch_posting(batch, place);
        let block = head.post(&mut tx, PostingKind::Batch, posting, &moves).await?;
        insert::batch(&mut tx, &head, batch, place, attempts).await?;
        insert::lanes(&mut tx, batch, attempts).await?;
        insert::exits(&mut tx, &head, batch, tree).await?;
        tx.commit().await?;
        Ok(Posted {
            rollup: batch.rollup(),
            height: batch.height(),
            block,
            epoch: head.epoch,
            digest: place.digest,
            posted_at: head.now,
            replayed: false,
        })
    }
}

/// The last batch of a rollup that stands: what the next one continues.
struct Tip {
    attempt: i32,
    tree: ExitTree,
}

/// Which batch of its height one is, and which of the height before it continues; from 1.
#[derive(Clone, Copy)]
struct Attempts {
    this: i32,
    continued: i32,
}

/// What stands at a batch's height.
enum Recorded {
    Same(Posted),
    Other(Word),
}

/// The batch that stands at the same height. The same means the same digest, which covers everything
/// listed, and the same signature.
async fn recorded(tx: &mut Tx<'_>, batch: &Batch) -> Result<Option<Recorded>, Error> {
    let row = sqlx::query!(
        "select batch_digest, body_digest, signature, block_number, b.epoch_number, posted_at
        from batch b join journal_block using (block_number)
        where rollup_id = $1 and height = $2 and not exists (
            select from batch_eviction e where e.reversed_block = b.block_number
        )",
        rollup_key(batch.rollup()),
        lookup(batch.height().number())
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let digest = TABLE.word(&row.batch_digest)?;
    let parts = batch.parts();
    let stored = crate::operations::batches(
        tx,
        crate::operations::BlockRange::one(TABLE.block(row.block_number)?)?,
    )
    .await?;
    if stored.values().next() != Some(parts) {
        return Ok(Some(Recorded::Other(digest)));
    }
    Ok(Some(Recorded::Same(Posted {
        rollup: batch.rollup(),
        height: batch.height(),
        block: TABLE.block(row.block_number)?,
        epoch: TABLE.epoch(row.epoch_number)?,
        digest,
        posted_at: row.posted_at,
        replayed: true,
    })))
}

/// Refuses another batch at a taken height, and keeps the pair if its rollup signed both. A second
/// signature of the same digest is refused as well, but proves nothing.
async fn refuse_other(
    mut tx: Tx<'_>,
    head: &Head,
    batch: &Batch,
    recorded: Word,
) -> Result<Posted, Error> {
    let (rollup, height) = (batch.rollup(), batch.height());
    let domain_word = head.adoption.identity.word();
    let digest = batch.digest(domain_word);
    let key = state::at_head(&mut tx, head.epoch).await?.key_of(rollup)?;
    if !key.verifies(digest, &batch.parts().signature) {
        return Err(Refusal::SignatureInvalid { rollup, digest: digest.to_bytes() }.into());
    }
    if digest != recorded {
        evidence::keep(&mut tx, batch, recorded, domain_word).await?;
        tx.commit().await?;
    }
    Err(Error::BatchConflict { rollup, height })
}

async fn check_assets(tx: &mut Tx<'_>, batch: &Batch) -> Result<(), Error> {
    let registered: Vec<i32> =
        sqlx::query_scalar!("select asset_id from asset").fetch_all(&mut **tx).await?;
    let unknown = batch
        .lanes()
        .iter()
        .map(|lane| lane.asset)
        .find(|asset| !registered.contains(&crate::column::asset_key(*asset)));
    match unknown {
        Some(asset) => Err(Refusal::UnknownAsset { asset }.into()),
        None => Ok(()),
    }
}

/// Where the rollup's last batch that stands left it.
async fn tip(tx: &mut Tx<'_>, rollup: RollupId) -> Result<Tip, Error> {
    let row = sqlx::query!(
        r#"select attempt, exits_after as "exits_after!", exit_tree from batch b
        where rollup_id = $1 and not exists (
            select from batch_eviction e where e.reversed_block = b.block_number
        ) order by height desc limit 1"#,
        rollup_key(rollup)
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else { return Ok(Tip { attempt: 1, tree: ExitTree::empty() }) };
    let waiting =
        row.exit_tree.chunks(32).map(|node| TABLE.b256(node)).collect::<Result<Vec<_>, _>>()?;
    let tree = ExitTree::from_parts(TABLE.exit_index(row.exits_after)?, waiting);
    Ok(Tip { attempt: row.attempt, tree: tree.ok_or(TABLE.corrupt())? })
}

/// Which batch of its height this one is, from 1: nothing stands there, so all before were evicted.
async fn attempt_at(tx: &mut Tx<'_>, batch: &Batch) -> Result<i32, Error> {
    let attempt = sqlx::query_scalar!(
        r#"select coalesce(max(attempt), 0) + 1 as "attempt!" from batch
        where rollup_id = $1 and height = $2"#,
        rollup_key(batch.rollup()),
        lookup(batch.height().number())
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(attempt)
}

/// The batch's number among all that the epoch took, if it has room among those that stand: evicted
/// ones take no steps, and an epoch full of nothing else could never be sealed.
async fn place_in(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<u32, Error> {
    let row = sqlx::query!(
        r#"select coalesce(max(place_in_epoch) + 1, 0) as "place!", count(*) - (
            select count(*) from batch_eviction where epoch_number = $1
        ) as "standing!"
        from batch where epoch_number = $1"#,
        epoch_key(epoch)
    )
    .fetch_one(&mut **tx)
    .await?;
    let limit = MAX_BATCHES_PER_EPOCH;
    if usize::try_from(row.standing).is_ok_and(|standing| standing < limit) {
        TABLE.small(row.place)
    } else {
        Err(Error::EpochFull { epoch, limit })
    }
}

/// The transfers in listed order, then the exits.
pub(crate) fn moves(batch: &Batch) -> Vec<Move> {
    let rollup = batch.rollup();
    let parts = batch.parts();
    let transfers = parts.transfers.iter().map(|transfer| Move {
        debit: Account::Cell { rollup, asset: transfer.asset },
        credit: Account::Cell { rollup: transfer.to, asset: transfer.asset },
        atoms: transfer.atoms,
        recipient: Some(transfer.recipient),
    });
    let exits = parts.exits.iter().map(|exit| Move {
        debit: Account::Cell { rollup, asset: exit.asset },
        credit: Account::Pot { rollup, asset: exit.asset },
        atoms: exit.atoms,
        recipient: Some(exit.recipient),
    });
    transfers.chain(exits).collect()
}
