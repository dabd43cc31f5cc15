//! Rows in the binary form of Postgres' `COPY`.
//!
//! **Invariant:** what is written here is what the driver would send as parameters of the same types;
//! a row has as many fields as it says.
//!
//! Source: PostgreSQL documentation, `COPY`, "Binary Format"; `numeric` as `numeric_recv` reads it.

use domain::Atoms;

/// Rows so far.
#[derive(Debug)]
pub(crate) struct CopyRows(Vec<u8>);

impl Default for CopyRows {
    fn default() -> Self {
        // The signature, no flags, no header extension.
        let mut bytes = b"PGCOPY\n\xff\r\n\0".to_vec();
        bytes.extend([0; 8]);
        Self(bytes)
    }
}

impl CopyRows {
    /// Begins a row of so many fields.
    pub(crate) fn row(&mut self, fields: i16) {
        self.0.extend(fields.to_be_bytes());
    }

    pub(crate) fn smallint(&mut self, number: i16) {
        self.field(2, number.to_be_bytes());
    }

    pub(crate) fn integer(&mut self, number: i32) {
        self.field(4, number.to_be_bytes());
    }

    pub(crate) fn bigint(&mut self, number: i64) {
        self.field(8, number.to_be_bytes());
    }

    /// Bytes, or null. Nothing written here is longer than a few of them.
    pub(crate) fn bytes(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => {
                let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
                self.0.extend(length.to_be_bytes());
                self.0.extend_from_slice(bytes);
            }
            None => self.0.extend((-1_i32).to_be_bytes()),
        }
    }

    /// A whole `numeric`: groups of four decimal digits, the highest first, without the zero groups at
    /// the end; the weight is the place of the first.
    pub(crate) fn atoms(&mut self, atoms: Atoms) {
        let (mut groups, mut count) = ([0_i16; 8], 0_i16);
        let mut left = atoms.number();
        let mut used = groups.iter_mut().rev();
        while left > 0
            && let Some(group) = used.next()
        {
            *group = i16::try_from(left % 10_000).unwrap_or_default();
            left /= 10_000;
            count = count.saturating_add(1);
        }
        let weight = count.saturating_sub(1).max(0);
        let first = used.len();
        let digits = groups.get(first..).unwrap_or_default();
        let zeros = digits.iter().rev().take_while(|group| **group == 0).count();
        let digits = digits.get(..digits.len().saturating_sub(zeros)).unwrap_or_default();
        let count = i16::try_from(digits.len()).unwrap_or_default();
        let length = i32::from(count).saturating_mul(2).saturating_add(8);
        self.0.extend(length.to_be_bytes());
        // Number of groups, weight, sign, scale.
        for part in [count, weight, 0, 0] {
            self.0.extend(part.to_be_bytes());
        }
        for group in digits {
            self.0.extend(group.to_be_bytes());
        }
    }

    /// All of it, ended.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.0.extend((-1_i16).to_be_bytes());
        self.0
    }

    fn field<const N: usize>(&mut self, length: i32, bytes: [u8; N]) {
        self.0.extend(length.to_be_bytes());
        self.0.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;
    use sqlx::postgres::{PgArgumentBuffer, Postgres};

    /// Every length, every place of a zero group: as the driver writes it.
    #[test]
    fn numerics_are_the_drivers() {
        let mut numbers: Vec<u128> = vec![0, 1, 9_999, 10_000, 10_001, (1 << 96) - 1, 1 << 95];
        numbers.extend((0..29).map(|power| 10_u128.pow(power)));
        numbers.extend((0..28).map(|power| 123_456_789_u128.pow(3) % 10_u128.pow(power + 1)));
        for number in numbers {
            let atoms = Atoms::new(number).unwrap();
            let mut ours = CopyRows(Vec::new());
            ours.atoms(atoms);
            let mut theirs = PgArgumentBuffer::default();
            let encoded: Result<_, _> = <Decimal as sqlx::Encode<'_, Postgres>>::encode_by_ref(
                &atoms.to_decimal(),
                &mut theirs,
            );
            assert!(encoded.is_ok());
            let length = i32::try_from(theirs.len()).unwrap().to_be_bytes();
            assert_eq!(ours.0, [&length[..], &theirs[..]].concat(), "{number}");
        }
    }
}
