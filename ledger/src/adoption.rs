//! Which domain these books belong to.
//!
//! **Invariant (DOMAIN_BOUND):** a database serves one domain for good: the chain, the contract and
//! the verifying key of its first start.

use domain::{DomainId, DomainIdentity, LiquidityState, Word};
use serde::{Deserialize, Serialize};

use crate::column::{Columns, bigint};
use crate::connection::Tx;
use crate::{Error, Ledger};

/// A domain as the ledger adopts it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Adoption {
    /// Where it settles.
    pub identity: DomainIdentity,
    /// The state digest that the contract was deployed with.
    pub genesis_digest: Word,
    /// The L1 block in which the contract was deployed: before it there is nothing to watch.
    pub deployed_at_block: u64,
}

const TABLE: Columns = Columns("domain_identity");

impl Ledger {
    /// Makes these the books of a domain, and opens its first epoch; or checks that they are.
    ///
    /// # Errors
    /// [`Error::DomainChanged`] when they are another's; [`Error::NotGenesis`] when the domain does
    /// not start from the empty state.
    pub async fn adopt_domain(&self, adoption: &Adoption) -> Result<(), Error> {
        let expected = LiquidityState::genesis().digest();
        let found = adoption.genesis_digest;
        if found != expected {
            return Err(Error::NotGenesis { expected, found });
        }
        let mut tx = self.write().await?;
        match read(&mut tx).await? {
            Some(recorded) if recorded == *adoption => Ok(()),
            Some(recorded) => Err(Error::DomainChanged {
                recorded: Box::new(recorded),
                found: Box::new(*adoption),
            }),
            None => {
                insert(&mut tx, adoption).await?;
                tx.commit().await?;
                Ok(())
            }
        }
    }

    /// The domain of these books, if they have one yet.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn domain(&self) -> Result<Option<Adoption>, Error> {
        let mut tx = self.snapshot().await?;
        read(&mut tx).await
    }
}

pub(crate) async fn read(tx: &mut Tx<'_>) -> Result<Option<Adoption>, Error> {
    let row = sqlx::query!(
        "select chain_id, settlement, domain_id, verification_key_id, genesis_digest,
            deployed_at_block
        from domain_identity"
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| {
        let domain_id = u32::try_from(row.domain_id).map_err(|_| TABLE.corrupt())?;
        Ok(Adoption {
            identity: DomainIdentity {
                chain_id: TABLE.number(row.chain_id)?,
                settlement: TABLE.address(&row.settlement)?,
                domain_id: DomainId::new(domain_id),
                verification_key_id: TABLE.b256(&row.verification_key_id)?,
            },
            genesis_digest: TABLE.word(&row.genesis_digest)?,
            deployed_at_block: TABLE.number(row.deployed_at_block)?,
        })
    })
    .transpose()
}

async fn insert(tx: &mut Tx<'_>, adoption: &Adoption) -> Result<(), Error> {
    let identity = &adoption.identity;
    let genesis = adoption.genesis_digest.to_bytes();
    sqlx::query!(
        "insert into domain_identity (chain_id, settlement, domain_id, verification_key_id,
            genesis_digest, deployed_at_block)
        values ($1, $2::bytea, $3, $4::bytea, $5::bytea, $6)",
        bigint("chain id", identity.chain_id)?,
        identity.settlement.as_slice(),
        i64::from(identity.domain_id.number()),
        identity.verification_key_id.as_slice(),
        genesis.as_slice(),
        bigint("block number", adoption.deployed_at_block)?,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "insert into epoch (epoch_number, opening_digest) values (1, $1::bytea)",
        genesis.as_slice()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
