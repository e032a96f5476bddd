//! Headers of every answer, and what pages of other origins may do.

use axum::body::Body;
use gateway::config::Origin;
use http::{Method, Request, StatusCode};

use crate::fixture::Shop;

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let shop = Shop::new();
    for path in ["/api/v1/parcels/1", "/api/v1/nothing", "/api/v1/broken", "/health", "/docs", "/"] {
        let answer = shop.get(path).await;
        let expected = [
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("origin-agent-cluster", "?1"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("x-dns-prefetch-control", "off"),
            ("x-download-options", "noopen"),
            ("x-frame-options", "DENY"),
            ("x-permitted-cross-domain-policies", "none"),
            ("x-xss-protection", "0"),
        ];
        for (name, value) in expected {
            assert_eq!(answer.header(name), value, "{name} of {path}");
        }
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'; "), "{path}");
        assert_eq!(answer.headers.get_all("content-security-policy").iter().count(), 1, "{path}");
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
        assert!(!answer.headers.contains_key("x-powered-by") && !answer.headers.contains_key("server"));
    }
    assert_eq!(shop.get("/api/v1/parcels/1").await.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_request_id_is_never_the_clients() {
    let shop = Shop::new();
    let request = Request::get("/health").header("x-request-id", "mine").body(Body::empty()).unwrap();
    assert_ne!(shop.send(request).await.header("x-request-id"), "mine");
}

async fn preflight(shop: &Shop, origin: &str) -> (StatusCode, String) {
    let request = Request::builder().method(Method::OPTIONS).uri("/api/v1/parcels").header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    let answer = shop.send(request.body(Body::empty()).unwrap()).await;
    (answer.status, answer.header("access-control-allow-origin").to_owned())
}

#[tokio::test]
async fn other_origins_are_let_in_by_configuration_alone() {
    let closed = Shop::new();
    assert_eq!(preflight(&closed, "https://shop.example").await, (StatusCode::METHOD_NOT_ALLOWED, String::new()));

    let origin = Origin::try_from("https://shop.example".to_owned()).unwrap();
    let open = Shop::with(|config| config.cors.allowed_origins = vec![origin]);
    assert_eq!(preflight(&open, "https://shop.example").await, (StatusCode::OK, "https://shop.example".to_owned()));
    assert_eq!(preflight(&open, "https://evil.example").await.1, "");

    // A refusal can be read by the page too, a panic's among them.
    for path in ["/api/v1/parcels/1", "/api/v1/nothing", "/api/v1/broken"] {
        let request = Request::get(path).header("origin", "https://shop.example").body(Body::empty()).unwrap();
        let answer = open.send(request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example", "{path}");
        assert!(answer.header("access-control-expose-headers").contains("x-request-id"));
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
}
