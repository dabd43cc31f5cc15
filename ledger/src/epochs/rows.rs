//! Epochs from all their rows at once.
//!
//! **Invariant:** however many epochs are read, it takes two statements: one for what each of them has, along
//! its keys, and one for what the open one holds, which alone is not counted yet.

use domain::{EpochNumber, Word};
use time::OffsetDateTime;

use super::read::{Epoch, EpochStatus};
use super::{ProofSummary, SealReason, Sealed, Settlement, seal, settle};
use crate::Error;
use crate::column::Columns;
use crate::connection::Tx;

const TABLE: Columns = Columns("epoch");
const SEAL: Columns = Columns("epoch_seal");
const SETTLEMENT: Columns = Columns("epoch_settlement");

/// What each epoch has; what may be missing is null.
struct Row {
    epoch_number: i64,
    opened_at: OffsetDateTime,
    opening_digest: Vec<u8>,
    steps: i32,
    attempts: i32,
    live_attempt: Option<i32>,
    reason: Option<i16>,
    last_block: Option<i64>,
    last_block_hash: Option<Vec<u8>>,
    cutoff_number: Option<i64>,
    cutoff_hash: Option<Vec<u8>>,
    batch_count: Option<i64>,
    operation_count: Option<i64>,
    transfer_count: Option<i64>,
    closing_digest: Option<Vec<u8>>,
    sealed_at: Option<OffsetDateTime>,
    books_digest: Option<Vec<u8>>,
    proof_steps: Option<i32>,
    proof_digest: Option<Vec<u8>>,
    proof_bytes: Option<i32>,
    proven_at: Option<OffsetDateTime>,
    aggregated_steps: Option<i32>,
    aggregated_digest: Option<Vec<u8>>,
    aggregated_bytes: Option<i32>,
    aggregated_at: Option<OffsetDateTime>,
    sequence: Option<i32>,
    tx_hash: Option<Vec<u8>>,
    settled_in: Option<i64>,
    settled_in_hash: Option<Vec<u8>>,
    gas_used: Option<i64>,
    state_digest: Option<Vec<u8>>,
    settled_at: Option<OffsetDateTime>,
    payer: Option<Vec<u8>>,
    gas_price: Option<i64>,
    final_at: Option<OffsetDateTime>,
}

/// Those of these epochs that there are, newest first.
pub(super) async fn read(tx: &mut Tx<'_>, epochs: &[i64]) -> Result<Vec<Epoch>, Error> {
    let rows = rows(tx, epochs).await?;
    let mut read = Vec::with_capacity(rows.len());
    for row in rows {
        // All but the open epoch have what they hold in their seal.
        let open = match row.sealed_at {
            Some(_) => None,
            None => Some(seal::counts(tx, TABLE.epoch(row.epoch_number)?).await?),
        };
        read.push(row.epoch(open)?);
    }
    Ok(read)
}

