//! What happened, in words.

use ledger::{EventKind, TimelineEntry};

use super::{clock::Moment, names::Names};

/// What happened at one time; steps that follow one another are one line.
pub(super) struct Line {
    pub(super) at: Moment,
    pub(super) words: String,
}

/// The lines of an epoch's life, oldest first.
pub(super) fn lines(timeline: &[TimelineEntry], names: &Names<'_>) -> Vec<Line> {
    let mut lines = Vec::<Line>::new();
    let mut first_step = None;
    for entry in timeline {
        let at = Moment::of(entry.at);
        if let EventKind::StepFolded { step } = entry.event {
            let first = *first_step.get_or_insert(step);
            if first == step {
                lines.push(Line { at, words: format!("Step {step} was folded.") });
            } else if let Some(line) = lines.last_mut() {
                *line = Line { at, words: format!("Steps {first} to {step} were folded.") };
            }
            continue;
        }
        first_step = None;
        lines.push(Line { at, words: words(&entry.event, names) });
    }
    lines
}

fn words(kind: &EventKind, names: &Names<'_>) -> String {
    match kind {
        EventKind::AssetRegistered { .. } => "An asset was registered on L1.".to_owned(),
        EventKind::RollupRegistered { rollup, .. } => {
            format!("{} was registered on L1.", names.rollup(*rollup))
        }
        EventKind::Deposited { .. } => "A deposit was booked.".to_owned(),
        EventKind::BatchPosted { rollup, height, .. } => {
            format!("{} posted its batch {height}.", names.rollup(*rollup))
        }
        EventKind::BatchEvicted { rollup, height, .. } => {
            format!("Batch {height} of {} was evicted.", names.rollup(*rollup))
        }
        EventKind::ClaimPaid { .. } => "An exit was paid on L1.".to_owned(),
        EventKind::Held { .. } => "A deposit is held until its L1 block is final.".to_owned(),
        EventKind::Released { .. } => "A hold was released.".to_owned(),
        EventKind::DomainAdopted => "The ledger was bound to its L1 contract.".to_owned(),
        EventKind::EpochOpened => "It opened.".to_owned(),
        EventKind::SealRequested => "Somebody asked for it to be sealed.".to_owned(),
        EventKind::EpochSealed => "It was sealed: nothing can be added any more.".to_owned(),
        EventKind::StepFolded { step } => format!("Step {step} was folded."),
        EventKind::EpochProven => "The aggregated proof was made and checked.".to_owned(),
        EventKind::EpochSubmitted { attempt } => {
            format!("The l1_tx of attempt {attempt} was made and kept, then sent.")
        }
        EventKind::SubmissionSuperseded { attempt } => {
            format!("The l1_tx of attempt {attempt} was given up.")
        }
        EventKind::EpochSettled { sequence: 1 } => "L1 settled it.".to_owned(),
        EventKind::EpochSettled { sequence } => format!("L1 settled it, for the time {sequence}."),
        EventKind::EpochReorged { .. } => "A reorg undid the settlement.".to_owned(),
        EventKind::EpochFinal => "It is final: L1 will not undo it.".to_owned(),
        EventKind::SettlementLogged => "L1’s log of the settlement was read.".to_owned(),
        EventKind::Equivocation { rollup, height } => {
            format!("{} signed two batches of height {height}.", names.rollup(*rollup))
        }
        EventKind::SettlementProven => {
            "The settlement proof was made and checked: it can go to L1.".to_owned()
        }
        EventKind::BooksClosed => "The books were closed under one digest.".to_owned(),
    }
}
