//! Amounts: integer atoms with one bound.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::limits;

/// An amount in its asset's ledger unit.
///
/// Invariant: at most `2^96 - 1`, the bound that `rust_decimal`, the circuit's range check and the
/// contract's `uint96` all hold exactly. There are no operators: a sum that does not fit is a
/// refusal, it never wraps.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "AtomsText", into = "String")]
pub struct Atoms(u128);

/// The text form of [`Atoms`] in serde: a string of decimal digits, since a JSON number would lose
/// digits in most readers.
#[derive(Deserialize)]
struct AtomsText(String);

/// Why something is no amount.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AmountError {
    /// Above the bound of [`Atoms`].
    #[error("the amount is above 2^96 - 1 atoms")]
    TooLarge,
    /// Not of the form `123` or `123.45`: no sign, exponent, leading zero, `NaN` or blank.
    #[error("{text:?} is not a plain decimal number")]
    NotANumber {
        /// What was given, shortened to 80 characters.
        text: String,
    },
    /// More decimals than the asset's ledger unit has: refused, never rounded.
    #[error("{text:?} has more than {decimals} decimals")]
    TooManyDecimals {
        /// What was given.
        text: String,
        /// Decimals of the ledger unit.
        decimals: u8,
    },
    /// A number of Postgres that is negative or has a fraction.
    #[error("{number} is not a whole, non-negative number of atoms")]
    NotAtoms {
        /// The number.
        number: Decimal,
    },
}

impl Atoms {
    /// No atoms.
    pub const ZERO: Self = Self(0);

    /// The largest amount.
    pub const MAX: Self = Self(limits::ATOMS_MAX);

    /// The number of atoms as an amount.
    ///
    /// # Errors
    /// [`AmountError::TooLarge`] above `2^96 - 1`.
    pub const fn new(atoms: u128) -> Result<Self, AmountError> {
        if atoms > limits::ATOMS_MAX { Err(AmountError::TooLarge) } else { Ok(Self(atoms)) }
    }

    /// The number of atoms.
    #[must_use]
    pub const fn number(self) -> u128 {
        self.0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum; `None` past the bound.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::new(self.0.checked_add(other.0)?).ok()
    }

    /// The difference; `None` below zero.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Reads a decimal string in the asset's ledger decimals: `"1.5"` with 6 decimals is 1,500,000.
    ///
    /// # Errors
    /// [`AmountError::NotANumber`], [`AmountError::TooManyDecimals`] or [`AmountError::TooLarge`].
    pub fn parse_decimal(text: &str, ledger_decimals: u8) -> Result<Self, AmountError> {
        let not_a_number = || AmountError::NotANumber { text: text.chars().take(80).collect() };
        let (whole, fraction) = match text.split_once('.') {
            None => (text, ""),
            Some((_, "")) => return Err(not_a_number()),
            Some(parts) => parts,
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || leading_zero || !digits(whole) || !digits(fraction) {
            return Err(not_a_number());
        }
        let missing =
            usize::from(ledger_decimals).checked_sub(fraction.len()).ok_or_else(|| {
                AmountError::TooManyDecimals {
                    text: text.chars().take(80).collect(),
                    decimals: ledger_decimals,
                }
            })?;
        let digits =
            whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', missing));
        let mut atoms = 0_u128;
        for byte in digits {
            atoms = atoms
                .checked_mul(10)
                .and_then(|tens| tens.checked_add(u128::from(byte.saturating_sub(b'0'))))
                .ok_or(AmountError::TooLarge)?;
        }
        Self::new(atoms)
    }

    /// The decimal string in the asset's ledger decimals, with all of them: the inverse of
    /// [`Atoms::parse_decimal`].
    #[must_use]
    pub fn to_decimal_string(self, ledger_decimals: u8) -> String {
        let digits = self.0.to_string();
        let decimals = usize::from(ledger_decimals);
        if decimals == 0 {
            return digits;
        }
        let padded = format!("{digits:0>width$}", width = decimals.saturating_add(1));
        let (whole, fraction) = padded.split_at(padded.len().saturating_sub(decimals));
        format!("{whole}.{fraction}")
    }

    /// The amount as Postgres holds it: scale 0, exact, since the bound is the mantissa's.
    #[must_use]
    pub fn to_decimal(self) -> Decimal {
        // The mantissa is within 96 bits by the invariant, so the conversion cannot fail; zero
        // would be caught by the trial balance.
        i128::try_from(self.0)
            .ok()
            .and_then(|atoms| Decimal::try_from_i128_with_scale(atoms, 0).ok())
            .unwrap_or_default()
    }

    /// The amount that Postgres held.
    ///
    /// # Errors
    /// [`AmountError::NotAtoms`] for a negative number or a fraction.
    pub fn from_decimal(number: Decimal) -> Result<Self, AmountError> {
        if !number.is_integer() {
            return Err(AmountError::NotAtoms { number });
        }
        let atoms = u128::try_from(number.trunc().mantissa())
            .map_err(|_| AmountError::NotAtoms { number })?;
        if number.scale() != 0 {
            // An integer with trailing zero decimals: `1.00`.
            return number
                .normalize()
                .mantissa()
                .try_into()
                .map_or_else(|_| Err(AmountError::NotAtoms { number }), Self::new);
        }
        Self::new(atoms)
    }
}

impl std::fmt::Display for Atoms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<AtomsText> for Atoms {
    type Error = AmountError;

