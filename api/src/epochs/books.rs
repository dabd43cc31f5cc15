//! `/v1/epochs/{epoch}/books`: the trial balance under an epoch's seal, and what its digest is over.

use alloy_primitives::{U256, hex};
use axum::{
    Json,
    extract::{Path, State as Extracted},
};
use ledger::ClosingAccount;
use serde::Serialize;
use utoipa::ToSchema;

use super::find;
use crate::{
    State,
    error::{Error, Missing, NotFound, Problems},
    extract::Parameters,
    money::{Amount, Assets},
    transfers::asset_of,
};

/// The books as they stood when an epoch was sealed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Books {
    /// The epoch.
    pub epoch: u64,
    /// SHA-256 of `encoding`: what the settlement told L1.
    pub digest: String,
    /// The journal's last block.
    pub last_block: u64,
    /// Its hash.
    pub last_block_hash: String,
    /// Every account that had had a transfer, in the order of their numbers.
    pub accounts: Vec<BooksAccount>,
    /// The bytes that the digest is over, in hex: the text `netfold.books.v1`, then the epoch, the last
    /// block, its hash and how many accounts there are, then of each its number, debits, credits,
    /// transfers and last block. Debits and credits take 16 bytes, the count of accounts 4, every other
    /// number 8, all big-endian.
    pub encoding: String,
}

/// An account at the seal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BooksAccount {
    /// Its name: `cell:ROLLUP:ASSET`, `pot:ROLLUP:ASSET` or `custody:l1:ASSET`.
    #[schema(example = "cell:1:2")]
    pub account: String,
    /// Its number: kind · 2^32 + rollup · 2^16 + asset; kinds are 1 custody, 2 cell, 3 pot.
    pub number: i64,
    /// The asset that it counts.
    pub asset: u16,
    /// All debits until then.
    pub debits: Amount,
    /// All credits until then.
    pub credits: Amount,
    /// How many transfers had touched it.
    pub transfers: u64,
    /// The journal block of the last of them.
    pub last_block: u64,
}

/// Read the books under an epoch's seal
///
/// The trial balance of then and the bytes that its digest is over, so that anybody can make the digest
/// and compare it with the one in the event `EpochSettled` on L1.
#[utoipa::path(
    get, path = "/v1/epochs/{epoch}/books", operation_id = "read_books", tag = "epochs",
    params(("epoch" = u64, Path, description = "Its number, from 1")),
    responses((status = 200, description = "The books", body = Books), Problems, Missing),
)]
pub(crate) async fn books(
    Extracted(state): Extracted<State>,
    Path(epoch): Path<String>,
    query: Parameters,
) -> Result<Json<Books>, Error> {
    query.finish()?;
    let (number, _) = find(&state, &epoch).await?;
    let books = state.ledger().books(number).await?;
    let books = books.ok_or(NotFound::Books { epoch: number })?;
    let assets = state.assets().await?;
    Ok(Json(Books {
        epoch: number.number(),
        digest: books.digest().to_string(),
        last_block: books.last_block.number(),
        last_block_hash: books.last_block_hash.to_string(),
        accounts: books.accounts.iter().map(|one| BooksAccount::of(one, &assets)).collect(),
        encoding: hex::encode_prefixed(books.encoding()),
    }))
}

impl BooksAccount {
    fn of(one: &ClosingAccount, assets: &Assets) -> Self {
        let asset = asset_of(one.account);
        Self {
            account: one.account.to_string(),
            number: one.account.number(),
            asset: asset.number(),
            debits: assets.sum(asset, U256::from(one.debits)),
            credits: assets.sum(asset, U256::from(one.credits)),
            transfers: one.transfers,
            last_block: one.last_block.number(),
        }
    }
}
