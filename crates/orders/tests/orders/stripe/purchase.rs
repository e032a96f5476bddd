//! From the cart to money that is promised, taken, given back.

use serde_json::json;
use test_kit::stripe::hooks::Delivery;
use test_kit::stripe::{Card, Paid};

use super::{SETTLED, StripeShop, hurry, id, quantity, total};
use crate::support::admin;

#[tokio::test]
async fn a_payment_is_confirmed_at_stripe_then_captured_and_refunded() {
    let open = StripeShop::unheard().await;
    let (guest, staff) = (open.shop.guest(), open.shop.staff());
    let (cart, secret) = open.cart(&guest, 2).await;
    let early = guest.complete(&cart).await;
    assert_eq!((early.refusal(), early.details()), ((409, "CHECKOUT_BLOCKED"), vec!["PAYMENT_ACTION_REQUIRED"]));

    assert_eq!(open.stripe.pay(&secret, Card::AsksBank, true).await, Paid::Promised);
    let order = guest.complete(&cart).await.data(201);
    let book = open.book().await;
    assert_eq!((book.order_id, book.amount), (id(&order), total(&order)));
    assert!(book.is_promised() && book.captured == 0, "{book:?}");

    assert_eq!(staff.capture(&order).await.data(200)["payment_state"], "paid");
    assert_eq!(open.book().await.captured, total(&order));
    let refunds = format!("{}/refunds", admin(&order));
    for amount in [300, 400] {
        staff.post(&refunds, json!({ "amount": amount })).await.data(200);
    }
    assert_eq!(open.book().await.refunded, 700);
    assert_eq!(staff.post(&refunds, json!({ "amount": total(&order) })).await.status, 422);
    open.shop.assert_sound().await;
}

#[tokio::test]
async fn a_cancelled_order_gives_the_promise_back() {
    let open = StripeShop::unheard().await;
    let order = open.order(&open.shop.guest()).await;
    let cancelled = open.shop.staff().post(&format!("{}/cancel", admin(&order)), json!({})).await.data(200);
    assert_eq!((&cancelled["state"], &cancelled["payment_state"]), (&json!("cancelled"), &json!("voided")));
    let book = open.book().await;
    assert_eq!((book.status.as_str(), book.captured), ("canceled", 0));
    open.shop.assert_sound().await;
}

#[tokio::test]
async fn a_declined_card_makes_no_order_and_the_next_session_pays() {
    let open = StripeShop::unheard().await;
    let guest = open.shop.guest();
    let (cart, secret) = open.cart(&guest, 1).await;
    assert_eq!(open.stripe.pay(&secret, Card::Declined, true).await, Paid::Refused("card_declined".into()));
    assert_eq!(guest.complete(&cart).await.details(), ["PAYMENT_DECLINED"]);
    assert_eq!(open.book().await.status, "canceled");

    let again = guest.post(&format!("{cart}/payment-sessions"), json!({ "provider": "stripe" })).await.data(200);
    let secret = again["payment_session"]["client_data"]["client_secret"].as_str().unwrap();
    assert_eq!(open.stripe.pay(secret, Card::Good, true).await, Paid::Promised);
    assert_eq!(guest.complete(&cart).await.data(201)["state"], "placed");
    open.shop.assert_sound().await;
}

#[tokio::test]
async fn a_webhook_alone_makes_the_order_once_however_often_it_comes() {
    let open = StripeShop::open(2).await;
    open.stripe.hooks().travel(Delivery { doubled_percent: 100, ..Delivery::default() });
    let ada = open.shop.customer();
    let (cart, secret) = open.cart(&ada, 1).await;
    assert_eq!(open.stripe.pay(&secret, Card::Good, true).await, Paid::Promised);
    open.shop.until("SELECT EXISTS (SELECT FROM orders WHERE state = 'placed')").await;
    let order = ada.complete(&cart).await.data(201);
    let mine = ada.get("/api/v1/orders").await.data(200);
    assert_eq!((mine.as_array().unwrap().len(), &mine[0]["id"]), (1, &order["id"]));
    assert_eq!(open.shop.count("SELECT count(*) FROM orders").await, 1);
    open.work_until(SETTLED).await;
    open.shop.assert_sound().await;
}

