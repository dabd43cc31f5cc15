//! Posting batches: the only way value moves between cells.
//!
//! **Invariant:** a batch is booked whole, in one db_tx, if the reference transition takes it at the
//! head of the books; otherwise nothing is written but, for a second batch that its rollup validly
//! signed for a taken height, the evidence. A height is taken by the batch that stands there: where
//! the last one was evicted it is free for any batch but one that could not be proven there.

mod evidence;
mod read;

use domain::{Batch, EpochNumber, Height, Refusal, RollupId, SettlementKey, Word};
use time::OffsetDateTime;

use crate::column::{Columns, lookup, rollup_key, signature_bytes};
use crate::connection::Tx;
use crate::posting::Move;
use crate::{Account, Answered, BlockNumber, Error, KeyedRequest, Ledger};

pub use evidence::{Equivocation, SignedDigest};
pub use read::{BatchDetail, BatchFilter, PostedBatch};
pub(crate) use read::{balances, read};

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
    /// it is booked anew, if it only went with another. Batches that come together are booked together,
    /// in the order in which they came.
    ///
    /// Who posts may book for others meanwhile, who wait until it is polled on or dropped: a future that is kept
    /// without being polled holds them up, and [`Ledger::close`].
    ///
    /// # Errors
    /// [`Error::Refused`] by a rule of the reference transition, [`Error::BatchConflict`] for
    /// another batch at a taken height, [`Error::BatchUnprovable`] for one that was evicted for its
    /// own sake, [`Error::EpochFull`], [`Error::NoDomain`], [`Error::SettledElsewhere`],
    /// [`Error::Busy`] when too many wait.
    pub async fn post_batch(&self, batch: &Batch) -> Result<Posted, Error> {
        let answers = self.writer().post(self.pool(), &[(0, batch)], None).await;
        let answered = answers.into_iter().next().unwrap_or(Err(Error::Stopped))?;
        Ok(answered.posted)
    }

    /// Books batches in their order, each for itself, and says of each what became of it. Beside each is its
    /// place in the request that it came with. With an idempotency key, what the request wrote is kept under
    /// it: the same request is answered the same again, of each batch that was booked, whatever came after.
    /// Requests with one key wait for each other.
    ///
    /// # Errors
    /// Of each as [`Self::post_batch`], and [`Error::IdempotencyKeyReused`].
    pub async fn post_batches(
        &self,
        batches: &[(u16, &Batch)],
        keyed: Option<&KeyedRequest>,
    ) -> Vec<Result<Answered, Error>> {
        self.writer().post(self.pool(), batches, keyed).await
    }
}

/// What stands at a batch's height.
pub(crate) enum Recorded {
    Same(Posted),
    Other(Posted),
}

/// The batch that stands at the same height. The same means the same digest, which covers everything
/// listed, and the same signature.
pub(crate) async fn recorded(
    tx: &mut Tx<'_>,
    batch: &Batch,
    domain_word: Word,
) -> Result<Option<Recorded>, Error> {
    let row = sqlx::query!(
        "select batch_digest, signature, block_number, b.epoch_number, posted_at
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
    let (epoch, block) = (TABLE.epoch(row.epoch_number)?, TABLE.block(row.block_number)?);
    let range = crate::operations::BlockRange::one(epoch, block)?;
    let same = match crate::operations::batches(tx, range).await {
        Ok(stored) => stored.values().next() == Some(batch.parts()),
        // The digest covers what it listed: it was compared with that when it was archived.
        Err(Error::Archived { .. }) => {
            batch.digest(domain_word) == digest
                && signature_bytes(&batch.parts().signature) == row.signature
        }
        Err(error) => return Err(error),
    };
    let posted = Posted {
        rollup: batch.rollup(),
        height: batch.height(),
        block,
        epoch,
        digest,
        posted_at: row.posted_at,
        replayed: true,
    };
    Ok(Some(if same { Recorded::Same(posted) } else { Recorded::Other(posted) }))
}

/// Why another batch at a taken height is refused; the pair is kept if its rollup signed both. A
/// second signature of the same digest is refused as well, but proves nothing.
pub(crate) async fn refuse_other(
    tx: &mut Tx<'_>,
    batch: &Batch,
    key: SettlementKey,
    domain_word: Word,
    recorded: Word,
) -> Result<Error, Error> {
    let (rollup, height) = (batch.rollup(), batch.height());
    let digest = batch.digest(domain_word);
    if !key.verifies(digest, &batch.parts().signature) {
        return Ok(Refusal::SignatureInvalid { rollup, digest: digest.to_bytes() }.into());
    }
    if digest != recorded {
        evidence::keep(tx, batch, recorded, domain_word).await?;
    }
    Ok(Error::BatchConflict { rollup, height })
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
