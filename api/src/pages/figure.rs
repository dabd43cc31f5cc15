//! Exact numbers that line up.
//!
//! **Invariant:** a figure shows every digit that is not a trailing zero; figures of one column
//! have the same number of decimals, so that their points stand in one line.

/// A number with its parts set apart, so that the page can dim what says nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Figure {
    /// Digits before the point, in groups of three.
    pub(super) whole: String,
    /// Decimals up to the last one that is not zero.
    pub(super) decimals: String,
    /// Zeros that fill the column.
    pub(super) filling: String,
    /// Whether it is zero.
    pub(super) zero: bool,
}

impl Figure {
    /// A decimal string at the width of its column.
    pub(super) fn new(text: &str, decimals: usize) -> Self {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let shown = fraction.trim_end_matches('0');
        let filling = "0".repeat(decimals.saturating_sub(shown.len()));
        let zero = whole == "0" && shown.is_empty();
        Self { whole: group(whole), decimals: shown.to_owned(), filling, zero }
    }

    /// A decimal string on its own.
    pub(super) fn alone(text: &str) -> Self {
        Self::new(text, significant_decimals(text))
    }
}

/// Decimals up to the last one that is not zero.
pub(super) fn significant_decimals(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end_matches('0').len())
}

/// Digits in groups of three.
pub(super) fn group(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len().saturating_mul(2));
    for (position, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(position);
        if position > 0 && left.is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `part` of `whole` in thousandths, rounded down; 0 of nothing.
pub(super) fn thousandths(part: u128, whole: u128) -> u16 {
    let share = part.saturating_mul(1000).checked_div(whole).unwrap_or(0);
    u16::try_from(share.min(1000)).unwrap_or(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is rounded and points line up.
    #[test]
    fn figures_show_every_digit() {
        let figure = Figure::new("1234567.500000", 4);
        assert_eq!(figure.whole, "1,234,567");
        assert_eq!((figure.decimals.as_str(), figure.filling.as_str()), ("5", "000"));
        let exact = Figure::new("0.000000000000000001", 18);
        assert_eq!(exact.decimals, "000000000000000001");
        assert!(!exact.zero && Figure::new("0.000000", 2).zero);
        assert_eq!(Figure::alone("12").filling, "");
        assert_eq!(group("100"), "100");
        assert_eq!(thousandths(1, 3), 333);
        assert_eq!(thousandths(1, 0), 0);
    }
}
