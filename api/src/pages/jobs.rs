//! `/jobs`: who folds, proves and settles, what waits for what, how long it took, and who is told of it.

use askama::Template;
use axum::{Extension, extract::State as Extracted, response::Response};
use ledger::Scope;
use time::OffsetDateTime;

use super::{
    clock::{Moment, age},
    epoch::Fact,
    figure::group,
    frame::{Frame, answer},
    webhooks::{self, WebhookRow},
};
use crate::{
    State,
    access::Caller,
    error::Error,
    extract::Parameters,
    jobs::{Done, Incident, Job, JobKind, Jobs, PieceKind, Queue, WaitsFor, Worker, WorkerKind},
};

#[derive(Template)]
#[template(path = "jobs.html")]
struct JobsPage {
    frame: Frame,
    workers: Vec<WorkerCard>,
    queue: Vec<Fact>,
    jobs: Vec<JobRow>,
    /// Whether more epochs wait than are listed.
    more: bool,
    done: Vec<DoneRow>,
    incidents: Vec<IncidentRow>,
    webhooks: Vec<WebhookRow>,
    /// Whether this api would tell them.
    tells: bool,
}

/// Whoever is to be at work, and is or is not.
struct WorkerCard {
    question: &'static str,
    /// `good` or `bad`: also a CSS class.
    tone: &'static str,
    short: String,
    sentence: String,
}

/// Something to do.
struct JobRow {
    epoch: u64,
    what: &'static str,
    /// `now` or `waits`, for people.
    state: &'static str,
    /// A pill's class.
    tone: &'static str,
    why: &'static str,
    since: Moment,
    age: String,
    folded: Option<u32>,
    planned: Option<u32>,
    average: Option<String>,
    last_at: Option<Moment>,
}

/// A piece that is done.
struct DoneRow {
    epoch: u64,
    what: String,
    by: String,
    took: String,
    at: Moment,
}

/// What went wrong.
struct IncidentRow {
    epoch: u64,
    detail: String,
    at: Moment,
}

pub(crate) async fn jobs(
    Extracted(state): Extracted<State>,
    Extension(caller): Extension<Caller>,
    query: Result<Parameters, Error>,
) -> Response {
    answer(read(&state, &caller, query).await)
}

async fn read(
    state: &State,
    caller: &Caller,
    query: Result<Parameters, Error>,
) -> Result<JobsPage, Error> {
    query?.finish()?;
    let now = OffsetDateTime::now_utc();
    let jobs = Jobs::read(state).await?;
    let waiting = jobs.queue.unproven.max(jobs.queue.unaggregated).max(jobs.queue.unsettled);
    let listed = u64::try_from(jobs.jobs.len()).unwrap_or(u64::MAX);
    Ok(JobsPage {
        frame: Frame::live("jobs"),
        workers: [WorkerKind::Engine, WorkerKind::Prover]
            .map(|kind| WorkerCard::of(kind, &jobs.workers, now))
            .into(),
        queue: queue(&jobs.queue),
        more: waiting > listed,
        jobs: jobs.jobs.iter().map(|job| JobRow::of(job, now)).collect(),
        done: jobs.done.into_iter().map(DoneRow::of).collect(),
        incidents: jobs.incidents.into_iter().map(IncidentRow::of).collect(),
        webhooks: webhooks::read(state, caller.may(Scope::Operate), now).await?,
        tells: state.settings().webhooks.is_some(),
    })
}

