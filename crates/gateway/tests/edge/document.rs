//! The OpenAPI document says what the route table says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fixture::{Shop, routes};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

async fn document(shop: &Shop) -> Value {
    shop.get("/api/v1/openapi.json").await.json()
}

#[tokio::test]
async fn table_and_document_hold_the_same_operations() {
    let shop = Shop::new();
    let document = document(&shop).await;
    let described: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = METHODS.iter().filter(|method| item.get(**method).is_some());
            methods.map(move |method| (method.to_ascii_uppercase(), path.clone()))
        })
        .collect();
    let routed: BTreeSet<_> =
        shop.gateway.routes().iter().map(|route| (route.method.to_string(), route.path.clone())).collect();
    assert_eq!(described, routed);
}

#[tokio::test]
async fn an_operation_tells_what_follows_from_its_route() {
    let document = document(&Shop::new()).await;
    let create = &document["paths"]["/api/v1/parcels"]["post"];
    assert_eq!(create["security"], json!([{"access_token": []}]));
    assert_eq!(create["x-role"], "orders");
    assert_eq!(create["x-required-scope"], "customer");
    assert_eq!(create["parameters"], json!([{"$ref": "#/components/parameters/Idempotency-Key"}]));
    let answers: Vec<_> = create["responses"].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["201", "400", "401", "403", "409", "413", "415", "422", "429", "500", "503", "504"];
    assert_eq!(answers.into_iter().collect::<BTreeSet<_>>(), expected.into_iter().collect());
    assert_eq!(create["responses"]["201"]["headers"]["Location"]["$ref"], "#/components/headers/Location");

    let get = &document["paths"]["/api/v1/parcels/{id}"]["get"];
    assert_eq!(get["security"], json!([]));
    assert!(get["responses"].get("404").is_some() && get["responses"].get("401").is_none());
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let document = document(&Shop::new()).await;
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect_references(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                references.push(reference.to_owned());
            }
            object.values().for_each(|value| collect_references(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, references)),
        _ => {}
    }
}

#[test]
fn the_printed_document_is_the_same_each_time() {
    let print = || {
        let role = routes();
        gateway::document::print(&gateway::document::assemble([(role.table(), role.openapi().clone())]))
    };
    assert_eq!(print(), print());
    assert!(print().starts_with("{\n") && print().ends_with("}\n"));
}
