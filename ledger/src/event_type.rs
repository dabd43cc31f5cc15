//! The types of events by name, for whoever wants some of them.
//!
//! **Invariant:** a type's name is the one that events leave with, and its code the one that the schema keeps.

use std::fmt;
use std::str::FromStr;

use crate::EventKind;

/// Text that names no type of event.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no event of that name")]
pub struct EventTypeError;

macro_rules! event_types {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        /// What can happen, without saying to what. [`EventKind`] tells what each is.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        #[expect(missing_docs, reason = "each is what the kind of the same name is")]
        pub enum EventType {
            $($name,)*
        }

        impl EventType {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name, as events are sent with it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            pub(crate) const fn code(self) -> i16 {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            pub(crate) const fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }
        }

        impl EventKind {
            /// Its type.
            #[must_use]
            pub const fn event_type(&self) -> EventType {
                match self {
                    $(Self::$name { .. } => EventType::$name,)*
                }
            }
        }
    };
}

event_types! {
    AssetRegistered = 1, "asset_registered";
    RollupRegistered = 2, "rollup_registered";
    Deposited = 3, "deposited";
    BatchPosted = 4, "batch_posted";
    ClaimPaid = 5, "claim_paid";
    BatchEvicted = 6, "batch_evicted";
    Held = 7, "held";
    Released = 8, "released";
    DomainAdopted = 10, "domain_adopted";
    EpochOpened = 11, "epoch_opened";
    SealRequested = 12, "seal_requested";
    EpochSealed = 13, "epoch_sealed";
    StepFolded = 14, "step_folded";
    EpochProven = 15, "epoch_proven";
    EpochSubmitted = 16, "epoch_submitted";
    SubmissionSuperseded = 17, "submission_superseded";
    EpochSettled = 18, "epoch_settled";
    EpochReorged = 19, "epoch_reorged";
    EpochFinal = 20, "epoch_final";
    SettlementLogged = 21, "settlement_logged";
    Equivocation = 22, "equivocation";
    SettlementProven = 23, "settlement_proven";
    BooksClosed = 24, "books_closed";
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EventType {
    type Err = EventTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().find(|known| known.name() == text).copied().ok_or(EventTypeError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::EventRow;

    /// A type is found by its name and by its code, and the code is the one that a row of its kind has.
    #[test]
    fn names_and_codes_lead_back() {
        for known in EventType::ALL {
            assert_eq!(known.name().parse(), Ok(*known));
            assert_eq!(EventType::from_code(known.code()), Some(*known));
            let row = EventRow {
                kind: known.code(),
                block: Some(1),
                ordinal: Some(1),
                rollup: Some(1),
                height: Some(1),
            };
            assert_eq!(row.kind().unwrap().event_type(), *known);
        }
        assert_eq!("Deposited".parse::<EventType>(), Err(EventTypeError));
        assert_eq!(EventType::from_code(9), None);
    }
}
