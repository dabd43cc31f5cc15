//! `/v1/simulate` and `/v1/epochs/{epoch}/simulate`: what would happen, without it happening.
//!
//! **Invariant:** what is said is decided by the code that books and seals, on one state of the books;
//! nothing is written. What is guessed, when the epoch settles and what that costs, names what it rests on.

mod forecast;

use axum::{
    Extension, Json,
    extract::{Path, State as Extracted},
    http::StatusCode,
};
use domain::{Batch, EpochNumber, LiquidityState};
use ledger::{Simulation, Trial, WouldBook};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    State,
    batches::{Balance, TrialRequest, read_items, read_trial},
    error::{Bodies, Error, Missing, NotFound, ProblemBody, Problems, Sealed},
    extract::{JsonBody, Parameters, number},
    json::Field,
    layers::ShownId,
    money::{Amount, Assets},
};
use forecast::EpochForecast;

/// Batches to try, in their order. A `signature` may be left out: then it is not asked for.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) struct SimulationRequest {
    /// Each on top of those before it.
    #[schema(min_items = 1, max_items = 100)]
    batches: Vec<TrialRequest>,
}

/// What batches would do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SimulationAnswer {
    /// The journal's last block: what is booked after it may change everything.
    block: u64,
    /// What would become of each batch, in their order.
    results: Vec<TrialResult>,
    /// The cells that they would change.
    cells: Vec<CellChange>,
    /// The open epoch, if it were sealed right after them.
    epoch: EpochForecast,
}

/// What the open epoch would be if it were sealed now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SealSimulation {
    /// The journal's last block: what is booked after it may change everything.
    block: u64,
    /// The epoch.
    #[serde(flatten)]
    epoch: EpochForecast,
}

/// What would become of one batch: it would be booked, or there would be a problem with it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrialResult {
    /// The status that it would be answered with.
    #[schema(example = 201)]
    status: u16,
    /// Whether it is booked already; absent for one that would be refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
    /// What it would be answered with, but for the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_book: Option<Booking>,
    /// Why it would be refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemBody>,
}

/// A batch that would be booked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Booking {
    /// Whose transition.
    rollup: u16,
    /// Its number among the rollup's batches.
    height: u64,
    /// The journal block that would hold it.
    block: u64,
    /// The epoch that it would settle in.
    epoch: u64,
    /// The digest that is signed.
    digest: String,
    /// What the rollup's cells that it debits would hold after it; absent once its list is archived.
    #[serde(skip_serializing_if = "Option::is_none")]
    balances: Option<Vec<Balance>>,
    /// The exits that it would make; none if it is booked already.
    exits: Vec<ExitForecast>,
}

/// An exit that would be made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExitForecast {
    /// Its number among the rollup's exits.
    index: u32,
    /// The asset.
    asset: u16,
    /// How much.
    #[serde(flatten)]
    amount: Amount,
    /// Who would be paid on L1.
    recipient: String,
    /// Its leaf in the rollup's exit tree.
    leaf: String,
}

/// A cell that would change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CellChange {
    /// The rollup.
    rollup: u16,
    /// The asset.
    asset: u16,
    /// What it holds.
    before: Amount,
    /// What it would hold.
    after: Amount,
}

/// Try batches
///
/// Says what `POST /v1/batches/bulk` would do with them now, and what the open epoch would be if it were
/// sealed right after: cells, exits, net positions, steps, when it would settle and what that would cost.
/// The code that books decides, on one state of the books; nothing is written. Problems are those of the
/// posting. If nothing else is booked meanwhile, posting does just that.
#[utoipa::path(
    post, path = "/v1/simulate", operation_id = "simulate", tag = "batches",
    request_body = SimulationRequest,
    responses(
        (status = 200, description = "What would happen", body = SimulationAnswer),
        Problems, Bodies,
    ),
)]
pub(crate) async fn batches(
    Extracted(state): Extracted<State>,
    Extension(ShownId(id)): Extension<ShownId>,
    query: Parameters,
    JsonBody(body): JsonBody,
) -> Result<Json<SimulationAnswer>, Error> {
    query.finish()?;
    let assets = state.assets().await?;
    let items = read_items(body)?;
    let _room = state.costly_permit()?;
    let read: Vec<_> = items.into_iter().map(|item| Try::read(item, &assets)).collect();
    let trials: Vec<_> = read.iter().flatten().map(Try::trial).collect();
    let Simulation { last_block, outcomes, before, after, seal } =
        state.ledger().simulate(&trials).await?;
    let mut outcomes = outcomes.into_iter();
    let results = read.iter().map(|one| match one {
        Ok(_) => match outcomes.next().unwrap_or(Err(ledger::Error::Stopped)) {
            Ok(would) => TrialResult::booked(&would, &assets),
            Err(error) => TrialResult::problem(&error.into(), &id),
        },
        Err(error) => TrialResult::problem(error, &id),
    });
    Ok(Json(SimulationAnswer {
        block: last_block.number(),
        results: results.collect(),
        cells: changes(&before, &after, &assets),
        epoch: EpochForecast::of(&state, &seal, &after, &assets).await?,
    }))
}

