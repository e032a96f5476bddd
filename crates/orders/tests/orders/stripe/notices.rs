//! Webhooks that must not count.

use http::Method;
use serde_json::json;
use test_kit::stripe::WEBHOOK_SECRET;
use test_kit::stripe::hooks::sign;

use super::{NOTICES, StripeShop};
use crate::support::{Answer, Shop};

const EVENT: &str =
    r#"{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","object":"payment_intent"}}}"#;

async fn notify(shop: &Shop, body: &str, signature: &str) -> Answer {
    let headers = [("stripe-signature", signature), ("content-type", "application/json")];
    shop.guest().raw(Method::POST, NOTICES, &headers, body.to_owned()).await
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn what_stripe_did_not_sign_just_now_changes_nothing() {
    let open = StripeShop::unheard().await;
    let shop = &open.shop;
    let good = |body: &str| sign(WEBHOOK_SECRET, now(), body.as_bytes());
    for (signature, code) in [
        (String::new(), "INVALID_WEBHOOK_SIGNATURE"),
        ("t=1,v1=0".into(), "INVALID_WEBHOOK_SIGNATURE"),
        (sign("whsec_other", now(), EVENT.as_bytes()), "INVALID_WEBHOOK_SIGNATURE"),
        (good("{}"), "INVALID_WEBHOOK_SIGNATURE"),
        (sign(WEBHOOK_SECRET, now() - 301, EVENT.as_bytes()), "WEBHOOK_TOO_OLD"),
        (sign(WEBHOOK_SECRET, now() + 360, EVENT.as_bytes()), "WEBHOOK_TOO_OLD"),
    ] {
        assert_eq!(notify(shop, EVENT, &signature).await.refusal(), (400, code), "{signature}");
    }
    assert_eq!(notify(shop, "{", &good("{")).await.refusal(), (400, "MALFORMED_JSON"));
    let large = " ".repeat(512 * 1024 + 1);
    assert_eq!(notify(shop, &large, &good(&large)).await.refusal(), (413, "BODY_TOO_LARGE"));
    assert_eq!(shop.count("SELECT count(*) FROM payment_notices").await, 0);
}

#[tokio::test]
async fn an_event_is_kept_once_and_others_are_of_no_concern() {
    let open = StripeShop::unheard().await;
    let shop = &open.shop;
    let unknown =
        json!({ "id": "evt_2", "type": "customer.created", "data": { "object": { "id": "cus_1" } } }).to_string();
    for body in [EVENT, EVENT, &unknown] {
        let answer = notify(shop, body, &sign(WEBHOOK_SECRET, now(), body.as_bytes())).await;
        assert_eq!(answer.status, 204);
    }
    assert_eq!(shop.count("SELECT count(*) FROM payment_notices").await, 1);
    // A payment that is not ours is not touched.
    open.work_until("SELECT next_try_at IS NULL AND difference IS NULL FROM payment_notices").await;
}

#[tokio::test]
async fn a_shop_without_stripe_takes_no_events() {
    let shop = Shop::open().await;
    let signature = sign("", now(), EVENT.as_bytes());
    assert_eq!(notify(&shop, EVENT, &signature).await.refusal(), (404, "PAYMENT_PROVIDER_NOT_CONFIGURED"));
}
