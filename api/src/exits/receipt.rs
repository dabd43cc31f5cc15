//! `/v1/exits/{rollup}/{index}/receipt`: one file that proves a settled exit.

use axum::{
    Json,
    extract::{Path, State as Extracted},
};
use domain::{ExitIndex, RollupId};
use ledger::{ClaimStatus, PostedExit};

use crate::{
    State,
    epochs::EpochState,
    error::{Error, Missing, NotFound, NotYet, Problems},
    evidence::Receipt,
    extract::{Parameters, number},
};

/// Read the receipt of a settled exit
///
/// One file that proves the exit to whoever has no books: the signed batch, the paths from the exit's leaf
/// to the batch's exit root and to the one that L1 settled, the state under the settled digest, the
/// settlement, the claim. `netfold verify` checks it without a network.
#[utoipa::path(
    get, path = "/v1/exits/{rollup}/{index}/receipt", operation_id = "read_receipt", tag = "exits",
    params(
        ("rollup" = u16, Path, maximum = 65535, description = "The rollup that it left"),
        ("index" = u32, Path, maximum = 4_294_967_295_i64, description = "Its number there"),
    ),
    responses(
        (status = 200, description = "The receipt", body = Receipt),
        Problems, Missing, NotYet,
    ),
)]
pub(crate) async fn receipt(
    Extracted(state): Extracted<State>,
    Path((rollup, index)): Path<(String, String)>,
    query: Parameters,
) -> Result<Json<Receipt>, Error> {
    query.finish()?;
    let rollup = RollupId::new(number("rollup", &rollup)?);
    let index = ExitIndex::new(number("index", &index)?);
    let _room = state.costly_permit()?;
    let ledger = state.ledger();
    let exit = ledger.exit(rollup, index).await?.ok_or(NotFound::Exit { rollup, index })?;
    settled(&state, &exit).await?;
    let domain = ledger.domain().await?.ok_or(Error::DomainNotAdopted)?;
    let evidence = ledger.exit_evidence(rollup, index).await?;
    let assets = state.assets().await?;
    let unknown = domain::Refusal::UnknownAsset { asset: exit.claim.asset };
    let asset = assets.get(exit.claim.asset).ok_or(unknown)?;
    Ok(Json(Receipt::of(&evidence, &domain.identity, asset)?))
}

/// Why there is no receipt, if there is none.
async fn settled(state: &State, exit: &PostedExit) -> Result<(), Error> {
    let (rollup, index) = (exit.claim.rollup, exit.claim.index);
    match exit.status {
        ClaimStatus::Claimable | ClaimStatus::Paid { .. } => Ok(()),
        ClaimStatus::Reversed { by } => Err(Error::ExitReversed { rollup, index, by }),
        ClaimStatus::Open => {
            let epoch = exit.epoch;
            let found = state.ledger().epoch(epoch).await?.ok_or(NotFound::Epoch { epoch })?;
            let status = EpochState::of(found.status);
            Err(Error::ExitNotSettled { rollup, index, epoch, status })
        }
    }
}
