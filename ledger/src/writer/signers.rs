//! Who signs for a rollup: asked of the books once.
//!
//! **Invariant:** a key is registered for good and the books belong to one domain, so what was read
//! once stays true.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use domain::{RollupId, SettlementKey, Word};
use sqlx::PgPool;

use crate::Error;
use crate::column::{Columns, rollup_key};

/// What a rollup's signatures are checked with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signer {
    pub(super) key: SettlementKey,
    pub(super) domain_word: Word,
}

/// Those that were asked for.
#[derive(Debug, Default)]
pub(super) struct Signers(RwLock<BTreeMap<RollupId, Signer>>);

const TABLE: Columns = Columns("rollup");

impl Signers {
    /// The signer of a rollup, if it is registered by now.
    pub(super) async fn find(
        &self,
        pool: &PgPool,
        rollup: RollupId,
    ) -> Result<Option<Signer>, Error> {
        // A thread that panicked meanwhile has changed nothing by halves.
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&rollup).copied();
        match known {
            Some(signer) => Ok(Some(signer)),
            // On the heap: a query is a large future, and every post would carry it.
            None => Box::pin(self.read(pool, rollup)).await,
        }
    }

    async fn read(&self, pool: &PgPool, rollup: RollupId) -> Result<Option<Signer>, Error> {
        let row = sqlx::query!(
            "select key_x, key_y from rollup where rollup_id = $1",
            rollup_key(rollup)
        )
        .fetch_optional(pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let adoption = crate::adoption::read(&mut pool.begin().await?).await?;
        let domain_word = adoption.ok_or(Error::NoDomain)?.identity.word();
        let signer = Signer { key: TABLE.key(&row.key_x, &row.key_y)?, domain_word };
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(rollup, signer);
        Ok(Some(signer))
    }
}
