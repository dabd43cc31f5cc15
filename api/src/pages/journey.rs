//! Where money in transit is: in words, and as a line of stages.
//!
//! **Invariant:** nothing is promised that others decide, such as when L1 settles; what is said to have
//! happened is in the books.

use ledger::{Account, ClaimStatus, PostedExit, PostedTransfer, PostingKind};
use time::OffsetDateTime;

use super::{
    card::{Proving, Station, stations, words},
    clock::Moment,
    names::Names,
};

/// Where it is.
pub(super) struct Journey {
    /// `good`, `busy`, `quiet` or `bad`: also a CSS class.
    pub(super) tone: &'static str,
    pub(super) short: String,
    pub(super) sentences: Vec<String>,
    pub(super) stations: Vec<Station>,
}

impl Journey {
    /// An exit's, of which `proving` is the epoch.
    pub(super) fn of_exit(exit: &PostedExit, proving: &Proving, names: &Names<'_>) -> Self {
        let rollup = names.rollup(exit.claim.rollup);
        let epoch = exit.epoch;
        let (tone, short, sentences) = match exit.status {
            ClaimStatus::Open => {
                let first = format!(
                    "It has left {rollup} and waits for epoch {epoch}, which is {}.",
                    words(proving)
                );
                let then = "Nothing has to be done until L1 has settled that epoch; then it can be \
                            claimed.";
                ("busy", "On its way to L1", vec![first, then.to_owned()])
            }
            ClaimStatus::Claimable => {
                let first =
                    "Anybody may send the claim below; L1 pays the recipient and nobody else.";
                let then = "A claim does not run out, and no one can stop it.";
                ("good", "Ready to be claimed on L1", vec![first.to_owned(), then.to_owned()])
            }
            ClaimStatus::Paid { log } => {
                let paid = format!("L1 paid it to the recipient, by the l1_tx {}.", log.tx_hash);
                ("good", "Paid on L1", vec![paid])
            }
            ClaimStatus::Reversed { by } => {
                let back = format!(
                    "Its batch was evicted, and block {by} of the journal moved it back to {rollup}. It \
                     will not be paid; its number may be another exit’s."
                );
                ("bad", "Taken back", vec![back])
            }
        };
        let stations = match exit.status {
            ClaimStatus::Reversed { .. } => reversed(exit.posted_at),
            ClaimStatus::Paid { .. } => way(exit.posted_at, proving, Some("done")),
            ClaimStatus::Claimable => way(exit.posted_at, proving, Some("now")),
            ClaimStatus::Open => way(exit.posted_at, proving, Some("ahead")),
        };
        Self { tone, short: short.to_owned(), sentences, stations }
    }

    /// A transfer's, of which `proving` is the epoch.
    pub(super) fn of_transfer(
        transfer: &PostedTransfer,
        proving: &Proving,
        names: &Names<'_>,
    ) -> Self {
        if let Some(by) = transfer.reversed_by {
            let back = format!(
                "Its batch was evicted, and block {by} of the journal moved it back to {}.",
                names.rollup(transfer.debit.rollup())
            );
            let (tone, short) = ("bad", "Taken back".to_owned());
            let stations = reversed(transfer.posted_at);
            return Self { tone, short, sentences: vec![back], stations };
        }
        let to = names.rollup(transfer.credit.rollup());
        let epoch = transfer.epoch;
        let (short, first) = match (transfer.kind, transfer.credit) {
            (PostingKind::Batch, Account::Pot { .. }) => {
                (format!("Left {} for L1", names.rollup(transfer.debit.rollup())), EXIT.to_owned())
            }
            (PostingKind::Claim, _) => ("Paid on L1".to_owned(), PAID.to_owned()),
            (PostingKind::Reversal, _) => (format!("Moved back to {to}"), BACK.to_owned()),
            (PostingKind::Deposit, _) => {
                (format!("Deposited in {to}"), format!("It came from L1; {to} may move it on."))
            }
            _ => (format!("Arrived in {to}"), format!("{to} may move it on at once.")),
        };
        let then = format!("L1 learns of it with epoch {epoch}, which is {}.", words(proving));
        let stations = way(transfer.posted_at, proving, None);
        Self { tone: "good", short, sentences: vec![first, then], stations }
    }
}

/// From booked to final; an exit's ends with its payment.
fn way(posted_at: OffsetDateTime, proving: &Proving, paid: Option<&'static str>) -> Vec<Station> {
    let mut way = vec![station("booked", "done", Some(posted_at))];
    way.extend(stations(proving));
    if let Some(state) = paid {
        way.retain(|station| station.name != "final");
        if state != "ahead" {
            // Settled is all that an exit waits for: the epoch may become final later.
            for station in &mut way {
                (station.state, station.spoken) = ("done", "done");
            }
        }
        way.push(station("paid", state, None));
    }
    way
}

fn reversed(posted_at: OffsetDateTime) -> Vec<Station> {
    vec![station("booked", "done", Some(posted_at)), station("taken back", "done", None)]
}

fn station(name: &'static str, state: &'static str, at: Option<OffsetDateTime>) -> Station {
    let spoken = match state {
        "done" => "done",
        "now" => "can be done now",
        _ => "still ahead",
    };
    Station { name, state, spoken, at: at.map(Moment::of), progress: None }
}

const EXIT: &str = "It is an exit: its own page says when it can be claimed.";
const PAID: &str = "The settlement contract paid it out of what it owes to the rollup’s exits.";
const BACK: &str = "It reverses what an evicted batch moved.";
