//! `/transfers/{id}`: one movement of the journal, and where the money is.

use askama::Template;
use axum::{
    extract::{Path, State as Extracted},
    response::Response,
};
use ledger::{Account, ExitFilter, PostedTransfer, PostingKind, TransferId};

use super::{
    card::Proving,
    clock::Moment,
    exits::exits_to,
    frame::{Frame, answer, latest},
    journey::Journey,
    money::Money,
    names::Names,
};
use crate::{
    State,
    error::{Error, NotFound},
    extract::Parameters,
    money::Assets,
    transfers::read_id,
};

#[derive(Template)]
#[template(path = "transfer.html")]
struct TransferPage {
    frame: Frame,
    id: String,
    kind: &'static str,
    amount: Money,
    atoms: String,
    debit: Side,
    credit: Side,
    recipient: Option<(String, String)>,
    block: u64,
    epoch: u64,
    posted_at: Moment,
    journey: Journey,
    /// The page of the exit that it is.
    exit: Option<String>,
}

/// One side of it.
struct Side {
    account: String,
    words: String,
    before: Money,
    after: Money,
}

pub(crate) async fn transfer(
    Extracted(state): Extracted<State>,
    Path(id): Path<String>,
    query: Result<Parameters, Error>,
) -> Response {
    answer(read(&state, &id, query).await)
}

async fn read(
    state: &State,
    id: &str,
    query: Result<Parameters, Error>,
) -> Result<TransferPage, Error> {
    query?.finish()?;
    let id = read_id(id)?;
    let ledger = state.ledger();
    let found = ledger.transfer(id).await?.ok_or(NotFound::Transfer { id })?;
    let epoch = found.epoch;
    let of = ledger.epoch(epoch).await?.ok_or(NotFound::Epoch { epoch })?;
    let proving = Proving::read(state, of).await?;
    let assets = state.assets().await?;
    let names = Names::new(state.settings());
    Ok(TransferPage {
        frame: Frame::live("ledger"),
        id: id.to_string(),
        kind: kind(found.kind),
        amount: Money::of(found.asset, found.atoms, &assets, &names),
        atoms: found.atoms.to_string(),
        debit: Side::of(found.debit, &found, &assets, &names),
        credit: Side::of(found.credit, &found, &assets, &names),
        recipient: found.recipient.map(|address| (address.to_string(), exits_to(address))),
        block: id.block.number(),
        epoch: epoch.number(),
        posted_at: Moment::of(found.posted_at),
        journey: Journey::of_transfer(&found, &proving, &names),
        exit: exit_of(state, &found).await?,
    })
}

/// The page of the exit that a transfer is.
async fn exit_of(state: &State, transfer: &PostedTransfer) -> Result<Option<String>, Error> {
    let Account::Pot { rollup, .. } = transfer.credit else { return Ok(None) };
    let filter = ExitFilter { rollup: Some(rollup), ..ExitFilter::default() };
    let position = transfer.id.position.saturating_add(1);
    let after = TransferId { block: transfer.id.block, position };
    let exits = state.ledger().exits(&filter, Some(after), latest(1)).await?;
    let exit = exits.first().filter(|exit| exit.id == transfer.id);
    Ok(exit.map(|exit| format!("/exits/{rollup}/{}", exit.claim.index)))
}

/// What a transfer is part of, in words.
pub(super) fn kind(kind: PostingKind) -> &'static str {
    match kind {
        PostingKind::Asset => "registration of an asset",
        PostingKind::Rollup => "registration of a rollup",
        PostingKind::Deposit => "deposit",
        PostingKind::Batch => "batch",
        PostingKind::Claim => "claim",
        PostingKind::Reversal => "reversal",
        PostingKind::Hold => "hold",
        PostingKind::Release => "release",
    }
}

/// An account in words.
pub(super) fn account_words(account: Account, names: &Names<'_>) -> String {
    match account {
        Account::Custody { .. } => "Custody on L1".to_owned(),
        Account::Cell { rollup, .. } => format!("Cell of {}", names.rollup(rollup)),
        Account::Pot { rollup, .. } => format!("Owed to exits of {}", names.rollup(rollup)),
    }
}

impl Side {
    fn of(account: Account, transfer: &PostedTransfer, assets: &Assets, names: &Names<'_>) -> Self {
        let after = if account == transfer.debit {
            transfer.debit_balance
        } else {
            transfer.credit_balance
        };
        let (before, after) = transfer.balances_of(account).unwrap_or((after, after));
        let money = |atoms| Money::of(transfer.asset, atoms, assets, names);
        Self {
            account: account.to_string(),
            words: account_words(account, names),
            before: money(before),
            after: money(after),
        }
    }
}
