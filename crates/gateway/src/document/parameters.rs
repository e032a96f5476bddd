//! Parameters that operations have in common.

use runtime::http::Route;
use serde_json::{Value, json};

/// The parameters, by name.
pub fn components() -> Value {
    json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "description": "Marks repeats of one request: the answer to the first is kept for 24 hours and given again. \
                The same key with another body is refused.",
            "schema": {"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-~]{16,255}$"},
        },
    })
}

/// Adds the parameters that follow from the route.
pub fn complete(operation: &mut Value, route: &Route) {
    if route.method.is_safe() || has(operation, "Idempotency-Key") {
        return;
    }
    let reference = json!({"$ref": "#/components/parameters/IdempotencyKey"});
    match operation["parameters"].as_array_mut() {
        Some(parameters) => parameters.push(reference),
        None => operation["parameters"] = json!([reference]),
    }
}

/// Whether the operation has a parameter of that name.
pub fn has(operation: &Value, name: &str) -> bool {
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    parameters.iter().any(|parameter| parameter["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)))
}
