//! Endpoints that fail.

use axum::body::Body;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::receiver::Receiver;
use crate::support::{App, DELIVERIES, ENDPOINTS};

fn time(value: &serde_json::Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn pauses_grow_over_a_day_and_each_attempt_is_kept() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    receiver.answer_with(|_| Response::builder().status(503).body(Body::from("busy\0 \u{1}now")).unwrap());
    let (endpoint, _) = app.endpoint(&receiver, &["order.*"]).await;
    let event = app.ordered(Uuid::now_v7(), 1).await;
    let _instance = app.start();
    let mut number = 0;
    for seconds in [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800] {
        number += 1;
        app.attempted(endpoint, number).await;
        let delivery = &app.deliveries(endpoint).await[0];
        let detail = app.delivery(&delivery["id"]).await;
        let last = detail["attempts"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(
            (&last["number"], &last["http_status"], &last["answer"]),
            (&json!(number), &json!(503), &json!("busy   now"))
        );
        assert_eq!(detail["body"]["data"]["event_id"], json!(event.id));
        // The pause began after the attempt did, so it is at least what is left of it.
        let pause = time(&delivery["next_attempt_at"]) - time(&last["created_at"]);
        assert!(pause >= TimeDelta::seconds(seconds) * 9 / 10, "{pause} before attempt {number}");
        app.pass(TimeDelta::seconds(seconds));
    }
    app.all_done(endpoint).await;
    app.attempted(endpoint, 11).await;
    assert_eq!(app.statuses(endpoint).await, ["failed"]);
    let ids: Vec<_> = receiver.received().iter().map(|m| m.header("webhook-id").to_owned()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "one id over all attempts");
    let times: Vec<i64> = receiver.received().iter().map(|m| m.header("webhook-timestamp").parse().unwrap()).collect();
    assert!(times.is_sorted() && times[10] - times[0] > 23 * 3_600 * 9 / 10, "each attempt says when it was made");
}

#[tokio::test]
async fn after_a_day_of_failure_an_endpoint_is_disabled_and_tells_and_goes_on_when_enabled() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = app.endpoint(&receiver, &["order.*"]).await;
    receiver.answer(500);
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    app.ordered(first, 1).await;
    app.ordered(first, 2).await;
    let _instance = app.start();
    app.attempted(endpoint, 1).await;
    assert!(app.endpoint_now(endpoint).await["failing_since"].is_string());
    app.clock.advance(TimeDelta::hours(23));
    app.attempted(endpoint, 2).await;
    assert_eq!(app.endpoint_now(endpoint).await["status"], "enabled", "not a day yet");
    app.clock.advance(TimeDelta::hours(2));
    app.attempted(endpoint, 3).await;
    let disabled = app.endpoint_now(endpoint).await;
    assert_eq!((&disabled["status"], &disabled["disabled_reason"]), (&json!("disabled"), &json!("FAILING")));

    let mut conn = app.db.db().primary().acquire().await.unwrap();
    let told = messaging::history(&mut conn, "webhook_endpoint", endpoint).await.unwrap();
    assert_eq!((told.len(), told[0].kind.as_str()), (1, "webhook_endpoint.disabled"));
    assert_eq!((&told[0].data["reason"], told[0].version), (&json!("FAILING"), disabled["version"].as_i64().unwrap()));
    let found = webhooks::ops::find_violations(&app.webhooks).await.unwrap();
    assert_eq!(found.iter().map(|v| v.rule.as_str()).collect::<Vec<_>>(), ["webhook_endpoint_disabled"]);

    receiver.answer(200);
    app.clock.advance(TimeDelta::days(1));
    app.ordered(second, 1).await;
    assert_eq!(app.statuses(endpoint).await, ["pending", "parked", "pending"], "nothing is sent, nothing is lost");
    assert_eq!(receiver.received().len(), 3);
    app.act(&format!("{ENDPOINTS}/{endpoint}/enable")).await.data(200);
    app.all_done(endpoint).await;
    assert_eq!(receiver.received().len(), 6);
    assert_eq!(app.endpoint_now(endpoint).await["failing_since"], json!(null));
    app.assert_sound().await;
}

#[tokio::test]
async fn a_success_in_between_ends_the_count_of_failure() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = app.endpoint(&receiver, &["order.*"]).await;
    let _instance = app.start();
    receiver.answer(500);
    app.ordered(Uuid::now_v7(), 1).await;
    app.attempted(endpoint, 1).await;
    receiver.answer(200);
    app.clock.advance(TimeDelta::hours(23));
    app.attempted(endpoint, 2).await;
    assert_eq!(app.endpoint_now(endpoint).await["failing_since"], json!(null));
    receiver.answer(500);
    app.clock.advance(TimeDelta::hours(23));
    app.ordered(Uuid::now_v7(), 1).await;
    app.attempted(endpoint, 3).await;
    assert_eq!(app.endpoint_now(endpoint).await["status"], "enabled");
}

#[tokio::test]
async fn one_that_is_gone_is_disabled_at_once() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = app.endpoint(&receiver, &["order.*"]).await;
    receiver.answer(410);
    let _instance = app.start();
    app.ordered(Uuid::now_v7(), 1).await;
    app.attempted(endpoint, 1).await;
    assert_eq!(app.endpoint_now(endpoint).await["disabled_reason"], "GONE");
}

#[tokio::test]
async fn a_receiver_may_ask_for_more_time() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    receiver
        .answer_with(|_| Response::builder().status(429).header("retry-after", "3600").body(Body::empty()).unwrap());
    let (endpoint, _) = app.endpoint(&receiver, &["order.*"]).await;
    let _instance = app.start();
    app.ordered(Uuid::now_v7(), 1).await;
    app.attempted(endpoint, 1).await;
    let delivery = app.deliveries(endpoint).await[0].clone();
    let made = time(&app.delivery(&delivery["id"]).await["attempts"][0]["created_at"]);
    assert!(time(&delivery["next_attempt_at"]) - made >= TimeDelta::hours(1));
}

#[tokio::test]
async fn deliveries_are_kept_for_some_days() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = app.endpoint(&receiver, &["order.*"]).await;
    let instance = app.start();
    app.ordered(Uuid::now_v7(), 1).await;
    app.all_done(endpoint).await;
    drop(instance);
    app.clock.advance(TimeDelta::days(29));
    assert_eq!(webhooks::ops::purge_deliveries(&app.webhooks).await.unwrap(), 0);
    app.ordered(Uuid::now_v7(), 1).await;
    app.clock.advance(TimeDelta::days(2));
    assert_eq!(webhooks::ops::purge_deliveries(&app.webhooks).await.unwrap(), 1);
    assert_eq!(app.statuses(endpoint).await, ["pending"], "what waits is kept");
    let attempts: i64 = sqlx::query_scalar("SELECT count(*) FROM attempts").fetch_one(app.db.owner()).await.unwrap();
    assert_eq!(attempts, 0);

    app.call(http::Method::DELETE, &format!("{ENDPOINTS}/{endpoint}"), &[], None).await;
    assert_eq!(app.get(DELIVERIES).await.data(200), &json!([]), "an endpoint's deliveries go with it");
    assert_eq!(webhooks::ops::purge_deliveries(&app.webhooks).await.unwrap(), 1);
}
