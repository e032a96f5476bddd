//! What staff does with orders.

use futures_util::future::join_all;
use kernel::Scope;
use serde_json::{Value, json};

use crate::support::{Shop, admin};

fn kinds(events: &Value) -> Vec<&str> {
    events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_order_is_captured_fulfilled_in_parts_and_refunded() {
    let shop = Shop::open().await;
    let (ada, staff) = (shop.customer(), shop.staff());
    let hat = shop.products.add_variant(1_000, 5);
    let order = ada.order(hat, 3).await;
    let path = admin(&order);
    let line = order["line_items"][0]["id"].as_str().unwrap();
    let refunds = format!("{path}/refunds");
    assert_eq!(staff.post(&refunds, json!({"amount": 1})).await.refusal(), (409, "PAYMENT_NOT_CAPTURED"));
    assert_eq!(staff.capture(&order).await.data(200)["payment_state"], "paid");
    assert_eq!(staff.capture(&order).await.refusal(), (409, "PAYMENT_ALREADY_CAPTURED"));

    let fulfillments = format!("{path}/fulfillments");
    let part = |quantity: i64| json!({"lines": [{"line_id": line, "quantity": quantity}], "tracking_number": "T1"});
    assert_eq!(staff.post(&fulfillments, part(4)).await.refusal(), (422, "VALIDATION_FAILED"));
    let partly = staff.post(&fulfillments, part(1)).await.data(200);
    assert_eq!((&partly["state"], &partly["fulfillment_state"]), (&json!("placed"), &json!("partially_fulfilled")));
    assert_eq!(staff.post(&format!("{path}/cancel"), json!({})).await.refusal(), (409, "ORDER_STATE"));
    let all = staff.post(&fulfillments, json!({})).await.data(200);
    assert_eq!((&all["state"], &all["line_items"][0]["fulfilled_quantity"]), (&json!("fulfilled"), &json!(3)));
    assert_eq!(staff.post(&fulfillments, json!({})).await.refusal(), (409, "ORDER_STATE"));

    let total = order["totals"]["total"]["amount"].as_i64().unwrap();
    let some = staff.post(&refunds, json!({"amount": 1_000, "reason": "a scratch"})).await.data(200);
    assert_eq!(some["payment_state"], "partially_refunded");
    assert_eq!(staff.post(&refunds, json!({"amount": total})).await.refusal(), (422, "VALIDATION_FAILED"));
    let rest = staff.post(&refunds, json!({"amount": total - 1_000})).await.data(200);
    assert_eq!(rest["payment_state"], "refunded");
    let taxes: i64 = rest["refunds"].as_array().unwrap().iter().map(|r| r["tax"]["amount"].as_i64().unwrap()).sum();
    assert_eq!(taxes, order["totals"]["tax"]["amount"], "all refunds have all of the tax");

    let path = format!("/api/v1/orders/{}", order["id"].as_str().unwrap());
    let events = ada.get(&format!("{path}/events")).await.data(200);
    let told = [
        "order.created",
        "order.payment_authorised",
        "order.placed",
        "order.capture_requested",
        "order.paid",
        "order.fulfilled",
        "order.fulfilled",
        "order.refund_requested",
        "order.refunded",
        "order.refund_requested",
        "order.refunded",
    ];
    assert_eq!(kinds(&events), told);
    assert!(!events.to_string().contains("contact"), "nothing sealed is shown");
    shop.assert_sound().await;
}

#[tokio::test]
async fn refunds_at_once_never_exceed_what_was_paid() {
    let shop = Shop::open().await;
    let (guest, staff) = (shop.guest(), shop.staff());
    let hat = shop.products.add_variant(9_510, 5);
    let order = guest.order(hat, 1).await;
    assert_eq!(order["totals"]["total"]["amount"], 10_000);
    staff.capture(&order).await.data(200);
    let refunds = format!("{}/refunds", admin(&order));
    let answers = join_all((0..20).map(|_| staff.post(&refunds, json!({"amount": 900})))).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.refusal() == (422, "VALIDATION_FAILED")).count();
    assert_eq!((done, refused), (11, 9));
    assert_eq!(shop.provider.ledgers()[0].refunded, 9_900);
    shop.assert_sound().await;
}

#[tokio::test]
async fn a_cancelled_order_gives_back_money_and_stock() {
    let shop = Shop::open().await;
    let (guest, staff) = (shop.guest(), shop.staff());
    let hat = shop.products.add_variant(1_000, 5);
    for captured in [false, true] {
        let order = guest.order(hat, 2).await;
        if captured {
            staff.capture(&order).await.data(200);
        }
        let cancel = format!("{}/cancel", admin(&order));
        let key = format!("cancel-{captured}-0123456789");
        let cancelled = staff.keyed(&key, &cancel, Some(json!({"reason": "asked for"}))).await.data(200);
        let payment = if captured { "refunded" } else { "voided" };
        assert_eq!((&cancelled["state"], &cancelled["payment_state"]), (&json!("cancelled"), &json!(payment)));
        assert_eq!(shop.products.available(hat), 5);
        let repeat = staff.keyed(&key, &cancel, Some(json!({"reason": "asked for"}))).await.data(200);
        assert_eq!(repeat, cancelled);
        assert_eq!(staff.post(&cancel, json!({})).await.refusal(), (409, "ORDER_STATE"));
    }
    shop.assert_sound().await;
}

#[tokio::test]
async fn what_the_provider_refuses_leaves_the_order_standing() {
    let shop = Shop::open().await;
    let (guest, staff) = (shop.guest(), shop.staff());
    let hat = shop.products.add_variant(1_000, 5);
    let order = guest.order(hat, 2).await;
    *shop.provider.refuse.lock().unwrap() = true;
    assert_eq!(staff.capture(&order).await.refusal(), (409, "PAYMENT_REFUSED"));
    assert_eq!(staff.post(&format!("{}/cancel", admin(&order)), json!({})).await.refusal(), (409, "PAYMENT_REFUSED"));
    let standing = staff.get(&admin(&order)).await.data(200);
    assert_eq!((&standing["state"], &standing["payment_state"]), (&json!("placed"), &json!("authorised")));
    *shop.provider.refuse.lock().unwrap() = false;
    shop.assert_sound().await;
}

#[tokio::test]
async fn only_staff_with_the_scope_may() {
    let shop = Shop::open().await;
    let hat = shop.products.add_variant(1_000, 5);
    let order = shop.guest().order(hat, 1).await;
    let cancel = format!("{}/cancel", admin(&order));
    assert_eq!(shop.guest().post(&cancel, json!({})).await.status, 401);
    for scopes in [&[Scope::Customer][..], &[Scope::Customer, Scope::ReadOrders]] {
        assert_eq!(shop.signed_in(scopes).post(&cancel, json!({})).await.status, 403);
    }
    assert_eq!(shop.customer().get(&admin(&order)).await.status, 403);
    shop.signed_in(&[Scope::ReadOrders]).get(&admin(&order)).await.data(200);
}
