//! What operators do with deliveries.

use chrono::{TimeDelta, Utc};
use http::Method;
use serde_json::json;
use uuid::Uuid;

use crate::receiver::{Received, Receiver};
use crate::support::{App, DELIVERIES, ENDPOINTS, event};

#[tokio::test]
async fn one_that_was_given_up_is_sent_again_under_its_id() {
    let app = App::with(
        webhooks::Config { retry_seconds: Vec::new(), ..crate::support::config() },
        webhooks::sender::resolver::system_lookup(),
    )
    .await;
    let receiver = Receiver::start().await;
    receiver.answer(500);
    let (endpoint, _) = app.endpoint(&receiver, &["order.*"]).await;
    let _instance = app.start();
    app.ordered(Uuid::now_v7(), 1).await;
    app.all_done(endpoint).await;
    assert_eq!(app.statuses(endpoint).await, ["failed"]);
    receiver.answer(200);
    let id = app.deliveries(endpoint).await[0]["id"].clone();
    let path = format!("{DELIVERIES}/{}/redeliver", id.as_str().unwrap());
    let key = [("idempotency-key", "send-it-again-0001")];
    for _ in 0..2 {
        let answer = app.call(Method::POST, &path, &key, None).await;
        assert_eq!(answer.data(202)["delivery"]["id"], id);
        app.all_done(endpoint).await;
    }
    let received = receiver.received();
    assert_eq!(received.len(), 2, "a repeat of the request sends nothing");
    assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
    assert_eq!(received[0].body, received[1].body);
    let attempts = app.delivery(&id).await["attempts"].clone();
    assert_eq!((&attempts[0]["number"], &attempts[1]["number"]), (&json!(1), &json!(2)), "all are kept");
    assert_eq!(
        app.act(&format!("{DELIVERIES}/{}/redeliver", Uuid::nil())).await.refusal(),
        (404, "WEBHOOK_DELIVERY_NOT_FOUND")
    );
}

#[tokio::test]
async fn a_range_is_sent_again_in_order() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = app.endpoint(&receiver, &["order.*"]).await;
    let (early, late) = (Uuid::now_v7(), Uuid::now_v7());
    let _instance = app.start();
    app.ordered(early, 1).await;
    app.all_done(endpoint).await;
    app.clock.advance(TimeDelta::hours(1));
    for version in 1..=3 {
        app.ordered(late, version).await;
    }
    app.all_done(endpoint).await;
    let path = format!("{ENDPOINTS}/{endpoint}/redeliver");
    let (from, until) = (Utc::now() + TimeDelta::minutes(30), Utc::now() + TimeDelta::hours(2));
    let range = |status: &str| json!({ "from": from, "until": until, "status": status });
    assert_eq!(app.post(&path, range("failed")).await.data(200)["redelivered"], 0);
    assert_eq!(app.post(&path, range("delivered")).await.data(200)["redelivered"], 3);
    app.all_done(endpoint).await;
    let versions: Vec<_> = receiver.received()[4..].iter().map(Received::object).collect();
    assert_eq!(versions, [(late.to_string(), 1), (late.to_string(), 2), (late.to_string(), 3)]);
    let backwards = app.post(&path, json!({ "from": until, "until": from })).await;
    assert_eq!(backwards.detail(), ("until", "OUT_OF_RANGE"));
    assert_eq!(app.post(&path, range("pending")).await.detail(), ("status", "INVALID_VALUE"));
    app.assert_sound().await;
}

#[tokio::test]
async fn a_test_message_says_that_it_is_one() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = app.endpoint(&receiver, &["user.deleted"]).await;
    let _instance = app.start();
    app.act(&format!("{ENDPOINTS}/{endpoint}/test")).await.data(202);
    app.all_done(endpoint).await;
    let message = &receiver.received()[0];
    assert_eq!((&message.json()["type"], &message.json()["data"]["id"]), (&json!("webhook.test"), &json!(endpoint)));
}

#[tokio::test]
async fn deliveries_are_found_by_what_they_are_of() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = app.endpoint(&receiver, &["order.*"]).await;
    let (other, _) = app.endpoint(&receiver, &["*"]).await;
    let order = Uuid::now_v7();
    app.ordered(order, 1).await;
    app.happened(&event("user.deleted", Uuid::now_v7(), 1, json!({}))).await;
    let count =
        async |filter: &str| app.get(&format!("{DELIVERIES}?{filter}")).await.data(200).as_array().unwrap().len();
    assert_eq!(count("").await, 3);
    assert_eq!(count(&format!("endpoint_id={endpoint}")).await, 1);
    assert_eq!(count(&format!("endpoint_id={other}&event_type=user.deleted")).await, 1);
    assert_eq!(count(&format!("object_id={order}")).await, 2);
    assert_eq!((count("status=pending").await, count("status=failed").await), (3, 0));
    assert_eq!((count("from=2100-01-01T00:00:00Z").await, count("until=2100-01-01T00:00:00Z").await), (0, 3));
    assert_eq!(app.get(&format!("{DELIVERIES}?status=lost")).await.detail(), ("status", "INVALID_VALUE"));
    assert_eq!(app.get(&format!("{DELIVERIES}?event_type=order.*")).await.detail(), ("event_type", "INVALID_VALUE"));
}
