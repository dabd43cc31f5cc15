//! `/v1/epochs/{epoch}/exit-kit`: what pays every exit of an epoch when the operator is gone.
//!
//! **Invariant:** the file is written while it is made: whatever the epoch's size, what is held is a chunk of
//! exits. Everything in it is of a settled epoch and does not change under it. If the ledger fails on the
//! way the answer breaks off, and the file has no end line.

use std::collections::VecDeque;

use alloy_primitives::Keccak256;
use axum::{
    body::Body,
    extract::{Path, State as Extracted},
    http::header,
    response::{IntoResponse, Response},
};
use domain::{Claim, EpochNumber, ExitIndex, ExitPaths, ExitRange};
use futures_util::{Stream, stream};
use ledger::EpochExits;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use crate::{
    State,
    error::{Error, Missing, NotYet, Problems},
    evidence::{AssetRecord, KitEnd, KitExit, KitHead},
    extract::{Parameters, number},
    money::Assets,
};

/// The lines of an exit-kit: a [`KitHead`], then [`KitExit`]s, then a [`KitEnd`].
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) enum ExitKitLine {
    /// The first line.
    Head(Box<KitHead>),
    /// Each line between.
    Exit(Box<KitExit>),
    /// The last line.
    End(KitEnd),
}

/// Download an epoch's exit-kit
///
/// All that is needed to claim every exit of a settled epoch on L1 when the operator is gone: the
/// settlement, the contract and its functions, and each exit with its path. Lines of JSON: the head, one
/// exit a line, the end. `netfold verify` checks it, `netfold claim --kit` claims from it.
#[utoipa::path(
    get, path = "/v1/epochs/{epoch}/exit-kit", operation_id = "read_exit_kit", tag = "epochs",
    params(("epoch" = u64, Path, description = "Its number, from 1")),
    responses(
        (status = 200, description = "The exit-kit, lines of JSON", body = ExitKitLine,
            content_type = "application/x-ndjson"),
        Problems, Missing, NotYet,
    ),
)]
pub(crate) async fn exit_kit(
    Extracted(state): Extracted<State>,
    Path(epoch): Path<String>,
    query: Parameters,
) -> Result<Response, Error> {
    query.finish()?;
    let epoch = EpochNumber::new(number("epoch", &epoch)?);
    let permit = state.stream_permit()?;
    let ledger = state.ledger();
    let settled = ledger.settled_epoch(epoch).await?;
    let domain = ledger.domain().await?.ok_or(Error::DomainNotAdopted)?;
    let exits = ledger.exits_of_epoch(epoch).await?;
    let assets = state.assets().await?;
    let described = assets.all().map(AssetRecord::of);
    let head = KitHead::of(&settled, &exits, &domain.identity, described)?;
    let writer = Writer {
        state,
        assets,
        hasher: Keccak256::new(),
        head: Some(Box::new(head)),
        rollups: exits.into(),
        current: None,
        written: 0,
        ended: false,
        _permit: permit,
    };
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"epoch-{epoch}.exit-kit\"")),
    ];
    Ok((headers, Body::from_stream(chunks(writer))).into_response())
}

/// Where the writing of a kit is.
struct Writer {
    state: State,
    assets: Assets,
    hasher: Keccak256,
    head: Option<Box<KitHead>>,
    rollups: VecDeque<EpochExits>,
    current: Option<Current>,
    written: u64,
    ended: bool,
    // Held as long as the stream, so that streams are bounded.
    _permit: OwnedSemaphorePermit,
}

/// A rollup that is being written.
struct Current {
    exits: EpochExits,
    paths: ExitPaths,
    next: ExitIndex,
}

/// Why a kit breaks off.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the ledger cannot be read")]
    Ledger(#[from] ledger::Error),
    #[error("a line cannot be written")]
    Json(#[from] serde_json::Error),
    #[error("the exits of rollup {0} do not make up its exit root")]
    Exits(domain::RollupId),
}

fn chunks(writer: Writer) -> impl Stream<Item = Result<Vec<u8>, Broken>> {
    stream::try_unfold(writer, |mut writer| async move {
        let chunk = writer.next().await.inspect_err(|error| {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, cause, "an exit-kit breaks off");
        })?;
        Ok(chunk.map(|bytes| (bytes, writer)))
    })
}

