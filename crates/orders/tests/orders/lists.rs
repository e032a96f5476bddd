//! Lists of orders, and who sees which.

use serde_json::{Value, json};

use crate::support::Shop;

fn numbers(page: &Value) -> Vec<i64> {
    page.as_array().unwrap().iter().map(|order| order["number"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_customer_sees_their_own_placed_orders_newest_first() {
    let shop = Shop::open().await;
    let (ada, bob, staff) = (shop.customer(), shop.customer(), shop.staff());
    let hat = shop.products.add_variant(1_000, 50);
    let mut mine = Vec::new();
    for _ in 0..3 {
        mine.push(ada.order(hat, 1).await["number"].as_i64().unwrap());
    }
    let others = bob.order(hat, 1).await;
    *shop.provider.decline.lock().unwrap() = true;
    let declined = ada.ready_cart(hat, 1).await;
    assert_eq!(ada.complete(&declined).await.status, 409);
    mine.reverse();

    let first = ada.get("/api/v1/orders?limit=2").await;
    let cursor = first.body["meta"]["page"]["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(numbers(&first.data(200)), mine[..2]);
    let second = ada.get(&format!("/api/v1/orders?limit=2&cursor={cursor}")).await;
    assert_eq!(second.body["meta"]["page"]["next_cursor"], Value::Null);
    assert_eq!(numbers(&second.data(200)), mine[2..]);
    let elsewhere = staff.get(&format!("/api/v1/admin/orders?cursor={cursor}")).await;
    assert_eq!(elsewhere.refusal(), (400, "INVALID_CURSOR"));

    let theirs = format!("/api/v1/orders/{}", others["id"].as_str().unwrap());
    assert_eq!(ada.get(&theirs).await.refusal(), (404, "ORDER_NOT_FOUND"));
    assert_eq!(ada.get(&format!("{theirs}/events")).await.refusal(), (404, "ORDER_NOT_FOUND"));
    assert_eq!(bob.get(&theirs).await.data(200), others);

    assert_eq!(numbers(&staff.get("/api/v1/admin/orders").await.data(200)).len(), 5);
    let cancelled = staff.get("/api/v1/admin/orders?state=cancelled").await.data(200);
    assert_eq!(cancelled.as_array().unwrap().len(), 1);
    let of_bob = staff.get(&format!("/api/v1/admin/orders?user_id={}", bob.user_id)).await.data(200);
    assert_eq!(numbers(&of_bob), [others["number"].as_i64().unwrap()]);
    for bad in ["state=lost", "limit=0", "limit=101", "page=2", "user_id=x"] {
        let status = staff.get(&format!("/api/v1/admin/orders?{bad}")).await.status.as_u16();
        assert!([400, 422].contains(&status), "{bad}: {status}");
    }
    assert_eq!(json!([]), shop.customer().get("/api/v1/orders").await.data(200));
}
