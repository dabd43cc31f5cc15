//! What the rules of `domain` and `ledger` answer with.

use std::fmt::Display;

use domain::{EpochNumber, Height, KeyError, Refusal, RollupId};

use super::{Code, Problem};
use crate::access::AccessError;

/// Whoever asks may not. What they would need is told in the form that RFC 6750 gives it, too.
pub(super) fn of_access(error: &AccessError) -> Problem {
    let detail = error.to_string();
    let (code, challenge) = match error {
        AccessError::Missing { .. } => (Code::ApiKeyMissing, String::new()),
        AccessError::Unknown => (Code::ApiKeyUnknown, ", error=\"invalid_token\"".to_owned()),
        AccessError::Revoked { .. } => {
            (Code::ApiKeyRevoked, ", error=\"invalid_token\"".to_owned())
        }
        AccessError::ScopeMissing { scope, .. } => {
            (Code::ScopeMissing, format!(", error=\"insufficient_scope\", scope=\"{scope}\""))
        }
    };
    let problem =
        Problem::new(code, detail).challenge(format!("Bearer realm=\"netfold\"{challenge}"));
    match error {
        AccessError::Missing { scope: Some(scope) } | AccessError::ScopeMissing { scope, .. } => {
            problem.with("scope", scope.to_string())
        }
        AccessError::Missing { scope: None }
        | AccessError::Unknown
        | AccessError::Revoked { .. } => problem,
    }
}

/// A signature or key that is none.
pub(super) fn of_key(error: KeyError) -> Problem {
    let detail = error.to_string();
    match error {
        KeyError::NotOnCurve { x, .. } | KeyError::SmallOrder { x, .. } => {
            Problem::new(Code::KeyInvalid, detail).value(x.to_string())
        }
        KeyError::Malleable { s } => {
            Problem::new(Code::SignatureMalleable, detail).value(s.to_string())
        }
    }
}

/// A rule of the reference transition.
pub(super) fn of_refusal(refusal: Refusal) -> Problem {
    let problem = Problem::new(code_of(refusal), refusal.to_string());
    match refusal {
        Refusal::UnknownRollup { rollup }
        | Refusal::AlreadyRegistered { rollup }
        | Refusal::ExitTreeFull { rollup } => problem.value(rollup.number()),
        Refusal::UnknownAsset { asset } => problem.value(asset.number()),
        Refusal::SignatureInvalid { digest, .. } => {
            problem.param("signature").with("digest", digest.to_string())
        }
        Refusal::HeightOutOfOrder { expected, found, .. } => problem
            .param("height")
            .value(found.number())
            .with("expected", expected.number())
            .with("found", found.number()),
        Refusal::PreviousRootMismatch { expected, found, .. } => {
            mismatch(problem, "previous_root", expected, found)
        }
        Refusal::ExitRootMismatch { expected, found, .. } => {
            mismatch(problem, "exit_root", expected, found)
        }
        Refusal::LanesDiffer { asset, destination, declared, listed } => problem
            .param("lanes")
            .value(declared.to_string())
            .with("asset", asset.number())
            .with("destination", destination.number())
            .with("declared_atoms", declared.to_string())
            .with("listed_atoms", listed.to_string()),
        Refusal::LanesOutOfOrder { index } => problem.param(format!("lanes[{index}]")).item(index),
        Refusal::TooManyLanes { found, limit } => {
            problem.param("lanes").value(found).with("limit", limit)
        }
        Refusal::TooManyTransfers { found, limit } => {
            problem.param("transfers").value(found).with("limit", limit)
        }
        Refusal::ZeroAmount { index } => problem.item(index).value("0"),
        Refusal::BadDestination { index, destination, .. } => {
            problem.param(format!("transfers[{index}].to")).item(index).value(destination.number())
        }
        Refusal::Overdraft { rollup, asset, balance, needed } => problem
            .value(needed.to_string())
            .with("rollup", rollup.number())
            .with("asset", asset.number())
            .with("balance_atoms", balance.to_string())
            .with("needed_atoms", needed.to_string()),
        Refusal::AmountTooLarge { rollup, asset } => {
            problem.with("rollup", rollup.number()).with("asset", asset.number())
        }
        Refusal::TooManySteps { limit } => problem.with("limit", limit),
    }
}