#[tokio::test]
async fn webhook_and_browser_at_once_make_one_order() {
    let open = StripeShop::open(3).await;
    let guest = open.shop.guest();
    for _ in 0..6 {
        let (cart, secret) = open.cart(&guest, 1).await;
        assert_eq!(open.stripe.pay(&secret, Card::Good, true).await, Paid::Promised);
        let (one, two) = tokio::join!(guest.complete(&cart), guest.complete(&cart));
        let (one, two) = (one.data(201), two.data(201));
        assert_eq!(one["id"], two["id"]);
    }
    open.work_until(SETTLED).await;
    assert_eq!(open.shop.count("SELECT count(*) FROM orders").await, 6);
    assert!(open.stripe.books().await.iter().all(|book| book.is_promised() && book.charges == 1));
    open.shop.assert_sound().await;
}

#[tokio::test]
async fn a_promise_that_nobody_tells_of_is_found_and_becomes_an_order() {
    let open = StripeShop::unheard().await;
    let (_, secret) = open.cart(&open.shop.guest(), 1).await;
    assert_eq!(open.stripe.pay(&secret, Card::Good, true).await, Paid::Promised);
    open.work_until("SELECT EXISTS (SELECT FROM orders WHERE state = 'placed')").await;
    open.work_until(SETTLED).await;
    assert!(open.book().await.is_promised());
    open.shop.assert_sound().await;
}

#[tokio::test]
async fn a_promise_for_another_total_goes_back() {
    let open = StripeShop::unheard().await;
    let guest = open.shop.guest();
    let (cart, secret) = open.cart(&guest, 1).await;
    assert_eq!(open.stripe.pay(&secret, Card::Good, true).await, Paid::Promised);
    let shown = guest.get(&cart).await.data(200);
    let line = format!("{cart}/line-items/{}", shown["line_items"][0]["id"].as_str().unwrap());
    guest.patch(&line, quantity(2)).await.data(200);
    assert_eq!(guest.complete(&cart).await.details(), ["PAYMENT_SESSION_OUTDATED"]);
    hurry(&open.shop).await;
    open.work_until(SETTLED).await;
    assert_eq!(open.book().await.status, "canceled");
    assert_eq!(guest.complete(&cart).await.details(), ["PAYMENT_SESSION_MISSING"]);
    open.shop.assert_sound().await;
}

#[tokio::test]
async fn payments_of_earlier_sessions_and_of_carts_that_are_gone_are_closed() {
    let open = StripeShop::unheard().await;
    let guest = open.shop.guest();
    let (cart, first) = open.cart(&guest, 1).await;
    guest.post(&format!("{cart}/payment-sessions"), json!({ "provider": "stripe" })).await.data(200);
    assert_eq!(open.stripe.pay(&first, Card::Good, true).await, Paid::Promised);
    open.work_until("SELECT count(*) = 1 FROM payment_sessions WHERE look_at IS NOT NULL").await;
    let statuses: Vec<String> = open.stripe.books().await.into_iter().map(|book| book.status).collect();
    assert!(statuses.contains(&"canceled".to_owned()), "{statuses:?}");

    sqlx::query("UPDATE carts SET updated_at = now() - interval '1 year'").execute(open.shop.db.owner()).await.unwrap();
    assert_eq!(orders::ops::expire_carts(&open.shop.orders).await.unwrap(), 1);
    open.work_until(SETTLED).await;
    assert!(open.stripe.books().await.iter().all(|book| book.status == "canceled"));
    assert_eq!(open.shop.count("SELECT count(*) FROM payment_sessions WHERE look_at IS NOT NULL").await, 0);
    open.shop.assert_sound().await;
}
