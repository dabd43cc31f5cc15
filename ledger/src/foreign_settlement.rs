//! A settlement on L1 that these books do not lead to.
//!
//! **Invariant:** there is at most one, and it stands for good. The books end with the epoch before
//! it: they stay readable and true, and take no batch any more, since none could ever settle.

use alloy_primitives::B256;
use domain::l1::L1Block;
use domain::{EpochNumber, Word};
use time::OffsetDateTime;

use crate::column::{Columns, bigint, epoch_key, word_bytes};
use crate::connection::Tx;
use crate::{Error, Ledger, epochs};

/// An epoch that L1 has settled with another state than the ledger's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ForeignSettlement {
    /// The first epoch that is another one on L1 than here.
    pub epoch: EpochNumber,
    /// The l1_tx that settled it.
    pub tx_hash: B256,
    /// Its block.
    pub block: L1Block,
    /// The state digest that L1 stored.
    pub settled: Word,
    /// What the ledger sealed the epoch with, if it had.
    pub sealed: Option<Word>,
    /// When it was recorded.
    pub recorded_at: OffsetDateTime,
}

const TABLE: Columns = Columns("foreign_settlement");

impl Ledger {
    /// Records that L1 settled an epoch with a state that is not the ledger's. The first one stays;
    /// recording another changes nothing.
    ///
    /// # Errors
    /// [`Error::Forbidden`] by `foreign_settlement_differs` for the very digest that was sealed, and
    /// by `foreign_settlement_of_epoch` for an epoch that the ledger does not have.
    pub async fn record_foreign_settlement(
        &self,
        epoch: EpochNumber,
        tx_hash: B256,
        block: L1Block,
        settled: Word,
    ) -> Result<ForeignSettlement, Error> {
        let mut tx = self.write().await?;
        let sealed = epochs::sealed(&mut tx, epoch).await?.map(|sealed| sealed.closing_digest);
        sqlx::query!(
            "insert into foreign_settlement (epoch_number, tx_hash, l1_block_number, l1_block_hash,
                settled_digest, sealed_digest)
            values ($1, $2::bytea, $3, $4::bytea, $5::bytea, $6::bytea)
            on conflict (only_one) do nothing",
            epoch_key(epoch),
            tx_hash.as_slice(),
            bigint("block number", block.number)?,
            block.hash.as_slice(),
            word_bytes(settled),
            sealed.map(word_bytes)
        )
        .execute(&mut *tx)
        .await?;
        let recorded = read(&mut tx).await?.ok_or_else(|| TABLE.corrupt())?;
        tx.commit().await?;
        Ok(recorded)
    }

    /// The settlement that the books do not lead to, if there is one.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn foreign_settlement(&self) -> Result<Option<ForeignSettlement>, Error> {
        let mut tx = self.snapshot().await?;
        read(&mut tx).await
    }
}

async fn read(tx: &mut Tx<'_>) -> Result<Option<ForeignSettlement>, Error> {
    let row = sqlx::query!(
        "select epoch_number, tx_hash, l1_block_number, l1_block_hash, settled_digest,
            sealed_digest, recorded_at
        from foreign_settlement"
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| {
        Ok(ForeignSettlement {
            epoch: TABLE.epoch(row.epoch_number)?,
            tx_hash: TABLE.b256(&row.tx_hash)?,
            block: TABLE.l1_block(row.l1_block_number, &row.l1_block_hash)?,
            settled: TABLE.word(&row.settled_digest)?,
            sealed: row.sealed_digest.map(|digest| TABLE.word(&digest)).transpose()?,
            recorded_at: row.recorded_at,
        })
    })
    .transpose()
}
