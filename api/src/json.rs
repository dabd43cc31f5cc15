//! Strict JSON: what a request body is read into before its fields are taken one by one.
//!
//! **Invariant:** nothing of a body is ignored: a field that is unknown, missing, given twice or of
//! another type is refused with its path, so that nobody signs one thing and sends another.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, Value};

use crate::error::BodyError;

/// A JSON value in whose objects every name stands once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

/// Where a value stands in a body.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Place {
    /// Its path: `transfers[3].amount`; empty for the body itself.
    pub path: String,
    /// The position of the list item that it belongs to.
    pub item: Option<usize>,
}

/// A value and its place.
#[derive(Debug)]
pub(crate) struct Field {
    place: Place,
    json: Json,
}

/// An object whose fields are being taken.
#[derive(Debug)]
pub(crate) struct Object {
    place: Place,
    fields: BTreeMap<String, Json>,
}

impl Field {
    /// The body itself.
    pub(crate) fn body(json: Json) -> Self {
        Self { place: Place::default(), json }
    }

    /// Where it stands.
    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }

    /// What stands there.
    pub(crate) fn json(&self) -> &Json {
        &self.json
    }

    /// An object, whose fields are to be taken.
    pub(crate) fn object(self) -> Result<Object, BodyError> {
        match self.json {
            Json::Object(fields) => Ok(Object { place: self.place, fields }),
            _ => Err(self.wrong_type("an object")),
        }
    }

    /// A list, each item with its own path.
    pub(crate) fn list(self) -> Result<Vec<Self>, BodyError> {
        match self.json {
            Json::List(items) => Ok(items
                .into_iter()
                .enumerate()
                .map(|(index, json)| {
                    let path = format!("{}[{index}]", self.place.path);
                    Self { place: Place { path, item: Some(index) }, json }
                })
                .collect()),
            _ => Err(self.wrong_type("a list")),
        }
    }

    /// A whole number. A number such as `634.0` is whole too: `JSON` knows one type of numbers.
    pub(crate) fn integer<T: TryFrom<u64>>(&self) -> Result<T, BodyError> {
        let Json::Number(number) = &self.json else {
            return Err(self.wrong_type("an integer"));
        };
        let text = number.to_string();
        let whole = text.strip_suffix(".0").unwrap_or(&text);
        let number = whole.parse::<u64>().ok().and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| self.invalid("a whole number in range"))
    }

    /// Text, which is what `expected` says.
    pub(crate) fn text(&self, expected: &'static str) -> Result<&str, BodyError> {
        let Json::Text(text) = &self.json else { return Err(self.wrong_type(expected)) };
        Ok(text)
    }

    /// `N` bytes as `0x` and lower or upper case hex digits.
    pub(crate) fn bytes<const N: usize>(&self) -> Result<[u8; N], BodyError> {
        let Json::Text(text) = &self.json else {
            return Err(self.wrong_type("a hex string"));
        };
        parse_bytes(text).ok_or_else(|| self.invalid(expected_bytes::<N>()))
    }

    /// The refusal of this value's form.
    pub(crate) fn invalid(&self, expected: &'static str) -> BodyError {
        BodyError::InvalidValue { place: self.place(), expected, value: self.json.to_value() }
    }

    fn wrong_type(&self, expected: &'static str) -> BodyError {
        BodyError::WrongType {
            place: self.place(),
            expected,
            found: self.json.type_name(),
            value: self.json.to_value(),
        }
    }
}

impl Object {
    /// Takes a field.
    pub(crate) fn take(&mut self, name: &'static str) -> Result<Field, BodyError> {
        let place = self.place_of(name);
        match self.fields.remove(name) {
            Some(json) => Ok(Field { place, json }),
            None => Err(BodyError::MissingField { place }),
        }
    }

    /// Whether a field that may be left out is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Takes a field that may be absent, or null, which says the same.
    pub(crate) fn take_optional(&mut self, name: &'static str) -> Option<Field> {
        let place = self.place_of(name);
        let json = self.fields.remove(name).filter(|json| *json != Json::Null)?;
        Some(Field { place, json })
    }

