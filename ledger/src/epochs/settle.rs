//! Settlements: L1 took a proof, a reorg may undo it, depth makes it final.

use alloy_primitives::{Address, B256, U256};
use domain::l1::L1Block;
use domain::{EpochNumber, Word};
use time::OffsetDateTime;

use super::seal;
use crate::column::{Columns, bigint, epoch_key, lookup, word_bytes};
use crate::connection::Tx;
use crate::{Error, Ledger, PageLimit};

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
    /// What it cost; `None` if L1 named a price that nobody pays.
    pub fee: Option<SettlementFee>,
}

/// What L1 took for a settlement: the gas that it used, at this price.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SettlementFee {
    /// Who paid it: our account, or whoever settled instead.
    pub payer: Address,
    /// What a unit of gas cost.
    pub gas_price: GasPrice,
}

/// What a unit of gas costs, in wei.
///
/// Invariant: below 2^63, which is nine ether for one unit of gas.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct GasPrice(u64);

impl GasPrice {
    /// `None` past the bound.
    #[must_use]
    pub fn new(wei: u128) -> Option<Self> {
        i64::try_from(wei).ok().and_then(|wei| u64::try_from(wei).ok()).map(Self)
    }

    /// In wei.
    #[must_use]
    pub fn wei(self) -> u64 {
        self.0
    }

    /// What so much gas costs, in wei.
    #[must_use]
    pub fn of(self, gas: u64) -> U256 {
        // Two factors of 64 bits.
        U256::from(self.0).saturating_mul(U256::from(gas))
    }
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
    /// What it cost; `None` if that was not recorded.
    pub fee: Option<SettlementFee>,
    /// When it was recorded.
    pub recorded_at: OffsetDateTime,
}

const TABLE: Columns = Columns("epoch_settlement");

/// What settling an epoch took.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SettlementSample {
    /// Which.
    pub epoch: EpochNumber,
    /// Its steps.
    pub steps: u32,
    /// The gas that its settlement used.
    pub gas_used: u64,
    /// When it was sealed.
    pub sealed_at: OffsetDateTime,
    /// When its settlement was recorded.
    pub settled_at: OffsetDateTime,
}

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
        if let Some(fee) = &new.fee {
            insert_fee(&mut tx, epoch, row.sequence, fee).await?;
        }
        tx.commit().await?;
        let NewSettlement { tx_hash, block, gas_used, state_digest, fee } = *new;
        let sequence = TABLE.small(row.sequence)?;
        let recorded_at = row.recorded_at;
        Ok(Settlement { epoch, sequence, tx_hash, block, gas_used, state_digest, fee, recorded_at })
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

impl Ledger {
    /// How the last epochs were settled, newest first: those whose settlement stands.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn settled_epochs(&self, limit: PageLimit) -> Result<Vec<SettlementSample>, Error> {
        let rows = sqlx::query!(
            r#"select s.epoch_number as "epoch!", step_count, gas_used as "gas_used!", sealed_at,
                recorded_at as "settled_at!"
            from standing_settlement s
            join epoch_settlement_proof p on p.epoch_number = s.epoch_number
            join epoch_seal e on e.epoch_number = s.epoch_number
            order by s.epoch_number desc limit $1"#,
            limit.rows()
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(SettlementSample {
                    epoch: TABLE.epoch(row.epoch)?,
                    steps: TABLE.small(row.step_count)?,
                    gas_used: TABLE.number(row.gas_used)?,
                    sealed_at: row.sealed_at,
                    settled_at: row.settled_at,
                })
            })
            .collect()
    }
}

async fn insert_fee(
    tx: &mut Tx<'_>,
    epoch: EpochNumber,
    sequence: i32,
    fee: &SettlementFee,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into epoch_settlement_fee (epoch_number, sequence, payer, gas_price)
        values ($1, $2, $3::bytea, $4)",
        epoch_key(epoch),
        sequence,
        fee.payer.as_slice(),
        lookup(fee.gas_price.wei())
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The columns of a fee, where there is one.
pub(crate) fn fee(
    payer: Option<&[u8]>,
    gas_price: Option<i64>,
) -> Result<Option<SettlementFee>, Error> {
    let columns = Columns("epoch_settlement_fee");
    let (Some(payer), Some(gas_price)) = (payer, gas_price) else { return Ok(None) };
    let gas_price = GasPrice(columns.number(gas_price)?);
    Ok(Some(SettlementFee { payer: columns.address(payer)?, gas_price }))
}

pub(crate) async fn read(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<Option<Settlement>, Error> {
    let row = sqlx::query!(
        r#"select sequence as "sequence!", tx_hash as "tx_hash!",
            l1_block_number as "l1_block_number!", l1_block_hash as "l1_block_hash!",
            gas_used as "gas_used!", state_digest as "state_digest!",
            recorded_at as "recorded_at!", payer as "payer?", gas_price as "gas_price?"
        from standing_settlement left join epoch_settlement_fee using (epoch_number, sequence)
        where epoch_number = $1"#,
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
            fee: fee(row.payer.as_deref(), row.gas_price)?,
            recorded_at: row.recorded_at,
        })
    })
    .transpose()
}
