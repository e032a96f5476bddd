//! What staff does at Stripe's dashboard instead of here.

use serde_json::json;

use super::{SETTLED, StripeShop, total};
use crate::support::admin;

#[tokio::test]
async fn captures_and_refunds_made_at_stripe_are_taken_over_once() {
    let open = StripeShop::open(4).await;
    let (guest, staff) = (open.shop.guest(), open.shop.staff());
    let order = open.order(&guest).await;
    let intent = open.book().await.intent;
    assert!(open.stripe.capture_at_dashboard(&intent).await);
    open.work_until("SELECT payment_state = 'paid' FROM orders").await;

    staff.post(&format!("{}/refunds", admin(&order)), json!({ "amount": 100 })).await.data(200);
    for amount in [200, 300] {
        assert!(open.stripe.refund_at_dashboard(&intent, amount).await);
    }
    open.work_until("SELECT refunded_amount = 600 FROM payments").await;
    open.work_until(SETTLED).await;
    assert_eq!(open.shop.count("SELECT count(*) FROM refunds WHERE state = 'succeeded'").await, 3);
    assert_eq!((open.book().await.captured, open.book().await.refunded), (total(&order), 600));
    open.shop.assert_sound().await;
}

#[tokio::test]
async fn a_promise_cancelled_at_stripe_is_told_until_it_is_settled() {
    let open = StripeShop::open(5).await;
    let order = open.order(&open.shop.guest()).await;
    open.work_until(SETTLED).await;
    open.shop.assert_sound().await;
    assert!(open.stripe.cancel_at_dashboard(&open.book().await.intent).await);
    open.work_until("SELECT EXISTS (SELECT FROM payment_notices WHERE difference IS NOT NULL)").await;
    let finding = format!("payment_differs_from_provider {}", order["id"].as_str().unwrap());
    assert_eq!(open.shop.findings().await, [finding]);
    open.shop.staff().post(&format!("{}/cancel", admin(&order)), json!({})).await.data(200);
    open.shop.assert_sound().await;
}