/// What the open epoch would be if it were sealed now
///
/// Its net positions, steps and digests, when it would settle and what that would cost. That each of its
/// steps can be proven is for the engine to check when it seals. A sealed epoch is refused: what it is stands
/// at `/v1/epochs/{epoch}`.
#[utoipa::path(
    get, path = "/v1/epochs/{epoch}/simulate", operation_id = "simulate_seal", tag = "epochs",
    params(("epoch" = u64, Path, description = "The open epoch's number")),
    responses(
        (status = 200, description = "What it would be", body = SealSimulation),
        Problems, Missing, Sealed,
    ),
)]
pub(crate) async fn seal(
    Extracted(state): Extracted<State>,
    Path(epoch): Path<String>,
    query: Parameters,
) -> Result<Json<SealSimulation>, Error> {
    query.finish()?;
    let epoch = EpochNumber::new(number("epoch", &epoch)?);
    let _room = state.costly_permit()?;
    let Simulation { last_block, after, seal, .. } = state.ledger().simulate(&[]).await?;
    if epoch > seal.epoch || state.ledger().epoch(epoch).await?.is_none() {
        return Err(NotFound::Epoch { epoch }.into());
    }
    if epoch < seal.epoch {
        return Err(Error::EpochSealed { epoch });
    }
    let assets = state.assets().await?;
    let epoch = EpochForecast::of(&state, &seal, &after, &assets).await?;
    Ok(Json(SealSimulation { block: last_block.number(), epoch }))
}

/// A batch that was read.
enum Try {
    Signed(Box<Batch>),
    Unsigned(Box<Batch>),
}

impl Try {
    fn read(item: Field, assets: &Assets) -> Result<Self, Error> {
        let (parts, is_signed) = read_trial(item, assets)?;
        let batch = Box::new(Batch::new(parts)?);
        Ok(if is_signed { Self::Signed(batch) } else { Self::Unsigned(batch) })
    }

    fn trial(&self) -> Trial<'_> {
        match self {
            Self::Signed(batch) => Trial::Signed(batch),
            Self::Unsigned(batch) => Trial::Unsigned(batch),
        }
    }
}

fn changes(before: &LiquidityState, after: &LiquidityState, assets: &Assets) -> Vec<CellChange> {
    let both = before.cells().zip(after.cells());
    let changed = both.filter(|((.., before), (.., after))| before.balance != after.balance);
    changed
        .map(|((rollup, asset, before), (.., after))| CellChange {
            rollup: rollup.number(),
            asset: asset.number(),
            before: assets.amount(asset, before.balance),
            after: assets.amount(asset, after.balance),
        })
        .collect()
}

impl TrialResult {
    fn booked(would: &WouldBook, assets: &Assets) -> Self {
        let WouldBook { posted, balances, exits } = would;
        let status = if posted.replayed { StatusCode::OK } else { StatusCode::CREATED };
        let balances = balances.as_ref().map(|balances| {
            balances.iter().map(|(asset, atoms)| Balance::of(*asset, *atoms, assets)).collect()
        });
        let exits = exits.iter().map(|claim| ExitForecast {
            index: claim.index.number(),
            asset: claim.asset.number(),
            amount: assets.amount(claim.asset, claim.atoms),
            recipient: claim.recipient.to_string(),
            leaf: claim.leaf().to_string(),
        });
        let booking = Booking {
            rollup: posted.rollup.number(),
            height: posted.height.number(),
            block: posted.block.number(),
            epoch: posted.epoch.number(),
            digest: posted.digest.to_string(),
            balances,
            exits: exits.collect(),
        };
        let (replayed, would_book) = (Some(posted.replayed), Some(booking));
        Self { status: status.as_u16(), replayed, would_book, problem: None }
    }

    fn problem(error: &Error, id: &str) -> Self {
        let problem = error.told().body(id);
        let status = problem.status;
        Self { status, replayed: None, would_book: None, problem: Some(problem) }
    }
}
