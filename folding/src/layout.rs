//! The lengths of all sequences inside a value, in order of serialisation.
//!
//! Nova's verifiers index into vectors of a proof and assert their lengths; a proof from a stranger
//! must therefore have exactly the lengths that its key implies before they see it.

use std::fmt;

use serde::{
    Serialize,
    ser::{
        Impossible, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant, Serializer,
    },
};

/// The lengths of a value's sequences; nothing if it holds something that no proof holds.
pub(crate) fn sequence_lengths(value: &impl Serialize) -> Option<Vec<usize>> {
    let mut lengths = Lengths(Vec::new());
    value.serialize(&mut lengths).ok()?;
    Some(lengths.0)
}

struct Lengths(Vec<usize>);

/// A part that the proofs do not have.
#[derive(Debug)]
struct Unexpected;

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part that proofs do not have")
    }
}

impl std::error::Error for Unexpected {}

impl serde::ser::Error for Unexpected {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self
    }
}

macro_rules! skip {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, _value: $type) -> Result<(), Unexpected> {
            Ok(())
        })*
    };
}

impl Serializer for &mut Lengths {
    type Ok = ();
    type Error = Unexpected;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Impossible<(), Unexpected>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    skip!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64, serialize_f32: f32, serialize_f64: f64, serialize_char: char
    );

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_str(self, value: &str) -> Result<(), Unexpected> {
        self.0.push(value.len());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Unexpected> {
        self.0.push(value.len());
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unexpected> {
        self.0.push(0);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unexpected> {
        self.0.push(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unexpected> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Unexpected> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
    ) -> Result<(), Unexpected> {
        Err(Unexpected)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Unexpected> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), Unexpected> {
        Err(Unexpected)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Unexpected> {
        self.0.push(length.ok_or(Unexpected)?);
        Ok(self)
    }

    fn serialize_tuple(self, _length: usize) -> Result<Self, Unexpected> {
        Ok(self)
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Self, Unexpected> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self, Unexpected> {
        Err(Unexpected)
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Self::SerializeMap, Unexpected> {
        Err(Unexpected)
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Self, Unexpected> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self, Unexpected> {
        Err(Unexpected)
    }
}

macro_rules! elements {
    ($($trait:ident: $method:ident($($key:ident)?)),*) => {
        $(impl $trait for &mut Lengths {
            type Ok = ();
            type Error = Unexpected;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Result<(), Unexpected> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Unexpected> {
                Ok(())
            }
        })*
    };
}

elements!(
    SerializeSeq: serialize_element(),
    SerializeTuple: serialize_element(),
    SerializeTupleStruct: serialize_field(),
    SerializeTupleVariant: serialize_field(),
    SerializeStruct: serialize_field(_key),
    SerializeStructVariant: serialize_field(_key)
);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Nested {
        outer: Vec<Vec<u8>>,
        pair: (u64, [u8; 3]),
        last: Vec<u32>,
    }

    /// Only sequences of variable length count, in order, the inner ones after their outer one.
    #[test]
    fn lengths_are_those_of_the_sequences() {
        let value = Nested { outer: vec![vec![1], vec![1, 2]], pair: (1, [0; 3]), last: vec![7] };
        assert_eq!(sequence_lengths(&value), Some(vec![2, 1, 2, 1]));
    }
}
