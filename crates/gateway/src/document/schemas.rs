//! Schemas: bounds that follow from a format, and none that nothing uses.

use std::collections::BTreeSet;

use kernel::page::MAX_LIMIT;
use serde_json::{Value, json};

/// Says how long a text of a known format can be, and how many items a page has at the most.
pub fn bound(document: &mut Value) {
    bound_texts(document);
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    for (_, list) in schemas.iter_mut().filter(|(name, _)| name.starts_with("Data_Vec_")) {
        let bound = &mut list["properties"]["data"]["maxItems"];
        if bound.is_null() {
            *bound = json!(MAX_LIMIT);
        }
    }
}

fn bound_texts(value: &mut Value) {
    match value {
        Value::Object(object) => {
            let longest = match object.get("format").and_then(Value::as_str) {
                Some("uuid") => Some(36),
                Some("date-time") => Some(64),
                Some("date") => Some(10),
                _ => None,
            };
            if let Some(longest) = longest {
                object.entry("maxLength").or_insert_with(|| json!(longest));
            }
            object.values_mut().for_each(bound_texts);
        }
        Value::Array(items) => items.iter_mut().for_each(bound_texts),
        _ => {}
    }
}

/// Takes out schemas that nothing refers to: of a generic answer such as `Data<User>`, only the whole is used.
pub fn prune(document: &mut Value) {
    loop {
        let mut used = BTreeSet::new();
        collect_references(document, &mut used);
        let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
        let before = schemas.len();
        schemas.retain(|name, _| used.contains(&format!("#/components/schemas/{name}")));
        if schemas.len() == before {
            return;
        }
    }
}

fn collect_references(value: &Value, used: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                used.insert(reference.to_owned());
            }
            object.values().for_each(|value| collect_references(value, used));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, used)),
        _ => {}
    }
}
