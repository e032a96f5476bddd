//! Walks the route table, so that no route can be forgotten: every wrong request is refused with a code.

use http::Method;
use reqwest::header::CONTENT_TYPE;
use runtime::http::{Access, Body, Route};
use serde_json::{Value, json};
use tradepost_tests::{Buyer, TestShop};
use uuid::Uuid;

use crate::TOPOLOGY;

/// The route's path with every parameter an id that nothing has.
fn path(route: &Route) -> String {
    let segments =
        route.path.split('/').map(|s| if s.starts_with('{') { Uuid::new_v4().to_string() } else { s.to_owned() });
    segments.collect::<Vec<_>>().join("/")
}

/// Sends a body as it is and checks that it is refused with one of these statuses and a code.
async fn refused(shop: &TestShop, buyer: &Buyer, route: &Route, kind: &str, body: Vec<u8>, statuses: &[u16]) {
    let mut request = reqwest::Client::new().request(route.method.clone(), format!("{}{}", shop.api(), path(route)));
    if let Some(token) = buyer.token() {
        request = request.bearer_auth(token);
    }
    let response = request.header(CONTENT_TYPE, kind).body(body).send().await.expect("the shop answers");
    let status = response.status().as_u16();
    let answer: Value = response.json().await.unwrap_or_default();
    let what = format!("{} {}: {status} {answer}", route.method, route.path);
    assert!(statuses.contains(&status), "{what}");
    // GraphQL has a form of its own for what is wrong with a document.
    let code = answer["code"].as_str().or(answer["errors"][0]["extensions"]["code"].as_str());
    assert!(code.is_some_and(|code| !code.is_empty()), "{what}");
}

/// How many rows every table has.
async fn row_counts(shop: &TestShop) -> Vec<(String, i64)> {
    let mut counts = Vec::new();
    for database in shop.databases() {
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
                .fetch_all(database.owner())
                .await
                .unwrap();
        // What was there before may still be on its way to the consumers.
        for table in tables.into_iter().filter(|table| table != "inbox" && table != "relay") {
            let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            counts.push((table, sqlx::query_scalar(count).fetch_one(database.owner()).await.unwrap()));
        }
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_or_with_the_wrong_scope_nothing_opens() {
    let shop = TestShop::start(TOPOLOGY).await;
    let (guest, customer) = (shop.guest(), shop.customer().await);
    let before = row_counts(&shop).await;
    for route in tradepost::shop::route_table() {
        let Access::Scope(scope) = route.access else { continue };
        let body = (route.body != Body::None).then(|| json!({}));
        guest.send(route.method.clone(), &path(&route), None, body.clone()).await.refused(401, "TOKEN_MISSING");
        let forged = guest.with_token("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.");
        forged.send(route.method.clone(), &path(&route), None, body.clone()).await.refused(401, "INVALID_TOKEN");
        if scope != kernel::Scope::Customer {
            customer.send(route.method.clone(), &path(&route), None, body).await.refused(403, "SCOPE_MISSING");
        }
    }
    assert_eq!(row_counts(&shop).await, before, "nothing changed");
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_not_to_be_there() {
    let shop = TestShop::start(TOPOLOGY).await;
    let staff = shop.staff().await;
    for route in tradepost::shop::route_table() {
        if route.method != Method::GET || !route.path.contains('{') {
            continue;
        }
        let answer = staff.send(Method::GET, &path(&route), None, None).await;
        assert_eq!(answer.status.as_u16(), 404, "{}: {}", route.path, answer.body);
        let broken = route.path.split('/').map(|s| if s.starts_with('{') { "no-uuid" } else { s }).collect::<Vec<_>>();
        staff.get(&broken.join("/")).await.refused(400, "INVALID_PATH");
    }
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_bodies_are_refused_and_change_nothing() {
    let shop = TestShop::start(TOPOLOGY).await;
    let staff = shop.staff().await;
    let before = row_counts(&shop).await;
    for route in tradepost::shop::route_table() {
        let (limit, kind) = match route.body {
            Body::None => continue,
            Body::Json { limit_bytes } => (limit_bytes, "application/json"),
            // A stream is refused line by line; its type is checked all the same.
            Body::Stream { .. } => {
                refused(&shop, &staff, &route, "image/png", b"x".to_vec(), &[415]).await;
                continue;
            }
        };
        refused(&shop, &staff, &route, kind, b"{\"a\":".to_vec(), &[400]).await;
        refused(&shop, &staff, &route, kind, b"\xff\xfe".to_vec(), &[400]).await;
        refused(&shop, &staff, &route, kind, b"[]".to_vec(), &[400, 422]).await;
        refused(&shop, &staff, &route, kind, b"{\"an_unknown_field\":1}".to_vec(), &[400, 422]).await;
        refused(&shop, &staff, &route, "text/plain", b"{}".to_vec(), &[415]).await;
        refused(&shop, &staff, &route, kind, vec![b' '; limit + 1], &[413]).await;
    }
    assert_eq!(row_counts(&shop).await, before, "nothing changed");
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_methods_are_refused() {
    let shop = TestShop::start(TOPOLOGY).await;
    let staff = shop.staff().await;
    staff.get("/api/v1/nothing").await.refused(404, "ROUTE_NOT_FOUND");
    staff.get("/api/v2/carts").await.refused(404, "ROUTE_NOT_FOUND");
    for route in tradepost::shop::route_table() {
        let answer = staff.send(Method::TRACE, &path(&route), None, None).await;
        answer.refused(405, "METHOD_NOT_ALLOWED");
        assert!(answer.headers.contains_key("allow"), "{}", route.path);
    }
    shop.stop().await;
}