fn mismatch(problem: Problem, param: &str, expected: impl Display, found: impl Display) -> Problem {
    problem
        .param(param)
        .value(found.to_string())
        .with("expected", expected.to_string())
        .with("found", found.to_string())
}

fn code_of(refusal: Refusal) -> Code {
    match refusal {
        Refusal::UnknownRollup { .. } => Code::UnknownRollup,
        Refusal::UnknownAsset { .. } => Code::UnknownAsset,
        Refusal::AlreadyRegistered { .. } => Code::AlreadyRegistered,
        Refusal::SignatureInvalid { .. } => Code::SignatureInvalid,
        Refusal::HeightOutOfOrder { .. } => Code::HeightOutOfOrder,
        Refusal::PreviousRootMismatch { .. } => Code::PreviousRootMismatch,
        Refusal::ExitRootMismatch { .. } => Code::ExitRootMismatch,
        Refusal::LanesDiffer { .. } => Code::LanesDiffer,
        Refusal::LanesOutOfOrder { .. } => Code::LanesOutOfOrder,
        Refusal::TooManyLanes { .. } => Code::TooManyLanes,
        Refusal::TooManyTransfers { .. } => Code::TooManyTransfers,
        Refusal::ZeroAmount { .. } => Code::AmountZero,
        Refusal::BadDestination { .. } => Code::BadDestination,
        Refusal::Overdraft { .. } => Code::Overdraft,
        Refusal::AmountTooLarge { .. } => Code::AmountTooLarge,
        Refusal::ExitTreeFull { .. } => Code::ExitTreeFull,
        Refusal::TooManySteps { .. } => Code::TooManySteps,
    }
}

