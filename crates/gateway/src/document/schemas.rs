//! Schemas: bounds that follow from a format, and none that nothing uses.

use std::collections::BTreeSet;

use kernel::page::MAX_LIMIT;
use serde_json::{Map, Value, json};

/// Says what a value of a known format can be at the most, and how many items a page has at the most.
pub fn bound(document: &mut Value) {
    bound_values(document);
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    for (_, list) in schemas.iter_mut().filter(|(name, _)| name.starts_with("Data_Vec_")) {
        let bound = &mut list["properties"]["data"]["maxItems"];
        if bound.is_null() {
            *bound = json!(MAX_LIMIT);
        }
    }
}

fn bound_values(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (name, bound) in bounds(object) {
                object.entry(name).or_insert(bound);
            }
            object.values_mut().for_each(bound_values);
        }
        Value::Array(items) => items.iter_mut().for_each(bound_values),
        _ => {}
    }
}

/// What a value of the schema's format can be, to stand where nothing narrower is said.
fn bounds(schema: &Map<String, Value>) -> Vec<(&'static str, Value)> {
    let longest = |characters: u32| vec![("maxLength", json!(characters))];
    let range = |minimum: i64, maximum: i64| vec![("minimum", json!(minimum)), ("maximum", json!(maximum))];
    // A schema of an unsigned integer says that it begins at 0.
    let unsigned = schema.get("minimum").is_some_and(|minimum| *minimum == 0);
    match schema.get("format").and_then(Value::as_str) {
        Some("uuid") => longest(36),
        Some("date-time") => longest(64),
        Some("date") => longest(10),
        Some("int32") if unsigned => range(0, u32::MAX.into()),
        Some("int32") => range(i32::MIN.into(), i32::MAX.into()),
        Some("int64") => range(i64::MIN, i64::MAX),
        _ => Vec::new(),
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
