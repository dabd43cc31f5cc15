//! `/exits/{rollup}/{index}`: where one exit is, and what claims it.

use askama::Template;
use axum::{
    extract::{Path, State as Extracted},
    response::Response,
};
use domain::{ExitIndex, RollupId};

use super::{
    card::Proving,
    clock::Moment,
    exits::{exits_to, status},
    frame::{Frame, answer},
    journey::Journey,
    money::Money,
    names::Names,
};
use crate::{
    State,
    error::{Error, NotFound},
    exits::Claim,
    extract::{Parameters, number},
};

#[derive(Template)]
#[template(path = "exit.html")]
struct ExitPage {
    frame: Frame,
    rollup: String,
    rollup_id: u16,
    index: u32,
    status: &'static str,
    amount: Money,
    atoms: String,
    recipient: String,
    recipient_url: String,
    height: u64,
    epoch: u64,
    transfer: String,
    posted_at: Moment,
    journey: Journey,
    claim: Option<Claim>,
    /// Whether L1 would still take the claim.
    unpaid: bool,
}

pub(crate) async fn exit(
    Extracted(state): Extracted<State>,
    Path((rollup, index)): Path<(String, String)>,
    query: Result<Parameters, Error>,
) -> Response {
    answer(read(&state, &rollup, &index, query).await)
}

async fn read(
    state: &State,
    rollup: &str,
    index: &str,
    query: Result<Parameters, Error>,
) -> Result<ExitPage, Error> {
    query?.finish()?;
    let rollup = RollupId::new(number("rollup", rollup)?);
    let index = ExitIndex::new(number("index", index)?);
    let ledger = state.ledger();
    let found = ledger.exit(rollup, index).await?.ok_or(NotFound::Exit { rollup, index })?;
    let domain = ledger.domain().await?.ok_or(Error::DomainNotAdopted)?;
    let data = ledger.claim_data(rollup, index).await?;
    let epoch = found.epoch;
    let of = ledger.epoch(epoch).await?.ok_or(NotFound::Epoch { epoch })?;
    let proving = Proving::read(state, of).await?;
    let assets = state.assets().await?;
    let names = Names::new(state.settings());
    let claim = found.claim;
    Ok(ExitPage {
        frame: Frame::live("exits"),
        rollup: names.rollup(rollup),
        rollup_id: rollup.number(),
        index: index.number(),
        status: status(&found.status),
        amount: Money::of(claim.asset, claim.atoms, &assets, &names),
        atoms: claim.atoms.to_string(),
        recipient: claim.recipient.to_string(),
        recipient_url: exits_to(claim.recipient),
        height: found.height.number(),
        epoch: epoch.number(),
        transfer: found.id.to_string(),
        posted_at: Moment::of(found.posted_at),
        journey: Journey::of_exit(&found, &proving, &names),
        claim: data.map(|data| Claim::of(&data, &domain.identity)),
        unpaid: matches!(found.status, ledger::ClaimStatus::Claimable),
    })
}
