//! `/search`: from whatever names a thing to its page.
//!
//! **Invariant:** what names one thing that is there leads to it; what names several is answered with
//! all of them; what names nothing says what would.

use alloy_primitives::Address;
use askama::Template;
use axum::{
    extract::State as Extracted,
    response::{IntoResponse, Redirect, Response},
};
use domain::{EpochNumber, ExitIndex, Height, RollupId};
use ledger::{Account, TransferId};

use super::{
    exits::exits_to,
    frame::{Frame, answer},
    names::Names,
    transfer::account_words,
};
use crate::{
    State,
    error::Error,
    extract::{Parameters, number},
    json::parse_bytes,
};

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    frame: Frame,
    found: Vec<Hit>,
}

/// Something that the text names.
struct Hit {
    url: String,
    words: String,
}

/// What a text can name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Name {
    Epoch(EpochNumber),
    Rollup(RollupId),
    Transfer(TransferId),
    Batch(RollupId, Height),
    Exit(RollupId, ExitIndex),
    Account(Account),
    Address(Address),
}

pub(crate) async fn search(
    Extracted(state): Extracted<State>,
    query: Result<Parameters, Error>,
) -> Response {
    match read(&state, query).await {
        Ok(page) => match page.found.as_slice() {
            [only] => Redirect::to(&only.url).into_response(),
            _ => answer(Ok(page)),
        },
        Err(error) => answer::<SearchPage>(Err(error)),
    }
}

async fn read(state: &State, query: Result<Parameters, Error>) -> Result<SearchPage, Error> {
    let mut query = query?;
    let text = query.text("q").unwrap_or_default();
    query.finish()?;
    let names = Names::new(state.settings());
    let mut found = Vec::new();
    for name in read_names(&text) {
        found.extend(look(state, name, &names).await?);
    }
    let frame = Frame { search: text.chars().take(LONGEST).collect(), ..Frame::still("") };
    Ok(SearchPage { frame, found })
}

/// Whatever a text may name, whether or not that is there.
fn read_names(text: &str) -> Vec<Name> {
    let text = text.trim().to_ascii_lowercase();
    if text.len() > LONGEST {
        return Vec::new();
    }
    let (kind, rest) = match text.split_once([' ', ':', '/']) {
        Some((kind @ ("epoch" | "rollup" | "exit" | "batch" | "transfer"), rest)) => {
            (Some(kind), rest.trim())
        }
        _ => (None, text.as_str()),
    };
    let is = |wanted: &str| kind.is_none_or(|kind| kind == wanted);
    let mut names = Vec::new();
    if let Ok(epoch) = number("q", rest)
        && is("epoch")
    {
        names.push(Name::Epoch(EpochNumber::new(epoch)));
    }
    if let Ok(rollup) = number("q", rest)
        && kind == Some("rollup")
    {
        names.push(Name::Rollup(RollupId::new(rollup)));
    }
    if let Ok(id) = rest.parse()
        && is("transfer")
    {
        names.push(Name::Transfer(id));
    }
    if let Some((rollup, place)) = rest.split_once('/')
        && let Ok(rollup) = number("q", rollup.trim()).map(RollupId::new)
    {
        let place = place.trim();
        if let Ok(height) = number("q", place)
            && is("batch")
        {
            names.push(Name::Batch(rollup, Height::new(height)));
        }
        if let Ok(index) = number("q", place)
            && is("exit")
        {
            names.push(Name::Exit(rollup, ExitIndex::new(index)));
        }
    }
    if let Ok(account) = text.parse() {
        names.push(Name::Account(account));
    }
    if let Some(bytes) = parse_bytes(&text) {
        names.push(Name::Address(Address::new(bytes)));
    }
    names
}

/// The page of what is named, if it is there.
async fn look(state: &State, name: Name, names: &Names<'_>) -> Result<Option<Hit>, Error> {
    let ledger = state.ledger();
    let (there, url, words) = match name {
        Name::Epoch(epoch) => {
            let there = ledger.epoch(epoch).await?.is_some();
            (there, format!("/epochs/{epoch}"), format!("Epoch {epoch}"))
        }
        Name::Rollup(rollup) => {
            let there = ledger.rollup(rollup).await?.is_some();
            (there, format!("/rollups/{rollup}"), names.rollup(rollup))
        }
        Name::Transfer(id) => {
            let there = ledger.transfer(id).await?.is_some();
            (there, format!("/transfers/{id}"), format!("Transfer {id}"))
        }
        Name::Batch(rollup, height) => {
            let there = ledger.rollup(rollup).await?.is_some_and(|one| one.next_height > height);
            let words = format!("Batch of {} at height {height}", names.rollup(rollup));
            (there, format!("/batches/{rollup}/{height}"), words)
        }
        Name::Exit(rollup, index) => {
            let there = ledger.exit(rollup, index).await?.is_some();
            let words = format!("Exit {index} of {}", names.rollup(rollup));
            (there, format!("/exits/{rollup}/{index}"), words)
        }
        Name::Account(account) => {
            let accounts = ledger.accounts().await?;
            let there = accounts.iter().any(|one| one.account == account);
            (there, format!("/ledger/accounts/{account}"), account_words(account, names))
        }
        // Anybody may have an address: its exits are listed, be there none.
        Name::Address(address) => (true, exits_to(address), format!("Exits to {address}")),
    };
    Ok(there.then_some(Hit { url, words }))
}

/// The longest text that names anything.
const LONGEST: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    /// Each form names what it says, a bare pair names both a batch and an exit, and other texts
    /// name nothing.
    #[test]
    fn texts_name_things() {
        let one = RollupId::new(1);
        let (batch, exit) = (Name::Batch(one, Height::new(5)), Name::Exit(one, ExitIndex::new(5)));
        for (text, expected) in [
            ("7", vec![Name::Epoch(EpochNumber::new(7))]),
            (" epoch 7 ", vec![Name::Epoch(EpochNumber::new(7))]),
            ("Rollup 1", vec![Name::Rollup(one)]),
            ("1/5", vec![batch, exit]),
            ("exit 1/5", vec![exit]),
            ("exit/1/5", vec![exit]),
            ("batch 1 / 5", vec![batch]),
            ("17-3", vec![Name::Transfer("17-3".parse().unwrap())]),
            ("cell:1:2", vec![Name::Account("cell:1:2".parse().unwrap())]),
            (&format!("0x{}", "Ee".repeat(20)), vec![Name::Address(Address::repeat_byte(0xee))]),
            ("", vec![]),
            ("007", vec![]),
            ("epoch 1/5", vec![]),
            ("70000/1", vec![]),
            ("0x12", vec![]),
            ("<script>", vec![]),
        ] {
            assert_eq!(read_names(text), expected, "{text}");
        }
    }
}
