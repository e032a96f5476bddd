//! From a cart to an order: what blocks it, what it charges, many at once.

use std::collections::HashSet;

use futures_util::future::join_all;
use orders::Config;
use serde_json::json;

use crate::support::{Shop, address};

#[tokio::test]
async fn a_cart_becomes_an_order_at_the_prices_shown() {
    let shop = Shop::open().await;
    let guest = shop.guest();
    let hat = shop.products.add_variant(1_999, 5);
    let cart = guest.ready_cart(hat, 3).await;
    let shown = guest.get(&cart).await.data(200);
    let order = guest.complete(&cart).await.data(201);
    assert_eq!(order["totals"], shown["totals"]);
    assert_eq!((&order["state"], &order["payment_state"]), (&json!("placed"), &json!("authorised")));
    assert_eq!(order["payments"][0]["amount"], shown["totals"]["total"]);
    assert_eq!((&order["email"], &order["shipping_address"]["city"]), (&json!("ada@example.com"), &json!("Leeds")));
    assert_eq!(shop.products.available(hat), 2);
    assert_eq!(shop.provider.ledgers()[0].authorised, order["totals"]["total"]["amount"].as_i64().unwrap());
    let done = guest.get(&cart).await.data(200);
    assert_eq!((&done["state"], &done["order_id"]), (&json!("completed"), &order["id"]));
    assert_eq!(guest.patch(&cart, json!({"email": null})).await.refusal(), (409, "CART_COMPLETED"));
    assert_eq!(guest.complete(&cart).await.data(201), order, "whoever asks again gets the same order");
    shop.assert_sound().await;
}

#[tokio::test]
async fn tax_on_top_is_charged_when_prices_leave_it_out() {
    let shop = Shop::with(Config { prices_include_tax: false, ..Config::default() }).await;
    let guest = shop.guest();
    let hat = shop.products.add_variant(10_000, 5);
    let cart = guest.ready_cart(hat, 1).await;
    let order = guest.complete(&cart).await.data(201);
    assert_eq!(order["totals"]["tax"]["amount"], 1_900 + 93);
    assert_eq!(order["totals"]["total"]["amount"], 10_000 + 490 + 1_993);
    shop.assert_sound().await;
}

#[tokio::test]
async fn everything_in_the_way_is_told_at_once_and_nothing_changes() {
    let shop = Shop::open().await;
    let guest = shop.guest();
    let (hat, coat) = (shop.products.add_variant(100, 5), shop.products.add_variant(200, 1));
    let lines = json!([{"variant_id": hat, "quantity": 1}, {"variant_id": coat, "quantity": 2}]);
    let cart =
        guest.post("/api/v1/carts", json!({"line_items": lines, "shipping_address": address("AQ")})).await.data(201);
    let path = format!("/api/v1/carts/{}", cart["id"].as_str().unwrap());
    let blocked = guest.complete(&path).await;
    assert_eq!(blocked.refusal(), (409, "CHECKOUT_BLOCKED"));
    let all =
        ["OUT_OF_STOCK", "EMAIL_MISSING", "COUNTRY_NOT_SERVED", "SHIPPING_OPTION_MISSING", "PAYMENT_SESSION_MISSING"];
    assert_eq!(blocked.details(), all);
    assert_eq!(blocked.body["details"][0]["field"], "line_items[1]");
    assert_eq!(cart["blockers"][0]["available"], 1);
    let paying = guest.post(&format!("{path}/payment-sessions"), json!({"provider": "manual"})).await;
    assert_eq!(paying.details(), &all[..4]);
    assert_eq!(guest.get(&path).await.data(200), cart);
    assert_eq!(shop.count("SELECT count(*) FROM orders").await, 0);
}

#[tokio::test]
async fn no_total_is_charged_that_the_customer_has_not_seen() {
    let shop = Shop::open().await;
    let guest = shop.guest();
    let hat = shop.products.add_variant(1_000, 5);
    let cart = guest.ready_cart(hat, 1).await;
    shop.products.set_price(hat, 1_100);
    let shown = guest.get(&cart).await.data(200);
    assert_eq!(shown["line_items"][0]["previous_unit_price"]["amount"], 1_000);
    assert_eq!(guest.complete(&cart).await.details(), ["PRICE_CHANGED", "PAYMENT_SESSION_OUTDATED"]);
    guest.post(&format!("{cart}/payment-sessions"), json!({"provider": "fake"})).await.data(200);
    let order = guest.complete(&cart).await.data(201);
    assert_eq!(order["totals"]["items"]["amount"], 1_100);
    shop.assert_sound().await;
}