impl Writer {
    /// The next lines; `None` after the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        if let Some(head) = self.head.take() {
            return self.hashed(&[*head]).map(Some);
        }
        if self.current.is_none()
            && let Some(exits) = self.rollups.pop_front()
        {
            self.current = Some(self.open(exits).await?);
        }
        if let Some(current) = self.current.take() {
            return self.chunk(current).await.map(Some);
        }
        if self.ended {
            return Ok(None);
        }
        self.ended = true;
        let checksum = self.hasher.clone().finalize();
        lines(&[KitEnd { exits: self.written, checksum }]).map(Some)
    }

    /// Reads a rollup's exits once through, for the upper parts of their paths.
    async fn open(&self, exits: EpochExits) -> Result<Current, Broken> {
        let first = exits.before.next_index();
        let mut range = ExitRange::after(&exits.before);
        let mut next = first;
        while let Some(claims) = self.read(&exits, next).await? {
            next = after(&claims).ok_or(Broken::Exits(exits.rollup))?;
            range = range.extended(leaves(&claims)).ok_or(Broken::Exits(exits.rollup))?;
        }
        let paths = range.close().ok_or(Broken::Exits(exits.rollup))?;
        if paths.root() != Some(exits.exit_root) {
            return Err(Broken::Exits(exits.rollup));
        }
        Ok(Current { exits, paths, next: first })
    }

    async fn chunk(&mut self, current: Current) -> Result<Vec<u8>, Broken> {
        let Current { exits, paths, next } = current;
        let broken = || Broken::Exits(exits.rollup);
        let claims = self.read(&exits, next).await?.ok_or_else(broken)?;
        let chunk = paths.chunk(next, leaves(&claims)).ok_or_else(broken)?;
        let line = |claim: &Claim| KitExit::of(claim, &chunk, self.assets.decimals(claim.asset));
        let written = claims.iter().map(line).collect::<Option<Vec<_>>>().ok_or_else(broken)?;
        let bytes = self.hashed(&written)?;
        let count = u64::try_from(written.len()).unwrap_or(u64::MAX);
        self.written = self.written.saturating_add(count);
        let next = after(&claims).ok_or_else(broken)?;
        if next.number() < end_of(&exits) {
            self.current = Some(Current { exits, paths, next });
        }
        Ok(bytes)
    }

    /// The exits of a chunk from one on; `None` behind the last of the epoch.
    async fn read(
        &self,
        exits: &EpochExits,
        from: ExitIndex,
    ) -> Result<Option<Vec<Claim>>, Broken> {
        let left = end_of(exits).saturating_sub(from.number());
        if left == 0 {
            return Ok(None);
        }
        let count = left.min(ExitRange::room(from));
        let claims = self.state.ledger().exits_from(exits.rollup, from, count).await?;
        let whole = u32::try_from(claims.len()) == Ok(count);
        if whole { Ok(Some(claims)) } else { Err(Broken::Exits(exits.rollup)) }
    }

    fn hashed<T: Serialize>(&mut self, items: &[T]) -> Result<Vec<u8>, Broken> {
        let bytes = lines(items)?;
        self.hasher.update(&bytes);
        Ok(bytes)
    }
}

fn lines<T: Serialize>(items: &[T]) -> Result<Vec<u8>, Broken> {
    let mut bytes = Vec::new();
    for item in items {
        serde_json::to_writer(&mut bytes, item)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

fn leaves(claims: &[Claim]) -> Vec<alloy_primitives::B256> {
    claims.iter().map(Claim::leaf).collect()
}

/// The number behind the last of these.
fn after(claims: &[Claim]) -> Option<ExitIndex> {
    claims.last()?.index.next()
}

/// The number behind the last exit of the epoch.
fn end_of(exits: &EpochExits) -> u32 {
    exits.before.next_index().number().saturating_add(exits.exits)
}
