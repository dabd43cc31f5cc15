//! Settlements: L1 took a proof, a reorg may undo it, depth makes it final.

use alloy_primitives::B256;
use domain::l1::L1Block;
use domain::{EpochNumber, Word};
use time::OffsetDateTime;

use super::seal;
use crate::column::{Columns, bigint, epoch_key, word_bytes};
use crate::connection::Tx;
use crate::{Error, Ledger};

/// A settlement as L1 shows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NewSettlement {
    /// The l1_tx that settled it: ours or somebody else's.
    pub tx_hash: B256,
    /// Its block.
    pub block: L1Block,
    /// The gas that it used.
    pub gas_used: u64,
    /// The state digest that L1 stored.
    pub state_digest: Word,
}

/// A recorded settlement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settlement {
    /// The epoch.
    pub epoch: EpochNumber,
    /// Its number among the epoch's settlements, from 1; each but the last was undone by a reorg.
    pub sequence: u32,
    /// The l1_tx that settled it.
    pub tx_hash: B256,
    /// Its block.
    pub block: L1Block,
    /// The gas that it used.
    pub gas_used: u64,
    /// The state digest that L1 stored.
    pub state_digest: Word,
    /// When it was recorded.
    pub recorded_at: OffsetDateTime,
}

const TABLE: Columns = Columns("epoch_settlement");

impl Ledger {
    /// Records that L1 settled an epoch. The same l1_tx in the same block again is the recorded one.
    ///
    /// # Errors
    /// [`Error::NotSealed`], [`Error::SettledOtherwise`] when L1 stored another digest than the
    /// epoch was sealed with, [`Error::SettlementStands`] while another one stands,
    /// [`Error::NotSettled`] for the epoch before when that has not settled.
    pub async fn record_settlement(
        &self,
        epoch: EpochNumber,
        new: &NewSettlement,
    ) -> Result<Settlement, Error> {
        let mut tx = self.write().await?;
        let sealed = seal::read(&mut tx, epoch).await?.ok_or(Error::NotSealed { epoch })?;
        if sealed.closing_digest != new.state_digest {
            let (sealed, settled) = (sealed.closing_digest, new.state_digest);
            return Err(Error::SettledOtherwise { epoch, sealed, settled });
        }
        if let Some(standing) = read(&mut tx, epoch).await? {
            let same = (standing.tx_hash, standing.block) == (new.tx_hash, new.block);
            return if same { Ok(standing) } else { Err(Error::SettlementStands { epoch }) };
        }
        let row = sqlx::query!(
            r#"insert into epoch_settlement (epoch_number, sequence, tx_hash, l1_block_number,
                l1_block_hash, gas_used, state_digest)
            select $1, coalesce(max(sequence), 0) + 1, $2::bytea, $3, $4::bytea, $5, $6::bytea
            from epoch_settlement where epoch_number = $1
            returning sequence, recorded_at"#,
            epoch_key(epoch),
            new.tx_hash.as_slice(),
            bigint("block number", new.block.number)?,
            new.block.hash.as_slice(),
            bigint("gas", new.gas_used)?,
            word_bytes(new.state_digest)
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(Error::from)
        .map_err(|error| {
            let epoch = epoch.previous().unwrap_or(epoch);
            error.on_constraint("epoch_settles_in_order", || Error::NotSettled { epoch })
        })?;
        tx.commit().await?;
        let NewSettlement { tx_hash, block, gas_used, state_digest } = *new;
        let sequence = TABLE.small(row.sequence)?;
        let recorded_at = row.recorded_at;
        Ok(Settlement { epoch, sequence, tx_hash, block, gas_used, state_digest, recorded_at })
    }

    /// The settlement of an epoch that stands.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn settlement(&self, epoch: EpochNumber) -> Result<Option<Settlement>, Error> {
        let mut tx = self.snapshot().await?;
        read(&mut tx, epoch).await
    }

    /// Records that a reorg, seen at this block, undid the standing settlement: the epoch is
    /// submitted again, with no loss. Epochs are undone from the last one back.
    ///
    /// # Errors
    /// [`Error::NotSettled`]; [`Error::Forbidden`] by `epoch_final_stays` for a final epoch and by
    /// `epoch_settles_in_order` while the next one stands.
    pub async fn record_reorg(&self, epoch: EpochNumber, seen: L1Block) -> Result<(), Error> {
        let mut tx = self.write().await?;
        let standing = read(&mut tx, epoch).await?.ok_or(Error::NotSettled { epoch })?;
        sqlx::query!(
            "insert into epoch_reorg (epoch_number, sequence, l1_block_number, l1_block_hash)
            values ($1, $2, $3, $4::bytea)",
            epoch_key(epoch),
            i32::try_from(standing.sequence).unwrap_or(i32::MAX),
            bigint("block number", seen.number)?,
            seen.hash.as_slice()
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Records that the standing settlement is deep enough. Recording it again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotSettled`].
    pub async fn record_final(&self, epoch: EpochNumber, seen: L1Block) -> Result<(), Error> {
        let mut tx = self.write().await?;
        let standing = read(&mut tx, epoch).await?.ok_or(Error::NotSettled { epoch })?;
        sqlx::query!(
            "insert into epoch_final (epoch_number, sequence, l1_block_number, l1_block_hash)
            values ($1, $2, $3, $4::bytea)
            on conflict (epoch_number) do nothing",
            epoch_key(epoch),
            i32::try_from(standing.sequence).unwrap_or(i32::MAX),
            bigint("block number", seen.number)?,
            seen.hash.as_slice()
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }
}

pub(crate) async fn read(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<Option<Settlement>, Error> {
    let row = sqlx::query!(
        r#"select sequence as "sequence!", tx_hash as "tx_hash!",
            l1_block_number as "l1_block_number!", l1_block_hash as "l1_block_hash!",
            gas_used as "gas_used!", state_digest as "state_digest!", recorded_at as "recorded_at!"
        from standing_settlement where epoch_number = $1"#,
        epoch_key(epoch)
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| {
        Ok(Settlement {
            epoch,
            sequence: TABLE.small(row.sequence)?,
            tx_hash: TABLE.b256(&row.tx_hash)?,
            block: TABLE.l1_block(row.l1_block_number, &row.l1_block_hash)?,
            gas_used: TABLE.number(row.gas_used)?,
            state_digest: TABLE.word(&row.state_digest)?,
            recorded_at: row.recorded_at,
        })
    })
    .transpose()
}
