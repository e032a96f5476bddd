//! Links: which answer holds what another operation needs. Clients and test tools follow them.

use serde_json::{Value, json};

/// Where a link's target finds its path parameter `id`.
enum Id {
    /// In the answer's data.
    Answer,
    /// In the path of the request that was answered.
    Path,
}

/// From an operation to those that go on from its success.
const LINKS: [(&str, Id, &[&str]); 9] = [
    ("create_cart", Id::Answer, CART),
    ("get_cart", Id::Answer, CART),
    ("create_line_item", Id::Path, CART),
    ("update_cart", Id::Answer, CART),
    ("complete_cart", Id::Path, CART),
    ("create_address", Id::Answer, &["update_address", "delete_address"]),
    ("get_order", Id::Answer, &["list_order_events"]),
    ("get_admin_order", Id::Answer, &["create_fulfillment", "cancel_order", "create_refund"]),
    ("create_import", Id::Answer, &["get_import"]),
];
const CART: &[&str] = &["get_cart", "update_cart", "create_line_item", "list_shipping_options", "complete_cart"];

/// Adds the links between operations that are both in the document.
pub fn add(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    let known: Vec<String> = operations(paths).filter_map(|o| o["operationId"].as_str().map(str::to_owned)).collect();
    for operation in operations(paths) {
        let link = LINKS.iter().find(|(from, ..)| operation["operationId"] == *from);
        let Some((_, id, targets)) = link else { continue };
        let parameter = match id {
            Id::Answer => "$response.body#/data/id",
            Id::Path => "$request.path.id",
        };
        let links = targets
            .iter()
            .filter(|target| known.iter().any(|id| id == *target))
            .map(|target| ((*target).to_owned(), json!({"operationId": target, "parameters": {"id": parameter}})));
        let links: serde_json::Map<_, _> = links.collect();
        let Some(answers) = operation["responses"].as_object_mut() else { continue };
        let success = answers.iter_mut().find(|(status, _)| status.starts_with('2'));
        if let Some((_, success)) = success {
            success["links"] = links.into();
        }
    }
}

fn operations(paths: &mut serde_json::Map<String, Value>) -> impl Iterator<Item = &mut Value> {
    let items = paths.values_mut().filter_map(Value::as_object_mut);
    items.flat_map(|item| item.values_mut()).filter(|value| value.get("operationId").is_some())
}
