//! `/v1/transfers`: the journal's single movements.

use axum::{
    Json,
    extract::{Path, State as Extracted},
};
use domain::{AssetId, EpochNumber, Height, RollupId};
use ledger::{Account, PostedTransfer, PostingKind, TransferFilter, TransferId};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    State,
    error::{Error, Gone, Missing, NotFound, ParameterError, Problems},
    extract::{Parameters, number},
    money::{Amount, Assets},
    page::{Page, PageQuery},
};

/// One movement: one debit, one credit, one asset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Transfer {
    /// Its id: journal block and position.
    #[schema(example = "17-3")]
    pub id: String,
    /// The epoch that it settles in.
    pub epoch: u64,
    /// What booked it.
    pub kind: TransferKind,
    /// The asset.
    pub asset: u16,
    /// How much.
    #[serde(flatten)]
    pub amount: Amount,
    /// The account that it leaves.
    pub debit: Side,
    /// The account that it reaches.
    pub credit: Side,
    /// Who receives it on the destination; absent for deposits, claims and reversals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// When it was booked.
    #[serde(with = "time::serde::rfc3339")]
    pub posted_at: OffsetDateTime,
    /// The journal block that moved it back, if its batch was evicted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reversed_by: Option<u64>,
}

/// One side of a movement.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Side {
    /// The account: `cell:ROLLUP:ASSET`, `pot:ROLLUP:ASSET` or `custody:l1:ASSET`.
    #[schema(example = "cell:1:2")]
    pub account: String,
    /// Its balance after the movement.
    pub balance: Amount,
}

/// A page of movements, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TransferPage {
    #[serde(flatten)]
    page: Page<Transfer>,
    /// At the end of the list: what is older is in archive files, of epochs through this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    archived_through: Option<u64>,
    /// Of one account's movements; absent without `account`, and for a page without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Statement>,
}

/// What the page comes to on one account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Statement {
    /// The account.
    #[schema(example = "cell:1:2")]
    pub account: String,
    /// What it held before the oldest of these movements.
    pub opening: Amount,
    /// What it held after the newest of them.
    pub closing: Amount,
}

/// What booked a movement.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TransferKind {
    /// The registration of an asset.
    Asset,
    /// The registration of a rollup.
    Rollup,
    /// A deposit on L1.
    Deposit,
    /// A batch.
    Batch,
    /// A claim paid on L1.
    Claim,
    /// The reversal of an evicted batch.
    Reversal,
    /// A hold, which moves nothing.
    Hold,
    /// The release of a hold, which moves nothing.
    Release,
}

/// List transfers, newest first; an account's statement with `account`
#[utoipa::path(
    get, path = "/v1/transfers", operation_id = "list_transfers", tag = "transfers",
    params(
        ("account" = Option<String>, Query,
            pattern = "^((cell|pot):[0-9]{1,4}|custody:l1):[0-9]{1,4}$",
            description = "Only on this account: `cell:1:2`"),
        ("epoch" = Option<u64>, Query, description = "Only this epoch's"),
        ("rollup" = Option<u16>, Query, maximum = 65535,
            description = "With `height`: only this batch's, the last one at that height"),
        ("height" = Option<u64>, Query, description = "With `rollup`: only this batch's"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "100 if absent"),
    ),
    responses((status = 200, description = "A page", body = TransferPage), Problems, Gone),
)]
pub(crate) async fn list(
    Extracted(state): Extracted<State>,
    mut query: Parameters,
) -> Result<Json<TransferPage>, Error> {
    let page = PageQuery::<TransferId>::take("transfers", &mut query)?;
    let filter = TransferFilter {
        account: take_account(&mut query)?,
        epoch: query.number("epoch")?.map(EpochNumber::new),
        batch: take_batch(&mut query)?,
    };
    query.finish()?;
    let found = state.reads().await?.transfers(&filter, page.before, page.limit).await?;
    let assets = state.assets().await?;
    let statement =
        filter.account.and_then(|account| Statement::of(account, &found.items, &assets));
    let wire = |transfer| Transfer::of(&transfer, &assets);
    let archived_through = found.archived_through.map(EpochNumber::number);
    let page = page.page(found.items, |transfer| transfer.id, wire);
    Ok(Json(TransferPage { page, archived_through, statement }))
}

