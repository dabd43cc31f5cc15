//! What a webhook is asked for with.

use std::collections::BTreeSet;

use ledger::{EventNumber, EventType};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Reach, reach::Target};
use crate::{
    error::BodyError,
    events::EventType as EventName,
    json::{Field, Json},
};

/// A webhook to be added.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookRequest {
    /// Where events are posted to: https, unless the api was told to reach more.
    #[schema(example = "https://example.org/netfold", max_length = 2048)]
    pub url: String,
    /// The types of event that are wanted; all of them if absent.
    #[schema(min_items = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<EventName>>,
    /// Start after this event, 0 for all; what happens from now on if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// The same, read.
pub(super) struct Asked {
    pub(super) url: String,
    pub(super) events: Option<BTreeSet<EventType>>,
    pub(super) after: Option<EventNumber>,
}

/// Reads the body of a request.
pub(super) fn read(body: Field, reach: Reach) -> Result<Asked, BodyError> {
    let mut object = body.object()?;
    let url = object.take("url")?;
    let text = url.text("an address")?.to_owned();
    Target::read(&text, reach).map_err(|expected| url.invalid(expected))?;
    let events = object.take_optional("events").map(read_events).transpose()?;
    let after = object.take_optional("after").map(|field| field.integer::<u64>()).transpose()?;
    object.finish()?;
    Ok(Asked { url: text, events, after: after.map(EventNumber::new) })
}

fn read_events(field: Field) -> Result<BTreeSet<EventType>, BodyError> {
    let place = field.place();
    let names = field.list()?;
    if names.is_empty() {
        let expected = "a list of at least one type; leave it out for all";
        return Err(BodyError::InvalidValue {
            place,
            expected,
            value: Json::List(vec![]).to_value(),
        });
    }
    let mut events = BTreeSet::new();
    for name in names {
        let event = name.text("a type of event")?.parse();
        let event = event.map_err(|_| name.invalid("a type of event, such as epoch_settled"))?;
        if !events.insert(event) {
            return Err(name.invalid("named once"));
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every type of the ledger can be asked for by the name that the document lists, and no other.
    #[test]
    fn types_are_those_of_the_document() {
        let schema = serde_json::to_value(<EventName as utoipa::PartialSchema>::schema()).unwrap();
        let mut listed: Vec<String> =
            serde_json::from_value(schema["enum"].as_array().cloned().map_or_else(
                || {
                    let each = schema["oneOf"].as_array().unwrap();
                    each.iter().map(|one| one["enum"][0].clone()).collect()
                },
                serde_json::Value::Array,
            ))
            .unwrap();
        let mut known: Vec<_> = EventType::ALL.iter().map(ToString::to_string).collect();
        listed.sort();
        known.sort();
        assert_eq!(listed, known);
    }
}
