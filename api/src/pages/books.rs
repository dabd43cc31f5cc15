//! `/ledger`: the accounts and the trial balance, as they are or as an epoch was sealed.

use askama::Template;
use axum::{extract::State as Extracted, response::Response};
use domain::{Asset, EpochNumber};
use ledger::{AccountBalance, AsOf, BooksAt, TrialBalanceLine};

use super::{
    frame::{Frame, answer},
    money::{Money, unit},
    names::Names,
    transfer::account_words,
};
use crate::{State, error::Error, extract::Parameters, money::Assets, trial_balance::is_balanced};

#[derive(Template)]
#[template(path = "ledger.html")]
struct LedgerPage {
    frame: Frame,
    /// The epoch at whose seal the books are shown.
    epoch: Option<u64>,
    head: Option<(u64, String)>,
    lines: Vec<Line>,
    groups: Vec<Group>,
}

/// The trial balance of one asset.
struct Line {
    asset: String,
    debits: Money,
    credits: Money,
    custody: Money,
    cells: Money,
    pots: Money,
    balanced: bool,
}

/// The accounts of one asset.
struct Group {
    asset: String,
    accounts: Vec<AccountRow>,
}

/// An account.
struct AccountRow {
    account: String,
    words: String,
    debits: Money,
    credits: Money,
    balance: Money,
    transfers: u64,
    last_block: Option<u64>,
}

pub(crate) async fn ledger(
    Extracted(state): Extracted<State>,
    query: Result<Parameters, Error>,
) -> Response {
    answer(read(&state, query).await)
}

async fn read(state: &State, query: Result<Parameters, Error>) -> Result<LedgerPage, Error> {
    let mut query = query?;
    query.drop_empty();
    let epoch = query.number::<u64>("epoch")?.map(EpochNumber::new);
    query.finish()?;
    let bound = state.ledger().domain().await?.is_some();
    let books = match epoch {
        Some(epoch) => state.ledger().books_at(AsOf::Epoch(epoch)).await?,
        None if bound => state.ledger().books_at(AsOf::Now).await?,
        // Before the ledger is bound there are no books to read.
        None => BooksAt { head: None, accounts: Vec::new() },
    };
    let assets = state.assets().await?;
    let names = Names::new(state.settings());
    let lines = books.trial_balance()?;
    let frame = if epoch.is_none() { Frame::live("ledger") } else { Frame::still("ledger") };
    Ok(LedgerPage {
        frame,
        epoch: epoch.map(EpochNumber::number),
        head: books.head.map(|head| (head.block.number(), head.hash.to_string())),
        lines: lines.iter().map(|line| Line::of(line, &assets, &names)).collect(),
        groups: assets.all().map(|asset| Group::of(asset, &books, &assets, &names)).collect(),
    })
}

impl Line {
    fn of(line: &TrialBalanceLine, assets: &Assets, names: &Names<'_>) -> Self {
        let money = |atoms| Money::sum(line.asset, atoms, assets, names);
        Self {
            asset: unit(line.asset, assets, names),
            debits: money(line.debits),
            credits: money(line.credits),
            custody: money(line.custody),
            cells: money(line.cells),
            pots: money(line.pots),
            balanced: is_balanced(line),
        }
    }
}

impl Group {
    fn of(asset: &Asset, books: &BooksAt, assets: &Assets, names: &Names<'_>) -> Self {
        let own = books.accounts.iter().filter(|one| one.account.asset() == asset.id());
        let accounts = own.map(|one| AccountRow::of(one, assets, names)).collect();
        Self { asset: names.asset(asset), accounts }
    }
}

impl AccountRow {
    fn of(one: &AccountBalance, assets: &Assets, names: &Names<'_>) -> Self {
        let asset = one.account.asset();
        Self {
            account: one.account.to_string(),
            words: account_words(one.account, names),
            debits: Money::sum(asset, one.debits, assets, names),
            credits: Money::sum(asset, one.credits, assets, names),
            balance: Money::of(asset, one.balance, assets, names),
            transfers: one.transfers,
            last_block: one.last_block.map(ledger::BlockNumber::number),
        }
    }
}
