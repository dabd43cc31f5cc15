//! `/ledger/accounts/{account}`: an account's statement, with what it held after each transfer.

use askama::Template;
use axum::{
    extract::{Path, State as Extracted},
    response::Response,
};
use ledger::{Account, PostedTransfer, TransferFilter, TransferId};

use super::{
    clock::Moment,
    frame::{Frame, answer},
    money::Money,
    names::Names,
    transfer::{account_words, kind},
};
use crate::{
    State,
    error::{Error, NotFound},
    extract::Parameters,
    money::Assets,
    page::PageQuery,
    transfers::read_account,
};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    account: String,
    words: String,
    unit: String,
    balance: Money,
    debits: Money,
    credits: Money,
    transfers: u64,
    rows: Vec<Row>,
    next: Option<String>,
    newest: bool,
    archived_through: Option<u64>,
}

/// A line of the statement.
struct Row {
    id: String,
    at: Moment,
    kind: &'static str,
    /// The other account.
    other: String,
    other_words: String,
    /// `+` or `−`.
    sign: &'static str,
    amount: Money,
    balance: Money,
    reversed: bool,
}

pub(crate) async fn account(
    Extracted(state): Extracted<State>,
    Path(account): Path<String>,
    query: Result<Parameters, Error>,
) -> Response {
    answer(read(&state, account, query).await)
}

async fn read(
    state: &State,
    account: String,
    query: Result<Parameters, Error>,
) -> Result<AccountPage, Error> {
    let mut query = query?;
    let page = PageQuery::<TransferId>::take("transfers", &mut query)?;
    query.finish()?;
    let account = read_account(account)?;
    let ledger = state.ledger();
    let accounts = ledger.accounts().await?;
    let found = accounts.into_iter().find(|found| found.account == account);
    // Accounts have no problem of their own: no resource of the API is one.
    let path = format!("/ledger/accounts/{account}");
    let found = found.ok_or(NotFound::Route { path })?;
    let filter = TransferFilter { account: Some(account), ..TransferFilter::default() };
    let listed = ledger.transfers(&filter, page.before, page.limit).await?;
    let assets = state.assets().await?;
    let names = Names::new(state.settings());
    let asset = account.asset();
    let row = |one: PostedTransfer| Row::of(account, &one, &assets, &names);
    let rows = page.page(listed.items, |one| one.id, row);
    let newest = page.before.is_none();
    Ok(AccountPage {
        frame: if newest { Frame::live("ledger") } else { Frame::still("ledger") },
        account: account.to_string(),
        words: account_words(account, &names),
        unit: super::money::unit(asset, &assets, &names),
        balance: Money::of(asset, found.balance, &assets, &names),
        debits: Money::sum(asset, found.debits, &assets, &names),
        credits: Money::sum(asset, found.credits, &assets, &names),
        transfers: found.transfers,
        rows: rows.items,
        next: rows.next_cursor,
        newest,
        archived_through: listed.archived_through.map(domain::EpochNumber::number),
    })
}

impl Row {
    fn of(account: Account, transfer: &PostedTransfer, assets: &Assets, names: &Names<'_>) -> Self {
        let debited = transfer.debit == account;
        let (other, after) = if debited {
            (transfer.credit, transfer.debit_balance)
        } else {
            (transfer.debit, transfer.credit_balance)
        };
        let more = debited == account.is_debit_normal();
        Self {
            id: transfer.id.to_string(),
            at: Moment::of(transfer.posted_at),
            kind: kind(transfer.kind),
            other: other.to_string(),
            other_words: account_words(other, names),
            sign: if more { "+" } else { "−" },
            amount: Money::of(transfer.asset, transfer.atoms, assets, names),
            balance: Money::of(transfer.asset, after, assets, names),
            reversed: transfer.reversed_by.is_some(),
        }
    }
}
