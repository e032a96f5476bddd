//! Checkouts and settlements that stopped half way, and instances that were thought dead.

use std::time::Duration;

use orders::process::checkout::resume_checkouts;
use orders::process::settle::resume_settling;
use serde_json::json;

use crate::support::{Shop, admin};

/// Resumes until nothing is under way, each time from the start.
async fn resume(shop: &Shop) {
    let other = shop.another_instance();
    shop.until(
        "SELECT NOT EXISTS (SELECT FROM checkouts WHERE state IN ('running', 'undoing') AND lease_until > now())",
    )
    .await;
    while resume_checkouts(&other).await.unwrap() > 0 {}
}

#[tokio::test]
async fn a_lost_answer_at_any_step_ends_in_an_order_all_the_same() {
    for step in ["reserve", "authorise", "commit"] {
        let shop = Shop::open().await;
        let guest = shop.guest();
        let hat = shop.products.add_variant(1_000, 5);
        let cart = guest.ready_cart(hat, 2).await;
        shop.products.lose.lock().unwrap().push(step);
        shop.provider.lose.lock().unwrap().push(step);
        let lost = guest.complete(&cart).await;
        assert_eq!(lost.refusal(), (409, "CHECKOUT_IN_PROGRESS"), "{step}");
        assert_eq!(guest.patch(&cart, json!({"email": null})).await.refusal(), (409, "CHECKOUT_IN_PROGRESS"));
        resume(&shop).await;
        let order = guest.complete(&cart).await.data(201);
        assert_eq!((&order["state"], shop.products.available(hat)), (&json!("placed"), 3), "{step}");
        assert_eq!(shop.provider.ledgers().len(), 1, "{step}");
        assert_eq!(shop.provider.ledgers()[0].authorised, order["totals"]["total"]["amount"].as_i64().unwrap());
        shop.assert_sound().await;
    }
}

#[tokio::test]
async fn undoing_is_resumed_too() {
    for step in ["release", "void"] {
        let shop = Shop::open().await;
        let guest = shop.guest();
        let hat = shop.products.add_variant(1_000, 5);
        let cart = guest.ready_cart(hat, 2).await;
        *shop.provider.decline.lock().unwrap() = true;
        shop.products.lose.lock().unwrap().push(step);
        shop.provider.lose.lock().unwrap().push(step);
        assert_eq!(guest.complete(&cart).await.refusal(), (409, "CHECKOUT_IN_PROGRESS"), "{step}");
        resume(&shop).await;
        assert_eq!(shop.products.available(hat), 5, "{step}");
        assert_eq!(guest.get(&cart).await.data(200)["state"], "open");
        assert_eq!(shop.count("SELECT count(*) FROM orders WHERE state = 'cancelled'").await, 1);
        shop.assert_sound().await;
    }
}

#[tokio::test]
async fn a_checkout_whose_reservation_ended_is_undone() {
    let shop = Shop::open().await;
    let guest = shop.guest();
    let hat = shop.products.add_variant(1_000, 5);
    let cart = guest.ready_cart(hat, 2).await;
    shop.provider.lose.lock().unwrap().push("authorise");
    assert_eq!(guest.complete(&cart).await.refusal(), (409, "CHECKOUT_IN_PROGRESS"));
    shop.products.expire_all();
    shop.clock.advance(chrono::TimeDelta::minutes(16));
    resume(&shop).await;
    assert_eq!(shop.products.available(hat), 5);
    assert!(shop.provider.ledgers().iter().all(|ledger| ledger.voided), "nobody is charged for nothing");
    assert_eq!(guest.get(&cart).await.data(200)["state"], "open");
    shop.assert_sound().await;
}

#[tokio::test]
async fn an_instance_that_was_thought_dead_does_nothing_twice() {
    let shop = Shop::open().await;
    let guest = shop.guest();
    let hat = shop.products.add_variant(1_000, 5);
    let cart = guest.ready_cart(hat, 2).await;
    shop.provider.gate.forget_permits(usize::MAX);
    let gate = shop.provider.gate.clone();
    let stalled = guest.complete(&cart);
    let meanwhile = async {
        shop.until("SELECT EXISTS (SELECT FROM checkouts)").await;
        // The first instance renews its lease while it waits. Another takes it all the same, between two renewals.
        let (other, owner) = (shop.another_instance(), shop.db.owner().clone());
        let first: uuid::Uuid =
            sqlx::query_scalar("SELECT lease_owner FROM checkouts").fetch_one(shop.db.owner()).await.unwrap();
        let resumed = tokio::spawn(async move {
            loop {
                let expire = "UPDATE checkouts SET lease_until = now() - interval '1 second'";
                sqlx::query(expire).execute(&owner).await.unwrap();
                let count = resume_checkouts(&other).await.unwrap();
                if count > 0 {
                    return count;
                }
            }
        });
        let taken = async {
            let owner = || sqlx::query_scalar("SELECT lease_owner FROM checkouts").fetch_one(shop.db.owner());
            while owner().await.is_ok_and(|owner: uuid::Uuid| owner == first) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), taken).await.unwrap();
        gate.add_permits(10);
        resumed.await.unwrap()
    };
    let (answer, resumed) = tokio::join!(stalled, meanwhile);
    assert_eq!(resumed, 1);
    assert!(answer.status == 201 || answer.refusal() == (409, "CHECKOUT_IN_PROGRESS"), "{:?}", answer.refusal());
    resume(&shop).await;
    let order = guest.complete(&cart).await.data(201);
    assert_eq!((&order["state"], shop.products.available(hat)), (&json!("placed"), 3));
    assert_eq!(shop.provider.ledgers()[0].authorised, order["totals"]["total"]["amount"].as_i64().unwrap());
    assert_eq!(shop.count("SELECT count(*) FROM events WHERE kind = 'order.placed'").await, 1);
    shop.assert_sound().await;
}

#[tokio::test]
async fn captures_refunds_and_cancellations_are_resumed() {
    for step in ["capture", "refund", "void", "release"] {
        let shop = Shop::open().await;
        let (guest, staff) = (shop.guest(), shop.staff());
        let hat = shop.products.add_variant(1_000, 5);
        let order = guest.order(hat, 2).await;
        let path = admin(&order);
        if step == "refund" {
            staff.capture(&order).await.data(200);
        }
        shop.provider.lose.lock().unwrap().push(step);
        shop.products.lose.lock().unwrap().push(step);
        let lost = match step {
            "capture" => staff.capture(&order).await,
            "refund" => staff.post(&format!("{path}/refunds"), json!({"amount": 500})).await,
            _ => staff.post(&format!("{path}/cancel"), json!({})).await,
        };
        assert_eq!(lost.refusal(), (503, "SERVICE_UNAVAILABLE"), "{step}");
        let under_way = staff.post(&format!("{path}/cancel"), json!({})).await;
        assert_eq!(under_way.refusal(), (409, "ORDER_BUSY"), "{step}");
        shop.until("SELECT pending_since < now() - interval '1 second' FROM orders").await;
        assert_eq!(resume_settling(&shop.another_instance()).await.unwrap(), 1);
        let order = staff.get(&path).await.data(200);
        let expected = match step {
            "capture" => ("placed", "paid", 3),
            "refund" => ("placed", "partially_refunded", 3),
            _ => ("cancelled", "voided", 5),
        };
        let found =
            (order["state"].as_str().unwrap(), order["payment_state"].as_str().unwrap(), shop.products.available(hat));
        assert_eq!(found, expected, "{step}");
        shop.assert_sound().await;
    }
}