#[tokio::test]
async fn a_declined_payment_gives_the_stock_back_and_the_cart() {
    let shop = Shop::open().await;
    let guest = shop.guest();
    let hat = shop.products.add_variant(1_000, 5);
    let cart = guest.ready_cart(hat, 2).await;
    *shop.provider.decline.lock().unwrap() = true;
    let declined = guest.complete(&cart).await;
    assert_eq!((declined.refusal(), declined.details()), ((409, "CHECKOUT_BLOCKED"), vec!["PAYMENT_DECLINED"]));
    assert_eq!(shop.products.available(hat), 5);
    let open = guest.get(&cart).await.data(200);
    assert_eq!((&open["state"], &open["blockers"][0]["code"]), (&json!("open"), &json!("PAYMENT_SESSION_MISSING")));
    *shop.provider.decline.lock().unwrap() = false;
    guest.post(&format!("{cart}/payment-sessions"), json!({"provider": "fake"})).await.data(200);
    assert_eq!(guest.complete(&cart).await.data(201)["state"], "placed");
    assert_eq!(shop.count("SELECT count(*) FROM orders WHERE state = 'cancelled'").await, 1);
    shop.assert_sound().await;
}

#[tokio::test]
async fn the_last_units_are_sold_once() {
    let shop = Shop::open().await;
    let guest = shop.guest();
    let hat = shop.products.add_variant(1_000, 5);
    let mut carts = Vec::new();
    for _ in 0..20 {
        carts.push(guest.ready_cart(hat, 1).await);
    }
    let answers = join_all(carts.iter().map(|cart| guest.complete(cart))).await;
    let placed = answers.iter().filter(|answer| answer.status == 201).count();
    let short = answers.iter().filter(|answer| answer.status == 409 && answer.details() == ["OUT_OF_STOCK"]).count();
    assert_eq!((placed, short, shop.products.available(hat)), (5, 15, 0));
    let promised = shop.provider.ledgers().iter().filter(|ledger| ledger.authorised > 0 && !ledger.voided).count();
    assert_eq!(promised, 5, "nobody is charged for nothing");
    shop.assert_sound().await;
}

#[tokio::test]
async fn one_cart_is_one_order_whoever_completes_it_how_often() {
    let shop = Shop::open().await;
    let (one, other) = (shop.guest(), shop.guest());
    let hat = shop.products.add_variant(1_000, 50);
    let cart = one.ready_cart(hat, 1).await;
    let path = format!("{cart}/complete");
    let key = "the-same-key-0123456789";
    let keyed = (0..50).map(|_| one.keyed(key, &path, None));
    let (same_key, no_key) = tokio::join!(join_all(keyed), join_all((0..5).map(|_| other.complete(&cart))));
    let mut orders = HashSet::new();
    for answer in same_key.into_iter().chain(no_key) {
        match answer.status.as_u16() {
            201 => drop(orders.insert(answer.body["data"]["id"].to_string())),
            _ => assert_eq!(answer.refusal(), (409, "REQUEST_IN_PROGRESS")),
        }
    }
    assert_eq!((orders.len(), shop.products.available(hat)), (1, 49));
    let replay = one.keyed(key, &path, None).await.data(201);
    let staff = shop.staff();
    staff.capture(&replay).await.data(200);
    assert_eq!(one.keyed(key, &path, None).await.data(201), replay, "a repeat gets the first answer");
    assert_eq!(shop.count("SELECT count(*) FROM orders").await, 1);
    shop.assert_sound().await;
}

#[tokio::test]
async fn manual_payment_needs_nobody() {
    let shop = Shop::open().await;
    let guest = shop.guest();
    let hat = shop.products.add_variant(1_000, 50);
    let cart = guest.ready_cart_of(&[(hat, 2)], "manual").await;
    let order = guest.complete(&cart).await.data(201);
    let paid = shop.staff().capture(&order).await.data(200);
    assert_eq!(paid["payment_state"], "paid");
    let other = guest.ready_cart(hat, 1).await;
    let unknown = guest.post(&format!("{other}/payment-sessions"), json!({"provider": "cowries"})).await;
    assert_eq!(unknown.refusal(), (422, "VALIDATION_FAILED"));
    shop.assert_sound().await;
}
