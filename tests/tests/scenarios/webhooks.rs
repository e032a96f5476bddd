//! A merchant's system is told of what happens in the shop.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tradepost_tests::TestShop;

use crate::TOPOLOGY;

#[tokio::test(flavor = "multi_thread")]
async fn a_placed_and_cancelled_order_is_told_in_order() {
    let shop = TestShop::start_with(TOPOLOGY, |settings| {
        settings.webhooks.allow_http = true;
        settings.webhooks.allow_private_addresses = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let (received, listener) = (Arc::<Mutex<Vec<Value>>>::default(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (seen, address) = (Arc::clone(&received), listener.local_addr().unwrap());
    let router = Router::new().fallback(move |body: Bytes| async move {
        seen.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    });
    let receiver = tokio::spawn(async move { axum::serve(listener, router).await });
    let staff = shop.staff().await;
    let endpoint = json!({ "url": format!("http://{address}/"), "event_types": ["order.placed", "order.cancelled"] });
    staff.post("/api/v1/admin/webhook-endpoints", endpoint).await.expect(201);

    let variant = shop.add_variant(2).await;
    let guest = shop.guest();
    let cart = guest.ready_cart(&variant, 2).await;
    let order = guest.complete(&cart, None).await.expect(201);
    let id = order["id"].as_str().unwrap();
    staff.post(&format!("/api/v1/admin/orders/{id}/cancel"), json!({})).await.expect(200);

    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while received.lock().unwrap().len() < 2 {
        assert!(tokio::time::Instant::now() < deadline, "the receiver was told of both");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told = received.lock().unwrap().clone();
    let heads: Vec<_> = told.iter().map(|message| (message["type"].clone(), message["data"]["id"].clone())).collect();
    assert_eq!(heads, [(json!("order.placed"), json!(id)), (json!("order.cancelled"), json!(id))]);
    assert_eq!(told[0]["data"]["total"], order["totals"]["total"]);
    shop.assert_sound().await;
    shop.stop().await;
    receiver.abort();
}
