//! Rate limits: exactly the burst, for each address and each session.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use axum::body::Body;
use axum::extract::ConnectInfo;
use futures_util::future::join_all;
use gateway::GatewayConfig;
use http::{Request, StatusCode};
use kernel::Scope;
use runtime::limits::Quota;
use runtime::redis::{Redis, RedisConfig};

use crate::fixture::{Answer, Shop};

fn quota(burst: u32) -> Quota {
    Quota { burst: NonZeroU32::new(burst).unwrap(), period_seconds: NonZeroU32::new(3600).unwrap() }
}

async fn login_from(shop: &Shop, address: &str) -> Answer {
    let mut request = Request::post("/api/v1/auth/login").body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address.parse().unwrap(), 4711)));
    shop.send(request).await
}

#[tokio::test]
async fn a_hundred_logins_pass_and_not_one_more() {
    let shop = Shop::new();
    for n in 1..=100 {
        let answer = login_from(&shop, "198.51.100.4").await;
        assert_eq!(answer.status, StatusCode::OK, "login {n}");
        assert_eq!(answer.header("ratelimit-limit"), "100");
        assert_eq!(answer.header("ratelimit-remaining"), (100 - n).to_string());
    }
    let refused = login_from(&shop, "198.51.100.4").await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"));
    assert_eq!(refused.header("retry-after"), "9");
    assert_eq!(refused.header("ratelimit-remaining"), "0");
    assert_eq!(login_from(&shop, "198.51.100.5").await.status, StatusCode::OK, "another address");
    assert_eq!(shop.get("/api/v1/parcels/1").await.status, StatusCode::OK, "another class");
}

#[tokio::test]
async fn a_session_has_a_limit_of_its_own() {
    let shop = Shop::with(|config: &mut GatewayConfig| config.limits.session.read = quota(2));
    let (one, other) = (shop.token(&[Scope::ReadOrders]), shop.token(&[Scope::ReadOrders]));
    for remaining in ["1", "0"] {
        let answer = shop.get_as("/api/v1/admin/parcels", &one).await;
        assert_eq!((answer.status, answer.header("ratelimit-remaining")), (StatusCode::OK, remaining));
    }
    assert_eq!(shop.get_as("/api/v1/admin/parcels", &one).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(shop.get_as("/api/v1/admin/parcels", &other).await.status, StatusCode::OK);
}

#[tokio::test]
async fn guessing_tokens_counts_against_the_address() {
    let shop = Shop::with(|config: &mut GatewayConfig| config.limits.address.read = quota(3));
    for _ in 0..3 {
        assert_eq!(shop.get_as("/api/v1/admin/parcels", "guess").await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(shop.get_as("/api/v1/admin/parcels", "guess").await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn two_gateways_on_one_redis_let_one_burst_pass() {
    let prefix = format!("test-{}", uuid::Uuid::new_v4().simple());
    let redis = || {
        let config = RedisConfig {
            url: test_kit::redis::shared_url().into(),
            prefix: prefix.clone(),
            timeout_ms: 20_000,
            ..RedisConfig::default()
        };
        Redis::new(&config).unwrap()
    };
    let change = |config: &mut GatewayConfig| config.limits.address.read = quota(40);
    let gateways = [Shop::with_redis(change, redis().as_ref()), Shop::with_redis(change, redis().as_ref())];
    let answers = join_all((0..100).map(|n| gateways[n % 2].get("/api/v1/parcels/1"))).await;
    let passed = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(passed, 40);
    let refused = gateways[1].get("/api/v1/parcels/1").await;
    assert_eq!((refused.status, refused.header("ratelimit-remaining")), (StatusCode::TOO_MANY_REQUESTS, "0"));
    assert!(!refused.header("retry-after").is_empty());
}

#[tokio::test]
async fn limits_can_be_off() {
    let shop = Shop::with(|config: &mut GatewayConfig| config.limits.enabled = false);
    for _ in 0..150 {
        let answer = login_from(&shop, "198.51.100.4").await;
        assert_eq!((answer.status, answer.header("ratelimit-limit")), (StatusCode::OK, ""));
    }
}
