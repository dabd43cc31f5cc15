//! `/v1/jobs`: what is being folded, proven and settled, by whom, and what waits for what.
//!
//! **Invariant:** a job is told from the rows that its epoch has, and a process as at work only while it holds
//! its turn's lock; why a job waits follows from both alone.

use axum::{Json, extract::State as Extracted};
use ledger::{EpochStatus, IncidentKind, PageLimit, Piece, SupersedeReason, TurnKind, Underway};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    State,
    error::{Error, Problems},
    extract::Parameters,
};

/// What there is to do, who does it, what was done, and what went wrong.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct Jobs {
    /// The processes that are at work; an engine and a prover, which may be one process.
    pub workers: Vec<Worker>,
    /// How many epochs wait for what, however many of them are listed.
    pub queue: Queue,
    /// What there is to do, of the oldest epochs first: of at most 100 of them.
    pub jobs: Vec<Job>,
    /// What was folded and proven last, newest first: at most 20 pieces.
    pub done: Vec<Done>,
    /// What went wrong last and was dealt with, newest first: at most 20.
    pub incidents: Vec<Incident>,
}

/// A process at work.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Worker {
    /// What it is at.
    pub kind: WorkerKind,
    /// Its host and its number there.
    pub name: String,
    /// Since when it has its turn.
    #[serde(with = "time::serde::rfc3339")]
    pub began_at: OffsetDateTime,
}

/// What a process is at.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WorkerKind {
    /// Watching L1, sealing, settling.
    Engine,
    /// Folding and proving.
    Prover,
}

/// How many epochs wait for what.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Queue {
    /// Sealed ones for their settlement proof.
    pub unproven: u64,
    /// Proven ones for L1 to settle them.
    pub unsettled: u64,
    /// Settled ones for their finality.
    pub unfinal: u64,
    /// Sealed ones for their aggregated proof.
    pub unaggregated: u64,
}

/// Something that is to be done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Job {
    /// The epoch.
    pub epoch: u64,
    /// What.
    pub kind: JobKind,
    /// What it waits for; absent while a process works on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<WaitsFor>,
    /// Since when there is this to do.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    /// How far folding is; absent where it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<JobSteps>,
    /// Which attempt to settle it is live; absent if none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
}

/// What can be to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobKind {
    /// Fold the open epoch ahead.
    FoldAhead,
    /// Fold a sealed epoch and make its settlement proof.
    Prove,
    /// Make its aggregated proof.
    Aggregate,
    /// Settle it on L1.
    Settle,
    /// Let its settlement become final.
    Finalise,
}

/// What a job can wait for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WaitsFor {
    /// For more batches: what is fixed is folded.
    Batches,
    /// For a prover: none is at work.
    Prover,
    /// For an engine: none is at work.
    Engine,
    /// For an epoch before it.
    EarlierEpoch,
    /// For the settlement proofs that money waits for.
    SettlementProofs,
    /// For L1 to mine its `l1_tx`.
    L1,
    /// For more L1 blocks on top of its own.
    Confirmations,
}

/// How far folding is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobSteps {
    /// Steps folded so far.
    pub folded: u32,
    /// Steps that it needs; absent while that is not known: of an open epoch, and of one that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned: Option<u32>,
    /// When the last one was folded.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub last_at: Option<OffsetDateTime>,
    /// How long a step took on average, in milliseconds; absent if that is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_ms: Option<u64>,
}

/// A piece that is done.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct Done {
    /// The epoch.
    pub epoch: u64,
    /// What.
    pub piece: PieceKind,
    /// Which step, from 1; absent for a proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// The process that did it.
    pub by: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// When it was done.
    #[serde(with = "time::serde::rfc3339")]
    pub done_at: OffsetDateTime,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PieceKind {
    /// A step was folded.
    Step,
    /// The proof that L1 checks was made.
    SettlementProof,
    /// The aggregated proof was made.
    AggregatedProof,
}

/// Something that went wrong, and was dealt with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Incident {
    /// In which epoch.
    pub epoch: u64,
    /// What.
    pub kind: IncidentName,
    /// In words.
    pub detail: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IncidentName {
    /// A batch could not be proven, or stood on one that could not, and was evicted.
    BatchEvicted,
    /// An attempt to settle was given up.
    SubmissionEnded,
    /// A reorg of L1 undid a settlement.
    SettlementUndone,
}