impl WorkerCard {
    fn of(kind: WorkerKind, workers: &[Worker], now: OffsetDateTime) -> Self {
        let question = match kind {
            WorkerKind::Engine => "Who seals and settles?",
            WorkerKind::Prover => "Who folds and proves?",
        };
        let found = workers.iter().find(|worker| worker.kind == kind);
        let Some(worker) = found else {
            let (short, sentence) = match kind {
                WorkerKind::Engine => (
                    "No engine",
                    "Nothing is sealed or settled until one runs: start `netfold engine`.",
                ),
                WorkerKind::Prover => (
                    "Nobody",
                    "Nothing is folded or proven: start `netfold engine`, or `netfold prover` beside one that leaves proving to it.",
                ),
            };
            return Self {
                question,
                tone: "bad",
                short: short.to_owned(),
                sentence: sentence.to_owned(),
            };
        };
        let sentence = format!("It has its turn since {}.", Moment::of(worker.began_at).full);
        let short = format!("{}, for {}", worker.name, age(worker.began_at, now));
        Self { question, tone: "good", short, sentence }
    }
}

fn queue(queue: &Queue) -> Vec<Fact> {
    let fact = |name, count: u64, note: &str| {
        let note =
            if count == 1 { note.replace("epochs wait", "epoch waits") } else { note.to_owned() };
        Fact { name, value: group(&count.to_string()), note }
    };
    vec![
        fact("To prove", queue.unproven, "sealed epochs wait for the proof that L1 checks"),
        fact("To settle", queue.unsettled, "proven epochs wait for L1"),
        fact("To become final", queue.unfinal, "settled epochs wait for more L1 blocks"),
        fact("To aggregate", queue.unaggregated, "sealed epochs wait for their proof file"),
    ]
}

impl JobRow {
    fn of(job: &Job, now: OffsetDateTime) -> Self {
        let what = match job.kind {
            JobKind::FoldAhead => "Fold ahead, while it is open",
            JobKind::Prove => "Fold, and prove for L1",
            JobKind::Aggregate => "Make its proof file",
            JobKind::Settle => "Settle on L1",
            JobKind::Finalise => "Become final",
        };
        let why = match job.waits_for {
            None => "",
            Some(WaitsFor::Batches) => "for more batches: what is fixed is folded",
            Some(WaitsFor::Prover) => "for a prover: none is at work",
            Some(WaitsFor::Engine) => "for an engine: none is at work",
            Some(WaitsFor::EarlierEpoch) => "for the epochs before it",
            Some(WaitsFor::SettlementProofs) => "for the proofs that money waits for",
            Some(WaitsFor::L1) => "for L1 to mine its l1_tx",
            Some(WaitsFor::Confirmations) => "for more L1 blocks on top",
        };
        let (state, tone) = match job.waits_for {
            None => ("at work", "proving"),
            Some(WaitsFor::Prover | WaitsFor::Engine) => ("stuck", "wrong"),
            Some(_) => ("waits", "sealed"),
        };
        let steps = job.steps.as_ref();
        Self {
            epoch: job.epoch,
            what,
            state,
            tone,
            why,
            since: Moment::of(job.since),
            age: age(job.since, now),
            folded: steps.map(|steps| steps.folded),
            planned: steps.and_then(|steps| steps.planned),
            average: steps.and_then(|steps| steps.average_ms).map(seconds),
            last_at: steps.and_then(|steps| steps.last_at).map(Moment::of),
        }
    }
}

impl DoneRow {
    fn of(done: Done) -> Self {
        let what = match (done.piece, done.step) {
            (PieceKind::Step, Some(step)) => format!("step {step}"),
            (PieceKind::Step, None) => "a step".to_owned(),
            (PieceKind::SettlementProof, _) => "proof for L1".to_owned(),
            (PieceKind::AggregatedProof, _) => "proof file".to_owned(),
        };
        let (epoch, by, took) = (done.epoch, done.by, seconds(done.took_ms));
        Self { epoch, what, by, took, at: Moment::of(done.done_at) }
    }
}

impl IncidentRow {
    fn of(incident: Incident) -> Self {
        let Incident { epoch, detail, at, .. } = incident;
        Self { epoch, detail, at: Moment::of(at) }
    }
}

/// Milliseconds as seconds with one decimal, rounded down.
fn seconds(milliseconds: u64) -> String {
    let (whole, rest) = (milliseconds / 1_000, milliseconds % 1_000);
    format!("{}.{}", group(&whole.to_string()), rest / 100)
}
