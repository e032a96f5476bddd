//! Parameters that operations have in common, and the bound of a streamed body.

use runtime::http::{Body, Route};
use serde_json::{Map, Value, json};

/// The parameters, by name.
pub fn components() -> Value {
    json!({
        "Idempotency-Key": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "description": "Marks repeats of one request: the answer to the first is kept for 24 hours and given again. \
                The same key with another body is refused.",
            "schema": {"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-~]{16,255}$"},
        },
        "If-Match": {
            "name": "If-Match",
            "in": "header",
            "required": false,
            "description": "The `ETag` of an earlier answer: the change is made only if the object has not changed since.",
            "schema": {"type": "string", "maxLength": 20, "pattern": "^(\\*|\"[0-9]{1,18}\")$"},
        },
    })
}

/// Adds the parameters that follow from the route, and gives those that many operations take their one form.
pub fn complete(operation: &mut Value, route: &Route) {
    if operation["parameters"].is_null() {
        operation["parameters"] = json!([]);
    }
    let Some(parameters) = operation["parameters"].as_array_mut() else { return };
    for parameter in parameters.iter_mut() {
        if parameter["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("If-Match")) {
            *parameter = reference("If-Match");
        }
    }
    if !route.method.is_safe() {
        parameters.push(reference("Idempotency-Key"));
    }
    if let Body::Stream { limit_bytes, .. } = route.body {
        let contents = operation["requestBody"]["content"].as_object_mut().map(Map::values_mut);
        contents.into_iter().flatten().for_each(|content| content["schema"]["maxLength"] = json!(limit_bytes));
    }
}

/// Whether the operation looks at `If-Match`.
pub fn takes_if_match(operation: &Value) -> bool {
    operation["parameters"].as_array().is_some_and(|parameters| parameters.contains(&reference("If-Match")))
}

/// Whether the operation looks at the query string.
pub fn takes_query(operation: &Value) -> bool {
    operation["parameters"].as_array().is_some_and(|parameters| parameters.iter().any(|p| p["in"] == "query"))
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}