async fn rows(tx: &mut Tx<'_>, epochs: &[i64]) -> Result<Vec<Row>, Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select e.epoch_number, e.opened_at, e.opening_digest,
            coalesce((
                select max(step_number) from epoch_step where epoch_number = e.epoch_number
            ), 0) as "steps!",
            coalesce((
                select max(attempt) from epoch_submission where epoch_number = e.epoch_number
            ), 0) as "attempts!",
            (
                select max(attempt) from epoch_submission s where epoch_number = e.epoch_number
                    and not exists (
                        select from epoch_submission_end x
                        where x.epoch_number = s.epoch_number and x.attempt = s.attempt
                    )
            ) as live_attempt,
            s.reason as "reason?", s.last_block as "last_block?",
            s.last_block_hash as "last_block_hash?",
            s.l1_block_number as "cutoff_number?",
            s.l1_block_hash as "cutoff_hash?", s.batch_count as "batch_count?",
            s.operation_count as "operation_count?", s.transfer_count as "transfer_count?",
            s.closing_digest as "closing_digest?", s.sealed_at as "sealed_at?",
            books.books_digest as "books_digest?", p.step_count as "proof_steps?",
            p.proof_digest as "proof_digest?", octet_length(p.proof) as "proof_bytes?",
            p.proven_at as "proven_at?", a.step_count as "aggregated_steps?",
            a.proof_digest as "aggregated_digest?",
            octet_length(a.proof) as "aggregated_bytes?", a.proven_at as "aggregated_at?",
            t.sequence as "sequence?", t.tx_hash as "tx_hash?",
            t.l1_block_number as "settled_in?",
            t.l1_block_hash as "settled_in_hash?", t.gas_used as "gas_used?",
            t.state_digest as "state_digest?", t.recorded_at as "settled_at?",
            fee.payer as "payer?", fee.gas_price as "gas_price?",
            f.recorded_at as "final_at?"
        from epoch e
        left join epoch_seal s using (epoch_number)
        left join epoch_books books using (epoch_number)
        left join epoch_settlement_proof p using (epoch_number)
        left join epoch_proof a using (epoch_number)
        left join standing_settlement t using (epoch_number)
        left join epoch_settlement_fee fee using (epoch_number, sequence)
        left join epoch_final f using (epoch_number)
        where e.epoch_number = any($1) order by e.epoch_number desc"#,
        epochs
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

impl Row {
    fn epoch(self, open: Option<(u64, u64, u64)>) -> Result<Epoch, Error> {
        let epoch = TABLE.epoch(self.epoch_number)?;
        let sealed = self.sealed(epoch)?;
        let settlement = self.settlement(epoch)?;
        let closing = sealed.map(|sealed| sealed.closing_digest);
        let settlement_proof = summary(
            closing,
            (self.proof_steps, self.proof_digest.as_deref(), self.proof_bytes, self.proven_at),
        )?;
        let aggregated = (self.aggregated_steps, self.aggregated_digest.as_deref());
        let aggregated = (aggregated.0, aggregated.1, self.aggregated_bytes, self.aggregated_at);
        let steps = TABLE.small(self.steps)?;
        let live_attempt = self.live_attempt.map(|attempt| TABLE.small(attempt)).transpose()?;
        let status = match (self.final_at, &settlement, live_attempt, &settlement_proof, &sealed) {
            (Some(_), ..) => EpochStatus::Final,
            (None, Some(_), ..) => EpochStatus::Settled,
            (None, None, Some(attempt), ..) => EpochStatus::Submitted { attempt },
            (None, None, None, Some(_), _) => EpochStatus::Proven,
            (None, None, None, None, Some(_)) if steps > 0 => EpochStatus::Proving { steps },
            (None, None, None, None, Some(_)) => EpochStatus::Sealed,
            (None, None, None, None, None) => EpochStatus::Open,
        };
        let counted = sealed.map(|sealed| (sealed.batches, sealed.operations, sealed.transfers));
        let (batches, operations, transfers) = counted.or(open).unwrap_or_default();
        Ok(Epoch {
            epoch,
            status,
            opened_at: self.opened_at,
            opening_digest: TABLE.word(&self.opening_digest)?,
            sealed,
            steps,
            settlement_proof,
            proof: summary(closing, aggregated)?,
            submissions: TABLE.small(self.attempts)?,
            settlement,
            final_at: self.final_at,
            batches,
            operations,
            transfers,
        })
    }

    fn sealed(&self, epoch: EpochNumber) -> Result<Option<Sealed>, Error> {
        let Some(sealed_at) = self.sealed_at else { return Ok(None) };
        let number = |number: Option<i64>| SEAL.number(number.ok_or_else(|| SEAL.corrupt())?);
        let hash = |bytes: Option<&[u8]>| SEAL.b256(bytes.unwrap_or_default());
        let books = self.books_digest.as_deref().map(|digest| SEAL.b256(digest)).transpose()?;
        Ok(Some(Sealed {
            epoch,
            reason: SealReason::from_code(self.reason.unwrap_or_default())?,
            last_block: SEAL.block(self.last_block.unwrap_or(-1))?,
            last_block_hash: hash(self.last_block_hash.as_deref())?,
            l1_cutoff: SEAL.l1_block(
                self.cutoff_number.unwrap_or(-1),
                self.cutoff_hash.as_deref().unwrap_or_default(),
            )?,
            batches: number(self.batch_count)?,
            operations: number(self.operation_count)?,
            transfers: number(self.transfer_count)?,
            opening_digest: SEAL.word(&self.opening_digest)?,
            closing_digest: SEAL.word(self.closing_digest.as_deref().unwrap_or_default())?,
            books,
            sealed_at,
        }))
    }

    fn settlement(&self, epoch: EpochNumber) -> Result<Option<Settlement>, Error> {
        let Some(recorded_at) = self.settled_at else { return Ok(None) };
        let hash = |bytes: Option<&[u8]>| SETTLEMENT.b256(bytes.unwrap_or_default());
        Ok(Some(Settlement {
            epoch,
            sequence: SETTLEMENT.small(self.sequence.unwrap_or(-1))?,
            tx_hash: hash(self.tx_hash.as_deref())?,
            block: SETTLEMENT.l1_block(
                self.settled_in.unwrap_or(-1),
                self.settled_in_hash.as_deref().unwrap_or_default(),
            )?,
            gas_used: SETTLEMENT.number(self.gas_used.unwrap_or(-1))?,
            state_digest: SETTLEMENT.word(self.state_digest.as_deref().unwrap_or_default())?,
            fee: settle::fee(self.payer.as_deref(), self.gas_price)?,
            recorded_at,
        }))
    }
}

/// The columns of either proof: steps, digest, bytes, when.
type ProofColumns<'a> = (Option<i32>, Option<&'a [u8]>, Option<i32>, Option<OffsetDateTime>);

/// A proof leads to what its epoch was sealed with, by a foreign key.
fn summary(
    closing: Option<Word>,
    (steps, digest, bytes, proven_at): ProofColumns<'_>,
) -> Result<Option<ProofSummary>, Error> {
    let (Some(closing_digest), Some(steps), Some(digest), Some(bytes), Some(proven_at)) =
        (closing, steps, digest, bytes, proven_at)
    else {
        return Ok(None);
    };
    let columns = Columns("epoch_proof");
    Ok(Some(ProofSummary {
        closing_digest,
        steps: columns.small(steps)?,
        sha256: columns.b256(digest)?,
        bytes: columns.number(bytes.into())?,
        proven_at,
    }))
}