    /// Every field has been taken; what is left is unknown.
    pub(crate) fn finish(mut self) -> Result<(), BodyError> {
        match self.fields.pop_first() {
            Some((name, _)) => Err(BodyError::UnknownField { place: self.place_of(&name) }),
            None => Ok(()),
        }
    }

    fn place_of(&self, name: &str) -> Place {
        let Place { path, item } = &self.place;
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        Place { path, item: *item }
    }
}

impl Json {
    /// Reads a body.
    pub(crate) fn read(body: &[u8]) -> Result<Self, BodyError> {
        serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            // The one thing that is JSON and refused here is a name given twice.
            if error.is_data() {
                BodyError::DuplicateField { line, column }
            } else {
                BodyError::Malformed { line, column }
            }
        })
    }

    /// The value as it is shown in a problem; lists and objects only by their kind.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.clone()),
            Self::List(_) => Value::Array(Vec::new()),
            Self::Object(_) => Value::Object(serde_json::Map::new()),
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// `0x` and exactly `2·N` hex digits.
pub(crate) fn parse_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.strip_prefix("0x")?;
    // The decoder would skip a second prefix.
    let exact = digits.len() == N.saturating_mul(2);
    exact.then(|| alloy_primitives::hex::decode_to_array(digits).ok()).flatten()
}

fn expected_bytes<const N: usize>() -> &'static str {
    if N == 20 { "0x and 40 hex digits" } else { "0x and 64 hex digits" }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.path.is_empty() { "the body" } else { &self.path })
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, json)) = entries.next_entry::<String, Json>()? {
            if fields.insert(name, json).is_some() {
                return Err(A::Error::custom("a field is given twice"));
            }
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object {
        Field::body(Json::read(text.as_bytes()).unwrap()).object().unwrap()
    }

    /// Nothing of a body is ignored.
    #[test]
    fn leftovers_gaps_and_repetitions_are_refused_with_their_path() {
        let mut body = object(r#"{"a": {"b": 1, "c": 2}}"#);
        let mut inner = body.take("a").unwrap().object().unwrap();
        assert!(
            matches!(inner.take("x"), Err(BodyError::MissingField { place }) if place.path == "a.x")
        );
        inner.take("b").unwrap();
        assert!(
            matches!(inner.finish(), Err(BodyError::UnknownField { place }) if place.path == "a.c")
        );
        body.finish().unwrap();
        let twice = Json::read(br#"{"a": 1, "a": 1}"#);
        assert!(matches!(twice, Err(BodyError::DuplicateField { line: 1, .. })));
        let malformed = Json::read(b"{\"a\": NaN}");
        assert!(matches!(malformed, Err(BodyError::Malformed { line: 1, .. })));
        let deep = Json::read("[".repeat(100_000).as_bytes());
        assert!(matches!(deep, Err(BodyError::Malformed { .. })));
    }

    #[test]
    fn integers_are_whole_and_in_range() {
        let mut body = object(r#"{"a": 634.0, "b": 1.5, "c": -1, "d": 70000, "e": "1"}"#);
        assert_eq!(body.take("a").unwrap().integer::<u16>().unwrap(), 634);
        for name in ["b", "c", "d"] {
            let refused = body.take(name).unwrap().integer::<u16>();
            assert!(matches!(refused, Err(BodyError::InvalidValue { .. })), "{name}");
        }
        let refused = body.take("e").unwrap().integer::<u16>();
        assert!(matches!(refused, Err(BodyError::WrongType { .. })));
    }

    #[test]
    fn bytes_have_one_length() {
        assert_eq!(parse_bytes::<2>("0xAbcd"), Some([0xab, 0xcd]));
        for text in ["abcd", "0xabc", "0xabcdef", "0x", "0xzzzz", "0x0xabcd"] {
            assert_eq!(parse_bytes::<2>(text), None, "{text}");
        }
    }
}
