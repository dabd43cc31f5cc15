//! Evidence of equivocation: two different batches that one rollup signed for one height.
//!
//! **Invariant:** both signatures are valid over what is kept, and what is kept is enough to see it:
//! the words under each digest, among them rollup and height. Neither batch was ever evicted there:
//! whose batch was evicted signs another one for the height in good faith, and anybody may post the
//! first one again, before that one or after it.

use domain::{Batch, Height, RollupId, Signature, Word};
use time::OffsetDateTime;

use crate::column::{Columns, bigint, rollup_key, signature_bytes, word_bytes};
use crate::connection::Tx;
use crate::operations::{self, BlockRange};
use crate::{Error, Ledger, PageLimit};

/// Two batches signed for one height.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Equivocation {
    /// Who signed both.
    pub rollup: RollupId,
    /// The height.
    pub height: Height,
    /// The batch that stood there then.
    pub recorded: SignedDigest,
    /// The first other one.
    pub refused: SignedDigest,
    /// When it came.
    pub seen_at: OffsetDateTime,
}

/// What a rollup signed: enough to check it without the list of transfers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedDigest {
    /// The words under the digest, [`domain::BatchParts::digest_words`].
    pub words: Vec<Word>,
    /// The digest.
    pub digest: Word,
    /// The signature over it.
    pub signature: Signature,
}

const TABLE: Columns = Columns("equivocation");

impl Ledger {
    /// Evidence of equivocation, newest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn equivocations(&self, limit: PageLimit) -> Result<Vec<Equivocation>, Error> {
        let mut tx = self.snapshot().await?;
        let Some(adoption) = crate::adoption::read(&mut tx).await? else { return Ok(Vec::new()) };
        let domain_word = adoption.identity.word();
        let rows = sqlx::query!(
            "select e.rollup_id, e.height, recorded_digest, refused_digest, refused_words,
                refused_signature, seen_at, block_number, epoch_number, body_digest
            from equivocation e
            join lateral (
                select block_number, epoch_number, body_digest from batch b
                where b.rollup_id = e.rollup_id
                    and b.height = e.height and b.batch_digest = e.recorded_digest
                order by attempt limit 1
            ) recorded on true
            order by seen_at desc limit $1",
            limit.rows()
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let epoch = TABLE.epoch(row.epoch_number)?;
            let range = BlockRange::one(epoch, TABLE.block(row.block_number)?)?;
            let (batches, _) = operations::without_lists(&mut tx, range).await?;
            let recorded = batches.into_values().next().ok_or_else(|| TABLE.corrupt())?;
            let body_digest = TABLE.b256(&row.body_digest)?;
            found.push(Equivocation {
                rollup: TABLE.rollup(row.rollup_id)?,
                height: TABLE.height(row.height)?,
                recorded: SignedDigest {
                    words: recorded.words_over(domain_word, body_digest),
                    digest: TABLE.word(&row.recorded_digest)?,
                    signature: recorded.signature,
                },
                refused: SignedDigest {
                    words: TABLE.words(&row.refused_words)?,
                    digest: TABLE.word(&row.refused_digest)?,
                    signature: TABLE.signature(&row.refused_signature)?,
                },
                seen_at: row.seen_at,
            });
        }
        Ok(found)
    }
}

/// Keeps the first pair of a height; one proves it, and more would let its signer fill the disk. None
/// is kept with a batch that was evicted there, which the schema would refuse.
pub(super) async fn keep(
    tx: &mut Tx<'_>,
    batch: &Batch,
    recorded: Word,
    domain_word: Word,
) -> Result<(), Error> {
    let words: Vec<u8> =
        batch.parts().digest_words(domain_word).into_iter().flat_map(word_bytes).collect();
    sqlx::query!(
        "insert into equivocation (rollup_id, height, recorded_digest, refused_digest,
            refused_words, refused_signature)
        select $1, $2, $3::bytea, $4::bytea, $5, $6
        where not exists (
            select from batch where rollup_id = $1 and height = $2
                and batch_digest in ($3::bytea, $4::bytea) and is_evicted(block_number)
        )
        on conflict (rollup_id, height) do nothing",
        rollup_key(batch.rollup()),
        bigint("height", batch.height().number())?,
        word_bytes(recorded),
        word_bytes(batch.digest(domain_word)),
        words,
        signature_bytes(&batch.parts().signature),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
