//! `/v1/trial-balance`: whether everybody's money is accounted for.

use axum::{Json, extract::State as Extracted};
use ledger::TrialBalanceLine;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    State,
    as_of::{self, AS_OF},
    error::{Error, Problems, Unreached},
    extract::Parameters,
    money::{Amount, Assets},
};

/// The trial balance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrialBalance {
    /// Whether every line balances.
    pub balanced: bool,
    /// One line per asset.
    pub lines: Vec<Line>,
    /// The journal block that it stands at; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal_head: Option<JournalHead>,
}

/// The end of the journal's hash chain: who keeps it can tell any later change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JournalHead {
    /// The last block.
    pub block: u64,
    /// Its hash.
    pub hash: String,
}

/// The trial balance of one asset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Line {
    /// The asset.
    pub asset: u16,
    /// Whether debits equal credits, and custody equals cells and pots.
    pub balanced: bool,
    /// The sum of all debits.
    pub debits: Amount,
    /// The sum of all credits.
    pub credits: Amount,
    /// What the L1 contract holds for the domain, as booked.
    pub custody: Amount,
    /// What the cells of all rollups hold.
    pub cells: Amount,
    /// What is owed to exits that are not paid yet.
    pub pots: Amount,
}

/// Read the trial balance
#[utoipa::path(
    get, path = "/v1/trial-balance", operation_id = "read_trial_balance", tag = "ledger",
    params(
        ("as_of" = Option<String>, Query, description = AS_OF),
    ),
    responses((status = 200, description = "The trial balance", body = TrialBalance), Problems, Unreached),
)]
pub(crate) async fn one(
    Extracted(state): Extracted<State>,
    mut query: Parameters,
) -> Result<Json<TrialBalance>, Error> {
    let as_of = as_of::take(&mut query)?;
    query.finish()?;
    let books = state.reads_at(as_of).await?.books_at(as_of).await?;
    let (lines, head) = (books.trial_balance()?, books.head);
    let assets = state.assets().await?;
    Ok(Json(TrialBalance {
        balanced: lines.iter().all(is_balanced),
        lines: lines.iter().map(|line| Line::of(line, &assets)).collect(),
        journal_head: head
            .map(|head| JournalHead { block: head.block.number(), hash: head.hash.to_string() }),
    }))
}

/// Whether debits equal credits, and custody equals cells and pots.
pub(crate) fn is_balanced(line: &TrialBalanceLine) -> bool {
    line.debits == line.credits && line.cells.checked_add(line.pots) == Some(line.custody)
}

impl Line {
    fn of(line: &TrialBalanceLine, assets: &Assets) -> Self {
        Self {
            asset: line.asset.number(),
            balanced: is_balanced(line),
            debits: assets.sum(line.asset, line.debits),
            credits: assets.sum(line.asset, line.credits),
            custody: assets.sum(line.asset, line.custody),
            cells: assets.sum(line.asset, line.cells),
            pots: assets.sum(line.asset, line.pots),
        }
    }
}
