//! The whole purchase.

use serde_json::json;
use tradepost_tests::TestShop;

use crate::TOPOLOGY;

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_buys_and_staff_capture_fulfil_and_refund() {
    let shop = TestShop::start(TOPOLOGY).await;
    let variant = shop.add_variant(10).await;
    let (customer, staff) = (shop.customer().await, shop.staff().await);

    let cart = customer.ready_cart(&variant, 3).await;
    let shown = customer.get(&format!("/api/v1/carts/{cart}")).await.expect(200);
    assert_eq!(shown["blockers"], json!([]));
    let order = customer.complete(&cart, None).await.expect(201);
    assert_eq!(order["state"], "placed");
    assert_eq!(order["totals"]["total"], shown["totals"]["total"], "charged is what was shown");
    assert_eq!(order["totals"]["items"]["amount"], 6000);
    let id = order["id"].as_str().unwrap();

    let query = format!(r#"{{ product(slug: "{}") {{ variants {{ inventoryCount }} }} }}"#, variant.handle);
    let stock = customer.graphql(&query).await;
    assert_eq!(stock["data"]["product"]["variants"][0]["inventoryCount"], 7, "{stock:#}");

    let payment = order["payments"][0]["id"].as_str().unwrap();
    let admin = format!("/api/v1/admin/orders/{id}");
    let captured = staff.post(&format!("{admin}/payments/{payment}/capture"), json!({})).await.expect(200);
    assert_eq!(captured["payment_state"], "paid");
    let line = captured["line_items"][0]["id"].clone();
    let part = json!({ "lines": [{ "line_id": line, "quantity": 2 }], "tracking_number": "TP123" });
    let partly = staff.post(&format!("{admin}/fulfillments"), part).await.expect(200);
    assert_eq!(partly["line_items"][0]["fulfilled_quantity"], 2);
    let fulfilled = staff.post(&format!("{admin}/fulfillments"), json!({})).await.expect(200);
    assert_eq!(fulfilled["fulfillment_state"], "fulfilled");
    let refunded = staff.post(&format!("{admin}/refunds"), json!({ "amount": 2000 })).await.expect(200);
    assert_eq!(refunded["payments"][0]["refunded"]["amount"], 2000);

    let timeline = customer.get(&format!("/api/v1/orders/{id}/events")).await.expect(200);
    let kinds: Vec<&str> = timeline.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    let public = ["order.placed", "order.paid", "order.fulfilled", "order.fulfilled", "order.refunded"];
    assert_eq!(kinds.iter().filter(|kind| public.contains(kind)).copied().collect::<Vec<_>>(), public);
    shop.assert_sound().await;
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_order_gives_its_stock_back() {
    let shop = TestShop::start(TOPOLOGY).await;
    let variant = shop.add_variant(2).await;
    let (guest, staff) = (shop.guest(), shop.staff().await);
    let (cart, second) = (guest.ready_cart(&variant, 2).await, guest.ready_cart(&variant, 1).await);
    let order = guest.complete(&cart, None).await.expect(201);
    guest.complete(&second, None).await.refused(409, "CHECKOUT_BLOCKED");
    let cancel = format!("/api/v1/admin/orders/{}/cancel", order["id"].as_str().unwrap());
    assert_eq!(staff.post(&cancel, json!({})).await.expect(200)["state"], "cancelled");
    assert_eq!(guest.complete(&second, None).await.expect(201)["state"], "placed");
    shop.assert_sound().await;
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_anothers_cart_or_order() {
    let shop = TestShop::start(TOPOLOGY).await;
    let variant = shop.add_variant(5).await;
    let (owner, other) = (shop.customer().await, shop.customer().await);
    let cart = owner.ready_cart(&variant, 1).await;
    other.get(&format!("/api/v1/carts/{cart}")).await.refused(404, "CART_NOT_FOUND");
    other.complete(&cart, None).await.refused(404, "CART_NOT_FOUND");
    let order = owner.complete(&cart, None).await.expect(201);
    let path = format!("/api/v1/orders/{}", order["id"].as_str().unwrap());
    owner.get(&path).await.expect(200);
    other.get(&path).await.refused(404, "ORDER_NOT_FOUND");
    other.get(&format!("{path}/events")).await.refused(404, "ORDER_NOT_FOUND");
    shop.guest().get(&path).await.refused(401, "TOKEN_MISSING");
    shop.stop().await;
}
