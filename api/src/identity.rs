//! `/v1/domain`: what everything signed and proven is bound to, and the limits.

use axum::{Json, extract::State as Extracted};
use domain::limits;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    State,
    error::{Error, Problems},
    extract::{BODY_LIMIT, Parameters},
};

/// The domain that this deployment settles.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct Domain {
    /// Which of the deployment's domains.
    pub domain_id: u32,
    /// Chain id of L1 (EIP-155).
    pub chain_id: u64,
    /// The Settlement contract.
    pub settlement: String,
    /// The verification key that the contract's verifier pins.
    pub verification_key_id: String,
    /// The word that every batch digest and every step starts with, derived from the fields above.
    pub domain_word: String,
    /// The digest of the state before the first epoch.
    pub genesis_digest: String,
    /// The L1 block that the contract was deployed in.
    pub deployed_at_block: u64,
    /// The last L1 block that the ledger has booked; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l1_cursor: Option<L1BlockRef>,
    /// What a request and the domain are bounded by.
    pub limits: Limits,
}

/// A block of L1.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct L1BlockRef {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: String,
}

/// The bounds of the domain's shape and of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Limits {
    /// Rollups of the domain.
    pub rollups: usize,
    /// Assets of the domain.
    pub assets: usize,
    /// Lanes of a batch.
    pub lanes_per_batch: usize,
    /// Transfers and exits of a batch.
    pub transfers_per_batch: usize,
    /// Batches of an epoch.
    pub batches_per_epoch: usize,
    /// The largest amount and balance, in atoms.
    pub atoms_max: String,
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Items of a page.
    pub page_items: u16,
}

/// Read the domain's identity and limits
#[utoipa::path(
    get, path = "/v1/domain", operation_id = "read_domain", tag = "domain",
    responses((status = 200, description = "The domain", body = Domain), Problems),
)]
pub(crate) async fn one(
    Extracted(state): Extracted<State>,
    query: Parameters,
) -> Result<Json<Domain>, Error> {
    query.finish()?;
    let adoption = state.ledger().domain().await?.ok_or(Error::DomainNotAdopted)?;
    let cursor = state.ledger().l1_cursor().await?;
    let identity = adoption.identity;
    Ok(Json(Domain {
        domain_id: identity.domain_id.number(),
        chain_id: identity.chain_id,
        settlement: identity.settlement.to_string(),
        verification_key_id: identity.verification_key_id.to_string(),
        domain_word: identity.word().to_string(),
        genesis_digest: adoption.genesis_digest.to_string(),
        deployed_at_block: adoption.deployed_at_block,
        l1_cursor: cursor.map(L1BlockRef::of),
        limits: Limits::current(),
    }))
}

impl L1BlockRef {
    pub(crate) fn of(block: domain::l1::L1Block) -> Self {
        Self { number: block.number, hash: block.hash.to_string() }
    }
}

impl Limits {
    fn current() -> Self {
        Self {
            rollups: limits::MAX_ROLLUPS,
            assets: limits::MAX_ASSETS,
            lanes_per_batch: limits::LANES_PER_BATCH,
            transfers_per_batch: limits::MAX_TRANSFERS_PER_BATCH,
            batches_per_epoch: limits::MAX_BATCHES_PER_EPOCH,
            atoms_max: limits::ATOMS_MAX.to_string(),
            body_bytes: BODY_LIMIT,
            page_items: ledger::PageLimit::MAX.number(),
        }
    }
}
