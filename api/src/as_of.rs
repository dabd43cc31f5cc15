//! `as_of`: which state of the books is asked for.

use ledger::AsOf;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    error::ParameterError,
    extract::{Parameters, number},
};

/// What `as_of` is, for the document.
pub(crate) const AS_OF: &str = "The books as they stood: `epoch:3` at its seal, `block:17` after that \
    journal block, or at a time such as `2026-01-31T12:00:00Z`; as they are if absent";

/// Takes `as_of`: `epoch:3`, `block:17` or a moment; now when absent.
pub(crate) fn take(query: &mut Parameters) -> Result<AsOf, ParameterError> {
    query.text("as_of").map_or(Ok(AsOf::Now), |text| read(&text))
}

fn read(text: &str) -> Result<AsOf, ParameterError> {
    let count = |digits| number::<u64>("as_of", digits).ok().filter(|number| *number > 0);
    let found = if let Some(digits) = text.strip_prefix("epoch:") {
        count(digits).map(|number| AsOf::Epoch(domain::EpochNumber::new(number)))
    } else if let Some(digits) = text.strip_prefix("block:") {
        count(digits).map(|number| AsOf::Block(ledger::BlockNumber::new(number)))
    } else {
        OffsetDateTime::parse(text, &Rfc3339).ok().map(AsOf::Time)
    };
    found.ok_or_else(|| ParameterError::Invalid {
        param: "as_of",
        expected: "epoch:NUMBER, block:NUMBER or an RFC 3339 time",
        value: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each state has one spelling; everything else is refused.
    #[test]
    fn states_are_read_or_refused() {
        assert_eq!(read("epoch:3"), Ok(AsOf::Epoch(domain::EpochNumber::new(3))));
        assert_eq!(read("block:17"), Ok(AsOf::Block(ledger::BlockNumber::new(17))));
        let moment = OffsetDateTime::UNIX_EPOCH;
        for text in ["1970-01-01T00:00:00Z", "1970-01-01T02:00:00+02:00"] {
            assert_eq!(read(text), Ok(AsOf::Time(moment)), "{text}");
        }
        for text in
            ["", "3", "epoch", "epoch:", "epoch:0", "epoch:+3", "block:03", "block:x", "now"]
        {
            assert!(matches!(read(text), Err(ParameterError::Invalid { .. })), "{text}");
        }
    }
}
