//! Links: which answer holds what another operation needs. Clients and test tools follow them.

use serde_json::{Map, Value, json};

/// From an operation's success to operations that go on from there.
struct Link {
    from: &'static str,
    to: &'static [&'static str],
    /// Path parameters, and where in the answer they are found.
    parameters: &'static [(&'static str, &'static str)],
}

const ID: &[(&str, &str)] = &[("id", "/data/id")];
const LINE: &[(&str, &str)] = &[("id", "/data/id"), ("line_id", "/data/line_items/0/id")];

const LINKS: [Link; 8] = [
    Link { from: "create_cart", to: &["get_cart", "update_cart", "add_line_item"], parameters: ID },
    Link { from: "update_cart", to: &["list_shipping_options", "add_line_item"], parameters: ID },
    Link { from: "add_line_item", to: &["update_line_item", "remove_line_item"], parameters: LINE },
    Link { from: "set_shipping_option", to: &["create_payment_session"], parameters: ID },
    Link { from: "create_payment_session", to: &["complete_cart"], parameters: ID },
    Link { from: "complete_cart", to: &["get_order", "list_order_events", "get_admin_order"], parameters: ID },
    Link { from: "create_address", to: &["update_address", "delete_address"], parameters: ID },
    Link { from: "create_product_import", to: &["get_product_import"], parameters: ID },
];

/// Adds the links between operations that are both in the document.
pub fn add(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    let known: Vec<Value> = operations(paths).map(|operation| operation["operationId"].clone()).collect();
    for operation in operations(paths) {
        let links: Map<_, _> = LINKS
            .iter()
            .filter(|link| operation["operationId"] == link.from)
            .flat_map(|link| link.to.iter().map(|to| (*to, link.parameters)))
            .filter(|(to, _)| known.iter().any(|id| id == to))
            .map(|(to, parameters)| (to.to_owned(), link_object(to, parameters)))
            .collect();
        let answers = operation["responses"].as_object_mut().map(Map::iter_mut);
        let success = answers.into_iter().flatten().find(|(status, _)| status.starts_with('2'));
        if let (false, Some((_, success))) = (links.is_empty(), success) {
            success["links"] = links.into();
        }
    }
}

fn link_object(to: &str, parameters: &[(&str, &str)]) -> Value {
    let parameters = parameters.iter().map(|(name, at)| ((*name).to_owned(), json!(format!("$response.body#{at}"))));
    json!({"operationId": to, "parameters": parameters.collect::<Map<_, _>>()})
}

fn operations(paths: &mut Map<String, Value>) -> impl Iterator<Item = &mut Value> {
    let items = paths.values_mut().filter_map(Value::as_object_mut);
    items.flat_map(Map::values_mut).filter(|value| value.get("operationId").is_some())
}
