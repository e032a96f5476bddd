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

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp(1_772_366_400, 0).unwrap()
    }

    fn envelope(event: &events::EventType, data: Value) -> Envelope {
        Envelope {
            id: "0191f3a0-0000-7000-8000-000000000011".parse().unwrap(),
            sequence: Some(17),
            source: event.role.to_owned(),
            kind: event.kind.to_owned(),
            aggregate: event.aggregate.to_owned(),
            aggregate_id: "0191f3a0-0000-7000-8000-000000000010".parse().unwrap(),
            version: 3,
            data,
            occurred_at: noon(),
            trace_parent: None,
        }
    }

    /// The samples of the reference: JSON blocks that have a type.
    fn documented() -> Vec<Value> {
        let page = format!("{}/../../docs/webhooks.md", env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(page).unwrap();
        let blocks = page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
        blocks.map(|block| serde_json::from_str(block).unwrap()).collect()
    }

    #[test]
    fn the_reference_shows_each_type_as_it_is_sent() {
        let shown = documented();
        for event in events::REGISTRY {
            let body: Value = serde_json::from_str(&of_event(&envelope(event, sample(event.kind)))).unwrap();
            assert!(shown.contains(&body), "docs/webhooks.md lacks {body:#}");
        }
        let id = "0191f3a0-0000-7000-8000-000000000012".parse().unwrap();
        let test: Value = serde_json::from_str(&of_test(id, noon())).unwrap();
        assert!(shown.contains(&test), "docs/webhooks.md lacks {test:#}");
        assert_eq!(shown.len(), events::REGISTRY.len() + 1);
    }

    #[test]
    fn every_field_of_every_payload_comes_through() {
        for event in events::REGISTRY {
            let payload = sample(event.kind);
            let envelope = envelope(event, payload.clone());
            let body: Value = serde_json::from_str(&of_event(&envelope)).unwrap();
            assert_eq!(
                (&body["type"], &body["timestamp"]),
                (&json!(event.kind), &json!("2026-03-01T12:00:00.000000Z"))
            );
            assert_eq!(body["data"]["id"], json!(envelope.aggregate_id));
            assert_eq!((&body["data"]["version"], &body["data"]["sequence"]), (&json!(3), &json!(17)));
            for (name, value) in payload.as_object().unwrap() {
                assert!(!OWN_FIELDS.contains(&name.as_str()), "{}: {name} is taken", event.kind);
                assert_eq!(body["data"][name], *value, "{}: {name}", event.kind);
            }
        }
    }
}