/// A refusal or failure of the ledger.
#[expect(clippy::too_many_lines, reason = "one arm a refusal, and none is left out")]
pub(super) fn of_ledger(error: &ledger::Error) -> Problem {
    use ledger::Error as Ledger;
    let detail = || error.to_string();
    match error {
        Ledger::Refused(refusal) => of_refusal(*refusal),
        Ledger::BatchConflict { rollup, height } => {
            of_height(Code::BatchConflict, error, *rollup, *height)
        }
        Ledger::BatchUnprovable { rollup, height, digest } => {
            of_height(Code::BatchUnprovable, error, *rollup, *height)
                .with("digest", digest.to_string())
        }
        Ledger::IdempotencyKeyReused { key } => Problem::new(Code::IdempotencyKeyReused, detail())
            .param("idempotency-key")
            .value(key.to_string()),
        Ledger::EpochFull { epoch, limit } => Problem::new(Code::EpochFull, detail())
            .with("epoch", epoch.number())
            .with("limit", *limit),
        Ledger::AmountHeld { rollup, asset, asked, available, held } => {
            Problem::new(Code::AmountHeld, detail())
                .value(asked.to_string())
                .with("rollup", rollup.number())
                .with("asset", asset.number())
                .with("asked_atoms", asked.to_string())
                .with("available_atoms", available.to_string())
                .with("held_atoms", held.to_string())
        }
        Ledger::SettledElsewhere { epoch } => {
            Problem::new(Code::SettledElsewhere, detail()).with("epoch", epoch.number())
        }
        Ledger::NoDomain => Problem::new(Code::DomainNotAdopted, detail()),
        Ledger::Archived { epoch, through } => Problem::new(Code::Archived, detail())
            .with("epoch", epoch.number())
            .with("archived_through", through.number()),
        // It was good when it was shown, and is not any more.
        Ledger::ApiKeyRefused { id } => of_access(&AccessError::Revoked { id: *id }),
        Ledger::UnknownWebhook { id } => {
            Problem::new(Code::WebhookNotFound, detail()).param("id").value(id.to_string())
        }
        Ledger::TooManyWebhooks { limit } => {
            Problem::new(Code::TooManyWebhooks, detail()).with("limit", *limit)
        }
        Ledger::UnknownEvent { event } => {
            Problem::new(Code::EventNotReached, detail()).param("after").value(event.number())
        }
        Ledger::UnknownEpoch { epoch } => of_epoch(Code::EpochNotFound, error, *epoch),
        Ledger::UnknownExit { rollup, index } => Problem::new(Code::ExitNotFound, detail())
            .param("index")
            .value(index.number())
            .with("rollup", rollup.number()),
        Ledger::NotSealed { epoch }
        | Ledger::NotProven { epoch }
        | Ledger::NotSettled { epoch } => of_epoch(Code::EpochNotReady, error, *epoch),
        Ledger::DomainChanged { .. } | Ledger::NotGenesis { .. } => {
            Problem::new(Code::DomainChanged, "the operator has to look; the log says what differs")
        }
        Ledger::UnknownBlock { last, .. } => Problem::new(Code::AsOfNotReached, detail())
            .param("as_of")
            .with("last_block", last.number()),
        Ledger::InTheFuture { .. } => Problem::new(Code::AsOfNotReached, detail()).param("as_of"),
        Ledger::ReplicaUnreachable(_) => Problem::new(Code::ReplicaUnavailable, detail()),
        Ledger::TookTooLong(_) => Problem::new(Code::Timeout, detail()),
        Ledger::Busy { .. } => Problem::new(Code::Overloaded, detail()),
        Ledger::Unreachable(_)
        | Ledger::Stopped
        | Ledger::DiskFull(_)
        | Ledger::Postgres(_)
        | Ledger::NotMigrated
        | Ledger::LoginRefused(_)
        | Ledger::NoDatabase(_)
        | Ledger::BadUrl(_) => of_database(error),
        // What only the engine can cause, and defects: nothing of them leaves.
        Ledger::UnknownApiKey { .. }
        | Ledger::UnknownBatch { .. }
        | Ledger::BatchEvicted { .. }
        | Ledger::BatchReplaced { .. }
        | Ledger::BatchFolded { .. }
        | Ledger::BatchSealed { .. }
        | Ledger::BaselineMissing { .. }
        | Ledger::BaselineDiffers { .. }
        | Ledger::StepConflict { .. }
        | Ledger::StepOutdated { .. }
        | Ledger::StepOutOfOrder { .. }
        | Ledger::ProofDiffers { .. }
        | Ledger::SubmissionLive { .. }
        | Ledger::UnknownSubmission { .. }
        | Ledger::SettledOtherwise { .. }
        | Ledger::BooksDiffer { .. }
        | Ledger::SettlementStands { .. }
        | Ledger::L1CursorBehind { .. }
        | Ledger::L1LogOutside { .. }
        | Ledger::ClaimDiffers { .. }
        | Ledger::UnknownAccount { .. }
        | Ledger::AccountOutOfBound { .. }
        | Ledger::Drift { .. }
        | Ledger::NotArchivable { .. }
        | Ledger::ArchiveBusy
        | Ledger::WrongRow(_)
        | Ledger::ArchiveTaken { .. }
        | Ledger::ArchiveDamaged { .. }
        | Ledger::ArchiveFile(_)
        | Ledger::Forbidden { .. }
        | Ledger::PermissionDenied(_)
        | Ledger::Corrupt { .. }
        | Ledger::OutOfBound { .. }
        | Ledger::Migration(_) => Problem::internal(),
    }
}

/// What is wrong with a batch at its height.
fn of_height(code: Code, error: &ledger::Error, rollup: RollupId, height: Height) -> Problem {
    Problem::new(code, error.to_string())
        .param("height")
        .value(height.number())
        .with("rollup", rollup.number())
}

/// What is wrong with an epoch that was asked for.
fn of_epoch(code: Code, error: &ledger::Error, epoch: EpochNumber) -> Problem {
    Problem::new(code, error.to_string()).param("epoch").value(epoch.number())
}

/// What the database fails at.
fn of_database(error: &ledger::Error) -> Problem {
    use ledger::Error as Ledger;
    match error {
        Ledger::DiskFull(_) => Problem::new(
            Code::DatabaseUnavailable,
            "no space is left on the database's disk; send it again when the operator has made room",
        ),
        Ledger::NotMigrated
        | Ledger::LoginRefused(_)
        | Ledger::NoDatabase(_)
        | Ledger::BadUrl(_) => Problem::new(
            Code::DatabaseUnavailable,
            "the operator has to look; the log says at what",
        ),
        Ledger::Unreachable(_) | Ledger::Stopped => Problem::unavailable(),
        error if error.is_transient() => Problem::unavailable(),
        _ => Problem::internal(),
    }
}
