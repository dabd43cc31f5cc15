//! The three questions that an operator asks first, answered in words.
//!
//! **Invariant:** "yes" and "nothing" are said only of what was read just now; what cannot be known
//! yet is said to be unknown.

use std::time::Duration;

use ledger::{
    EpochStatus, Equivocation, ForeignSettlement, JournalHead, SealRequest, TrialBalanceLine,
};
use time::OffsetDateTime;

use super::{
    card::Proving,
    clock::{Moment, age, between},
    names::{Names, shorten},
};
use crate::trial_balance::is_balanced;

/// What the answers rest on.
pub(super) struct Facts<'a> {
    pub(super) now: OffsetDateTime,
    /// Whether the ledger is bound to an L1 contract.
    pub(super) bound: bool,
    pub(super) l1_block: Option<u64>,
    pub(super) trial_balance: &'a [TrialBalanceLine],
    pub(super) journal_head: Option<JournalHead>,
    /// Newest first.
    pub(super) epochs: &'a [Proving],
    pub(super) seal_request: Option<SealRequest>,
    pub(super) seal_every: Option<Duration>,
    pub(super) equivocations: Vec<Equivocation>,
    /// The settlement that ends the books.
    pub(super) foreign_settlement: Option<ForeignSettlement>,
}

/// The answers.
pub(super) struct Answers {
    pub(super) accounted: Answer,
    pub(super) settlement: Answer,
    pub(super) stuck: Answer,
}

/// An answer.
pub(super) struct Answer {
    /// `good`, `busy`, `quiet` or `bad`: also a CSS class.
    pub(super) tone: &'static str,
    pub(super) short: String,
    pub(super) sentences: Vec<String>,
}

impl Answers {
    pub(super) fn of(facts: &Facts<'_>, names: &Names<'_>) -> Self {
        Self {
            accounted: accounted(facts),
            settlement: settlement(facts),
            stuck: stuck(facts, names),
        }
    }
}

impl Answer {
    fn new(tone: &'static str, short: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { tone, short: short.into(), sentences: vec![sentence.into()] }
    }
}

fn accounted(facts: &Facts<'_>) -> Answer {
    let off = facts.trial_balance.iter().filter(|line| !is_balanced(line)).count();
    if off > 0 {
        let asset = if off == 1 { "1 asset".to_owned() } else { format!("{off} assets") };
        let sentence = format!(
            "The books of {asset} do not balance. Stop the engine and run `netfold audit`: it \
             names the first row that is wrong."
        );
        return Answer::new("bad", "No", sentence);
    }
    let some_in = facts.trial_balance.iter().any(|line| !line.debits.is_zero());
    let Some(head) = facts.journal_head.as_ref().filter(|_| some_in) else {
        return Answer::new("quiet", "Nothing yet", "No money has come in.");
    };
    let mut answer = Answer::new(
        "good",
        "Yes, to the last atom",
        "What L1 holds is what the rollups' cells hold, plus what is owed to exits.",
    );
    let hash = shorten(&head.hash.to_string());
    answer.sentences.push(format!("As of journal block {}, hash {hash}.", head.block));
    answer
}

fn settlement(facts: &Facts<'_>) -> Answer {
    if let Some(foreign) = &facts.foreign_settlement {
        return ended(foreign);
    }
    // The oldest epoch on its way is the next to settle: epochs settle in order.
    let on_its_way = facts.epochs.iter().rfind(|proving| {
        !matches!(
            proving.epoch.status,
            EpochStatus::Open | EpochStatus::Settled | EpochStatus::Final
        )
    });
    if let Some(proving) = on_its_way {
        let number = proving.epoch.epoch;
        if late(proving, facts.now).is_some() {
            let sentence = "It takes longer than it should: see what is stuck.";
            return Answer::new("busy", format!("Epoch {number}, delayed"), sentence);
        }
        return match proving.epoch.status {
            EpochStatus::Submitted { .. } => Answer::new(
                "busy",
                format!("Epoch {number}, any moment"),
                "Its settlement is on its way to L1.",
            ),
            EpochStatus::Proven => Answer::new(
                "busy",
                format!("Epoch {number}, next"),
                "It is proven; its settlement is sent to L1 next.",
            ),
            _ => Answer::new(
                "busy",
                format!("Epoch {number}, after proving"),
                proving_words(proving),
            ),
        };
    }
    let open = facts.epochs.iter().find(|proving| proving.epoch.status == EpochStatus::Open);
    let Some(open) = open.map(|proving| &proving.epoch) else {
        return Answer::new("quiet", "Unknown", "No epoch is open yet.");
    };
    if open.operations == 0 {
        let sentence = "The open epoch is empty; nothing has to be sent to L1.";
        return Answer::new("quiet", "Nothing to settle", sentence);
    }
    let short = format!("Epoch {}, after sealing", open.epoch);
    let sentence = match (&facts.seal_request, facts.seal_every) {
        // Not by whom: the page may be public, and what operators did is not.
        (Some(request), _) => {
            format!("An operator asked for its seal at {}.", Moment::of(request.requested_at).time)
        }
        (None, Some(every)) => {
            let every = time::Duration::try_from(every).unwrap_or(time::Duration::MAX);
            let at = Moment::of(open.opened_at.saturating_add(every));
            format!("It is sealed at {} at the latest.", at.time)
        }
        (None, None) => format!("It is open with {} operations.", open.operations),
    };
    Answer::new("quiet", short, sentence)
}