/// Read what is being proven and settled
///
/// Who works, what there is to do and why it waits, what was done last and how long it took, and what went wrong.
/// All of it is as it is now; `/v1/events` tells when it changes.
#[utoipa::path(
    get, path = "/v1/jobs", operation_id = "read_jobs", tag = "operation",
    responses((status = 200, description = "The jobs", body = Jobs), Problems),
)]
pub(crate) async fn read(
    Extracted(state): Extracted<State>,
    query: Parameters,
) -> Result<Json<Jobs>, Error> {
    query.finish()?;
    Ok(Json(Jobs::read(&state).await?))
}

impl Jobs {
    /// As it is now: who holds a lock is known to the database itself alone.
    pub(crate) async fn read(state: &State) -> Result<Self, Error> {
        let ledger = state.ledger();
        let turns = ledger.turns().await?;
        let queue = ledger.queue().await?;
        let underway = ledger.underway(EPOCHS).await?;
        let at_work = |kind| turns.iter().any(|turn| turn.kind == kind);
        let facts = Facts {
            engine: at_work(TurnKind::Engine),
            prover: at_work(TurnKind::Prover),
            unproven: queue.unproven > 0,
        };
        let mut jobs = Vec::new();
        for one in &underway {
            jobs.extend(facts.jobs_of(one, &jobs));
        }
        if let Some(first) = jobs.iter_mut().find(|job| job.kind == JobKind::Prove)
            && let Some(one) = underway.iter().find(|one| one.epoch.epoch.number() == first.epoch)
            && let Some(steps) = &mut first.steps
        {
            // The plan is made from all operations of the epoch: only of the one that is at work.
            steps.planned = state.planned_steps(&one.epoch).await?;
        }
        Ok(Self {
            workers: turns.into_iter().map(Worker::of).collect(),
            queue: Queue {
                unproven: queue.unproven,
                unsettled: queue.unsettled,
                unfinal: queue.unfinal,
                unaggregated: queue.unaggregated,
            },
            jobs,
            done: ledger.latest_work(SHOWN).await?.into_iter().map(Done::of).collect(),
            incidents: ledger.incidents(SHOWN).await?.into_iter().map(Incident::of).collect(),
        })
    }
}

/// What decides why a job waits, besides its own epoch.
struct Facts {
    engine: bool,
    prover: bool,
    /// Whether a sealed epoch waits for its settlement proof.
    unproven: bool,
}

impl Facts {
    /// What there is to do for an epoch, after what there is for those before it.
    fn jobs_of(&self, one: &Underway, before: &[Job]) -> Vec<Job> {
        let epoch = &one.epoch;
        let has = |kind: &[JobKind]| before.iter().any(|job| kind.contains(&job.kind));
        let job = |kind, waits_for, since| {
            let (epoch, steps, attempt) = (epoch.epoch.number(), None, None);
            Job { epoch, kind, waits_for, since, steps, attempt }
        };
        let without = |process: bool, missing| (!process).then_some(missing);
        let sealed_at = epoch.sealed.as_ref().map_or(epoch.opened_at, |sealed| sealed.sealed_at);
        let proven_at = epoch.settlement_proof.as_ref().map_or(sealed_at, |proof| proof.proven_at);
        let earlier = has(&[JobKind::Settle, JobKind::Finalise, JobKind::Prove]);
        let earlier = earlier.then_some(WaitsFor::EarlierEpoch);
        let no_prover = without(self.prover, WaitsFor::Prover);
        let no_engine = without(self.engine, WaitsFor::Engine);
        let mut jobs = Vec::new();
        match epoch.status {
            EpochStatus::Open => {
                let waits = no_prover.or(self.unproven.then_some(WaitsFor::SettlementProofs));
                let waits = waits.or(Some(WaitsFor::Batches));
                let fold = job(JobKind::FoldAhead, waits, epoch.opened_at);
                jobs.push(Job { steps: Some(JobSteps::of(one)), ..fold });
            }
            EpochStatus::Sealed | EpochStatus::Proving { .. } => {
                let queued = has(&[JobKind::Prove]).then_some(WaitsFor::EarlierEpoch);
                let prove = job(JobKind::Prove, no_prover.or(queued), sealed_at);
                jobs.push(Job { steps: Some(JobSteps::of(one)), ..prove });
            }
            EpochStatus::Proven => {
                jobs.push(job(JobKind::Settle, no_engine.or(earlier), proven_at));
            }
            EpochStatus::Submitted { attempt } => {
                let since = one.submitted_at.unwrap_or(proven_at);
                let settle = job(JobKind::Settle, no_engine.or(Some(WaitsFor::L1)), since);
                jobs.push(Job { attempt: Some(attempt), ..settle });
            }
            EpochStatus::Settled => {
                let since = epoch.settlement.as_ref().map_or(proven_at, |made| made.recorded_at);
                let waits = no_engine.or(Some(WaitsFor::Confirmations));
                jobs.push(job(JobKind::Finalise, waits, since));
            }
            EpochStatus::Final => {}
        }
        let settles = !matches!(
            epoch.status,
            EpochStatus::Open | EpochStatus::Sealed | EpochStatus::Proving { .. }
        );
        if settles && epoch.proof.is_none() {
            let queued = has(&[JobKind::Aggregate]).then_some(WaitsFor::EarlierEpoch);
            let waits = no_prover.or(self.unproven.then_some(WaitsFor::SettlementProofs));
            jobs.push(job(JobKind::Aggregate, waits.or(queued), proven_at));
        }
        jobs
    }
}