/// Read one transfer
#[utoipa::path(
    get, path = "/v1/transfers/{id}", operation_id = "read_transfer", tag = "transfers",
    params(
        ("id" = String, Path, pattern = "^[0-9]{1,18}-[0-9]{1,9}$",
            description = "Journal block and position: `17-3`"),
    ),
    responses(
        (status = 200, description = "The transfer", body = Transfer),
        Problems, Missing, Gone,
    ),
)]
pub(crate) async fn one(
    Extracted(state): Extracted<State>,
    Path(id): Path<String>,
    query: Parameters,
) -> Result<Json<Transfer>, Error> {
    query.finish()?;
    let id = read_id(&id)?;
    let found = state.ledger().transfer(id).await?.ok_or(NotFound::Transfer { id })?;
    Ok(Json(Transfer::of(&found, &state.assets().await?)))
}

pub(crate) fn read_id(text: &str) -> Result<TransferId, ParameterError> {
    text.parse().map_err(|_| ParameterError::Invalid {
        param: "id",
        expected: "a journal block and a position: 17-3",
        value: text.to_owned(),
    })
}

fn take_account(query: &mut Parameters) -> Result<Option<Account>, ParameterError> {
    query.text("account").map(read_account).transpose()
}

pub(crate) fn read_account(text: String) -> Result<Account, ParameterError> {
    text.parse().map_err(|_| ParameterError::Invalid {
        param: "account",
        expected: "cell:ROLLUP:ASSET, pot:ROLLUP:ASSET or custody:l1:ASSET",
        value: text,
    })
}

fn take_batch(query: &mut Parameters) -> Result<Option<(RollupId, Height)>, ParameterError> {
    let (rollup, height) = (query.text("rollup"), query.text("height"));
    let missing = |param| ParameterError::Invalid {
        param,
        expected: "given together with the other one of rollup and height",
        value: String::new(),
    };
    match (rollup, height) {
        (None, None) => Ok(None),
        (Some(rollup), Some(height)) => Ok(Some((
            RollupId::new(number("rollup", &rollup)?),
            Height::new(number("height", &height)?),
        ))),
        (None, Some(_)) => Err(missing("rollup")),
        (Some(_), None) => Err(missing("height")),
    }
}

impl Transfer {
    fn of(transfer: &PostedTransfer, assets: &Assets) -> Self {
        let asset = transfer.asset;
        let side = |account: Account, balance| Side {
            account: account.to_string(),
            balance: assets.amount(asset, balance),
        };
        Self {
            id: transfer.id.to_string(),
            epoch: transfer.epoch.number(),
            kind: TransferKind::of(transfer.kind),
            asset: asset.number(),
            amount: assets.amount(asset, transfer.atoms),
            debit: side(transfer.debit, transfer.debit_balance),
            credit: side(transfer.credit, transfer.credit_balance),
            recipient: transfer.recipient.map(|recipient| recipient.to_string()),
            posted_at: transfer.posted_at,
            reversed_by: transfer.reversed_by.map(ledger::BlockNumber::number),
        }
    }
}

impl Statement {
    fn of(account: Account, rows: &[PostedTransfer], assets: &Assets) -> Option<Self> {
        let (opening, _) = rows.last()?.balances_of(account)?;
        let (_, closing) = rows.first()?.balances_of(account)?;
        let amount = |atoms| assets.amount(asset_of(account), atoms);
        let (opening, closing) = (amount(opening), amount(closing));
        Some(Self { account: account.to_string(), opening, closing })
    }
}

impl TransferKind {
    fn of(kind: PostingKind) -> Self {
        match kind {
            PostingKind::Asset => Self::Asset,
            PostingKind::Rollup => Self::Rollup,
            PostingKind::Deposit => Self::Deposit,
            PostingKind::Batch => Self::Batch,
            PostingKind::Claim => Self::Claim,
            PostingKind::Reversal => Self::Reversal,
            PostingKind::Hold => Self::Hold,
            PostingKind::Release => Self::Release,
        }
    }
}

/// The asset that an account counts.
pub(crate) fn asset_of(account: Account) -> AssetId {
    match account {
        Account::Custody { asset } | Account::Cell { asset, .. } | Account::Pot { asset, .. } => {
            asset
        }
    }
}
