//! What the edge refuses, and how.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use kernel::{Clock, Scope};
use tokio::sync::oneshot;

use crate::fixture::{Answer, Shop, claims, signer};

fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json()["request_id"].as_str().unwrap(), answer.header("x-request-id"));
    assert!(!answer.header("x-request-id").is_empty());
    assert!(answer.headers.contains_key("content-security-policy"));
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_say_so() {
    let shop = Shop::new();
    assert_refused(&shop.get("/api/v1/nothing").await, 404, "ROUTE_NOT_FOUND");
    assert_refused(&shop.get("/web/nothing.js").await, 404, "ROUTE_NOT_FOUND");
    let answer = shop.call(Method::DELETE, "/api/v1/parcels/1").await;
    assert_refused(&answer, 405, "METHOD_NOT_ALLOWED");
    assert_eq!(answer.header("allow"), "GET,HEAD");
    assert_eq!(shop.call(Method::HEAD, "/api/v1/parcels/1").await.text, "");
    assert_eq!(shop.call(Method::HEAD, "/api/v1/parcels/1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_is_needed_where_the_route_says_so() {
    let shop = Shop::new();
    let missing = shop.get("/api/v1/admin/parcels").await;
    assert_refused(&missing, 401, "TOKEN_MISSING");
    assert_eq!(missing.header("www-authenticate"), "Bearer");
    let customer = shop.token(&[Scope::Customer]);
    assert_refused(&shop.get_as("/api/v1/admin/parcels", &customer).await, 403, "SCOPE_MISSING");
    let staff = shop.token(&[Scope::Customer, Scope::ReadOrders]);
    assert_eq!(shop.get_as("/api/v1/admin/parcels", &staff).await.status, StatusCode::OK);
}

#[tokio::test]
async fn forged_and_expired_tokens_are_refused() {
    let shop = Shop::new();
    let scopes = [Scope::ReadOrders];
    let forged = signer(&Clock::system()).issue(&claims(&scopes));
    assert_refused(&shop.get_as("/api/v1/admin/parcels", &forged).await, 401, "INVALID_TOKEN");

    let good = shop.token(&scopes);
    let payload = good.split('.').nth(1).unwrap();
    // {"alg":"none","typ":"at+jwt"}
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{payload}.");
    assert_refused(&shop.get_as("/api/v1/admin/parcels", &unsigned).await, 401, "INVALID_TOKEN");

    assert_eq!(shop.get_as("/api/v1/admin/parcels", &good).await.status, StatusCode::OK);
    shop.clock.advance(chrono::TimeDelta::minutes(16));
    assert_refused(&shop.get_as("/api/v1/admin/parcels", &good).await, 401, "TOKEN_EXPIRED");
    // Where a token is not needed, a bad one is refused all the same: the caller believes to be signed in.
    assert_refused(&shop.get_as("/api/v1/waiting", &good).await, 401, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn bodies_that_do_not_fit_are_refused() {
    let shop = Shop::new();
    let token = shop.token(&[Scope::Customer]);
    let post = async |content_type: &str, body: Vec<u8>| shop.post("/api/v1/parcels", &token, content_type, body).await;
    let json = "application/json";
    assert_refused(&post("text/plain", b"{}".to_vec()).await, 415, "UNSUPPORTED_MEDIA_TYPE");
    assert_refused(&post(json, b"{".to_vec()).await, 400, "MALFORMED_JSON");
    assert_refused(&post(json, br#"{"label":"a","x":1}"#.to_vec()).await, 422, "VALIDATION_FAILED");
    let large = format!(r#"{{"label":"{}"}}"#, "a".repeat(64 * 1024));
    assert_refused(&post(json, large.into_bytes()).await, 413, "BODY_TOO_LARGE");
    let unknown = post(json, format!(r#"{{"label":"a","{}":1}}"#, "ä".repeat(3000)).into_bytes()).await;
    assert_refused(&unknown, 422, "VALIDATION_FAILED");
    let details = &unknown.json()["details"][0];
    assert_eq!(details["field"].as_str().unwrap().chars().count(), 256);
    assert_eq!(details["message"].as_str().unwrap().chars().count(), 1024);
    let made = post(json, br#"{"label":"a"}"#.to_vec()).await;
    assert_eq!((made.status, made.header("location")), (StatusCode::CREATED, "/api/v1/parcels/7"));
}

#[tokio::test]
async fn absurd_requests_are_refused() {
    let shop = Shop::new();
    let long = format!("/api/v1/parcels/1?{}", "a".repeat(5000));
    assert_refused(&shop.get(&long).await, 414, "URI_TOO_LONG");
    let mut request = Request::get("/api/v1/parcels/1");
    for n in 0..100 {
        request = request.header(format!("x-header-{n}"), "1");
    }
    assert_refused(&shop.send(request.body(Body::empty()).unwrap()).await, 431, "TOO_MANY_HEADERS");
}

#[tokio::test]
async fn a_panic_and_a_passed_deadline_are_answers() {
    let shop = Shop::new();
    let broken = shop.get("/api/v1/broken").await;
    assert_refused(&broken, 500, "INTERNAL_ERROR");
    assert!(!broken.text.contains("fault in a handler"));
    let late = shop.get("/api/v1/endless").await;
    assert_refused(&late, 504, "DEADLINE_EXCEEDED");
    assert_eq!(late.header("retry-after"), "1");
}

#[tokio::test]
async fn what_is_too_much_is_shed_at_once_and_the_rest_gets_done() {
    let shop = Shop::with(|config| config.max_in_flight = 1);
    let (done, finished) = oneshot::channel();
    let first = async {
        done.send(shop.get("/api/v1/waiting").await).unwrap();
    };
    let others = async {
        shop.role.arrived.notified().await;
        let shed = shop.get("/api/v1/parcels/1").await;
        assert_refused(&shed, 503, "OVERLOADED");
        assert_eq!(shed.header("retry-after"), "1");
        assert_eq!(shop.get("/health").await.status, StatusCode::OK, "it is alive, only busy");
        shop.role.go_on.notify_one();
    };
    tokio::join!(first, others);
    assert_eq!(finished.await.unwrap().status, StatusCode::OK);
    assert_eq!(shop.get("/api/v1/parcels/1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn readiness_names_what_failed() {
    let shop = Shop::new();
    shop.health.add("orders.database", || async { Ok::<_, String>(()) });
    let ready = shop.get("/ready").await;
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(
        ready.json()["data"],
        serde_json::json!({"checks": [{"name": "orders.database", "status": "ok"}], "upstreams": []})
    );

    let shop = Shop::new();
    shop.health.add("orders.database", || async { Err("connection refused by db-7") });
    let not_ready = shop.get("/ready").await;
    assert_refused(&not_ready, 503, "NOT_READY");
    assert_eq!(not_ready.json()["details"][0]["field"], "orders.database");
    assert!(!not_ready.text.contains("db-7"), "the reason is for the log");
}