fn ended(foreign: &ForeignSettlement) -> Answer {
    let ForeignSettlement { epoch, tx_hash, block, .. } = foreign;
    let why = format!(
        "Epoch {epoch} was settled on L1 by somebody else, with another state, in l1_tx {tx_hash} \
         of block {}.",
        block.number
    );
    let mut answer = Answer::new("bad", "Nothing more: the books have ended", why);
    let what_holds = "The books are true up to the epoch before. No batch is taken any more; claims \
                      go on, on L1.";
    answer.sentences.push(what_holds.to_owned());
    answer
}

fn proving_words(proving: &Proving) -> String {
    let folded = proving.epoch.steps;
    match proving.planned_steps {
        Some(planned) if folded >= planned => {
            "All steps are folded; the proof is being made.".to_owned()
        }
        Some(planned) => format!("{folded} of {planned} steps are folded."),
        None => format!("{folded} steps are folded."),
    }
}

fn stuck(facts: &Facts<'_>, names: &Names<'_>) -> Answer {
    let mut troubles = Vec::new();
    if facts.bound && facts.l1_block.is_none() {
        troubles.push(
            "The engine has not read an L1 block yet: deposits and settlements are not seen."
                .to_owned(),
        );
    }
    troubles.extend(facts.epochs.iter().rev().filter_map(|epoch| late(epoch, facts.now)));
    for found in &facts.equivocations {
        troubles.push(format!(
            "{} signed two batches of height {}. The first is booked; both signatures are kept.",
            names.rollup(found.rollup),
            found.height
        ));
    }
    if !facts.bound {
        return Answer::new(
            "quiet",
            "Not started",
            "The ledger is not bound to an L1 contract yet. Start the engine.",
        );
    }
    match troubles.len() {
        0 => Answer::new("good", "Nothing", "Every epoch moves within its usual time."),
        1 => Answer { tone: "bad", short: "1 thing".to_owned(), sentences: troubles },
        many => Answer { tone: "bad", short: format!("{many} things"), sentences: troubles },
    }
}

/// What to say of an epoch that has been in one state for too long.
fn late(proving: &Proving, now: OffsetDateTime) -> Option<String> {
    let epoch = &proving.epoch;
    let number = epoch.epoch;
    let sealed_at = epoch.sealed.as_ref()?.sealed_at;
    let proven_at = epoch.settlement_proof.as_ref().map(|proof| proof.proven_at);
    let over = |since: OffsetDateTime, limit: Duration| {
        (between(since, now) > limit).then(|| age(since, now))
    };
    match epoch.status {
        EpochStatus::Sealed => over(sealed_at, WAITS_FOR_PROVER)
            .map(|age| format!("Epoch {number} was sealed {age} ago and no prover has taken it.")),
        EpochStatus::Proving { .. } => {
            // A step that was folded ahead is older than the seal.
            over(proving.last_step_at.unwrap_or(sealed_at).max(sealed_at), STEP).map(|age| {
                format!(
                    "Epoch {number} has not folded a step for {age}. Proving goes on from its last \
                     checkpoint when a prover restarts."
                )
            })
        }
        EpochStatus::Proven => over(proven_at?, WAITS_FOR_SUBMISSION)
            .map(|age| format!("Epoch {number} was proven {age} ago and is not submitted to L1.")),
        EpochStatus::Submitted { attempt } => {
            over(proving.submitted_at?, WAITS_FOR_L1).map(|age| {
                format!(
                    "Epoch {number} was submitted {age} ago and L1 has not settled it \
                 (attempt {attempt}). Its l1_tx may still land; it is looked for, never sent twice."
                )
            })
        }
        EpochStatus::Open | EpochStatus::Settled | EpochStatus::Final => None,
    }
}

/// How long a sealed epoch may wait for its first step.
const WAITS_FOR_PROVER: Duration = Duration::from_mins(3);
/// How long a step, or making the proof after the last one, may take.
const STEP: Duration = Duration::from_mins(5);
/// How long a proven epoch may wait for its submission.
const WAITS_FOR_SUBMISSION: Duration = Duration::from_mins(2);
/// How long L1 may take.
const WAITS_FOR_L1: Duration = Duration::from_mins(15);