impl JobSteps {
    fn of(one: &Underway) -> Self {
        let took = u64::try_from(one.steps_took.as_millis()).unwrap_or(u64::MAX);
        Self {
            folded: one.epoch.steps,
            planned: None,
            last_at: one.last_step_at,
            average_ms: took.checked_div(one.steps_timed.into()),
        }
    }
}

impl Worker {
    fn of(turn: ledger::Turn) -> Self {
        let kind = match turn.kind {
            TurnKind::Engine => WorkerKind::Engine,
            TurnKind::Prover => WorkerKind::Prover,
        };
        Self { kind, name: turn.name, began_at: turn.began_at }
    }
}

impl Done {
    fn of(work: ledger::WorkRecord) -> Self {
        let (piece, step) = match work.piece {
            Piece::Step(step) => (PieceKind::Step, Some(step)),
            Piece::SettlementProof => (PieceKind::SettlementProof, None),
            Piece::AggregatedProof => (PieceKind::AggregatedProof, None),
        };
        Self {
            epoch: work.epoch.number(),
            piece,
            step,
            by: work.name,
            took_ms: u64::try_from(work.took.as_millis()).unwrap_or(u64::MAX),
            done_at: work.recorded_at,
        }
    }
}

impl Incident {
    fn of(incident: ledger::Incident) -> Self {
        let (kind, detail) = match incident.kind {
            IncidentKind::Evicted { rollup, height, reason } => (
                IncidentName::BatchEvicted,
                format!("batch {height} of rollup {rollup} was evicted: {reason}"),
            ),
            IncidentKind::Superseded { attempt, reason } => {
                let why = match reason {
                    SupersedeReason::FeeRaised => "given up for one that pays more",
                    SupersedeReason::Reverted => "reverted on L1",
                    SupersedeReason::NonceSpent => "its nonce was spent by another one",
                    SupersedeReason::SettledOtherwise => "the epoch settled otherwise",
                };
                (IncidentName::SubmissionEnded, format!("attempt {attempt} to settle it: {why}"))
            }
            IncidentKind::Reorged { seen } => (
                IncidentName::SettlementUndone,
                format!("a reorg undid its settlement, seen at L1 block {}", seen.number),
            ),
        };
        Self { epoch: incident.epoch.number(), kind, detail, at: incident.at }
    }
}

/// Most epochs whose jobs are listed.
const EPOCHS: PageLimit = limit(100);
/// Most pieces and incidents that are listed.
const SHOWN: PageLimit = limit(20);

const fn limit(rows: u16) -> PageLimit {
    match PageLimit::new(rows) {
        Some(limit) => limit,
        None => PageLimit::MAX,
    }
}