    fn try_from(text: AtomsText) -> Result<Self, Self::Error> {
        Self::parse_decimal(&text.0, 0)
    }
}

impl From<Atoms> for String {
    fn from(atoms: Atoms) -> Self {
        atoms.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_exact() {
        assert_eq!(Atoms::new(limits::ATOMS_MAX), Ok(Atoms::MAX));
        assert_eq!(Atoms::new(limits::ATOMS_MAX + 1), Err(AmountError::TooLarge));
        assert_eq!(Atoms::MAX.checked_add(Atoms::new(1).unwrap()), None);
        assert_eq!(Atoms::ZERO.checked_sub(Atoms::new(1).unwrap()), None);
    }

    #[test]
    fn decimal_strings_round_trip_and_nothing_is_rounded() {
        for (text, decimals, atoms) in [
            ("0", 18, 0),
            ("1.5", 6, 1_500_000),
            ("0.000001", 6, 1),
            ("79228162514264337593543950335", 0, limits::ATOMS_MAX),
            ("79228162514.264337593543950335", 18, limits::ATOMS_MAX),
        ] {
            let parsed = Atoms::parse_decimal(text, decimals).unwrap();
            assert_eq!(parsed.number(), atoms, "{text}");
            let again = Atoms::parse_decimal(&parsed.to_decimal_string(decimals), decimals);
            assert_eq!(again, Ok(parsed));
        }
        let too_many = Atoms::parse_decimal("0.0000001", 6);
        assert!(matches!(too_many, Err(AmountError::TooManyDecimals { decimals: 6, .. })));
        assert_eq!(
            Atoms::parse_decimal("79228162514264337593543950336", 0),
            Err(AmountError::TooLarge)
        );
        let enormous = "9".repeat(200);
        assert_eq!(Atoms::parse_decimal(&enormous, 18), Err(AmountError::TooLarge));
    }

    #[test]
    fn anything_but_a_plain_number_is_refused() {
        for text in
            ["", "-1", "+1", "1e3", "NaN", "inf", " 1", "1 ", "01", ".5", "5.", "1.2.3", "٣"]
        {
            let refused = Atoms::parse_decimal(text, 6);
            assert!(matches!(refused, Err(AmountError::NotANumber { .. })), "{text:?}");
        }
    }

    #[test]
    fn postgres_numbers_are_exact() {
        assert_eq!(Atoms::from_decimal(Atoms::MAX.to_decimal()), Ok(Atoms::MAX));
        assert_eq!(Atoms::MAX.to_decimal().to_string(), limits::ATOMS_MAX.to_string());
        assert_eq!(Atoms::from_decimal(Decimal::new(100, 2)), Ok(Atoms::new(1).unwrap()));
        assert!(Atoms::from_decimal(Decimal::new(15, 1)).is_err());
        assert!(Atoms::from_decimal(Decimal::new(-1, 0)).is_err());
    }
}
