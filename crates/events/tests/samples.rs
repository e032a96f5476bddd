//! Every event has a sample, which still reads and loses nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use events::category::CategoryChanged;
use events::inventory::InventoryChanged;
use events::order::{OrderCancelled, OrderFulfilled, OrderPaid, OrderPlaced, OrderRefunded};
use events::product::{ProductCreated, ProductDeleted, ProductUpdated};
use events::user::{UserCreated, UserDeleted, UserUpdated};
use events::webhook_endpoint::WebhookEndpointDisabled;
use events::{Envelope, REGISTRY};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn sample(kind: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(format!("{kind}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn reads_back<T: Serialize + DeserializeOwned>(kind: &str) {
    let sample = sample(kind);
    let payload: T = serde_json::from_value(sample.clone()).unwrap_or_else(|error| panic!("{kind}: {error}"));
    let written = serde_json::to_value(payload).unwrap();
    assert!(holds(&written, &sample), "{kind}: {written} has lost something of {sample}");
}

/// Whether `new` has all that `old` has. A payload may gain fields, never lose one.
fn holds(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            old.iter().all(|(name, value)| new.get(name).is_some_and(|kept| holds(kept, value)))
        }
        (Value::Array(new), Value::Array(old)) => {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| holds(new, old))
        }
        _ => new == old,
    }
}

#[test]
fn every_event_of_the_registry_has_a_sample_that_reads_back() {
    for event in REGISTRY {
        match event.kind {
            UserCreated::KIND => reads_back::<UserCreated>(event.kind),
            UserUpdated::KIND => reads_back::<UserUpdated>(event.kind),
            UserDeleted::KIND => reads_back::<UserDeleted>(event.kind),
            ProductCreated::KIND => reads_back::<ProductCreated>(event.kind),
            ProductUpdated::KIND => reads_back::<ProductUpdated>(event.kind),
            ProductDeleted::KIND => reads_back::<ProductDeleted>(event.kind),
            CategoryChanged::KIND => reads_back::<CategoryChanged>(event.kind),
            InventoryChanged::KIND => reads_back::<InventoryChanged>(event.kind),
            OrderPlaced::KIND => reads_back::<OrderPlaced>(event.kind),
            OrderPaid::KIND => reads_back::<OrderPaid>(event.kind),
            OrderFulfilled::KIND => reads_back::<OrderFulfilled>(event.kind),
            OrderCancelled::KIND => reads_back::<OrderCancelled>(event.kind),
            OrderRefunded::KIND => reads_back::<OrderRefunded>(event.kind),
            WebhookEndpointDisabled::KIND => reads_back::<WebhookEndpointDisabled>(event.kind),
            other => panic!("name the payload of {other} here"),
        }
    }
}

/// What docs/events.md says about a kind, if anything.
fn section<'a>(page: &'a str, kind: &str) -> Option<&'a str> {
    let section = page.split("\n### ").find(|section| section.lines().next() == Some(kind))?;
    Some(section.split("\n## ").next().unwrap_or(section))
}

#[test]
fn the_reference_shows_every_event_with_its_sample() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/events.md");
    let page = fs::read_to_string(path).unwrap();
    for event in REGISTRY {
        let section = section(&page, event.kind).unwrap_or_else(|| panic!("docs/events.md lacks {}", event.kind));
        let shown = section.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
        let shown: Value = serde_json::from_str(shown).unwrap_or_else(|error| panic!("{}: {error}", event.kind));
        let sample = sample(event.kind);
        assert_eq!(shown, sample, "docs/events.md shows another {}", event.kind);
        for field in sample.as_object().into_iter().flat_map(|fields| fields.keys()) {
            assert!(section.contains(&format!("| `{field}` |")), "docs/events.md lacks `{field}` of {}", event.kind);
        }
    }
    assert_eq!(page.matches("\n### ").count(), REGISTRY.len(), "docs/events.md has an event that is none");
}

#[test]
fn names_in_the_registry_are_unique_and_begin_with_their_object() {
    let kinds: BTreeSet<_> = REGISTRY.iter().map(|event| event.kind).collect();
    assert_eq!(kinds.len(), REGISTRY.len());
    for event in REGISTRY {
        assert_eq!(event.kind.split_once('.').map(|(object, _)| object), Some(event.aggregate));
    }
}

#[test]
fn no_payload_has_a_field_that_could_hold_personal_data() {
    for event in REGISTRY {
        let text = sample(event.kind).to_string();
        for word in ["\"email\":", "_name\":", "\"phone\":", "\"street", "\"city\":", "\"postal"] {
            assert!(!text.contains(word), "{} has {word}", event.kind);
        }
    }
}

#[test]
fn an_envelope_reads_back() {
    let envelope = serde_json::json!({
        "id": "0191f3a0-0000-7000-8000-000000000009",
        "sequence": 17,
        "source": "orders",
        "kind": "order.paid",
        "aggregate": "order",
        "aggregate_id": "0191f3a0-0000-7000-8000-000000000010",
        "version": 2,
        "data": sample("order.paid"),
        "occurred_at": "2026-03-01T12:00:00.123456Z",
        "trace_parent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    });
    let read: Envelope = serde_json::from_value(envelope.clone()).unwrap();
    assert_eq!(read.payload::<OrderPaid>().unwrap().amount.amount, 2500);
    assert_eq!(serde_json::to_value(read).unwrap(), envelope);
}
