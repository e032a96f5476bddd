//! Requests that ask for too much.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::support::Shop;

async fn code(shop: &Shop, query: &str) -> Value {
    let answer = shop.post(&json!({ "query": query }), None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["errors"][0]["extensions"]["code"].clone()
}

#[tokio::test]
async fn what_is_too_deep_or_too_costly_is_refused() {
    let shop = Shop::open().await;
    let deep = format!("{{ categories {{ {} id {} }} }}", "parent {".repeat(14), "}".repeat(14));
    assert_eq!(code(&shop, &deep).await, "QUERY_TOO_DEEP");
    let mut costly = String::new();
    for n in 0..8 {
        write!(costly, "a{n}: products(first: 100) {{ nodes {{ variants {{ prices {{ price {{ amount }} }} }} }} }} ")
            .unwrap();
    }
    assert_eq!(code(&shop, &format!("{{ {costly} }}")).await, "QUERY_TOO_COSTLY");
    let mut aliases = String::new();
    for n in 0..31 {
        write!(aliases, "a{n}: category(slug: \"x\") {{ id }} ").unwrap();
    }
    assert_eq!(code(&shop, &format!("{{ {aliases} }}")).await, "QUERY_TOO_LARGE");
    assert_eq!(code(&shop, &format!("{{ {} }}", "__typename ".repeat(2000))).await, "QUERY_TOO_LARGE");
    assert_eq!(code(&shop, &"{a".repeat(20_000)).await, "QUERY_TOO_LARGE");
    assert_eq!(code(&shop, &format!("{{ a(b: {}", "[".repeat(100))).await, "QUERY_TOO_DEEP");
    assert_eq!(code(&shop, "{ ...f } fragment f on Query { ...f }").await, "GRAPHQL_INVALID");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let shop = Shop::open().await;
    let answer = shop.post(&json!({ "query": format!("# {}\n{{ __typename }}", "x".repeat(70_000)) }), None).await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (413, Some("BODY_TOO_LARGE")));
}

#[tokio::test]
async fn a_whole_page_with_all_that_a_shop_shows_is_within_the_limits() {
    let shop = Shop::open().await;
    shop.ask(
        "{ categories { slug name children { slug name children { slug name } } }
           products(first: 100, sort: PRICE_ASC) { edges { cursor node {
               id slug name description price { amount currency formatted } category { slug name } tags options
               images { url alt } inStock
               variants { id sku name options { name value } price { price { formatted } compareAt { formatted } } inventoryCount } } }
               pageInfo { hasNextPage endCursor } } }",
    )
    .await;
}

#[tokio::test]
async fn the_usual_introspection_is_within_the_limits() {
    let shop = Shop::open().await;
    let type_ref =
        "kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
        ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } }";
    let query = format!(
        "{{ __schema {{ queryType {{ name }} mutationType {{ name }} subscriptionType {{ name }}
             types {{ kind name description fields(includeDeprecated: true) {{ name description
               args {{ name description type {{ {type_ref} }} defaultValue }} type {{ {type_ref} }} isDeprecated deprecationReason }}
               inputFields {{ name description type {{ {type_ref} }} defaultValue }}
               interfaces {{ {type_ref} }} enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }}
               possibleTypes {{ {type_ref} }} }}
             directives {{ name description locations args {{ name description type {{ {type_ref} }} defaultValue }} }} }} }}"
    );
    let answer = shop.ask(&query).await;
    assert_eq!(answer["__schema"]["mutationType"]["name"], "Mutation");
}
