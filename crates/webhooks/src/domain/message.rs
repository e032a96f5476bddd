//! What is sent: decided once, when an event comes, and byte for byte the same at every attempt.

use chrono::{DateTime, SecondsFormat, Utc};
use events::Envelope;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The kind of a test message. It is no event: nothing happened.
pub const TEST_KIND: &str = "webhook.test";

/// Where an event comes from, beside its payload. No payload has fields of these names.
pub const OWN_FIELDS: [&str; 6] = ["id", "object", "version", "source", "sequence", "event_id"];

/// The body for an event: `{"type", "timestamp", "data"}`, with the payload's fields in `data` beside [`OWN_FIELDS`].
pub fn of_event(event: &Envelope) -> String {
    let mut data = Map::new();
    data.insert("id".to_owned(), json!(event.aggregate_id));
    data.insert("object".to_owned(), json!(event.aggregate));
    data.insert("version".to_owned(), json!(event.version));
    data.insert("source".to_owned(), json!(event.source));
    data.insert("sequence".to_owned(), json!(event.sequence));
    data.insert("event_id".to_owned(), json!(event.id));
    if let Value::Object(payload) = &event.data {
        for (name, value) in payload {
            data.entry(name).or_insert_with(|| value.clone());
        }
    }
    write(&event.kind, event.occurred_at, &Value::Object(data))
}

/// The body of a test message for an endpoint.
pub fn of_test(endpoint: Uuid, now: DateTime<Utc>) -> String {
    write(TEST_KIND, now, &json!({ "id": endpoint, "object": "webhook_endpoint" }))
}

fn write(kind: &str, at: DateTime<Utc>, data: &Value) -> String {
    json!({ "type": kind, "timestamp": at.to_rfc3339_opts(SecondsFormat::Micros, true), "data": data }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(kind: &str) -> Value {
        let path = format!("{}/../events/samples/{kind}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
    }

    #[test]
    fn every_field_of_every_payload_comes_through() {
        for event in events::REGISTRY {
            let payload = sample(event.kind);
            let envelope = Envelope {
                id: Uuid::from_u128(1),
                sequence: Some(7),
                source: event.role.to_owned(),
                kind: event.kind.to_owned(),
                aggregate: event.aggregate.to_owned(),
                aggregate_id: Uuid::from_u128(2),
                version: 3,
                data: payload.clone(),
                occurred_at: DateTime::from_timestamp(1_772_366_400, 0).unwrap(),
                trace_parent: None,
            };
            let body: Value = serde_json::from_str(&of_event(&envelope)).unwrap();
            assert_eq!(
                (&body["type"], &body["timestamp"]),
                (&json!(event.kind), &json!("2026-03-01T12:00:00.000000Z"))
            );
            assert_eq!(body["data"]["id"], json!(Uuid::from_u128(2)));
            assert_eq!((&body["data"]["version"], &body["data"]["sequence"]), (&json!(3), &json!(7)));
            for (name, value) in payload.as_object().unwrap() {
                assert!(!OWN_FIELDS.contains(&name.as_str()), "{}: {name} is taken", event.kind);
                assert_eq!(body["data"][name], *value, "{}: {name}", event.kind);
            }
        }
    }
}
