//! What stands around a running audit: its progress, its checkpoint, and whoever wants it to end.
//!
//! **Invariant**: the checkpoint's file is a whole one at any time, the last that was kept; it is
//! written before an interrupted audit ends, and never passes what was found wrong: the next audit
//! finds it again.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ledger::Ledger;
use ledger::audit::{AuditReport, Checkpoint, Progress, Reached, resume};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::Options;
use crate::progress::{Stage, say, tell};

pub(super) struct Keeper {
    file: Option<PathBuf>,
    from: Option<Checkpoint>,
    resumed_at: Option<u64>,
    archive: Option<PathBuf>,
    json: bool,
    stage: Stage,
    began: Instant,
    kept: Instant,
    told: Instant,
    /// The transfers that the first progress found recomputed.
    before: Option<u64>,
    asked: Arc<AtomicBool>,
    failed: Option<anyhow::Error>,
}

impl Keeper {
    pub(super) fn begin(options: &Options) -> anyhow::Result<Self> {
        let file = options.checkpoint.clone();
        let from = file.as_deref().map(read).transpose()?.flatten();
        let resumed_at = from.as_ref().map(|from| from.block().number());
        let now = Instant::now();
        Ok(Self {
            file,
            from,
            resumed_at,
            archive: options.archive.clone(),
            json: options.json,
            stage: Stage::measured("Auditing the journal"),
            began: now,
            kept: now,
            told: now,
            before: None,
            asked: Arc::default(),
            failed: None,
        })
    }

    /// The block that the checkpoint was made at, if there was one.
    pub(super) fn resumed_at(&self) -> Option<u64> {
        self.resumed_at
    }

    pub(super) fn into_stage(self) -> Stage {
        self.stage
    }

    pub(super) async fn audit(&mut self, ledger: &Ledger) -> anyhow::Result<AuditReport> {
        if self.file.is_some() {
            self.listen()?;
        }
        let from = self.from.take();
        let archive = self.archive.clone();
        let mut hear = |reached: Reached<'_>| self.hear(&reached);
        let report = resume(ledger, from, archive.as_deref(), &mut hear).await;
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        match (report, &self.file) {
            (Err(ledger::audit::CheckpointError::Ledger(error)), _) => match error {
                ledger::Error::Archived { .. } => Err(anyhow::Error::new(error).context(
                    "name the folder of the archive's files with --archive, or go on from a \
                     --checkpoint that is past them",
                )),
                error => Err(error.into()),
            },
            (Err(refused), Some(file)) => Err(anyhow::Error::new(refused)
                .context(format!("the checkpoint {} is REFUSED: {REMEDY}", file.display()))),
            (report, _) => Ok(report?),
        }
    }

    fn hear(&mut self, reached: &Reached<'_>) -> ControlFlow<()> {
        let progress = reached.progress();
        self.tell(progress);
        let Some(file) = &self.file else { return ControlFlow::Continue(()) };
        let asked = self.asked.load(Ordering::Relaxed);
        let complete = progress.blocks == progress.of && progress.events == progress.of_events;
        if !asked && !complete && self.kept.elapsed() < KEEP_EVERY {
            return ControlFlow::Continue(());
        }
        if let Err(error) = write(file, &reached.checkpoint()) {
            self.failed = Some(error);
            return ControlFlow::Break(());
        }
        self.kept = Instant::now();
        if asked { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn tell(&mut self, progress: Progress) {
        let Progress { blocks, of, transfers, events, of_events } = progress;
        if self.before.is_none() {
            if let Some(at) = self.resumed_at {
                say(format_args!(
                    "resumed at block {at} of {of}: rows up to there are counted, not read again"
                ));
            }
            self.before = Some(transfers);
            self.stage.length(of.saturating_add(of_events));
            self.stage.start_at(blocks.saturating_add(events));
        }
        self.stage.reach_of(blocks.saturating_add(events));
        if self.told.elapsed() < TELL_EVERY {
            return;
        }
        self.told = Instant::now();
        if self.json {
            let seconds = self.began.elapsed().as_secs();
            tell(json!({"progress": {
                "blocks": blocks,
                "blocks_of": of,
                "transfers": transfers,
                "events": events,
                "events_of": of_events,
                "seconds": seconds,
            }}));
            return;
        }
        let seconds = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let new = transfers.saturating_sub(self.before.unwrap_or(0));
        let rate = new.saturating_mul(1000).checked_div(seconds).unwrap_or(0);
        self.stage.at(format!("Auditing the journal: {transfers} transfers, {rate}/s"));
    }

    /// From now on, whoever wants the process to end makes the audit keep its checkpoint first.
    fn listen(&self) -> anyhow::Result<()> {
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let asked = Arc::clone(&self.asked);
            let mut signals = signal(kind).context("signals cannot be heard")?;
            tokio::spawn(async move {
                signals.recv().await;
                say("asked to end: what is recomputed is kept first");
                asked.store(true, Ordering::Relaxed);
            });
        }
        Ok(())
    }
}

/// A checkpoint that is not there yet is none.
fn read(file: &Path) -> anyhow::Result<Option<Checkpoint>> {
    let shown = file.display();
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("could not read {shown}")),
    };
    let checkpoint = Checkpoint::from_bytes(&bytes);
    let checkpoint =
        checkpoint.with_context(|| format!("the checkpoint {shown} is REFUSED: {REMEDY}"))?;
    Ok(Some(checkpoint))
}

/// Whole or not at all, and on the disk when it returns.
fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let unfinished = PathBuf::from(format!("{}.partial", file.display()));
    let write = || {
        let mut opened = File::create(&unfinished)?;
        opened.write_all(bytes)?;
        opened.sync_all()?;
        fs::rename(&unfinished, file)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().with_context(|| format!("could not write {}", file.display()))
}

const REMEDY: &str = "name another file, or remove it to audit from the first block";
const KEEP_EVERY: Duration = Duration::from_secs(10);
const TELL_EVERY: Duration = Duration::from_secs(1);
